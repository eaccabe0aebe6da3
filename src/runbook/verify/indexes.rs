//! Indexes against their tables, and the pages of both: a physical restore can bring back an index that
//! does not match its table, and then a query finds nothing where there is a row. Nothing is compared
//! with the source.

use crate::{
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
    },
    runbook::verify::CheckResult,
    site::{Restored, RowStore, Site},
};

/// Checks every index and table of the restored database.
pub async fn check(site: &Site<Restored>) -> CheckResult {
    let RowStore::Postgres(_) = &site.rows else {
        return CheckResult::skipped("rows are in files: there is no index");
    };
    let integrity = async { site.connect().await?.integrity().await };
    let integrity = match integrity.await {
        Ok(Ok(integrity)) => integrity,
        Ok(Err(why)) => return CheckResult::skipped(format!("amcheck cannot be used here: {why}")),
        Err(error) => return CheckResult::unknown(error.to_string(), Vec::new()),
    };
    let finding = |kind, expected: &str, (name, why): &(String, String)| {
        Finding::new(CheckId::Indexes, kind, Entity::Table(name.as_str().into()), expected, why.clone())
    };
    let indexes = integrity.indexes.iter();
    let indexes =
        indexes.map(|index| finding(FindingKind::DamagedIndex, "an index with the rows of its table", index));
    let tables = integrity.tables.iter();
    let tables = tables.map(|table| finding(FindingKind::DamagedTable, "intact pages", table));
    match integrity.checked {
        0 => CheckResult::skipped("the database has no table and no index"),
        checked => CheckResult::checked(checked, indexes.chain(tables).collect()),
    }
}
