//! The checks that look at two states: each on damage that it must tell, and on none. What asks a
//! live engine is tried in `liars`.

use pulp_drill::scenario::method::PrivilegesKept;
use pulp_drill::{
    base::digest::Digest,
    model::{
        finding::Finding,
        profile::{EngineStart, Profile, start::moment},
        state::{Catalog, Database, Metadata, ObjectState, Row, Sequence, State, StoredQuery, Table},
        verdict::CheckOutcome,
    },
    runbook::verify::{CheckResult, Names, Reference, catalog, contents, reconcile, schedules, untouched},
};
use serde_json::{Value, json};

const BYTES: &str = "the bytes of a logo";

fn profile() -> Profile {
    serde_saphyr::from_str(include_str!("../../profiles/pulp-engine.yaml")).unwrap()
}

fn row(json: Value) -> Row {
    Row { digest: Digest::of(json.to_string()), json: json.into() }
}

fn table(rows: &[(&str, Value)]) -> Table {
    let columns = rows.first().map(|(_, json)| json.as_object().unwrap().keys().cloned().collect());
    Table {
        columns: columns.unwrap_or_default(),
        rows: rows.iter().map(|(key, json)| ((*key).to_owned(), row(json.clone()))).collect(),
        ..Table::default()
    }
}

fn asset() -> Value {
    json!({
        "original_name": "logo.png", "filename": "1-logo.png", "size_bytes": BYTES.len(),
        "content_hash": Digest::of(BYTES).to_string(), "mime_type": "image/png",
    })
}

/// A sound state.
fn sound() -> State {
    let version =
        json!({ "object_key": "1-logo.png", "size_bytes": null, "content_hash": null, "mime_type": null });
    let job = json!({ "items": [{ "template": "invoice" }], "result_key": "1.json" });
    let schedule = json!({ "name": "monthly", "next_run_at": "2026-01-01T00:00:00Z" });
    let feeds = Some(("audit_events".into(), "id".to_owned()));
    let part = (Some("assets".into()), "text not null".to_owned());
    State {
        database: Database {
            tables: [
                ("assets".into(), table(&[("[1]", asset())])),
                ("asset_versions".into(), table(&[("[1]", version)])),
                ("batch_jobs".into(), table(&[("[1]", job)])),
                ("schedules".into(), table(&[("[1]", schedule)])),
                ("audit_events".into(), table(&[("[7]", json!({ "id": 7 }))])),
            ]
            .into(),
            sequences: [(
                "audit_id".into(),
                Sequence { next: 8, increment: 1, feeds, reached: Some(7), called: true, cycles: false },
            )]
            .into(),
            materialized: Default::default(),
            catalog: Catalog {
                parts: [("column assets.filename".into(), part)].into(),
                ..Catalog::default()
            },
        },
        results: [("1.json".into(), object("results"))].into_iter().collect(),
        objects: [("1-logo.png".into(), object(BYTES))].into_iter().collect(),
    }
}

fn object(text: &str) -> ObjectState {
    ObjectState {
        size: text.len() as u64,
        sha256: Digest::of(text),
        checksums: Default::default(),
        metadata: Metadata::of_type("image/png"),
    }
}

/// All that the checks say of a state that came back where another was expected.
fn all(cut: &State, observed: &State) -> Vec<(&'static str, CheckResult)> {
    let cut = Reference { state: Some(cut.clone()), ..Reference::default() };
    let (profile, names) = (profile(), Names::default());
    vec![
        ("catalog", catalog::check(&cut, observed, None, PrivilegesKept::All, None).0),
        ("contents", contents::check(&cut, observed, None, &profile, None)),
        ("sequences", catalog::sequences(&cut, observed, &observed.database)),
        ("reconcile", reconcile::check(&cut, observed, &profile, &names).0),
        ("schedules", schedules::check(&cut, observed, &profile, None)),
    ]
}

fn found(looked: &[(&'static str, CheckResult)]) -> Vec<String> {
    looked.iter().flat_map(|(_, l)| &l.findings).map(Finding::to_string).collect()
}

/// What is said after damage.
fn after(damage: impl FnOnce(&mut State)) -> Vec<String> {
    let mut state = sound();
    damage(&mut state);
    found(&all(&sound(), &state))
}

fn rows<'a>(state: &'a mut State, table: &str) -> &'a mut Table {
    state.database.tables.get_mut(&table.into()).unwrap()
}

