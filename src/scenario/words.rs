//! Steps as a scenario file writes them: for progress lines, journals and reports.

use crate::scenario::{Act, BackupStep, Destroy, RestoreStep, Step};
use serde::Serialize;
use serde_json::Value;

impl BackupStep {
    /// The words of a scenario file: `dump database`, `upload: late-logo.png`.
    pub fn words(&self) -> String {
        match self {
            Self::RecordManifest => "record manifest".to_owned(),
            Self::DumpDatabase => "dump database".to_owned(),
            Self::CopyObjects => "copy objects".to_owned(),
            Self::Act(act) => act.words(),
        }
    }
}

impl RestoreStep {
    /// The words of a scenario file: `restore objects`, `upload: late-logo.png`.
    pub fn words(&self) -> String {
        match self {
            Self::StopEngine => "stop engine".to_owned(),
            Self::RestoreObjects => "restore objects".to_owned(),
            Self::RestoreDatabase => "restore database".to_owned(),
            Self::Migrate => "migrate".to_owned(),
            Self::StartEngine => "start engine".to_owned(),
            Self::Act(act) => act.words(),
        }
    }
}

impl Destroy {
    /// The words of a scenario file: `everything`.
    pub fn words(self) -> String {
        flow(&self, false)
    }
}

impl Act {
    /// The words of a scenario file: `fault: {lose binary: logo.png}`.
    pub fn words(&self) -> String {
        flow(self, false)
    }
}

impl Step {
    /// The words of a scenario file: `back up: runbook`, `back up: [dump database, copy objects]`.
    pub fn words(&self) -> String {
        match self {
            Self::BackUp(steps) => {
                let own: Vec<&BackupStep> = steps.iter().map(|step| &step.value).collect();
                let as_runbook = own.iter().copied().eq(&BackupStep::RUNBOOK);
                sub_steps("back up", as_runbook, own.into_iter().map(BackupStep::words))
            }
            Self::Restore(steps) => {
                let own: Vec<&RestoreStep> = steps.iter().map(|step| &step.value).collect();
                let as_runbook = own.iter().copied().eq(&RestoreStep::RUNBOOK);
                sub_steps("restore", as_runbook, own.into_iter().map(RestoreStep::words))
            }
            Self::Destroy(what) => format!("destroy: {}", what.words()),
            Self::Act(act) => act.words(),
        }
    }
}

fn sub_steps(word: &str, as_runbook: bool, steps: impl Iterator<Item = String>) -> String {
    if as_runbook {
        return format!("{word}: runbook");
    }
    format!("{word}: [{}]", steps.collect::<Vec<_>>().join(", "))
}

/// A value as YAML on one line, the outermost key without braces.
fn flow(value: &impl Serialize, braces: bool) -> String {
    // All of them are words, names and numbers.
    let value = serde_json::to_value(value).expect("steps hold nothing that JSON lacks");
    flow_value(&value, braces)
}

fn flow_value(value: &Value, braces: bool) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| flow_value(item, true)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{key}: {}", flow_value(value, true))).collect();
            let inner = entries.join(", ");
            if braces { format!("{{{inner}}}") } else { inner }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::fault::Fault,
        scenario::{At, Place},
    };

    #[test]
    fn steps_read_as_in_the_file() {
        let at = |value| At { value, place: Place::default() };
        assert_eq!(Act::Upload("late-logo.png".into()).words(), "upload: late-logo.png");
        assert_eq!(Act::FaultInBackup(Fault::TruncateDump).words(), "fault in backup: truncate dump");
        let swap = Act::Fault(Fault::SwapBinaries(["a.png".into(), "b.png".into()]));
        assert_eq!(swap.words(), "fault: {swap binaries: [a.png, b.png]}");
        assert_eq!(Step::BackUp(BackupStep::RUNBOOK.map(at).to_vec()).words(), "back up: runbook");
        let two = vec![at(BackupStep::DumpDatabase), at(BackupStep::CopyObjects)];
        assert_eq!(Step::BackUp(two).words(), "back up: [dump database, copy objects]");
        assert_eq!(Step::Destroy(Destroy::Everything).words(), "destroy: everything");
    }
}
