//! Deliberate misbehaviour, to prove that the harness catches it. The honest engine calls the
//! hooks below where a defect could bite; without a chosen defect every hook is the identity.
//!
//! | defect | what goes wrong | hook |
//! |---|---|---|
//! | `fail-open` | a missing binary is rendered as a grey placeholder instead of refused | `substitute` |
//! | `stale-cache` | a binary once fetched is served from a cache on disk, also when the store lost or changed it | `fetch` |
//! | `wrong-code` | a missing binary is refused with the code `RENDER_FAILED` | `refusal` |
//! | `wrong-status` | a missing binary is refused with the right code and status 500 | `refusal` |
//! | `partial-pdf` | a missing binary is refused with some bytes of a PDF as the body | `refusal` |
//! | `truncated-pdf` | every PDF is cut in half, with status 200 | `finish` |
//! | `nondeterministic` | every render shows another text | `definition` |
//! | `refuses-present` | assets that exist are refused as missing | `fetch` |
//! | `wrong-reason` | an unreachable store or denied access is answered as a missing binary | `reason` |
//! | `forgets-schedules` | `next_run_at` of every schedule is gone after a start | `start` |
//! | `hides-dead-letters` | dead letters from before the engine's start are not listed | `has` in the list |
//! | `admits-archived` | tenants from before the engine's start are admitted, archived or not | `admits` |
//! | `skips-missed-runs` | a run that was due when the engine was down is never made | `start` |
//! | `repeats-missed-runs` | a run that was due when the engine was down is made twice | `has` in the dispatcher |
//! | `forgets-unfinished-jobs` | batch jobs that a start finds in progress stay so forever | `has` in the recovery of jobs |
//! | `swallows-upload` | an upload is answered 201 and its binary never stored | `put` |
//! | `wrong-asset` | another asset's binary is embedded | `fetch` |
//! | `lies-ready` | `/health/ready` is ok although the store cannot be reached | `has` in the health route |
//! | `old-version` | the version before the asked one is rendered | `has` in the version query |
//! | `alters-uploads` | an upload below 64 KiB is stored and recorded with another last byte | `receive` |
//! | `loses-tenth-upload` | every tenth upload since the start is answered 201 and gone | `loses_upload` |
//! | `lists-first-page` | the list of assets ends after four, and so does its total | `list` |
//! | `forgets-audit` | the oldest audit event is gone after a start | `start` |
//! | `ignores-deletes` | the deletion of an asset is answered 204 and not done | `has` in the deletion |
//! | `truncates-downloads` | a binary is handed out by its first half; renders have all of it | `hand_out` |
//! | `shortens-large` | a binary is handed out up to its first MiB; renders have all of it | `hand_out` |
//! | `renames-templates` | the list of templates shows each under another name | `list_templates` |
//! | `undeletes-later` | a deletion of an asset or template is undone after the audit trail was read twice | `before_delete`, `before_trash`, `audited` |
//! | `exits-at-start` | it reports an error at its start and ends | `start` |

use super::failure::Failure;
use super::rows::Rows;
use super::store::{Store, StoreFailure};
use super::undeletes::{Deleted, Undeletes};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use uuid::Uuid;

/// One way to misbehave.
#[derive(clap::ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// Renders a placeholder instead of refusing a missing binary.
    FailOpen,
    /// Serves binaries from a cache on disk, also when the store lost or changed them.
    StaleCache,
    /// Refuses a missing binary with another code.
    WrongCode,
    /// Refuses a missing binary with the right code and status 500.
    WrongStatus,
    /// Refuses a missing binary with some bytes of a PDF as the body.
    PartialPdf,
    /// Cuts every PDF in half and answers 200.
    TruncatedPdf,
    /// Shows another text in every render.
    Nondeterministic,
    /// Refuses assets that are there.
    RefusesPresent,
    /// Answers "missing" when the store cannot be reached or denies access.
    WrongReason,
    /// Forgets at start when schedules run next.
    ForgetsSchedules,
    /// Does not list dead letters from before its start.
    HidesDeadLetters,
    /// Lets in archived tenants from before its start.
    AdmitsArchived,
    /// Never makes the runs of schedules that were due while it was down.
    SkipsMissedRuns,
    /// Makes the runs of schedules that were due while it was down twice.
    RepeatsMissedRuns,
    /// Leaves batch jobs that a start finds in progress as they are.
    ForgetsUnfinishedJobs,
    /// Answers 201 to an upload whose binary it never stored.
    SwallowsUpload,
    /// Embeds another asset's binary.
    WrongAsset,
    /// Reports that it is ready although the store cannot be reached.
    LiesReady,
    /// Renders the version before the asked one.
    OldVersion,
    /// Changes the last byte of every upload below 64 KiB before it is stored and recorded.
    AltersUploads,
    /// Answers 201 to every tenth upload since its start and keeps nothing of it.
    LosesTenthUpload,
    /// Lists no more than four assets, and counts no more.
    ListsFirstPage,
    /// Forgets the oldest audit event at start.
    ForgetsAudit,
    /// Answers 204 to the deletion of an asset and deletes nothing.
    IgnoresDeletes,
    /// Hands out the first half of a binary; renders have all of it.
    TruncatesDownloads,
    /// Hands out no more than the first MiB of a binary; renders have all of it.
    ShortensLarge,
    /// Shows every template of the list under another name.
    RenamesTemplates,
    /// Undoes a deletion after its event was listed twice in the audit trail.
    UndeletesLater,
    /// Ends at its start with an error.
    ExitsAtStart,
}

