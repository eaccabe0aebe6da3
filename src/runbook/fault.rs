//! Injects faults: into the live stores, into a backup's artefacts, or into the next dump, copy or
//! restore. Each injector reports what it changed, and an injector that changed nothing reports that.

use crate::{
    base::error::Error,
    model::fault::{Archive, Fault, FaultTarget},
    procedure::{PendingFaults, RecoveryFault},
    system::objects::Bucket,
};

pub mod dump;
pub mod loss;
pub mod objects;
pub mod pending;
pub mod rows;
pub mod schema;
pub mod site;
pub mod tarball;
pub mod versions;
pub mod wal;

pub use site::{FaultSite, Injected};

/// Injects a fault; one that takes effect later becomes pending. A fault in binaries that are in a
/// tarball is injected while the tarball is unpacked.
///
/// # Errors
/// The scenario names something that does not exist, or a store or file cannot be changed.
pub async fn inject(
    fault: &Fault,
    site: &mut FaultSite<'_>,
    pending: &mut PendingFaults,
) -> Result<Injected, Error> {
    let in_tarball = site.in_backup && matches!(site.site.objects, Bucket::Files(_));
    if fault.target() != FaultTarget::Objects || !in_tarball {
        return dispatch(fault, site, pending).await;
    }
    let unpacked = tarball::unpack_assets(site).await?;
    site.unpacked = Some(unpacked.bucket());
    let injected = dispatch(fault, site, pending).await;
    site.unpacked = None;
    unpacked.pack(site).await?;
    injected
}

