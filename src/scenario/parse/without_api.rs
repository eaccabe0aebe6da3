//! What cannot be drilled on a target without an API: writes through it, faults that need to know what
//! it sent or reported, and findings about renders. Names of assets are looked up when the site has
//! been seeded: only the profile's own command knows its assets.

use crate::{
    model::{
        check::Requirement,
        fault::Fault,
        finding::{Expectation, Subject},
        write::WriteKind,
    },
    scenario::{Act, At, SourcePosition, Step, diagnose::Mistake, parse::names::acts},
};

/// The writes for which a profile can have commands.
const COMMANDS: [WriteKind; 3] = [WriteKind::Upload, WriteKind::Replace, WriteKind::Delete];

/// Checks all steps and expectations. `writes` is whether the profile has commands that write.
pub fn check(steps: &[At<Step>], expect: &[At<Expectation>], writes: bool, mistakes: &mut Vec<Mistake>) {
    let without_api = |place: SourcePosition, message: String, help: &str| {
        Mistake::at(place, message).label("the profile has `api: none`").help(help)
    };
    for (act, place) in acts(steps) {
        mistakes.extend(wrong(act, writes).map(|(message, help)| without_api(place, message, help)));
    }
    for At { value, place } in expect {
        let by_commands = writes && value.kind.subject() == Subject::Workload;
        if value.kind.requires() == Requirement::Api && !by_commands {
            let message = format!("`{}` cannot be found without an API", value.kind);
            let help = "findings about the stores are possible, such as `missing binary` and `row lost`";
            mistakes.push(without_api(*place, message, help));
        }
    }
}

/// Why an act is not possible, and what to do instead.
fn wrong(act: &Act, writes: bool) -> Option<(String, &'static str)> {
    let use_a_fault = "use a `fault`, which changes rows and objects directly";
    match act {
        Act::WriteUnderLoad(load) if writes => {
            let other = load.mix.parts().find(|(kind, _)| !COMMANDS.contains(kind));
            let message = |kind: WriteKind| format!("no command of a profile does a {}", kind.describe());
            other.map(|(kind, _)| (message(kind), "use `upload`, `replace` and `delete`"))
        }
        Act::WriteUnderLoad(_) => Some((
            "a write that the target cannot do".to_owned(),
            "add `write` with commands that write to the profile",
        )),
        Act::KillEngine | Act::CopyObject(_) | Act::PlanRun(_) | Act::WaitForRun(_) => None,
        // The error is reported at the load that they belong to.
        Act::WaitForWrites(_) | Act::StopWriting => None,
        Act::Begin(_) | Act::GoOn(_) | Act::Release(_) => {
            Some(("a write in flight through an API that the target does not have".to_owned(), use_a_fault))
        }
        Act::Upload(_)
        | Act::Replace(_)
        | Act::Delete(_)
        | Act::Copy(_)
        | Act::SaveTemplate(_)
        | Act::MoveLabel(_)
        | Act::RunBatch(_)
        | Act::CopyNewObject(_) => {
            Some(("a write through an API that the target does not have".to_owned(), use_a_fault))
        }
        Act::Fault(fault) | Act::FaultInBackup(fault) => wrong_fault(fault),
    }
}

fn wrong_fault(fault: &Fault) -> Option<(String, &'static str)> {
    if fault.entry().requires == Requirement::Api {
        let message = format!("`{}` needs to know what the API sent or reported", fault.describe());
        return Some((message, "use a fault such as `flip one bit in binary` or `delete row`"));
    }
    match fault.assets() {
        [one, other] if one == other => {
            Some(("the same asset twice".to_owned(), "name two different assets"))
        }
        _ => None,
    }
}