fn set(state: &mut State, table: &str, column: &str, value: Value) {
    let rows = &mut rows(state, table).rows;
    let mut json = rows.values().next().unwrap().json.value();
    json[column] = value;
    *rows.values_mut().next().unwrap() = row(json);
}

#[test]
fn a_sound_state_is_looked_at_and_nothing_is_found() {
    let looked = all(&sound(), &sound());
    assert_eq!(found(&looked), [""; 0]);
    for (check, looked) in looked {
        assert!(matches!(looked.outcome, CheckOutcome::Checked { items } if items > 0), "{check}");
    }
}

#[test]
fn lost_added_and_changed_rows_are_told() {
    assert_eq!(after(|s| rows(s, "audit_events").rows.clear()), ["row lost: audit_events/[7]"]);
    let more = ("[8]".to_owned(), row(json!({ "id": 8 })));
    assert_eq!(after(|s| rows(s, "audit_events").rows.extend([more])), ["row added: audit_events/[8]"]);
    assert_eq!(after(|s| set(s, "assets", "tags", json!(["x"]))), ["row changed: assets/logo.png"]);
    assert_eq!(
        after(|s| set(s, "schedules", "next_run_at", json!("2026-01-02T00:00:00Z"))),
        ["row changed: schedules/monthly", "schedule moved: monthly"]
    );
}

#[test]
fn batch_results_are_told_apart_from_assets() {
    assert_eq!(after(|s| s.results.clear()), ["missing binary: batch_jobs/invoice"]);
    let changed = |s: &mut State| drop(s.results.insert("1.json".into(), object("Results")));
    assert_eq!(after(changed), ["wrong content: batch_jobs/invoice"]);
    // A key of the one place is no key of the other.
    let moved = |s: &mut State| s.objects.extend(std::mem::take(&mut *s.results));
    assert_eq!(after(moved), ["missing binary: batch_jobs/invoice", "orphan binary: 1.json"]);
}

#[test]
fn a_damaged_file_is_told_and_its_rows_were_looked_for() {
    let damaged = |s: &mut State| {
        let rows = rows(s, "assets");
        rows.rows.clear();
        rows.damaged.insert(".assets-index.json".to_owned(), "no JSON".to_owned());
    };
    assert_eq!(after(damaged), ["damaged file: assets/.assets-index.json", "row lost: assets/logo.png"]);
    let mut state = sound();
    damaged(&mut state);
    let findings: Vec<Finding> =
        all(&sound(), &state).into_iter().flat_map(|(_, looked)| looked.findings).collect();
    assert!(findings[1].follows_from(&findings[0]), "{findings:?}");
    // Nothing is left, and all of it was looked for.
    let gone = |s: &mut State| {
        for table in ["assets", "asset_versions", "batch_jobs"] {
            rows(s, table).rows.clear();
        }
        s.objects.clear();
        s.results.clear();
    };
    gone(&mut state);
    let looked = all(&sound(), &state).into_iter().find(|(check, _)| *check == "reconcile").unwrap().1;
    assert!(matches!(looked.outcome, CheckOutcome::Checked { items: 3 }), "{:?}", looked.outcome);
}

#[test]
fn lost_tables_and_changed_schema_are_told() {
    let lost = |s: &mut State| drop(s.database.tables.remove(&"audit_events".into()));
    assert_eq!(after(lost), ["table lost: audit_events"]);
    let other = |s: &mut State| {
        s.database.catalog.parts.get_mut("column assets.filename").unwrap().1 = "text".to_owned();
    };
    assert_eq!(after(other), ["catalog differs: column assets.filename"]);
}

