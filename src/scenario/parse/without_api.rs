//! What can't be drilled on a target without an API: writes through it, faults that need to know what
//! it sent or said, and findings about renders. Names of assets are looked up when the site has been
//! filled: only its own command knows what it puts there.

use crate::{
    model::{
        fault::Fault,
        finding::{Expectation, FindingKind},
    },
    scenario::{Act, At, Step, diagnose::Mistake, parse::names::acts},
};

/// Looks at all steps and expectations.
pub fn check(steps: &[At<Step>], expect: &[At<Expectation>], mistakes: &mut Vec<Mistake>) {
    for (act, place) in acts(steps) {
        let (what, help) = match act {
            Act::KillEngine | Act::CopyObject(_) | Act::PlanRun(_) | Act::WaitForRun(_) => continue,
            // The load that they belong to is told of.
            Act::WaitForWrites(_) | Act::StopWriting => continue,
            Act::Begin(_) | Act::GoOn(_) | Act::Release(_) => (
                "a write under way through an API that the target does not have",
                "use a `fault`: it changes rows and objects themselves",
            ),
            Act::Upload(_)
            | Act::Replace(_)
            | Act::Delete(_)
            | Act::Copy(_)
            | Act::SaveTemplate(_)
            | Act::MoveLabel(_)
            | Act::RunBatch(_)
            | Act::CopyNewObject(_)
            | Act::WriteUnderLoad(_) => (
                "a write through an API that the target does not have",
                "use a `fault`: it changes rows and objects themselves",
            ),
            Act::Fault(fault) | Act::FaultInBackup(fault) => match fault {
                Fault::PreviousVersion(_) => {
                    ("nothing is known of earlier versions of a binary", "choose `flip one bit in binary`")
                }
                Fault::ChangeDefinition(_) => {
                    ("nothing is known of definitions without an API", "choose `lose row`")
                }
                Fault::RepointRow([one, other]) | Fault::SwapBinaries([one, other]) if one == other => {
                    ("the same asset twice", "name two different assets")
                }
                _ => continue,
            },
        };
        mistakes.push(Mistake::at(place, what).label("the profile says `api: none`").help(help));
    }
    for At { value, place } in expect {
        if is_said_by_an_api(value.kind) {
            let message = format!("`{}` can't be found without an API", value.kind);
            let help = "the stores are compared: `missing binary`, `row lost` and their like";
            mistakes.push(Mistake::at(*place, message).label("the profile says `api: none`").help(help));
        }
    }
}

/// Whether only an API can show it.
fn is_said_by_an_api(kind: FindingKind) -> bool {
    use FindingKind as K;
    match kind {
        K::PdfDiffers
        | K::PdfMetadataDiffers
        | K::NotDeterministic
        | K::RenderRefused
        | K::FailOpen
        | K::StaleRender
        | K::WrongRefusal
        | K::WrongReason
        | K::PartialPdf
        | K::FalseReady
        | K::ManifestDrift
        | K::LostAcknowledgedWrite
        | K::HalfKeptWrite
        | K::WronglyKeptWrite
        | K::ResultLost
        | K::UnfinishedJob
        | K::WrongListing
        | K::WrongAdmission => true,
        K::MissingBinary
        | K::OrphanBinary
        | K::WrongSize
        | K::WrongContent
        | K::WrongMetadata
        | K::RowLost
        | K::RowAdded
        | K::RowChanged
        | K::DamagedFile
        | K::BackupTooOld
        | K::RecoveryTooSlow
        | K::BackupFailed
        | K::SourceChanged
        | K::RestoreFailed
        | K::WrongOrder
        | K::TableLost
        | K::CatalogDiffers
        | K::SequenceBehind
        | K::EngineNotReady
        | K::EngineChangedData
        | K::ScheduleMoved
        | K::MissedRun
        | K::UnstoredWrite => false,
    }
}