/// Calls the injector of a fault.
async fn dispatch(
    fault: &Fault,
    site: &FaultSite<'_>,
    pending: &mut PendingFaults,
) -> Result<Injected, Error> {
    use Fault as F;
    match fault {
        F::OrphanBinary(name) => objects::add_orphan(site, name).await,
        F::AbandonUpload => objects::abandon_upload(site).await,
        F::DeleteBinary(name) => objects::delete(site, name).await,
        F::EmptyBinary(name) => objects::rewrite(site, name, |_| Vec::new()).await,
        F::TruncateBinary(name) => objects::rewrite(site, name, objects::first_half).await,
        F::ShortenBinary(name) => objects::rewrite(site, name, objects::first_mebibyte).await,
        F::FlipBit(name) => objects::rewrite(site, name, objects::flip_bit).await,
        F::ZeroBinary(name) => objects::rewrite(site, name, |bytes| vec![0; bytes.len()]).await,
        F::ExtendBinary(name) => objects::rewrite(site, name, |bytes| [bytes, b"\n"].concat()).await,
        F::ConvertLines(name) => objects::rewrite(site, name, objects::convert_lines).await,
        F::ChangeKeyCase(name) => objects::change_key_case(site, name).await,
        F::RewriteBinary(name) => objects::write_again(site, name).await,
        F::AddFolderMarker => objects::add_folder_marker(site).await,
        F::StripMetadata(name) => objects::strip_metadata(site, name).await,
        F::SwapBinaries([one, other]) => objects::swap(site, one, other).await,
        F::PreviousVersion(name) => objects::revert(site, name).await,
        F::DeleteAssetRow(name) => rows::delete_of_asset(site, name).await,
        F::DeleteRow(row) => rows::delete(site, row).await,
        F::RepointRow([one, other]) => rows::repoint(site, one, other).await,
        F::ChangeDefinition(key) => rows::change_definition(site, key).await,
        F::DamageIndex(table) => rows::damage_index(site, table).await,
        F::DropIndex(name) => schema::change(site, &schema::drop_index(name)).await,
        F::DropForeignKeys(table) => schema::change(site, &schema::drop_foreign_keys(table)).await,
        F::UnvalidateChecks(table) => schema::change(site, &schema::unvalidated_checks(table)).await,
        F::DropDefaults(table) => schema::change(site, &schema::drop_defaults(table)).await,
        F::DropNotNull(table) => schema::change(site, &schema::drop_not_null(table)).await,
        F::DisableTriggers(table) => schema::change(site, &schema::disable_triggers(table)).await,
        F::EnableRowSecurity(table) => schema::change(site, &schema::enable_row_security(table)).await,
        F::MakeUnlogged(table) => schema::change(site, &schema::make_unlogged(table)).await,
        F::GrantToEveryone(table) => schema::change(site, &schema::grant_to_everyone(table)).await,
        F::ResetSequence(name) => schema::change(site, &schema::reset_sequence(name)).await,
        F::AdvanceSequence(name) => schema::change(site, &schema::advance_sequence(name)).await,
        F::DuplicateRow(table) => schema::change(site, &schema::duplicate_row(table)).await,
        F::ShiftTimes(table) => schema::change(site, &schema::shift_times(table)).await,
        F::EmptyNulls(table) => schema::change(site, &schema::empty_nulls(table)).await,
        F::SwitchSegment => schema::change(site, schema::SWITCH_SEGMENT).await,
        F::RewriteRows(table) => schema::change(site, &schema::rewrite_rows(table)).await,
        F::VacuumTable(table) => schema::change(site, &schema::vacuum(table)).await,
        F::AnalyzeTable(table) => schema::change(site, &schema::analyze(table)).await,
        F::RebuildIndexes(table) => schema::change(site, &schema::rebuild_indexes(table)).await,
        F::LeaveDeadRows(table) => schema::change(site, &schema::leave_dead_rows(table)).await,
        F::ClearIgnored(table) => schema::change(site, &schema::clear(table)).await,
        F::EmptyDump => dump::resize(site.backup.dump.as_deref(), "dump", |_| 0),
        F::ChangeDump => dump::change_byte(site.backup.dump.as_deref(), "dump"),
        F::TouchDump => dump::touch(site.backup.dump.as_deref(), "dump"),
        F::TruncateDump => dump::truncate(site.backup.dump.as_deref(), "dump"),
        F::TruncateArchive(Archive::Templates) => {
            dump::truncate(site.backup.templates.as_deref(), "archive of the templates folder")
        }
        F::TruncateArchive(Archive::Assets) => {
            dump::truncate(site.backup.assets.as_deref(), "archive of the assets folder")
        }
        F::TruncateRowFile(table) => tarball::truncate_row_file(site, table).await,
        F::SuspendVersioning => versions::suspend(site).await,
        F::ExpireVersions(name) => versions::expire(site, name).await,
        F::DeleteSegment => wal::delete(site),
        F::CorruptSegment => wal::corrupt(site),
        F::AddStrayFile => wal::add_stray_file(site),
        F::SkipAssets => Ok(pending::skip_assets(pending)),
        F::SkipResults => Ok(pending::skip_results(pending)),
        F::ExcludeTable(table) => Ok(pending::dump_with(&["--exclude-table"], Some(table), pending)),
        F::ExcludeRows(table) => Ok(pending::dump_with(&["--exclude-table-data"], Some(table), pending)),
        F::ExcludeConstraints => {
            Ok(pending::dump_with(&["--section=pre-data", "--section=data"], None, pending))
        }
        F::CopyFirstPage(keys) => Ok(pending::stop_after_page(*keys, pending)),
        F::ExcludePrefix(prefix) => Ok(pending::exclude_prefix(prefix, site, pending)),
        F::ThrottleStore(throttle) => Ok(pending::throttle(*throttle, site, pending)),
        F::ExcludeSequences => Ok(pending::exclude_sequences(pending)),
        F::InterruptMigration => Ok(pending::interrupt_migration(site, pending)),
        F::BucketAtBaseBackup => Ok(pending::recover(RecoveryFault::BucketAtBaseBackup, pending)),
        F::IgnoreMarkers => Ok(pending::recover(RecoveryFault::MarkersPassedOver, pending)),
        F::TargetPastArchive => Ok(pending::recover(RecoveryFault::PastArchive, pending)),
        F::TargetBeforeBaseBackup => Ok(pending::recover(RecoveryFault::BeforeBaseBackup, pending)),
        F::ExcludeTarget => Ok(pending::recover(RecoveryFault::Exclusive, pending)),
        F::WrongTimeline => Ok(pending::recover(RecoveryFault::WrongTimeline, pending)),
        F::ShareArchive => Ok(pending::recover(RecoveryFault::Archiving, pending)),
        F::EngineFailOpen
        | F::EngineStaleCache
        | F::EngineWrongCode
        | F::EngineWrongStatus
        | F::EnginePartialPdf
        | F::EngineWrongReason
        | F::EngineLiesReady
        | F::EngineTruncatedPdf
        | F::EngineNondeterministic
        | F::EngineRefusesPresent
        | F::EngineWrongAsset
        | F::EngineOldVersion
        | F::EngineForgetsSchedules
        | F::EngineSkipsMissedRuns
        | F::EngineRepeatsMissedRuns
        | F::EngineHidesDeadLetters
        | F::EngineAdmitsArchived
        | F::EngineListsFirstPage
        | F::EngineForgetsUnfinishedJobs
        | F::EngineSwallowsUpload
        | F::EngineAltersUploads
        | F::EngineLosesTenthUpload
        | F::EngineForgetsAudit
        | F::EngineIgnoresDeletes
        | F::EngineTruncatesDownloads
        | F::EngineShortensLarge
        | F::EngineRenamesTemplates
        | F::EngineUndeletesLater
        | F::EngineExitsAtStart => Ok(pending::defect(fault, site)),
    }
}
