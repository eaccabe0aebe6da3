//! What the API answers about the durable state: what it lists and shows in detail, which tenants and keys
//! it admits. The rows are the contents check's; a row that came back and that the engine ignores, or shows
//! otherwise, is lost all the same.

use crate::{
    base::ids::TableName,
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        profile::Profile,
        state::{Row, State},
    },
    runbook::verify::{
        CheckResult, Reference,
        api_snapshot::{self, ApiSnapshot, ListedKind, NO_TEMPLATES},
        at_start,
    },
    site::{Restored, Site},
};
use serde_json::Value;

/// Compares what the API lists with what it listed at the cut point. What is listed beside it is an added row,
/// which the contents check finds.
pub async fn check(site: &Site<Restored>, reference: &Reference, observed: &State) -> CheckResult {
    let Some(then) = reference.api.as_ref().filter(|snapshot| !snapshot.items.is_empty()) else {
        return CheckResult::skipped("no tenants, labels, runs or dead letters were recorded of the API");
    };
    let now = async { api_snapshot::read(&site.engine.api().await?, reference.workload.is_some()).await };
    match now.await {
        Ok(now) => CheckResult::checked(
            then.items.len() + then.admitted.len(),
            compared(then, &now, reference, observed, &site.profile),
        ),
        Err(error) => CheckResult::unknown(error.to_string(), Vec::new()),
    }
}

fn compared(
    then: &ApiSnapshot,
    now: &ApiSnapshot,
    reference: &Reference,
    observed: &State,
    profile: &Profile,
) -> Vec<Finding> {
    let finding = |kind, (of, id): (ListedKind, &str), expected: &str, actual: Option<&String>| {
        let row = row(of, id, reference, profile);
        let table = Entity::Table(row.0.clone());
        let entity = Entity::Row { table: row.0, row: row.1 };
        let actual = actual.map_or("not shown", String::as_str);
        Finding::new(CheckId::Operations, kind, entity, expected, actual).touching([table])
    };
    let listed = then
        .items
        .iter()
        .filter(|(key, said)| now.items.get(*key) != Some(*said))
        .filter(|((of, id), _)| !of.follows_its_row() || came_back((*of, id), reference, observed, profile))
        .map(|(key, said)| finding(FindingKind::WrongListing, (key.0, &key.1), said, now.items.get(key)));
    let admitted = then.admitted.iter().filter_map(|(id, said)| {
        // A tenant that is not listed is a finding already.
        // That it has no templates any more is a finding about their rows.
        let fewer = |is: &String| is.strip_suffix(NO_TEMPLATES) == Some(said.as_str());
        let is = now.admitted.get(id).filter(|is| *is != said && !fewer(is))?;
        Some(finding(FindingKind::WrongAccess, (ListedKind::Tenant, id), said, Some(is)))
    });
    let keys = then.keys.iter().filter_map(|(key, said)| {
        let is = now.keys.get(key).filter(|is| *is != said)?;
        let entity = Entity::Engine("engine".to_owned());
        let (expected, actual) = (format!("{key} is {said}"), format!("{key} is {is}"));
        Some(Finding::new(CheckId::Operations, FindingKind::WrongAccess, entity, expected, actual))
    });
    listed.chain(admitted).chain(keys).collect()
}

/// Whether the row of an item is as it was. While writes are in flight that does not settle what the API
/// answered before and after them.
fn came_back(item: (ListedKind, &str), reference: &Reference, observed: &State, profile: &Profile) -> bool {
    let Some((table, key, row)) = find_row(item, reference, profile) else { return false };
    let now = observed.database.tables.get(table).and_then(|table| table.rows.get(&key));
    reference.api_is_current
        && reference.workload.is_none()
        && now.is_some_and(|now| now.digest == row.digest)
}

/// The row of a listed item: its table, and its name.
fn row(of: ListedKind, id: &str, reference: &Reference, profile: &Profile) -> (TableName, String) {
    let Some(entity) = profile.entities.get(of.entity()) else {
        return (TableName::new(of.entity()), id.to_owned());
    };
    let name = find_row((of, id), reference, profile);
    let name = name.map(|(table, key, row)| profile.row_name(table, &key, &row.json.value()));
    (entity.table.clone(), name.unwrap_or_else(|| id.to_owned()))
}

/// The row of an item as it was recorded, by its key or by its name.
fn find_row<'a>(
    (of, id): (ListedKind, &str),
    reference: &Reference,
    profile: &'a Profile,
) -> Option<(&'a TableName, String, Row)> {
    let table = &profile.entities.get(of.entity())?.table;
    let is_it = |key: &str, row: &Row| match at_start::alone(key) {
        Some(Value::String(text)) if text == id => true,
        Some(other) if other.to_string().as_str() == id => true,
        _ => profile.row_name(table, key, &row.json.value()) == id,
    };
    let rows = &reference.table(table)?.rows;
    rows.iter().find(|(key, row)| is_it(key, row)).map(|(key, row)| (table, key, row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_otherwise_or_not_at_all_is_told_and_what_is_new_is_not() {
        let shown = |items: &[(ListedKind, &str, &str)], admitted: &[(&str, &str)]| ApiSnapshot {
            items: items
                .iter()
                .map(|(kind, id, said)| ((*kind, (*id).to_owned()), (*said).to_owned()))
                .collect(),
            admitted: admitted.iter().map(|(id, said)| ((*id).to_owned(), (*said).to_owned())).collect(),
            keys: [("no key", "refused with 401".to_owned())].into(),
        };
        let profile: Profile =
            serde_saphyr::from_str(include_str!("../../../profiles/pulp-engine.yaml")).unwrap();
        let then = shown(
            &[
                (ListedKind::Tenant, "quay", "archived"),
                (ListedKind::Run, "7", "failed"),
                (ListedKind::DeadLetter, "1", "pending"),
                (ListedKind::Label, "invoice@production", "version 1.0.1"),
            ],
            &[("quay", "refused with 403 tenant_archived")],
        );
        let changed = |now: &ApiSnapshot| {
            let found = compared(&then, now, &Reference::default(), &State::default(), &profile);
            found.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(changed(&then), [""; 0]);
        let mut more = then.clone();
        more.items.insert((ListedKind::Run, "8".to_owned()), "completed".to_owned());
        assert_eq!(changed(&more), [""; 0]);
        let mut open = then.clone();
        open.keys.insert("no key", "let in".to_owned());
        assert_eq!(changed(&open), ["wrong access: engine"]);
        let other = shown(
            &[
                (ListedKind::Tenant, "quay", "archived"),
                (ListedKind::Run, "7", "completed"),
                (ListedKind::Label, "invoice@production", "version 1.0.0"),
            ],
            &[("quay", "let in")],
        );
        let wanted = [
            "wrong listing: schedule_executions/7",
            "wrong listing: schedule_dlq/1",
            "wrong listing: template_labels/invoice@production",
            "wrong access: tenants/quay",
        ];
        assert_eq!(changed(&other), wanted);
    }
}
