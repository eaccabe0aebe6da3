//! What the API shows of the rest of the durable state (runbook 1): tenants, release labels, runs of
//! schedules, dead letters, and which tenants it lets in. Their rows are the contents check's; a row that came back and
//! that the engine does not go by is lost all the same. And what it hands out of the binaries.

use crate::{
    base::{digest::Digest, error::Error, ids::TableName},
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        profile::Profile,
        state::{State, Table},
        workload::PREFIX,
    },
    runbook::verify::{CheckResult, CutPoint, at_start},
    site::{Restored, Site},
    system::engine::{CallError, Engine},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// What is listed: each by its entity in the profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Tenant,
    Run,
    DeadLetter,
    Label,
}

impl Kind {
    fn entity(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::Run => "schedule execution",
            Self::DeadLetter => "schedule dead letter",
            Self::Label => "template label",
        }
    }
}

/// What the API shows at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApiSnapshot {
    /// What is listed, by the engine's id, and what is said of it.
    items: BTreeMap<(Kind, String), String>,
    /// How a request of each tenant is answered: its status and codes.
    admitted: BTreeMap<String, String>,
}

/// Asks the API. A list that it does not have is empty.
pub async fn shown(api: &Engine) -> Result<ApiSnapshot, Error> {
    let mut shown = ApiSnapshot::default();
    for tenant in there(api.tenants().await)? {
        let answer = api.as_tenant(&tenant.id).await?;
        let said =
            if answer.is_success() { "let in".to_owned() } else { refused(answer.status, &answer.codes) };
        shown.admitted.insert(tenant.id.clone(), said);
        shown.items.insert((Kind::Tenant, tenant.id), format!("{:?}, {}", tenant.name, tenant.status));
    }
    for schedule in there(api.schedules().await)? {
        let Some(id) = schedule.get("id").and_then(Value::as_str) else { continue };
        for run in there(api.executions(id).await)? {
            let planned = run.nominal_at.unwrap_or_else(|| "by hand".to_owned());
            shown.items.insert((Kind::Run, run.id), format!("{planned}, {}", run.status));
        }
    }
    for letter in there(api.dead_letters().await)? {
        let code = letter.error_code.unwrap_or_default();
        shown.items.insert((Kind::DeadLetter, letter.id), format!("{code}, {}", letter.status));
    }
    for template in there(api.templates().await)? {
        let labels = there(api.labels(&template.key).await)?;
        // Writers under load go on moving theirs.
        for label in labels.into_iter().filter(|label| !label.label.starts_with(PREFIX)) {
            let id = format!("{}@{}", template.key, label.label);
            shown.items.insert((Kind::Label, id), format!("version {}", label.version));
        }
    }
    Ok(shown)
}

fn refused(status: u16, codes: &[String]) -> String {
    format!("refused with {status} {}", codes.join(", ")).trim_end().to_owned()
}

/// A list; nothing where the engine says that it has none.
fn there<T>(list: Result<Vec<T>, CallError>) -> Result<Vec<T>, Error> {
    match list {
        Err(CallError::Refused { status: 403 | 404 | 501, .. }) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
        Ok(list) => Ok(list),
    }
}

/// Compares with what was shown at the cut point. What is shown beside it is a row more, which the
/// contents check tells.
pub async fn check(site: &Site<Restored>, cut: &CutPoint) -> CheckResult {
    let Some(then) = cut.shown.as_ref().filter(|shown| !shown.items.is_empty()) else {
        return CheckResult::skipped("the API shows no tenants, labels, runs or dead letters here");
    };
    let now = async { shown(&site.engine.api().await?).await };
    match now.await {
        Ok(now) => {
            CheckResult::at(then.items.len() + then.admitted.len(), compared(then, &now, cut, &site.profile))
        }
        Err(error) => CheckResult::unknown(error.to_string(), Vec::new()),
    }
}

