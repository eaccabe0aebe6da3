//! What the API lists of the rest of the durable state (runbook 1): tenants, release labels, runs of
//! schedules, dead letters, and which tenants it admits.

use crate::{
    base::error::Error,
    model::workload::PREFIX,
    system::engine::{CallError, Engine},
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
}

impl ListedKind {
    /// The entity of the profile.
    pub(super) fn entity(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Run => "schedule execution",
            Self::DeadLetter => "schedule dead letter",
            Self::Label => "template label",
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
}

/// Reads the lists. One that the API does not have is empty.
pub async fn read(api: &Engine) -> Result<ApiSnapshot, Error> {
    let mut snapshot = ApiSnapshot::default();
    for tenant in list(api.tenants().await)? {
        let answer = api.as_tenant(&tenant.id).await?;
        let outcome =
            if answer.is_success() { "let in".to_owned() } else { refused(answer.status, &answer.codes) };
        snapshot.admitted.insert(tenant.id.clone(), outcome);
        snapshot
            .items
            .insert((ListedKind::Tenant, tenant.id), format!("{:?}, {}", tenant.name, tenant.status));
    }
    for schedule in list(api.schedules().await)? {
        let Some(id) = schedule.get("id").and_then(Value::as_str) else { continue };
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
    }
    Ok(snapshot)
}

fn refused(status: u16, codes: &[String]) -> String {
    format!("refused with {status} {}", codes.join(", ")).trim_end().to_owned()
}

/// A list; empty where the engine has none.
fn list<T>(listed: Result<Vec<T>, CallError>) -> Result<Vec<T>, Error> {
    match listed {
        Err(CallError::Refused { status: 403 | 404 | 501, .. }) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
        Ok(items) => Ok(items),
    }
}
