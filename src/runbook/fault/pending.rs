//! Faults in the next dump, copy, migration or recovery, as a wrong option or a sync that gives up
//! causes them. They become pending here and take effect in `procedure`.

use crate::{
    base::ids::{ObjectKey, TableName},
    model::fault::{Fault, Throttle},
    procedure::{PendingFaults, RecoveryFault},
    runbook::fault::site::{FaultSite, Injected},
    system::postgres::quote_ident,
};

/// The stand-in engine's variable with its defects.
const DEFECTS: &str = "PULP_STANDIN_DEFECTS";

/// The stand-in engine has a defect from its next start on.
pub fn defect(fault: &Fault, site: &FaultSite<'_>) -> Injected {
    let Some(name) = fault.engine_defect() else {
        return Injected::nothing("it is not a defect of an engine");
    };
    site.site.engine.set(DEFECTS, name.to_owned());
    Injected::changed(format!("the engine is started with {DEFECTS}={name}"))
}

/// The next dump is taken with further options, of which each names the table if there is one.
pub fn dump_with(options: &[&str], table: Option<&TableName>, pending: &mut PendingFaults) -> Injected {
    let of = table.map_or_else(String::new, |table| format!("={}", quote_ident(table.as_str())));
    let options: Vec<String> = options.iter().map(|option| format!("{option}{of}")).collect();
    let detail = format!("the next dump is taken with {}", options.join(" "));
    pending.dump_options.extend(options);
    Injected::changed(detail)
}

/// The next copy stops after the first page of its listing.
pub fn stop_after_page(keys: u16, pending: &mut PendingFaults) -> Injected {
    pending.first_page = Some(keys);
    Injected::changed(format!("the next copy stops after the first {keys} keys of its listing"))
}

/// The object store refuses some requests of the next copy.
pub fn throttle(throttle: Throttle, site: &FaultSite<'_>, pending: &mut PendingFaults) -> Injected {
    if site.site.s3.is_none() {
        return Injected::nothing("the site has no object store that could throttle");
    }
    pending.throttle = Some(u64::from(throttle.every));
    Injected::changed(format!("the next copy is throttled: one of every {} requests", throttle.every))
}

/// The next copy excludes the objects of assets whose names start with a prefix.
pub fn exclude_prefix(prefix: &str, site: &FaultSite<'_>, pending: &mut PendingFaults) -> Injected {
    let matching = site.keys.iter().filter(|(name, _)| name.as_str().starts_with(prefix));
    let keys: Vec<ObjectKey> = matching.map(|(_, key)| key.clone()).collect();
    if keys.is_empty() {
        return Injected::nothing(format!("no asset's name starts with {prefix}"));
    }
    let detail = format!("the next copy excludes {} objects", keys.len());
    pending.without_objects.extend(keys);
    Injected::changed(detail)
}

/// The next backup has no archive of the assets folder.
pub fn skip_assets(pending: &mut PendingFaults) -> Injected {
    pending.without_assets = true;
    Injected::changed("the next backup has no archive of the assets folder")
}

/// The next backup has no copy of the batch results.
pub fn skip_results(pending: &mut PendingFaults) -> Injected {
    pending.without_results = true;
    Injected::changed("the next backup has no copy of the batch results")
}

/// The next restore excludes sequence data.
pub fn exclude_sequences(pending: &mut PendingFaults) -> Injected {
    pending.without_sequences = true;
    Injected::changed("the next restore excludes sequence data")
}

/// The next migration stops half way.
pub fn interrupt_migration(site: &FaultSite<'_>, pending: &mut PendingFaults) -> Injected {
    if site.site.profile.migrate_by_half.is_empty() {
        return Injected::nothing("the profile has no command for it: `migrate-by-half` is missing");
    }
    pending.half_migration = true;
    Injected::changed("the next migration stops half way")
}

/// The next point-in-time recovery goes wrong.
pub fn recover(fault: RecoveryFault, pending: &mut PendingFaults) -> Injected {
    let detail = match fault {
        RecoveryFault::BucketAtBaseBackup => "recovers the bucket as of the base backup",
        RecoveryFault::MarkersPassedOver => "ignores delete markers",
        RecoveryFault::PastArchive => "has a target one hour late",
        RecoveryFault::BeforeBaseBackup => "has a target one hour before the base backup",
        RecoveryFault::Exclusive => "has recovery_target_inclusive off",
        RecoveryFault::WrongTimeline => "follows a timeline that does not exist",
        RecoveryFault::Archiving => "leaves archive_mode on",
    };
    pending.recovery.insert(fault);
    Injected::changed(format!("the next recovery {detail}"))
}
