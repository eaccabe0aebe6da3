//! Indexes against their tables, and the pages of both: a physical restore can bring back an index that
//! does not match its table, and then a query finds nothing where there is a row. Nothing is compared
//! with the source.

use crate::{
    base::error::Error,
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
    },
    runbook::verify::CheckResult,
    site::{Handles, RowStore},
    system::{
        cluster::PageChecksums,
        postgres::{Postgres, RelationIntegrity},
    },
};

/// Checks every index and table of the restored database, and what the checksums of a restored cluster's
/// pages showed.
pub async fn check(site: &Handles) -> CheckResult {
    let RowStore::Postgres(_) = &site.rows else {
        return CheckResult::skipped("rows are in files: there is no index");
    };
    let pages = site.server.as_ref().and_then(|server| server.pages());
    let examined = async {
        let postgres = Postgres::connect(&site.as_superuser()?).await?;
        let integrity = postgres.integrity().await?;
        let pages = match pages {
            Some(pages) => Some(of_pages(&pages, &postgres).await?),
            None => None,
        };
        postgres.close().await;
        Ok::<_, Error>((integrity, pages))
    };
    let (integrity, pages) = match examined.await {
        Ok(examined) => examined,
        Err(error) => return CheckResult::unknown(error.to_string(), Vec::new()),
    };
    let relations = match integrity {
        Ok(integrity) => of_relations(&integrity),
        Err(why) => CheckResult::skipped(format!("amcheck cannot be used here: {why}")),
    };
    match pages {
        Some(pages) => pages.and(relations),
        None => relations,
    }
}

fn finding(kind: FindingKind, expected: &str, name: &str, why: &str) -> Finding {
    Finding::new(CheckId::Indexes, kind, Entity::Table(name.into()), expected, why)
}

fn of_relations(integrity: &RelationIntegrity) -> CheckResult {
    let indexes = integrity.indexes.iter();
    let expected = "an index with the rows of its table";
    let indexes = indexes.map(|(name, why)| finding(FindingKind::DamagedIndex, expected, name, why));
    let tables = integrity.tables.iter();
    let tables = tables.map(|(name, why)| finding(FindingKind::DamagedTable, "intact pages", name, why));
    match (integrity.checked, &integrity.other_order) {
        (0, _) => CheckResult::skipped("the database has no table and no index"),
        (_, Some(why)) if !integrity.indexes.is_empty() => {
            CheckResult::unknown(why.clone(), tables.collect())
        }
        (checked, _) => CheckResult::checked(checked, indexes.chain(tables).collect()),
    }
}

/// Files with damaged pages, by the names of their tables and indexes where they have one.
async fn of_pages(pages: &PageChecksums, postgres: &Postgres) -> Result<CheckResult, Error> {
    let (files, damaged) = match pages {
        PageChecksums::Disabled => return Ok(CheckResult::skipped("the cluster has no page checksums")),
        PageChecksums::Unchecked(why) => {
            return Ok(CheckResult::skipped(format!("page checksums were not checked: {why}")));
        }
        PageChecksums::Checked { files, damaged } => (*files, damaged),
    };
    let mut findings = Vec::new();
    for (file, why) in damaged {
        let name = postgres.relation_of_file(file).await?;
        let name = name.unwrap_or_else(|| file.clone());
        findings.push(finding(FindingKind::DamagedTable, "pages with the right checksum", &name, why));
    }
    Ok(CheckResult::checked(files, findings))
}