/// A grey pixel.
const PLACEHOLDER: [u8; 69] = [
    0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0x00, 0x00, 0x0d, 0x49, 0x48, 0x44, 0x52, 0x00,
    0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x01, 0x08, 0x02, 0x00, 0x00, 0x00, 0x90, 0x77, 0x53, 0xde, 0x00,
    0x00, 0x00, 0x0c, 0x49, 0x44, 0x41, 0x54, 0x78, 0xda, 0x63, 0x58, 0xb0, 0x60, 0x01, 0x00, 0x03, 0xc4,
    0x01, 0xe1, 0xaa, 0x49, 0xc6, 0x1d, 0x00, 0x00, 0x00, 0x00, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60,
    0x82,
];

/// The size from which on `alters-uploads` leaves an upload alone.
const SMALL_UPLOAD: usize = 64 << 10;

/// What `shortens-large` hands out at most.
const MEBIBYTE: usize = 1 << 20;

/// How many assets `lists-first-page` lists.
const SHORT_PAGE: usize = 4;

/// The chosen defects.
#[derive(Default)]
pub(crate) struct Defects {
    chosen: Vec<Defect>,
    /// Uploads since the start.
    uploads: AtomicUsize,
    /// What `undeletes-later` will bring back.
    undeletes: Undeletes,
}

impl Defects {
    pub(crate) fn new(chosen: Vec<Defect>) -> Self {
        Self { chosen, ..Self::default() }
    }

    pub(crate) fn has(&self, defect: Defect) -> bool {
        self.chosen.contains(&defect)
    }

    /// Called once, before the first request.
    pub(crate) async fn start(&self, rows: &dyn Rows) -> Result<(), Failure> {
        if self.has(Defect::ForgetsSchedules)
            && let Ok(db) = rows.sql()
        {
            sqlx::query("UPDATE schedules SET next_run_at = NULL").execute(db).await?;
        }
        if self.has(Defect::SkipsMissedRuns)
            && let Ok(db) = rows.sql()
        {
            let skip = "UPDATE schedules SET next_run_at = next_run_at + interval '100 years'
                         WHERE enabled AND next_run_at <= now()";
            sqlx::query(skip).execute(db).await?;
        }
        if self.has(Defect::ForgetsAudit)
            && let Ok(db) = rows.sql()
        {
            let oldest = "DELETE FROM audit_events WHERE id = (SELECT min(id) FROM audit_events)";
            sqlx::query(oldest).execute(db).await?;
        }
        if self.has(Defect::ExitsAtStart) {
            return Err(Failure::unavailable("defect", "the defect `exits-at-start` ends it"));
        }
        Ok(())
    }

    /// Whether an archived tenant is admitted nevertheless.
    pub(crate) async fn admits(
        &self,
        rows: &dyn Rows,
        tenant: &str,
        started: DateTime<Utc>,
    ) -> Result<bool, Failure> {
        if !self.has(Defect::AdmitsArchived) {
            return Ok(false);
        }
        let older = sqlx::query_scalar("SELECT created_at < $2 FROM tenants WHERE id = $1");
        Ok(older.bind(tenant).bind(started).fetch_one(rows.sql()?).await?)
    }

    /// A binary for a render.
    pub(crate) async fn fetch(
        &self,
        rows: &dyn Rows,
        store: &Store,
        key: &str,
    ) -> Result<Vec<u8>, StoreFailure> {
        if self.has(Defect::RefusesPresent) {
            return Err(StoreFailure::Missing);
        }
        if self.has(Defect::StaleCache) {
            return fetch_cached(store, key).await;
        }
        if self.has(Defect::WrongAsset)
            && let Ok(Some(other)) = rows.similar_asset(key).await
        {
            return store.get(&other).await;
        }
        store.get(key).await
    }

