//! The journal and what is made of it: chain, redaction, full disks, JUnit, HTML, terminal, `report`.

mod command;
mod html;
mod html_browser;
mod html_pages;
mod journal;
mod junit;
mod merge;
mod oscal;
mod pdf;
mod records;
mod terminal;
