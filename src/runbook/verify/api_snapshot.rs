//! What the API answers about the durable state (runbook 1): tenants, release labels, runs of schedules,
//! dead letters, templates and their versions, assets, schedules and the audit trail; which tenants it
//! admits, and which keys.

use crate::{
    base::{digest::Digest, error::Error},
    model::workload::PREFIX,
    system::engine::{AssetRecord, AuditEvent, CallError, Engine, HttpAnswer},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// What is listed: each by its entity in the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ListedKind {
    Tenant,
    Run,
    DeadLetter,
    Label,
    Template,
    Version,
    /// The version that the template's own details show.
    Current,
    Asset,
    /// The asset in its own details.
    AssetDetails,
    Schedule,
    AuditEvent,
}

impl ListedKind {
    /// The entity of the profile.
    pub(super) fn entity(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Run => "schedule execution",
            Self::DeadLetter => "schedule dead letter",
            Self::Label => "template label",
            Self::Template => "template",
            Self::Version | Self::Current => "template version",
            Self::Asset | Self::AssetDetails => "asset",
            Self::Schedule => "schedule",
            Self::AuditEvent => "audit event",
        }
    }

    /// Whether its answer is compared only where its row came back as it was: what else it shows is
    /// a finding about the row.
    pub(super) fn follows_its_row(self) -> bool {
        match self {
            Self::Tenant | Self::Run | Self::DeadLetter | Self::Label => false,
            Self::Template
            | Self::Version
            | Self::Current
            | Self::Asset
            | Self::AssetDetails
            | Self::Schedule
            | Self::AuditEvent => true,
        }
    }
}

/// What the API lists at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiSnapshot {
    /// What is listed, by the engine's id, with its properties.
    pub(super) items: BTreeMap<(ListedKind, String), String>,
    /// How a request of each tenant is answered: its status and codes.
    pub(super) admitted: BTreeMap<String, String>,
    /// How a request with a wrong key, without one, and with one for other purposes is answered.
    pub(super) keys: BTreeMap<&'static str, String>,
}

/// Reads the lists. One that the API does not have is empty. While writers are `writing`, the lists that grow
/// with their writes are left out: pages by offset do not fit together then.
pub async fn read(api: &Engine, writing: bool) -> Result<ApiSnapshot, Error> {
    let mut snapshot = ApiSnapshot::default();
    for tenant in list(api.tenants().await)? {
        let answer = api.as_tenant(&tenant.id).await?;
        snapshot.admitted.insert(tenant.id.clone(), admitted(&answer));
        snapshot
            .items
            .insert((ListedKind::Tenant, tenant.id), format!("{:?}, {}", tenant.name, tenant.status));
    }
    for schedule in list(api.schedules().await)? {
        let Some(id) = schedule.get("id").and_then(Value::as_str) else { continue };
        let fields = ["name", "enabled", "cron", "cronExpression", "timezone", "templateKey"];
        let shown = fields.iter().filter_map(|name| Some(format!("{name} {}", schedule.get(*name)?)));
        let shown = shown.collect::<Vec<_>>().join(", ");
        snapshot.items.insert((ListedKind::Schedule, id.to_owned()), shown);
        for run in list(api.executions(id).await)? {
            let planned = run.nominal_at.unwrap_or_else(|| "by hand".to_owned());
            snapshot.items.insert((ListedKind::Run, run.id), format!("{planned}, {}", run.status));
        }
    }
    for letter in list(api.dead_letters().await)? {
        let code = letter.error_code.unwrap_or_default();
        snapshot.items.insert((ListedKind::DeadLetter, letter.id), format!("{code}, {}", letter.status));
    }
    for template in list(api.templates().await)? {
        let labels = list(api.labels(&template.key).await)?;
        // The writers of a workload continue to move theirs.
        for label in labels.into_iter().filter(|label| !label.label.starts_with(PREFIX)) {
            let id = format!("{}@{}", template.key, label.label);
            snapshot.items.insert((ListedKind::Label, id), format!("version {}", label.version));
        }
        snapshot.versions(api, &template.key).await?;
        snapshot
            .items
            .insert((ListedKind::Template, template.key), format!("version {}", template.current_version));
    }
    if !writing {
        snapshot.assets_and_audit(api).await?;
    }
    snapshot.keys(api).await?;
    Ok(snapshot)
}

