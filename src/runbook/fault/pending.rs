//! Faults in how the next dump, copy or restore is done: what a wrong option or a sync that gives up
//! leaves. They are armed here and take effect in `procedure`.

use crate::{
    base::ids::ObjectKey,
    model::fault::Fault,
    procedure::{PendingFaults, RecoveryFault},
    runbook::fault::{FaultSite, Injected},
};

/// Arms a fault; none where it is not one of these.
pub fn inject(fault: &Fault, target: &FaultSite<'_>, armed: &mut PendingFaults) -> Option<Injected> {
    Some(match fault {
        Fault::LeaveTableOut(table) => {
            armed.without_tables.push(table.clone());
            Injected::changed(format!("the next dump leaves out {table}"))
        }
        Fault::CopyFirstPage(size) => {
            armed.first_page = Some(*size);
            Injected::changed(format!("the next copy stops after a listing's first {size} keys"))
        }
        Fault::ThrottleStore(_) if target.site.s3.is_none() => {
            Injected::nothing("there is no object store that could throttle")
        }
        Fault::ThrottleStore(throttle) => {
            armed.throttle = Some(u64::from(throttle.every));
            Injected::changed(format!("the next copy is throttled: one request of {}", throttle.every))
        }
        Fault::CopyLeavesOut(start) => leave_out(start, target, armed),
        Fault::ForgetAssets => {
            armed.without_assets = true;
            Injected::changed("the next backup has no archive of the assets folder")
        }
        Fault::ForgetResults => {
            armed.without_results = true;
            Injected::changed("the next backup has no copy of the batch results")
        }
        Fault::LeaveSequencesOut => {
            armed.without_sequences = true;
            Injected::changed("the next restore leaves out sequence data")
        }
        Fault::StopMigration if target.site.profile.migrate_by_half.is_empty() => {
            Injected::nothing("the profile does not say how: it has no migrate-by-half")
        }
        Fault::StopMigration => {
            armed.half_migration = true;
            Injected::changed("the next migration stops half way")
        }
        _ => go_astray(fault, armed)?,
    })
}

/// What goes wrong with a recovery to a point in time.
fn go_astray(fault: &Fault, armed: &mut PendingFaults) -> Option<Injected> {
    let (how, detail) = match fault {
        Fault::BucketAtBaseBackup => {
            (RecoveryFault::BucketAtBaseBackup, "brings the bucket to the base backup")
        }
        Fault::PassOverMarkers => (RecoveryFault::MarkersPassedOver, "passes over delete markers"),
        Fault::TargetPastArchive => (RecoveryFault::PastArchive, "is told a target an hour late"),
        Fault::TargetBeforeBaseBackup => {
            (RecoveryFault::BeforeBaseBackup, "is told a target an hour before the base backup")
        }
        Fault::LeaveTargetOut => (RecoveryFault::Exclusive, "has recovery_target_inclusive off"),
        Fault::WrongTimeline => (RecoveryFault::WrongTimeline, "follows a timeline that is not there"),
        Fault::ShareArchive => (RecoveryFault::Archiving, "leaves archive_mode on"),
        _ => return None,
    };
    armed.astray.insert(how);
    Some(Injected::changed(format!("the next recovery {detail}")))
}

fn leave_out(start: &str, target: &FaultSite<'_>, armed: &mut PendingFaults) -> Injected {
    let like = target.keys.iter().filter(|(name, _)| name.as_str().starts_with(start));
    let keys: Vec<ObjectKey> = like.map(|(_, key)| key.clone()).collect();
    if keys.is_empty() {
        return Injected::nothing(format!("no asset's name starts with {start}"));
    }
    let detail = format!("the next copy leaves out {} objects", keys.len());
    armed.without_objects.extend(keys);
    Injected::changed(detail)
}
