//! The journal and what is made of it: chain, redaction, full disks, JUnit, terminal, `report`.

mod command;
mod journal;
mod junit;
mod merge;
mod oscal;
mod pdf;
mod records;
mod terminal;
