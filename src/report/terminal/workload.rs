//! The workload during a backup, for the terminal: the facts, and the advice that follows.

use super::style::{Style, Tone};
use crate::{base::sanitize::one_line, model::workload::Measured, report::workload::facts};

/// Lines below those of the scenario.
pub fn under_load(measured: &Measured, indent: &str, look: Style) -> String {
    let mut text = String::new();
    for (name, fact) in facts(measured) {
        let name = look.paint(Tone::Quiet, &format!("{name:<16}"));
        text.push_str(&look.wrap(&format!("{indent}{name}  "), &one_line(&fact)));
    }
    for advice in &measured.advice {
        let (advice, from) = (one_line(&advice.text), one_line(&advice.from));
        text.push_str(&look.wrap(&format!("{indent}- "), &format!("{advice} ({from})")));
    }
    text
}
