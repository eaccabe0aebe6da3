//! Steps as a scenario file writes them: for progress lines, journals and reports.

use crate::scenario::{
    Act, BackupStep, Destroy, RestoreStep, Step,
    hold::{Begin, CopyAsset, GoOn, MoveLabel, Write},
    method::Method,
};
use serde::Serialize;
use serde_json::Value;

impl BackupStep {
    /// As in a scenario file: `dump database`, `upload: late-logo.png`.
    pub fn describe(&self) -> String {
        match self {
            Self::Own(job) => job.describe().to_owned(),
            Self::Act(act) => act.describe(),
        }
    }
}

impl RestoreStep {
    /// As in a scenario file: `restore objects`, `upload: late-logo.png`.
    pub fn describe(&self) -> String {
        match self {
            Self::Own(job) => job.describe().to_owned(),
            Self::Act(act) => act.describe(),
        }
    }
}

impl Destroy {
    /// As in a scenario file: `everything`.
    pub fn describe(self) -> String {
        flow(&self, false)
    }
}

impl Act {
    /// As in a scenario file: `fault: {delete binary: logo.png}`.
    pub fn describe(&self) -> String {
        match self {
            // Keys in the order in which people write them.
            Self::Begin(begin) => format!("begin: {{{}}}", begin.describe()),
            Self::GoOn(GoOn { write, hold }) => format!("go on: {{write: {write}, hold: {hold}}}"),
            Self::Copy(CopyAsset { asset, name }) => format!("copy: {{asset: {asset}, as: {name}}}"),
            Self::MoveLabel(MoveLabel { template, label, to }) => {
                format!("move label: {{template: {template}, label: {label}, to: {to}}}")
            }
            _ => flow(self, false),
        }
    }
}

impl Begin {
    /// The write as its own step, and where it is held.
    fn describe(&self) -> String {
        let write = match &self.write {
            Write::Upload(name) => Act::Upload(name.clone()),
            Write::Replace(replace) => Act::Replace(replace.clone()),
            Write::Delete(name) => Act::Delete(name.clone()),
            Write::Copy(copy) => Act::Copy(copy.clone()),
            Write::RunBatch(template) => Act::RunBatch(template.clone()),
        };
        format!("{}, hold: {}", write.describe(), self.hold)
    }
}

impl Step {
    /// As in a scenario file: `back up: runbook`, `back up: [dump database, copy objects]`.
    pub fn describe(&self, method: &Method) -> String {
        match self {
            Self::BackUp(steps) => {
                let own = || steps.iter().map(|step| &step.value);
                let runbook = method.backup().into_iter().map(BackupStep::Own);
                sub_steps("back up", own().cloned().eq(runbook), own().map(BackupStep::describe))
            }
            Self::Restore(steps) => {
                let own = || steps.iter().map(|step| &step.value);
                let runbook = method.restore().into_iter().map(RestoreStep::Own);
                sub_steps("restore", own().cloned().eq(runbook), own().map(RestoreStep::describe))
            }
            Self::Destroy(what) => format!("destroy: {}", what.describe()),
            Self::Act(act) => act.describe(),
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
        scenario::{At, SourcePosition, method::BackupJob},
    };

    #[test]
    fn steps_read_as_in_the_file() {
        let at = |value| At { value, place: SourcePosition::default() };
        assert_eq!(Act::Upload("late-logo.png".into()).describe(), "upload: late-logo.png");
        assert_eq!(Act::FaultInBackup(Fault::TruncateDump).describe(), "fault in backup: truncate dump");
        let swap = Act::Fault(Fault::SwapBinaries(["a.png".into(), "b.png".into()]));
        assert_eq!(swap.describe(), "fault: {swap binaries: [a.png, b.png]}");
        let method = Method::default();
        let own = |job| at(BackupStep::Own(job));
        let whole = method.backup().into_iter().map(own).collect();
        assert_eq!(Step::BackUp(whole).describe(&method), "back up: runbook");
        let two = vec![own(BackupJob::DumpDatabase), own(BackupJob::CopyObjects)];
        assert_eq!(Step::BackUp(two).describe(&method), "back up: [dump database, copy objects]");
        assert_eq!(Step::Destroy(Destroy::Everything).describe(&method), "destroy: everything");
    }
}