    /// Why a binary could not be fetched.
    pub(crate) fn reason(&self, failure: StoreFailure) -> StoreFailure {
        if self.has(Defect::WrongReason) { StoreFailure::Missing } else { failure }
    }

    /// What to embed instead of refusing.
    pub(crate) fn substitute(&self, failure: &StoreFailure) -> Option<Vec<u8>> {
        match failure {
            StoreFailure::Missing if self.has(Defect::FailOpen) => Some(PLACEHOLDER.to_vec()),
            StoreFailure::Missing | StoreFailure::Denied(_) | StoreFailure::Unreachable(_) => None,
        }
    }

    /// The refusal of a missing binary.
    pub(crate) fn refusal(&self, mut failure: Failure) -> Failure {
        if self.has(Defect::WrongCode) {
            failure.code = "RENDER_FAILED".into();
            for issue in &mut failure.issues {
                issue["code"] = json!("RENDER_FAILED");
            }
        }
        if self.has(Defect::WrongStatus) {
            failure.status = StatusCode::INTERNAL_SERVER_ERROR;
        }
        if self.has(Defect::PartialPdf) {
            failure.disguise = Some(b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n");
        }
        failure
    }

    /// The definition to render.
    pub(crate) fn definition(&self, mut definition: Value) -> Value {
        if self.has(Defect::Nondeterministic) {
            let section =
                definition.pointer_mut("/document/children/0/children").and_then(Value::as_array_mut);
            if let Some(nodes) = section {
                let text = Uuid::new_v4().to_string();
                nodes.insert(0, json!({"id": "defect", "type": "text", "content": text}));
            }
        }
        definition
    }

    /// The PDF to send.
    pub(crate) fn finish(&self, mut pdf: Vec<u8>) -> Vec<u8> {
        if self.has(Defect::TruncatedPdf) {
            pdf.truncate(pdf.len() / 2);
        }
        pdf
    }

    /// The bytes of an upload or replacement.
    pub(crate) fn receive(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        if self.has(Defect::AltersUploads)
            && bytes.len() < SMALL_UPLOAD
            && let Some(last) = bytes.last_mut()
        {
            *last ^= 1;
        }
        bytes
    }

    /// Whether an upload that was just answered is lost.
    pub(crate) fn loses_upload(&self) -> bool {
        let number = self.uploads.fetch_add(1, Ordering::Relaxed) + 1;
        self.has(Defect::LosesTenthUpload) && number.is_multiple_of(10)
    }

    /// The bytes of a binary that a client asked for.
    pub(crate) fn hand_out(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        if self.has(Defect::TruncatesDownloads) {
            bytes.truncate(bytes.len() / 2);
        }
        if self.has(Defect::ShortensLarge) {
            bytes.truncate(MEBIBYTE);
        }
        bytes
    }

    /// Called before a deletion: of an asset, by its id and storage key.
    pub(crate) async fn before_delete(
        &self,
        rows: &dyn Rows,
        store: &Store,
        (id, key, mime): (Uuid, &str, &str),
    ) -> Result<(), Failure> {
        if self.has(Defect::UndeletesLater) {
            let row = sqlx::query_scalar("SELECT to_jsonb(a) FROM assets a WHERE a.id = $1");
            let row = row.bind(id).fetch_one(rows.sql()?).await?;
            let binary = store.get(key).await?;
            self.undeletes
                .remember(&id.to_string(), Deleted::Asset(row, key.to_owned(), mime.to_owned(), binary));
        }
        Ok(())
    }

    /// Called before a template goes to the trash.
    pub(crate) fn before_trash(&self, key: &str) {
        if self.has(Defect::UndeletesLater) {
            self.undeletes.remember(key, Deleted::Template);
        }
    }

    /// Called with a page of the audit trail.
    pub(crate) async fn audited(&self, page: &Value, rows: &dyn Rows, store: &Store) -> Result<(), Failure> {
        self.undeletes.shown(page, rows, store).await
    }

    /// A page of the list of templates.
    pub(crate) fn list_templates(&self, mut page: Value) -> Value {
        let items = page["items"].as_array_mut().filter(|_| self.has(Defect::RenamesTemplates));
        for item in items.into_iter().flatten() {
            item["name"] = json!(format!("{} (copy)", item["name"].as_str().unwrap_or_default()));
        }
        page
    }

    /// A page of the list of assets.
    pub(crate) fn list(&self, mut page: Value) -> Value {
        if self.has(Defect::ListsFirstPage)
            && let Some(items) = page["items"].as_array_mut()
        {
            items.truncate(SHORT_PAGE);
            page["total"] = json!(page["total"].as_u64().unwrap_or_default().min(SHORT_PAGE as u64));
        }
        page
    }

    /// An upload's or replacement's binary.
    pub(crate) async fn put(
        &self,
        store: &Store,
        key: &str,
        bytes: Vec<u8>,
        mime: &str,
    ) -> Result<(), StoreFailure> {
        if self.has(Defect::SwallowsUpload) {
            return Ok(());
        }
        store.put(key, bytes, mime).await
    }
}

/// From the cache if it is cached, else from the store and into the cache. The cache is a folder
/// below the system's temporary one and so survives a restart, which is the point.
async fn fetch_cached(store: &Store, key: &str) -> Result<Vec<u8>, StoreFailure> {
    let name = super::schema::hex(&Sha256::digest(format!("{}\n{key}", store.name())));
    let folder = cache_folder();
    let path = folder.join(name);
    if let Ok(bytes) = tokio::fs::read(&path).await {
        return Ok(bytes);
    }
    let bytes = store.get(key).await?;
    let cached = async {
        tokio::fs::create_dir_all(&folder).await?;
        tokio::fs::write(&path, &bytes).await
    };
    cached
        .await
        .map_err(|error| StoreFailure::Unreachable(format!("the cache cannot be written: {error}")))?;
    Ok(bytes)
}

fn cache_folder() -> PathBuf {
    std::env::temp_dir().join("pulp-standin-stale-cache")
}

#[cfg(test)]
mod tests {
    use super::{Defect, Defects, MEBIBYTE};
    use crate::engine::failure::Failure;
    use crate::engine::store::StoreFailure;
    use serde_json::json;

