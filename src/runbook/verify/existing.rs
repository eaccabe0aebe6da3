//! The checks after the restore of a backup that was made elsewhere, before the run. There is no
//! source to compare with: what was recorded then (a manifest with digests, known-good PDFs) is all
//! that can be held against it. A check that has nothing recorded to compare with is skipped and
//! says so; nothing is compared with itself.

use crate::{
    base::{digest::Digest, error::Error, ids::TemplateKey},
    journal::Logbook,
    model::{
        check::CheckId,
        event::TableFacts,
        finding::{Entity, Finding, FindingKind},
        profile::EngineStart,
        state::{Golden, State, Table},
    },
    procedure::manifest::{self, Manifest},
    runbook::verify::{
        CheckResult, CutPoint, Names, Started, Timed, VerifyResults, fail_closed, fail_closed::ProbeScope,
        observe, reconcile, runtime, untouched,
    },
    site::{Restored, Site},
};
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

pub mod age;
mod renders;

/// A render that is asked for.
#[derive(Clone, Debug)]
pub struct ExpectedRender {
    /// The data.
    pub data: Value,
    /// The PDF that it must give, where one is known.
    pub golden: Option<Golden>,
}

/// What there is to hold against a restored backup.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// The manifest of the backup.
    pub manifest: Option<Manifest>,
    /// SHA-256 of the dump as it was read, where it is one file.
    pub dump: Option<Digest>,
    /// The renders that are asked for.
    pub renders: BTreeMap<TemplateKey, ExpectedRender>,
    /// Both stores as the backup gave them, before migration and start.
    pub arrived: State,
}

/// Runs all checks, but for the procedure's own.
pub async fn verify(
    site: &Site<Restored>,
    recorded: &Recorded,
    engine: Started,
    log: &Logbook,
) -> Result<VerifyResults, Error> {
    let mut all = VerifyResults::default();
    let observed = observe(site, Some(&recorded.arrived))
        .await
        .map_err(|t| t.while_doing("can't read the restored site"))?;
    all.skip([CheckId::Source], "the backup was made before this run: its source was not looked at", log)?;
    all.skip([CheckId::Acknowledged], "nobody wrote down what was written while the backup ran", log)?;
    let ready = Timed::of(runtime::ready(site, engine.not_ready)).await;
    let is_ready = ready.looked.findings.is_empty();
    ready.into(CheckId::Ready, &mut all, log)?;
    // Columns without rows: the check asks the cut point which columns there should be.
    let mut cut = CutPoint::default();
    for (name, table) in &observed.database.tables {
        let bare = Table { columns: table.columns.clone(), ..Table::default() };
        cut.state.database.tables.insert(name.clone(), bare);
    }
    if is_ready {
        let rendered = Timed::of(renders::check(site, recorded, &mut cut, &observed, log)).await;
        let (looked, good) = rendered.looked;
        all.first_good = good;
        Timed { looked, took: rendered.took }.into(CheckId::Render, &mut all, log)?;
    } else {
        all.skip([CheckId::Render], "the engine is not ready", log)?;
    }
    let now = Duration::ZERO;
    all.skip([CheckId::Catalog], "no schema was recorded with the backup", log)?;
    all.take(CheckId::Contents, contents(recorded), now, log)?;
    all.take(CheckId::Sequences, sequences(&observed), now, log)?;
    let names = Names::default();
    all.take(CheckId::Reconcile, reconcile::check(&cut, &observed, &site.profile, &names), now, log)?;
    all.skip([CheckId::Schedules], "no schedule was recorded with the backup", log)?;
    if is_ready {
        Timed::of(drift(site, recorded)).await.into(CheckId::Manifest, &mut all, log)?;
        let probed = fail_closed::check(site, &cut, &observed, ProbeScope::OneTemplate, log);
        let probed = Timed::of(probed).await;
        let looked = match recorded.renders.is_empty() {
            true => CheckResult::skipped("no render was asked for"),
            false => probed.looked,
        };
        Timed { looked, took: probed.took }.into(CheckId::FailClosed, &mut all, log)?;
    } else {
        all.skip([CheckId::Manifest, CheckId::FailClosed], "the engine is not ready", log)?;
    }
    let changed = Timed::of(super::untouched(site, &observed, engine.untouched, is_ready, &names)).await;
    changed.into(CheckId::Untouched, &mut all, log)?;
    Ok(all)
}

