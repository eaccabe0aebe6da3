//! The journal and everything derived from it: reports in every format, the ledger of runs, and the
//! evidence with its verification.

#![expect(clippy::unwrap_used, reason = "a test that panics has failed, which is what it is for")]

mod accessibility;
mod command;
mod consistency;
mod evidence;
mod history;
mod formats;
mod html;
mod html_browser;
mod html_pages;
mod journal;
mod junit;
mod merge;
mod oscal;
mod pdf;
mod records;
mod sample;
mod terminal;

#[path = "../support"]
mod support {
    pub mod consistency;
    pub mod harness;
}
