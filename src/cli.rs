//! The command line.

pub mod check;
pub mod doctor;
pub mod generate;
pub mod list;
pub mod pdf;
pub mod report;
pub mod run;
pub mod schema;
pub mod standin;