/// Tables as they came out of the dump against the manifest's digests, where it has them.
fn contents(recorded: &Recorded) -> CheckResult {
    let Some(manifest) = &recorded.manifest else { return CheckResult::skipped("no manifest was given") };
    if manifest.tables.is_empty() {
        return CheckResult::skipped(
            "the manifest has no digests of tables (manifest create with DATABASE_URL)",
        );
    }
    let mut findings = Vec::new();
    for (name, then) in &manifest.tables {
        let found = recorded.arrived.database.tables.get(&name.as_str().into());
        let now = found.map(|t| TableFacts { rows: t.rows.len(), digest: t.digest() });
        let kind = match now {
            None => FindingKind::TableLost,
            Some(now) if now == *then => continue,
            Some(now) if now.rows < then.rows => FindingKind::RowLost,
            Some(now) if now.rows > then.rows => FindingKind::RowAdded,
            Some(_) => FindingKind::RowChanged,
        };
        let describe = |t: &TableFacts| format!("{} rows, SHA-256 {}", t.rows, t.digest);
        let actual = now.as_ref().map_or_else(|| "no such table".to_owned(), describe);
        let entity = Entity::Table(name.as_str().into());
        findings.push(Finding::new(CheckId::Contents, kind, entity, describe(then), actual));
    }
    CheckResult::at(manifest.tables.len(), findings)
}

/// No sequence may be behind the column that it feeds.
fn sequences(observed: &State) -> CheckResult {
    let all = &observed.database.sequences;
    if all.is_empty() {
        return CheckResult::skipped("there is no sequence");
    }
    let behind = all.iter().filter_map(|(name, sequence)| {
        let reached = sequence.reached?;
        let collides =
            if sequence.increment < 0 { sequence.next >= reached } else { sequence.next <= reached };
        let beyond = if sequence.increment < 0 { "below" } else { "above" };
        collides.then(|| {
            Finding::new(
                CheckId::Sequences,
                FindingKind::SequenceBehind,
                Entity::Sequence(name.clone()),
                format!("next value {beyond} {reached}, which the column has reached"),
                format!("next value {}: the next insert collides", sequence.next),
            )
            .touching(sequence.feeds.clone().map(|(table, _)| Entity::Table(table)))
        })
    });
    CheckResult::at(all.len(), behind.collect())
}

/// The manifest against the live API, digests of definitions and binaries included where it has
/// them, and the dump against the digest that it names.
async fn drift(site: &Site<Restored>, recorded: &Recorded) -> CheckResult {
    let Some(then) = &recorded.manifest else { return CheckResult::skipped("no manifest was given") };
    let live = async {
        let api = site.engine.api().await?;
        let mut live = manifest::record(&api, String::new()).await?;
        if then.has_digests() {
            manifest::complete(&mut live, &api).await?;
        }
        Ok::<_, Error>(live)
    };
    let mut live = match live.await {
        Ok(live) => live,
        Err(error) => return CheckResult::unknown(error.to_string(), Vec::new()),
    };
    // Tables are the contents check's.
    let then = Manifest { tables: BTreeMap::new(), ..then.clone() };
    manifest::as_far_as(&then, &mut live);
    let mut findings: Vec<Finding> = manifest::drift(&then, &live)
        .into_iter()
        .map(|drift| {
            let none = || format!("no such item in {}", drift.section);
            let entity = Entity::Manifest(format!("{}/{}", drift.section, drift.item));
            let (was, is) = (drift.recorded.clone(), drift.live.clone());
            let (was, is) = (was.unwrap_or_else(none), is.unwrap_or_else(none));
            Finding::new(CheckId::Manifest, FindingKind::ManifestDrift, entity, was, is)
        })
        .collect();
    if let (Some(then), Some(now)) = (then.db_dump_sha256, recorded.dump)
        && then != now
    {
        let entity = Entity::Manifest("dump".to_owned());
        let describe = |digest| format!("SHA-256 {digest}");
        findings.push(Finding::new(
            CheckId::Manifest,
            FindingKind::ManifestDrift,
            entity,
            describe(then),
            describe(now),
        ));
    }
    CheckResult::at(1 + then.templates.len() + then.assets.len(), findings)
}