    #[test]
    fn without_a_defect_every_hook_is_the_identity() {
        let honest = Defects::default();
        let definition = json!({"document": {"children": [{"children": []}]}});
        assert_eq!(honest.definition(definition.clone()), definition);
        assert_eq!(honest.finish(b"%PDF-1.7".to_vec()), b"%PDF-1.7");
        assert!(honest.substitute(&StoreFailure::Missing).is_none());
        assert!(matches!(honest.reason(StoreFailure::Denied("x".into())), StoreFailure::Denied(_)));
        let refusal = honest.refusal(Failure::render("ASSET_BINARY_MISSING", None, "gone"));
        assert_eq!((refusal.status.as_u16(), refusal.code.as_str()), (422, "ASSET_BINARY_MISSING"));
        assert!(refusal.disguise.is_none());
    }

    #[test]
    fn each_pure_hook_shows_its_defect() {
        let with = |defect| Defects::new(vec![defect]);
        let refusal = |defect| with(defect).refusal(Failure::render("ASSET_BINARY_MISSING", None, "gone"));
        assert!(with(Defect::FailOpen).substitute(&StoreFailure::Missing).is_some());
        assert!(with(Defect::FailOpen).substitute(&StoreFailure::Unreachable("x".into())).is_none());
        assert_eq!(refusal(Defect::WrongCode).code, "RENDER_FAILED");
        assert_eq!(refusal(Defect::WrongStatus).status.as_u16(), 500);
        assert!(refusal(Defect::PartialPdf).disguise.expect("bytes").starts_with(b"%PDF"));
        assert_eq!(with(Defect::TruncatedPdf).finish(vec![0; 10]).len(), 5);
        assert_eq!(with(Defect::TruncatesDownloads).hand_out(vec![0; 10]).len(), 5);
        assert_eq!(with(Defect::ShortensLarge).hand_out(vec![0; MEBIBYTE + 1]).len(), MEBIBYTE);
        assert_eq!(with(Defect::ShortensLarge).hand_out(vec![0; 10]).len(), 10);
        let page = json!({"items": [{"name": "Invoice"}], "total": 1});
        assert_eq!(Defects::default().list_templates(page.clone()), page);
        assert_eq!(with(Defect::RenamesTemplates).list_templates(page)["items"][0]["name"], "Invoice (copy)");
        let reason = with(Defect::WrongReason).reason(StoreFailure::Unreachable("x".into()));
        assert!(matches!(reason, StoreFailure::Missing));
        let definition = json!({"document": {"children": [{"children": []}]}});
        let twice = with(Defect::Nondeterministic);
        assert_ne!(twice.definition(definition.clone()), twice.definition(definition));
    }
}