/// Reads the audit trail, as far as the API shows one.
///
/// # Errors
/// The engine can't be reached, or answers what can't be understood.
pub(super) async fn read_audit(api: &Engine) -> Result<Vec<AuditEvent>, Error> {
    list_of_rows(api.audit_events().await)
}

impl ApiSnapshot {
    async fn assets_and_audit(&mut self, api: &Engine) -> Result<(), Error> {
        for asset in list_of_rows(api.assets().await)? {
            let details = list(api.asset(&asset.id).await.map(|details| vec![details]))?;
            let details = details.first().map_or_else(|| "no details".to_owned(), describe);
            self.items.insert((ListedKind::AssetDetails, asset.id.clone()), details);
            self.items.insert((ListedKind::Asset, asset.id.clone()), describe(&asset));
        }
        for event in read_audit(api).await? {
            let of = event.resource_id.unwrap_or_default();
            let shown = format!("{} of {of} at {}", event.event, event.timestamp);
            self.items.insert((ListedKind::AuditEvent, event.id), shown);
        }
        Ok(())
    }

    /// The versions of a template, each as its own details show it.
    async fn versions(&mut self, api: &Engine, key: &str) -> Result<(), Error> {
        let shown =
            |definition: &Value| format!("definition of SHA-256 {}", Digest::of(definition.to_string()));
        for current in list(api.template(key).await.map(|template| vec![template]))? {
            let id = format!("{key}@{}", current.summary.current_version);
            self.items.insert((ListedKind::Current, id), shown(&current.definition));
        }
        for listed in list(api.template_versions(key).await)? {
            let details =
                list(api.template_version(key, &listed.version).await.map(|version| vec![version]))?;
            let definition =
                details.first().map_or_else(|| "no details".to_owned(), |d| shown(&d.definition));
            let note = listed.change_note.unwrap_or_default();
            let id = format!("{key}@{}", listed.version);
            self.items.insert((ListedKind::Version, id), format!("{definition}, note {note:?}"));
        }
        Ok(())
    }

    async fn keys(&mut self, api: &Engine) -> Result<(), Error> {
        self.keys.insert("an unknown key", outcome(&api.with_key(Some("no-such-key")).await?));
        self.keys.insert("no key", outcome(&api.with_key(None).await?));
        if let Some(answer) = api.tenants_with_render_key().await? {
            self.keys.insert("the key for renders, asking for tenants,", outcome(&answer));
        }
        Ok(())
    }
}

/// What follows the outcome of a tenant that lists no template.
pub(super) const NO_TEMPLATES: &str = ", lists no templates";

fn describe(asset: &AssetRecord) -> String {
    let AssetRecord {
        filename, original_name, mime_type, size_bytes, version, tags, folder, alt_text, ..
    } = asset;
    let hash = asset.content_hash.as_deref().unwrap_or_default();
    format!(
        "{original_name} as {filename}, {mime_type}, {size_bytes} bytes, version {version}, {hash}, tags {tags:?}, \
         folder {folder:?}, text {alt_text:?}"
    )
}

fn outcome(answer: &HttpAnswer) -> String {
    if answer.is_success() { "let in".to_owned() } else { refused(answer.status, &answer.codes) }
}

/// Of a tenant without templates that too: what it lists then is another's.
fn admitted(answer: &HttpAnswer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let empty = answer.is_success() && body["items"].as_array().is_some_and(Vec::is_empty);
    format!("{}{}", outcome(answer), if empty { NO_TEMPLATES } else { "" })
}

fn refused(status: u16, codes: &[String]) -> String {
    format!("refused with {status} {}", codes.join(", ")).trim_end().to_owned()
}

/// A list whose items are compared only where their rows came back. One that fails shows none of them; where
/// its table is lost, that is a finding of the catalog.
fn list_of_rows<T>(listed: Result<Vec<T>, CallError>) -> Result<Vec<T>, Error> {
    match listed {
        Err(CallError::Refused { status: 500.., .. }) => Ok(Vec::new()),
        other => list(other),
    }
}

/// A list; empty where the engine has none.
fn list<T>(listed: Result<Vec<T>, CallError>) -> Result<Vec<T>, Error> {
    match listed {
        Err(CallError::Refused { status: 403 | 404 | 501, .. }) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
        Ok(items) => Ok(items),
    }
}