#[test]
fn a_materialised_view_comes_back_as_it_was_or_refreshed() {
    let found = |before: (&str, &str), after: (&str, &str)| {
        let with = |(rows, query): (&str, &str)| {
            let mut state = sound();
            let view = StoredQuery { rows: rows.to_owned(), query: Some(query.to_owned()) };
            state.database.materialized.insert("totals".into(), view);
            state
        };
        let cut = Reference { state: Some(with(before)), ..Reference::default() };
        let result = contents::check(&cut, &with(after), None, &profile(), None);
        result.findings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let none = Vec::<String>::new();
    assert_eq!(found(("3 rows", "3 rows"), ("3 rows", "3 rows")), none);
    assert_eq!(found(("3 rows", "3 rows"), ("2 rows", "3 rows")), ["row changed: totals"]);
    // Out of date at the source: refreshed by the restore, or as it was, or neither.
    assert_eq!(found(("3 rows", "4 rows"), ("4 rows", "4 rows")), none);
    assert_eq!(found(("3 rows", "4 rows"), ("3 rows", "4 rows")), none);
    assert_eq!(found(("3 rows", "4 rows"), ("2 rows", "4 rows")), ["row changed: totals"]);
    // Its query returns something else each time.
    assert_eq!(found(("at 1", "at 2"), ("at 3", "at 4")), none);
}

#[test]
fn sequences_that_would_collide_or_repeat_are_told_and_those_ahead_are_not() {
    let next = |next, reached| {
        after(move |s: &mut State| {
            let sequence = s.database.sequences.get_mut("audit_id").unwrap();
            (sequence.next, sequence.reached) = (next, reached);
        })
    };
    assert_eq!(next(7, Some(7)), ["sequence behind: audit_id"]);
    assert_eq!(next(7, None), ["sequence behind: audit_id"]);
    assert_eq!(next(100, Some(7)), [""; 0]);
    assert_eq!(after(|s| s.database.sequences.clear()), ["sequence behind: audit_id"]);
}

#[test]
fn each_damage_to_a_binary_has_its_name() {
    let with = |object: Option<ObjectState>| {
        after(|s| match object {
            Some(object) => drop(s.objects.insert("1-logo.png".into(), object)),
            None => s.objects.clear(),
        })
    };
    let twice = |kind: &str| [format!("{kind}: assets/logo.png"), format!("{kind}: asset_versions/[1]")];
    let both = |said: Vec<String>, kind: &str| {
        let mut said = said;
        said.sort();
        let mut kinds = twice(kind).to_vec();
        kinds.sort();
        assert_eq!(said, kinds);
    };
    both(with(None), "missing binary");
    both(with(Some(object("short"))), "wrong size");
    both(with(Some(object("the bytes of a logo".replace('t', "x").as_str()))), "wrong content");
    both(with(Some(ObjectState { metadata: Metadata::default(), ..object(BYTES) })), "wrong metadata");
    let orphan = |s: &mut State| drop(s.objects.insert("2-late.png".into(), object("late")));
    assert_eq!(after(orphan), ["orphan binary: 2-late.png"]);
}

#[test]
fn a_rounded_size_hides_no_other_size() {
    let mut profile = profile();
    let binary = &mut profile.entities.get_mut("asset").unwrap().binaries[0];
    binary.size = Some(serde_saphyr::from_str("{ column: size_kb, unit: kB, decimals: 2 }").unwrap());
    binary.sha256 = None;
    let mut cut = sound();
    set(&mut cut, "assets", "size_kb", json!(0.02));
    let found = |bytes: &str| {
        let mut state = cut.clone();
        state.objects.insert("1-logo.png".into(), object(bytes));
        let reference = Reference { state: Some(cut.clone()), ..Reference::default() };
        let findings = reconcile::check(&reference, &state, &profile, &Names::default()).0.findings;
        findings.iter().map(|f| format!("{f}: {}, {}", f.expected, f.actual)).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(found(BYTES), "");
    let shorter = found("the bytes of");
    assert!(
        shorter.starts_with("wrong size: assets/logo.png: 19 bytes at 1-logo.png, 12 bytes"),
        "{shorter}"
    );
    let other = found("the bytes of a LOGO");
    assert!(
        other.starts_with("wrong content: assets/logo.png") && other.contains("the same size"),
        "{other}"
    );
    assert!(found(&"x".repeat(50)).starts_with("wrong size: assets/logo.png: 10 to 30 bytes"));
}

#[test]
fn a_profile_that_names_nothing_of_the_source_finds_nothing_out() {
    let reconciled = |state: &State| {
        let cut = Reference { state: Some(state.clone()), ..Reference::default() };
        reconcile::check(&cut, state, &profile(), &Names::default()).0
    };
    let mut elsewhere = sound();
    elsewhere.database.tables.remove(&"assets".into());
    let mut renamed = sound();
    rows(&mut renamed, "assets").columns.retain(|column| column != "filename");
    let mut other_hash = sound();
    set(&mut other_hash, "assets", "content_hash", json!("d41d8cd98f00b204e9800998ecf8427e"));
    for state in [elsewhere, renamed, other_hash] {
        assert!(matches!(reconciled(&state).outcome, CheckOutcome::Unknown { .. }));
    }
    for hash in [Digest::of(BYTES).to_string().to_uppercase(), format!("sha256:{}", Digest::of(BYTES))] {
        let mut state = sound();
        set(&mut state, "assets", "content_hash", json!(hash));
        set(&mut state, "assets", "size_bytes", json!(BYTES.len().to_string()));
        let looked = reconciled(&state);
        assert!(matches!(looked.outcome, CheckOutcome::Checked { .. }) && looked.findings.is_empty());
    }
}

#[test]
fn an_engine_may_add_rows_by_renders_and_change_nothing_by_its_start() {
    let (profile, names) = (profile(), Names::default());
    let told = |looked: CheckResult| looked.findings.iter().map(Finding::to_string).collect::<Vec<_>>();
    let start = |after: &State| told(untouched::by_start(&sound(), after, &profile, &names, &started()));
    let renders = |after: &State| told(untouched::by_renders(&sound(), after, &profile, &names));
    assert_eq!((start(&sound()), renders(&sound())), (vec![], vec![]));

    let mut audited = sound();
    rows(&mut audited, "audit_events").rows.insert("[8]".into(), row(json!({ "id": 8 })));
    assert_eq!(start(&audited), ["engine changed data: audit_events/[8]"]);
    assert_eq!(renders(&audited), [""; 0]);

    let mut mended = sound();
    mended.objects.insert("2-late.png".into(), object("late"));
    assert_eq!(start(&mended), ["engine changed data: 2-late.png"]);
    assert_eq!(renders(&mended), [""; 0]);

    let mut forgetful = sound();
    rows(&mut forgetful, "audit_events").rows.clear();
    assert_eq!(renders(&forgetful), ["engine changed data: audit_events/[7]"]);

    let mut indexed = sound();
    let part = (Some("assets".into()), "create index".to_owned());
    indexed.database.catalog.parts.insert("index new".to_owned(), part);
    assert_eq!(start(&indexed), ["engine changed data: index new"]);

    let next = |next: i64| {
        let mut state = sound();
        state.database.sequences.get_mut("audit_id").unwrap().next = next;
        state
    };
    let mended = untouched::by_start(&next(1), &next(8), &profile, &names, &started());
    assert_eq!(told(mended), ["engine changed data: audit_id"]);
    assert_eq!(start(&next(9)), [""; 0]);

    let mut tidied = sound();
    rows(&mut tidied, "assets").rows.clear();
    tidied.objects.clear();
    for said in [start(&tidied), renders(&tidied)] {
        assert!(said.contains(&"engine changed data: assets/logo.png".to_owned()));
        assert!(said.contains(&"engine changed data: 1-logo.png".to_owned()));
    }
}

#[test]
fn a_backup_may_add_to_its_source_and_take_nothing_away() {
    let said = |damage: &dyn Fn(&mut State)| {
        let mut after = sound();
        damage(&mut after);
        untouched::by_backup(&sound(), &after, &profile(), &Names::default())
    };
    assert_eq!(said(&|_| {}), None);
    let more = |s: &mut State| {
        rows(s, "audit_events").rows.insert("[8]".into(), row(json!({ "id": 8 })));
        s.objects.insert("copy/1-logo.png".into(), object(BYTES));
    };
    assert_eq!(said(&more), None);
    let moved = |s: &mut State| s.objects.clear();
    assert_eq!(said(&moved).as_deref(), Some("1-logo.png removed"));
    let archived = |s: &mut State| rows(s, "audit_events").rows.clear();
    assert_eq!(said(&archived).as_deref(), Some("audit_events/[7] removed"));
    let dropped = |s: &mut State| drop(s.database.tables.remove(&"audit_events".into()));
    assert_eq!(said(&dropped).as_deref(), Some("audit_events/[7] removed"));
}

/// An engine that was started at noon and looked at five seconds later.
fn started() -> EngineStart {
    let at = |text: &str| moment(&json!({ "at": text }), "at").unwrap();
    let (began, until) = (at("2026-01-01T12:00:00Z"), at("2026-01-01T12:00:05Z"));
    EngineStart { began, until, env: [("STARTUP_ORPHAN_GRACE_MS".to_owned(), "1000".to_owned())].into() }
}

/// A job that was in flight, made then.
fn in_flight(created_at: &str) -> Value {
    json!({
        "items": [{ "template": "invoice" }], "status": "processing", "created_at": created_at, "started_at": 1,
        "completed_at": null, "expires_at": null, "failure_code": null, "results": null, "result_key": null,
    })
}

/// What is said after an engine was started on a job that was in flight, of which it made this.
fn after_start(was: Value, then: &[(&str, Value)], also: impl FnOnce(&mut State)) -> Vec<String> {
    let with = |job: Value| {
        let mut state = sound();
        rows(&mut state, "batch_jobs").rows.insert("[\"j\"]".to_owned(), row(job));
        state.database.tables.insert("render_usage".into(), table(&[("[1]", json!({ "id": 1 }))]));
        state
    };
    let (cut, mut is) = (with(was.clone()), was);
    then.iter().for_each(|(column, value)| is[*column] = value.clone());
    let mut observed = with(is);
    also(&mut observed);
    let (profile, start) = (profile(), started());
    let known = Reference { state: Some(cut.clone()), ..Reference::default() };
    found(&[
        ("contents", contents::check(&known, &observed, None, &profile, Some(&start))),
        ("untouched", untouched::by_start(&cut, &observed, &profile, &Names::default(), &start)),
    ])
}

const OLD: &str = "2026-01-01T11:00:00+00:00";
const YOUNG: &str = "2026-01-01T12:00:04.5+00:00";

#[test]
fn a_start_may_give_up_an_old_job_as_the_profile_says_and_not_otherwise() {
    let failed =
        |code: &str| [("status", json!("failed")), ("failure_code", json!(code)), ("completed_at", json!(5))];
    let told = ["row changed: batch_jobs/invoice", "engine changed data: batch_jobs/invoice"];
    let abandoned = failed("job_abandoned_at_startup");
    assert_eq!(after_start(in_flight(OLD), &[], |_| {}), [""; 0]);
    assert_eq!(after_start(in_flight(OLD), &abandoned, |_| {}), [""; 0]);
    assert_eq!(after_start(in_flight(OLD), &failed("timeout"), |_| {}), told);
    assert_eq!(after_start(in_flight(YOUNG), &abandoned, |_| {}), told);
    let mut completed = in_flight(OLD);
    completed["status"] = json!("completed");
    assert_eq!(after_start(completed, &abandoned, |_| {}), told);
    let more = [abandoned.to_vec(), vec![("started_at", json!(2))]].concat();
    assert_eq!(after_start(in_flight(OLD), &more, |_| {}), told);
}

#[test]
fn a_start_may_run_a_young_job_again_once_and_store_its_result() {
    let completed =
        [("status", json!("completed")), ("result_key", json!("2.json")), ("started_at", json!(2))];
    let used = |state: &mut State, ids: &[u8]| {
        let new = ids.iter().map(|id| (format!("[{id}]"), row(json!({ "id": id }))));
        rows(state, "render_usage").rows.extend(new);
    };
    let stored = |state: &mut State, key: &str| {
        state.results.insert(key.into(), object("more results"));
    };
    let once = |state: &mut State| {
        used(state, &[2]);
        stored(state, "2.json");
    };
    assert_eq!(after_start(in_flight(YOUNG), &completed, once), [""; 0]);
    let old = after_start(in_flight(OLD), &completed, once);
    assert!(old.contains(&"row changed: batch_jobs/invoice".to_owned()), "{old:?}");
    assert!(old.contains(&"row added: render_usage/[2]".to_owned()), "{old:?}");
    assert!(old.contains(&"engine changed data: 2.json".to_owned()), "{old:?}");
    let twice = after_start(in_flight(YOUNG), &completed, |state| used(state, &[2, 3]));
    assert_eq!(twice, ["row added: render_usage/[3]", "engine changed data: render_usage/[3]"]);
    let elsewhere = after_start(in_flight(YOUNG), &completed, |state| stored(state, "3.json"));
    assert_eq!(elsewhere, ["engine changed data: 3.json"]);
    let over_another = [("status", json!("completed")), ("result_key", json!("1.json"))];
    let damaged = after_start(in_flight(YOUNG), &over_another, |state| stored(state, "1.json"));
    assert_eq!(damaged, ["engine changed data: 1.json"]);
}

/// What is said of a schedule whose run was due at 11, after an engine was started at noon.
fn after_missed_run(next: Value, runs: usize, status: &str) -> Vec<String> {
    let with = |next: Value, runs: usize| {
        let mut state = sound();
        let schedule = json!({ "name": "monthly", "enabled": true, "run_count": runs, "next_run_at": next });
        rows(&mut state, "schedules").rows.insert("[1]".to_owned(), row(schedule));
        let run = |id| {
            (format!("[{id}]"), json!({ "id": id, "trigger": "cron", "schedule_id": 1, "status": status }))
        };
        let runs: Vec<(String, Value)> = (1..=runs).map(run).collect();
        let runs: Vec<(&str, Value)> = runs.iter().map(|(key, json)| (key.as_str(), json.clone())).collect();
        state.database.tables.insert("schedule_executions".into(), table(&runs));
        state
    };
    let (cut, observed) = (with(json!(OLD), 0), with(next, runs));
    let (profile, start) = (profile(), started());
    let known = Reference { state: Some(cut.clone()), ..Reference::default() };
    found(&[
        ("schedules", schedules::check(&known, &observed, &profile, Some(&start))),
        ("contents", contents::check(&known, &observed, None, &profile, Some(&start))),
        ("untouched", untouched::by_start(&cut, &observed, &profile, &Names::default(), &start)),
    ])
}

#[test]
fn a_run_that_fell_into_the_outage_is_made_once() {
    let ahead = || json!("2026-02-01T00:00:00+00:00");
    assert_eq!(after_missed_run(ahead(), 1, "completed"), [""; 0]);
    assert_eq!(after_missed_run(ahead(), 1, "processing"), ["missed run: monthly"]);
    assert_eq!(after_missed_run(ahead(), 0, ""), ["missed run: monthly"]);
    assert_eq!(after_missed_run(json!(OLD), 0, ""), ["missed run: monthly"]);
    let twice = [
        "missed run: monthly",
        "row added: schedule_executions/cron@2",
        "engine changed data: schedule_executions/cron@2",
    ];
    assert_eq!(after_missed_run(ahead(), 2, "completed"), twice);
    let still_past = after_missed_run(json!("2026-01-01T11:30:00+00:00"), 1, "completed");
    assert_eq!(still_past, ["schedule moved: monthly"]);
    let forgotten = after_missed_run(Value::Null, 1, "completed");
    assert_eq!(forgotten[..2], ["schedule moved: monthly", "row added: schedule_executions/cron@1"]);
}

/// What the checks of schema and rows say where the release that restored knows one column more and
/// records one migration more.
fn brought_forward(damage: impl FnOnce(&mut State)) -> Vec<String> {
    let moved_on = |state: &mut State| {
        let part = (Some("assets".into()), "text".to_owned());
        state.database.catalog.parts.insert("column assets.added".into(), part);
        rows(state, "audit_events").rows.insert("[8]".to_owned(), row(json!({ "id": 8, "event": "moved" })));
    };
    let (mut reference, mut observed) = (sound(), sound());
    moved_on(&mut reference);
    rows(&mut reference, "audit_events").rows.remove("[7]");
    moved_on(&mut observed);
    damage(&mut observed);
    let cut = Reference { state: Some(sound()), schema: Some(reference.database), ..Reference::default() };
    let looked = [
        ("catalog", catalog::check(&cut, &observed, None, PrivilegesKept::All, None).0),
        ("contents", contents::check(&cut, &observed, None, &profile(), None)),
    ];
    found(&looked)
}

#[test]
fn a_schema_that_was_brought_forward_is_that_of_the_release() {
    assert_eq!(brought_forward(|_| {}), [""; 0]);
    let forgotten = brought_forward(|state| {
        state.database.catalog.parts.remove("column assets.added");
    });
    assert_eq!(forgotten, ["catalog differs: column assets.added"]);
    let more = brought_forward(|state| {
        rows(state, "audit_events").rows.insert("[9]".to_owned(), row(json!({ "id": 9, "event": "other" })));
    });
    assert_eq!(more, ["row added: audit_events/[9]"]);
    let lost = brought_forward(|state| {
        rows(state, "audit_events").rows.remove("[7]");
    });
    assert_eq!(lost, ["row lost: audit_events/[7]"]);
}