/// What the engine's start did to the stores.
pub fn untouched_by_start(
    before: Result<State, Error>,
    after: Result<State, Error>,
    site: &Site<Restored>,
    start: &EngineStart,
) -> CheckResult {
    match (before, after) {
        (Ok(before), Ok(after)) => {
            untouched::by_start(&before, &after, &site.profile, &Names::default(), start)
        }
        (Err(error), _) | (_, Err(error)) => CheckResult::unknown(error.to_string(), Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        state::{Row, Sequence},
        verdict::CheckOutcome,
    };

    fn table(rows: &[&str]) -> Table {
        let row = |text: &&str| ((*text).to_owned(), Row { digest: Digest::of(text), json: Value::Null });
        Table { columns: vec!["id".to_owned()], rows: rows.iter().map(row).collect(), ..Table::default() }
    }

    fn manifest(tables: &[(&str, Table)]) -> Manifest {
        let facts = |t: &Table| serde_json::json!({ "rows": t.rows.len(), "digest": t.digest() });
        let tables: serde_json::Map<_, _> = tables.iter().map(|(n, t)| ((*n).to_owned(), facts(t))).collect();
        serde_json::from_value(serde_json::json!({
            "schemaVersion": 1, "createdAt": "", "apiUrl": "", "counts": {}, "templates": [], "assets": [],
            "tables": tables,
        }))
        .unwrap()
    }

    #[test]
    fn tables_are_held_against_the_manifests_digests() {
        let mut recorded = Recorded::default();
        assert!(matches!(contents(&recorded).outcome, CheckOutcome::Skipped { .. }));
        recorded.manifest = Some(manifest(&[]));
        assert!(matches!(contents(&recorded).outcome, CheckOutcome::Skipped { .. }));
        let then = [
            ("a", table(&["1"])),
            ("b", table(&["1"])),
            ("c", table(&["1"])),
            ("d", table(&[])),
            ("e", table(&["1"])),
        ];
        recorded.manifest = Some(manifest(&then));
        let now = [("a", table(&["1"])), ("b", table(&[])), ("c", table(&["2"])), ("d", table(&["1"]))];
        for (name, table) in now {
            recorded.arrived.database.tables.insert(name.into(), table);
        }
        let looked = contents(&recorded);
        let found: Vec<String> = looked.findings.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["row lost: b", "row changed: c", "row added: d", "table lost: e"]);
        assert_eq!(looked.outcome, CheckOutcome::Checked { items: 5 });
    }

    #[test]
    fn a_sequence_may_not_stand_at_or_behind_its_column() {
        let mut state = State::default();
        assert!(matches!(sequences(&state).outcome, CheckOutcome::Skipped { .. }));
        for (name, next, increment, reached) in [
            ("at", 7, 1, Some(7)),
            ("good", 8, 1, Some(7)),
            ("down", -3, -1, Some(-4)),
            ("empty", 1, 1, None),
        ] {
            let sequence = Sequence { next, increment, feeds: None, reached };
            state.database.sequences.insert(name.to_owned(), sequence);
        }
        let found: Vec<String> = sequences(&state).findings.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["sequence behind: at", "sequence behind: down"]);
    }
}