/// Every binary that the API hands out against the one in the store. That it hands out none is for the
/// renders to say.
pub async fn handed_out(site: &Site<Restored>, cut: &CutPoint, observed: &State) -> CheckResult {
    let mut findings = Vec::new();
    let asked = async {
        let api = site.engine.api().await?;
        for (name, asset) in &cut.known.assets {
            let answer = api.binary(asset.key.as_str()).await?;
            let held = observed.objects.get(&asset.key);
            let given = Digest::of(&answer.body);
            if !answer.is_success() || held.is_some_and(|held| held.sha256 == given) {
                continue;
            }
            let held = held.map_or("no binary: it is gone".to_owned(), |held| {
                format!("{} bytes, SHA-256 {}, as in the store", held.size, held.sha256)
            });
            let (entity, kind) = (Entity::Asset(name.clone()), FindingKind::WrongListing);
            let given = format!("{} bytes, SHA-256 {given}", answer.body.len());
            findings.push(Finding::new(CheckId::Operations, kind, entity, held, given));
        }
        Ok::<(), Error>(())
    };
    match asked.await {
        Ok(()) if cut.known.assets.is_empty() => CheckResult::skipped("there is no asset"),
        Ok(()) => CheckResult::at(cut.known.assets.len(), findings),
        Err(error) => CheckResult::unknown(error.to_string(), findings),
    }
}

fn compared(then: &ApiSnapshot, now: &ApiSnapshot, cut: &CutPoint, profile: &Profile) -> Vec<Finding> {
    let finding = |kind, (of, id): (Kind, &str), expected: &str, actual: Option<&String>| {
        let row = row(of, id, cut, profile);
        let table = Entity::Table(row.0.clone());
        let entity = Entity::Row { table: row.0, row: row.1 };
        let actual = actual.map_or("not shown", String::as_str);
        Finding::new(CheckId::Operations, kind, entity, expected, actual).touching([table])
    };
    let listed = then
        .items
        .iter()
        .filter(|(key, said)| now.items.get(*key) != Some(*said))
        .map(|(key, said)| finding(FindingKind::WrongListing, (key.0, &key.1), said, now.items.get(key)));
    let admitted = then.admitted.iter().filter_map(|(id, said)| {
        // A tenant that is not shown is told of already.
        let is = now.admitted.get(id).filter(|is| *is != said)?;
        Some(finding(FindingKind::WrongAccess, (Kind::Tenant, id), said, Some(is)))
    });
    listed.chain(admitted).collect()
}

/// The row that something shown is: its table, and its name.
fn row(of: Kind, id: &str, cut: &CutPoint, profile: &Profile) -> (TableName, String) {
    let Some(entity) = profile.entities.get(of.entity()) else {
        return (TableName::new(of.entity()), id.to_owned());
    };
    let is_it = |key: &str| match at_start::alone(key) {
        Some(Value::String(text)) => text == id,
        Some(other) => other.to_string().as_str() == id,
        None => false,
    };
    let found = |table: &Table| {
        let (key, row) = table.rows.iter().find(|(key, _)| is_it(key))?;
        Some(profile.row_name(&entity.table, key, &row.json))
    };
    let name = cut.state.database.tables.get(&entity.table).and_then(found);
    (entity.table.clone(), name.unwrap_or_else(|| id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_otherwise_or_not_at_all_is_told_and_what_is_new_is_not() {
        let shown = |items: &[(Kind, &str, &str)], admitted: &[(&str, &str)]| ApiSnapshot {
            items: items
                .iter()
                .map(|(kind, id, said)| ((*kind, (*id).to_owned()), (*said).to_owned()))
                .collect(),
            admitted: admitted.iter().map(|(id, said)| ((*id).to_owned(), (*said).to_owned())).collect(),
        };
        let profile: Profile =
            serde_saphyr::from_str(include_str!("../../../profiles/pulp-engine.yaml")).unwrap();
        let then = shown(
            &[
                (Kind::Tenant, "quay", "archived"),
                (Kind::Run, "7", "failed"),
                (Kind::DeadLetter, "1", "pending"),
                (Kind::Label, "invoice@production", "version 1.0.1"),
            ],
            &[("quay", "refused with 403 tenant_archived")],
        );
        let told = |now: &ApiSnapshot| {
            let found = compared(&then, now, &CutPoint::default(), &profile);
            found.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(told(&then), [""; 0]);
        let mut more = then.clone();
        more.items.insert((Kind::Run, "8".to_owned()), "completed".to_owned());
        assert_eq!(told(&more), [""; 0]);
        let other = shown(
            &[
                (Kind::Tenant, "quay", "archived"),
                (Kind::Run, "7", "completed"),
                (Kind::Label, "invoice@production", "version 1.0.0"),
            ],
            &[("quay", "let in")],
        );
        let wanted = [
            "wrong listing: schedule_executions/7",
            "wrong listing: schedule_dlq/1",
            "wrong listing: template_labels/invoice@production",
            "wrong access: tenants/quay",
        ];
        assert_eq!(told(&other), wanted);
    }
}
