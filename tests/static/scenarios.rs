//! Scenario files, seeds and profiles as a user writes them: what is read, and what is said of
//! mistakes. `tests/bad-scenarios/` holds one mistake a file, named by the file, with the text that
//! a user gets as its snapshot.

use crate::support::bless;
use proptest::prelude::*;
use pulp_drill::{
    base::ids::AssetName,
    cli::schema::{self, SchemaArgs, SchemaKind},
    model::{
        fault::Fault,
        finding::{Expectation, FindingKind},
        profile::{TargetApi, run::VARIABLES},
    },
    scenario::{
        Act, BackupStep, RestoreStep, Scenario, Step,
        diagnose::{Diagnostics, suggest},
        library::FixtureLibrary,
        parse::read_all,
        profile::{BUILTIN, read_profile},
        schema::{json_schema, profile_json_schema},
        seed::{padded, read_seed},
    },
};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

fn library() -> FixtureLibrary {
    FixtureLibrary::new("tests/fixtures/library")
}

fn read(path: impl Into<PathBuf>) -> Result<Vec<Scenario>, Diagnostics> {
    read_all(&[path.into()], &library())
}

/// Reads a text as the file `drill.yaml`.
fn read_text(text: impl AsRef<[u8]>) -> Result<Vec<Scenario>, Diagnostics> {
    let folder = tempfile::tempdir().expect("temporary folders can be made");
    let file = folder.path().join("drill.yaml");
    fs::write(&file, text).expect("it can be written to");
    read(file)
}

fn mistakes(text: impl AsRef<[u8]>) -> String {
    read_text(text).expect_err("there is a mistake in it").render(false, 100)
}

/// Compares what people read with the stored text.
fn assert_shown(name: &str, text: impl AsRef<str>) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!(name, text.as_ref()));
}

fn drill(steps: &str, expect: &str) -> String {
    format!("id: drill\ntitle: T\nshows: S\nseed: small\nsteps: {steps}\nexpect: {expect}\n")
}

#[test]
fn each_mistake_is_shown_with_its_line() {
    let mut files: Vec<PathBuf> =
        fs::read_dir("tests/bad-scenarios").unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 50, "the bad scenarios are gone");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../bad-scenarios-snapshots");
    settings.set_prepend_module_to_snapshot(false);
    let _bound = settings.bind_to_scope();
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let Err(diagnostics) = read(&file) else { panic!("no mistake was found in {}", file.display()) };
        // A new fault is no new mistake.
        let faults = suggest::one_of(&Fault::ALL.iter().map(|f| f.description).collect::<Vec<_>>());
        insta::assert_snapshot!(
            name,
            diagnostics.render(false, 100).replace(&faults, "can be (every fault)")
        );
    }
}

#[test]
fn a_scenario_is_read_as_it_is_written() {
    let text = r#"
id: drill
title: A drill
shows: >
  It shows
  a lot.
runbook: ["2.3", "3"]
controls: ["NIST CP-9(1)"]
topology: postgres + s3
seed: small
steps:
  - back up: [record manifest, dump database, upload: late-logo.png, copy objects]
  - replace: {asset: logo.png, with: other-logo.png}
  - fault: {swap binaries: [logo.png, stamp.png]}
  - fault in backup: truncate dump
  - fault: {stop copy after first page of: 5}
  - back up: runbook
  - destroy: database
  - restore: runbook
  - restore: [stop engine, restore database, migrate, start engine, delete: logo.png]
expect:
  - orphan binary: late-logo.png
  - row lost: assets/logo.png
"#;
    let scenario = read_text(text).map_err(|d| d.render(false, 100)).unwrap().remove(0);
    assert_eq!(scenario.shows, "It shows a lot.");
    let description: Vec<String> =
        scenario.steps.iter().map(|step| step.value.describe(&scenario.method)).collect();
    assert_eq!(
        description,
        [
            "back up: [record manifest, dump database, upload: late-logo.png, copy objects]",
            "replace: {asset: logo.png, with: other-logo.png}",
            "fault: {swap binaries: [logo.png, stamp.png]}",
            "fault in backup: truncate dump",
            "fault: {stop copy after first page of: 5}",
            "back up: runbook",
            "destroy: database",
            "restore: runbook",
            "restore: [stop engine, restore database, migrate, start engine, delete: logo.png]",
        ]
    );
    assert_eq!(scenario.steps[3].value, Step::Act(Act::FaultInBackup(Fault::TruncateDump)));
    let Step::BackUp(sub_steps) = &scenario.steps[5].value else { panic!("no backup") };
    let whole: Vec<BackupStep> = scenario.method.backup().into_iter().map(BackupStep::Own).collect();
    assert!(sub_steps.iter().map(|s| &s.value).eq(&whole));
    let Step::Restore(sub_steps) = &scenario.steps[7].value else { panic!("no restore") };
    let whole: Vec<RestoreStep> = scenario.method.restore().into_iter().map(RestoreStep::Own).collect();
    assert!(sub_steps.iter().map(|s| &s.value).eq(&whole));
    let orphan = Expectation { kind: FindingKind::OrphanBinary, entity: "late-logo.png".into() };
    assert_eq!(scenario.expect[0].value, orphan);
    let place = scenario.steps[3].place;
    assert_eq!(&text[place.start..place.end], "fault in backup: truncate dump");
    assert_eq!((place.line, place.column), (15, 5));
}

#[test]
fn words_are_read_back_as_the_step_they_came_from() {
    let text = fs::read_to_string("tests/fixtures/all-words.yaml").unwrap();
    let first = read_text(&text).map_err(|d| d.render(false, 100)).unwrap().remove(0);
    let description =
        first.steps.iter().map(|s| format!("\n  - {}", s.value.describe(&first.method))).collect::<String>();
    let again = read_text(drill(&description, "[]")).map_err(|d| d.render(false, 100)).unwrap().remove(0);
    let steps = |scenario: &Scenario| {
        scenario.steps.iter().map(|s| s.value.describe(&scenario.method)).collect::<Vec<_>>()
    };
    assert_eq!(steps(&first), steps(&again));
}

#[test]
fn rows_before_binaries_while_serving_is_an_order_that_can_be_drilled() {
    let steps = "[back up: runbook, destroy: everything, restore: [stop engine, start engine, restore \
                 database, migrate, restore objects]]";
    read_text(drill(steps, "[]")).map_err(|d| d.render(false, 100)).unwrap();
}

#[test]
fn mistakes_of_all_files_come_out_at_once() {
    let count = read("tests/bad-scenarios").unwrap_err().len();
    let files = fs::read_dir("tests/bad-scenarios").unwrap().count();
    assert!(count > files, "{count} mistakes in {files} files");
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_do_no_harm() {
    let good = drill("[back up: runbook, restore: runbook]", "[]");
    let marked = format!("\u{feff}{}", good.replace('\n', "\r\n"));
    assert_eq!(read_text(&marked).map_err(|d| d.render(false, 100)).unwrap()[0].shows, "S");
    let rendered = mistakes(marked.replace("title", "titel"));
    assert!(rendered.contains("drill.yaml:2:1\n"), "{rendered}");
    assert!(rendered.contains("2 | titel: T\n  | ^^^^^ a scenario has no such key"), "{rendered}");
}

#[test]
fn a_library_without_seeds_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("drill.yaml");
    fs::write(&file, drill("[back up: runbook, restore: runbook]", "[]")).unwrap();
    let rendered = read_all(&[file], &FixtureLibrary::new("nowhere")).unwrap_err().render(false, 100);
    assert!(rendered.contains("help: there is no seed in nowhere/seeds; give the folder"), "{rendered}");
}

#[test]
fn a_duplicate_id_names_both_files() {
    let folder = tempfile::tempdir().unwrap();
    let text = drill("[back up: runbook, restore: runbook]", "[]");
    for sub in ["a", "b"] {
        fs::create_dir(folder.path().join(sub)).unwrap();
        fs::write(folder.path().join(sub).join("drill.yaml"), &text).unwrap();
    }
    let rendered = read(folder.path()).unwrap_err().render(false, 200);
    assert!(rendered.contains("the id `drill` is also the id of another scenario"), "{rendered}");
    assert!(rendered.contains("a/drill.yaml:1:5") && rendered.contains("b/drill.yaml:1:5"), "{rendered}");
    // The same file, named twice, is one scenario.
    let file = folder.path().join("a/drill.yaml");
    let scenarios = read_all(&[file.clone(), folder.path().join("a"), file], &library()).unwrap();
    assert_eq!(scenarios.len(), 1);
}

#[test]
fn nothing_to_read_is_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let empty = read(folder.path()).unwrap_err().render(false, 100);
    assert!(empty.contains("no scenario in this folder") && empty.contains("`.yaml`"), "{empty}");
    let gone = read(folder.path().join("gone.yaml")).unwrap_err().render(false, 100);
    assert!(gone.contains("gone.yaml: error: can't read scenarios here: No such file"), "{gone}");
    assert_eq!(read_all(&[], &library()).unwrap_err().len(), 1);
    let device = read("/dev/zero").unwrap_err().render(false, 100);
    assert!(device.contains("this is no regular file"), "{device}");
}

#[test]
fn folders_are_read_in_order_and_linked_ones_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    for id in ["b", "a"] {
        let text =
            drill("[back up: runbook, restore: runbook]", "[]").replace("id: drill", &format!("id: {id}"));
        fs::write(folder.path().join(format!("{id}.yml")), text).unwrap();
    }
    fs::write(folder.path().join("notes.txt"), "no scenario").unwrap();
    fs::write(folder.path().join(".hidden.yaml"), "no scenario").unwrap();
    std::os::unix::fs::symlink(folder.path(), folder.path().join("loop")).unwrap();
    let ids: Vec<String> = read(folder.path()).unwrap().into_iter().map(|s| s.id.0).collect();
    assert_eq!(ids, ["a", "b"]);
}

#[test]
fn a_fixture_that_is_a_link_to_elsewhere_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let copy = |from: &str, to: &str| {
        let to = folder.path().join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, from).unwrap();
    };
    copy("title: T\nabout: A\n", "fixtures/seeds/small/seed.yaml");
    copy("secret", "secret.png");
    fs::create_dir(folder.path().join("fixtures/assets")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("secret.png"), folder.path().join("fixtures/assets/x.png"))
        .unwrap();
    let file = folder.path().join("drill.yaml");
    fs::write(&file, drill("[upload: x.png, back up: runbook, restore: runbook]", "[]")).unwrap();
    let rendered = read_all(&[file], &FixtureLibrary::new(folder.path().join("fixtures")))
        .unwrap_err()
        .render(false, 100);
    assert!(rendered.contains("`x.png` is outside the fixtures"), "{rendered}");
}

#[test]
fn a_huge_file_is_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("drill.yaml");
    // A file with a hole: 100 MB that take no room on the disk.
    fs::File::create(&path).unwrap().set_len(100 << 20).unwrap();
    let begun = Instant::now();
    let rendered = read(&path).unwrap_err().render(false, 100);
    assert!(rendered.contains("the file is larger than 1024 KiB"), "{rendered}");
    assert!(begun.elapsed() < Duration::from_millis(100), "took {:?}", begun.elapsed());
}

#[test]
fn bombs_are_refused_quickly() {
    let laughs: String = (0..30)
        .map(|i| format!("a{}: &a{} [{}]\n", i + 1, i + 1, vec![format!("*a{i}"); 9].join(",")))
        .collect();
    let wide: String = (0..20_000).map(|i| format!("k{i}: v\n")).collect();
    let cases: [(&str, String, &str); 7] = [
        ("laughs", format!("a0: &a0 [lol]\n{laughs}"), "aliases are not used"),
        ("flow", "[".repeat(1 << 20), "not valid YAML"),
        ("braces", "{a: ".repeat(200_000), "not valid YAML"),
        ("block", "- ".repeat(400_000), "not valid YAML"),
        ("keys", wide.clone(), "unknown key"),
        ("one long line of mistakes", format!("{{{}}}", wide.replace('\n', ", ")), "unknown key"),
        ("one line", format!("[{}]", "a,".repeat(200_000)), "expected keys with values"),
    ];
    for (name, text, said) in cases {
        let begun = Instant::now();
        let rendered = mistakes(&text);
        assert!(rendered.contains(said), "{name}: {}", &rendered[..rendered.len().min(500)]);
        assert!(begun.elapsed() < Duration::from_secs(10), "{name} took {:?}", begun.elapsed());
    }
}

#[test]
fn colour_comes_only_when_asked_for() {
    let diagnostics = read("tests/bad-scenarios/unknown-keys-far-off.yaml").unwrap_err();
    assert!(!diagnostics.render(false, 80).contains('\x1b'));
    assert!(diagnostics.render(true, 80).contains("\x1b["));
    let error = diagnostics.into_error(false, 80);
    assert_eq!(error.blame, pulp_drill::base::error::Blame::Usage);
    assert!(error.what.starts_with("2 mistakes in 1 file\n"), "{error}");
}

#[test]
fn a_seed_is_read_with_its_files() {
    let seed = read_seed(&library(), "small").map_err(|d| d.render(false, 100)).unwrap();
    let names: Vec<&AssetName> = seed.assets.iter().map(|asset| &asset.name).collect();
    assert_eq!(names, [&"logo.png".into(), &"stamp.png".into(), &AssetName::from("seal.png")]);
    assert_eq!(seed.assets[1].alt_text.as_deref(), Some("Paid"));
    assert_eq!(seed.templates[0].key.as_str(), "letter");
    assert_eq!(seed.templates[0].labels["production"], "1.0.0");
    assert_eq!(seed.schedule_names().collect::<Vec<_>>(), ["weekly"]);
    assert!(seed.replace[0].with.is_file());
}

#[test]
fn every_shipped_seed_has_an_object_over_one_mebibyte() {
    let library = FixtureLibrary::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
    for name in library.seeds() {
        let seed = read_seed(&library, &name).map_err(|d| d.render(false, 100)).unwrap();
        let mut sizes =
            seed.assets.iter().map(|asset| padded(fs::read(&asset.file).unwrap(), asset.pad_to).len());
        assert_eq!(sizes.clone().filter(|size| *size > 1 << 20).count(), 1, "{name}");
        assert!(sizes.all(|size| size < 2 << 20), "{name}");
    }
    let three = padded(vec![1, 2], 1027);
    assert_eq!((&three[1024..], padded(vec![1, 2, 3], 2)), (&[0, 0, 0][..], vec![1, 2, 3]));
}

#[test]
fn mistakes_in_a_seed_are_shown_with_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    let seed = folder.path().join("seeds/broken");
    fs::create_dir_all(&seed).unwrap();
    fs::write(seed.join("logo.png"), "").unwrap();
    fs::write(seed.join("bad.json"), "{\n  \"key\": oops\n}").unwrap();
    fs::write(seed.join("keyless.json"), "{}").unwrap();
    let yaml = "title: T\nabuot: A\nassets:\n  - {file: lgo.png, name: a}\n  - {file: /etc/hostname}\n  - \
                {file: logo.png, altText: 5}\n  - {file: logo.png, padTo: 999999999}\n  - {file: logo.png}\ntemplates:\n  - \
                {file: bad.json, data: keyless.json}\n  - {file: keyless.json, data: keyless.json}\n  - \
                {file: keyless.json}\nreplace:\n  - {asset: seal.png, with: ../x}\n";
    fs::write(seed.join("seed.yaml"), yaml).unwrap();
    let rendered = read_seed(&FixtureLibrary::new(folder.path()), "broken").unwrap_err().render(false, 100);
    let place = folder.path().to_string_lossy().into_owned();
    assert_shown("broken-seed", rendered.replace(&place, "FIXTURES"));
    let unknown = read_seed(&library(), "smal").unwrap_err().render(false, 100);
    assert!(unknown.contains("did you mean `small`?"), "{unknown}");
    assert!(read_seed(&library(), "../seeds/small").is_err());
}

#[test]
fn the_profile_of_this_program_is_sound_and_mistakes_in_a_copy_are_shown() {
    let profile = read_profile(BUILTIN).map_err(|d| d.render(false, 100)).unwrap();
    assert_eq!(profile.with_binaries().count(), 3);
    assert_eq!(profile.migrate, ["pulp-drill", "standin", "migrate"]);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copy.yaml");
    let text = fs::read_to_string("profiles/pulp-engine.yaml").unwrap();
    let broken = text
        .replace("sha256:", "sha265:")
        .replace("upload: binary-first", "upload: binary-frist")
        .replace("table: batch_jobs\n", "table: tenants\n")
        .replace("missing-binary", "mising-binary");
    fs::write(&file, broken).unwrap();
    let rendered = read_profile(file.to_str().unwrap()).unwrap_err().render(false, 100);
    assert_shown("broken-profile", rendered.replace(folder.path().to_str().unwrap(), "PROFILES"));
}

#[test]
fn mistakes_in_what_a_start_may_do_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copy.yaml");
    let text = fs::read_to_string("profiles/pulp-engine.yaml").unwrap();
    let (before, rest) = text.split_once("    at-start:\n").unwrap();
    let (_, after) = rest.split_once("  render usage:\n").unwrap();
    let rules = "    at-start:\n      \
      - { to: { status: failed } }\n      \
      - { from: { status: [pending] }, moves: [status] }\n      \
      - { from: { status: [] }, to: { status: failed }, moves: [status, items] }\n      \
      - { from: { status: [pending] }, to: { status: failed }, age: { of: created_at } }\n      \
      - { from: { status: [pending] }, to: { status: failed }, age: { of: created_at, over: 1s, under: 1s } }\n      \
      - from: { status: [pending] }\n        \
        to: { status: failed }\n        \
        runs: { entity: schedule run, of: id, times: 1 }\n        \
        adds: { render usages: 1 }\n  render usage:\n";
    let read = |text: String| {
        fs::write(&file, text).unwrap();
        let rendered = read_profile(file.to_str().unwrap()).unwrap_err().render(false, 100);
        rendered.replace(folder.path().to_str().unwrap(), "PROFILES")
    };
    let meant = read(format!("{before}{rules}{after}"));
    let form = read(format!(
        "{before}    at-start: [{{ form: {{ status: [pending] }} }}]\n  render usage:\n{after}"
    ));
    assert_shown("broken-at-start", format!("{meant}\n---\n{form}"));
}

#[test]
fn the_profile_of_another_application_is_sound_and_mistakes_in_a_copy_are_shown() {
    let profile = read_profile("photo-archive").map_err(|d| d.render(false, 100)).unwrap();
    assert_eq!(profile.api, TargetApi::None);
    assert_eq!(profile.folder, Path::new("profiles"));
    assert_eq!(profile.env["PHOTO_BUCKET"], "${S3_BUCKET}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copy.yaml");
    let text = fs::read_to_string("profiles/photo-archive.yaml").unwrap();
    let read = |text: String| {
        fs::write(&file, text).unwrap();
        let rendered = read_profile(file.to_str().unwrap()).map_err(|d| d.render(false, 100));
        rendered.map_err(|text| text.replace(folder.path().to_str().unwrap(), "PROFILES"))
    };
    assert!(read(text.clone()).is_ok());
    let broken = text
        .replace("${S3_BUCKET}", "${S3_BUKET}")
        .replace("seed: [../deploy/examples/photo-archive/seed.sh]", "seed: [psql, \"${DATABASE_URL}\"]")
        + "start: [app, \"${PORT}\"]\nstop: {signal: USR9}\nready: {path: health}\n";
    let more = "stop: {within: 2h}\nstart: [app]\n";
    let unfilled = text.replace("seed: [../deploy/examples/photo-archive/seed.sh]", more);
    let with_api = text.replace("api: none", "api: pulp-engine");
    let all = [broken, unfilled, with_api].map(|text| read(text).unwrap_err());
    assert_shown("broken-profile-of-another-application", all.join("\n---\n"));
}

/// Lines of a profile for another application, each with one mistake.
const WRONG_LINES: [(&str, &str); 30] = [
    ("key: '${key}'", "key: media/file"),
    ("key: '${key}'", "key: '${key'"),
    ("key: '${key}'", "key: '${key|drop:x}'"),
    ("key: '${key}'", "key: '${key|folder}'"),
    ("key: '${key}'", "key: 'a/${key}/*', size: bytes"),
    ("key: '${key}'", "key: '${key}', each: files"),
    ("key: '${key}'", "key: '${each.key}'"),
    ("key: '${key}'", "key: '${key}', size: { column: bytes, unit: TB }"),
    ("key: '${key}'", "key: '${key}', sha: digest"),
    ("key: '${key}'", "key: '${key}', store: archive"),
    ("key: '${key}'", "key: '${key}', derived: sometimes"),
    ("key: '${key}'", "key: '${key}', read-back: 'files/${key}'"),
    ("key: '${key}'", "key: '${key}', read-back: '/files/${key}/*'"),
    ("key: '${key}'", "key: '${key}', read-back: { url: '/files/${key}' }"),
    ("binary: {key: '${key}'}", "label: [name]"),
    ("table: photos", "table: a.b.c"),
    ("table: photos", "tabel: photos"),
    ("table: photos", "table: photos, where: [kind]"),
    ("table: photos", "table: photos, soft-deleted: 5"),
    ("entities:", "entities:\n  image: { table: photos }"),
    ("ready: { path: /up }", "ready: { path: up }"),
    ("ready: { path: /up }", "ready: { status: 204 }"),
    ("ready: { path: /up }", "ready: { path: /up, status: 1000 }"),
    ("ready: { path: /up }", "ready: { path: /up, port: PORT3 }"),
    ("ready: { path: /up }", "ready: { path: /up, command: [./ready.sh] }"),
    ("ready: { path: /up }", "ready: { command: [./ready.sh, '${DATABASE_URL}'] }"),
    ("seed: [./seed.sh]", "seed: [./seed.sh]\nwrite: { replace: [./write.sh] }"),
    ("seed: [./seed.sh]", "seed: [./seed.sh]\nwrite: { upload: [] }"),
    ("seed: [./seed.sh]", "seed: [./seed.sh]\nwrite: { upload: [./write.sh, '${WRITE_FILE}'] }"),
    ("upload: binary-first, ", ""),
];

#[test]
fn each_mistake_in_a_profile_is_shown_with_its_line() {
    let sound = "name: Photos\napi: none\nentities:\n  photo: { table: photos, binary: {key: '${key}'} }\n\
        write-order: { upload: binary-first, replace: binary-first, delete: row-first }\n\
        migrate: [./migrate.sh]\nseed: [./seed.sh]\nstart: [./app, '${PORT}', '${PORT2}']\nready: { path: /up }\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("photos.yaml");
    let read = |text: &str| {
        fs::write(&file, text).unwrap();
        let read = read_profile(file.to_str().unwrap());
        read.map_err(|mistakes| {
            mistakes.render(false, 100).replace(folder.path().to_str().unwrap(), "PROFILES")
        })
    };
    read(sound).unwrap();
    let shown = WRONG_LINES.map(|(line, wrong)| {
        assert!(sound.contains(line), "{line}");
        read(&sound.replacen(line, wrong, 1)).expect_err(wrong)
    });
    assert_shown("broken-lines-of-a-profile", shown.join("\n---\n"));
}

/// Every key that the schema knows stands in a table of the guide.
#[test]
fn the_guide_to_profiles_explains_every_key() {
    fn keys(schema: &serde_json::Value, found: &mut BTreeSet<String>) {
        match schema {
            serde_json::Value::Object(members) => {
                if let Some(serde_json::Value::Object(properties)) = members.get("properties") {
                    found.extend(properties.keys().cloned());
                }
                members.values().for_each(|member| keys(member, found));
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| keys(item, found)),
            _ => {}
        }
    }
    let mut known = BTreeSet::new();
    keys(&profile_json_schema(), &mut known);
    assert!(known.len() > 30, "{known:?}");
    let guide = fs::read_to_string("docs/profile.md").unwrap();
    let rows: Vec<&str> =
        guide.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next()).collect();
    let missing: Vec<&String> =
        known.iter().filter(|key| !rows.iter().any(|row| row.contains(&format!("`{key}`")))).collect();
    assert!(missing.is_empty(), "docs/profile.md does not explain {missing:?}");
    for variable in VARIABLES {
        assert!(guide.contains(&format!("`{variable}`")), "docs/profile.md does not explain {variable}");
    }
}

#[test]
fn a_scenario_of_a_target_without_an_api_has_no_manifest_and_no_engine() {
    let scenarios = read_all(&[PathBuf::from("scenarios/photo-archive-restored.yaml")], &library());
    let scenario = scenarios.map_err(|d| d.render(false, 100)).unwrap().remove(0);
    assert_eq!(scenario.seed.value, "photo-archive");
    let description: Vec<&str> = scenario.method.backup().into_iter().map(|job| job.describe()).collect();
    assert_eq!(description, ["dump database", "copy objects"]);
    let description: Vec<&str> = scenario.method.restore().into_iter().map(|job| job.describe()).collect();
    assert_eq!(description, ["restore objects", "restore database", "migrate"]);
    // The same for a scenario that names none, with the run's profile.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("drill.yaml");
    let text = drill("[back up: runbook, destroy: everything, restore: runbook]", "[]");
    fs::write(&file, text.replace("seed: small\n", "")).unwrap();
    let library = library().with_profile("tests/fixtures/rows-only.yaml");
    let scenario = read_all(&[file], &library).map_err(|d| d.render(false, 100)).unwrap().remove(0);
    assert_eq!((scenario.seed.value.as_str(), scenario.own_profile), ("rows-only", false));
}

#[test]
fn the_schemas_in_docs_are_current() {
    let kinds = [
        ("docs/scenario.schema.json", SchemaKind::Scenario),
        ("docs/profile.schema.json", SchemaKind::Profile),
    ];
    for (file, kind) in kinds {
        let text = schema::run(&SchemaArgs { kind });
        bless::file(file, &text);
    }
}

#[test]
fn the_schema_knows_the_keys_that_the_reader_knows() {
    let schema = json_schema();
    let keys: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    for key in &keys {
        let rendered = mistakes(format!("{key}: 5\n"));
        assert!(!rendered.contains("unknown key"), "{key}: {rendered}");
    }
    let known = mistakes("xyzzy: 5\n");
    let listed = known.lines().find(|line| line.contains("can be")).unwrap().matches('`').count() / 2;
    assert_eq!(listed, keys.len(), "{known}");
    let required = mistakes("{}").matches("missing key").count();
    // A seed is needed by some targets only.
    assert_eq!(required, 1 + schema["required"].as_array().unwrap().len());
}

#[test]
fn shipped_scenarios_have_their_schema_line() {
    for (folder, up) in [("scenarios", "../"), ("scenarios/window", "../../")] {
        let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        for path in paths.filter(|path| path.is_file()) {
            let text = fs::read_to_string(&path).unwrap();
            let line = format!("# yaml-language-server: $schema={up}docs/scenario.schema.json\n");
            assert!(text.starts_with(&line), "{}", path.display());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any bytes: words of the format with any bytes between.
    #[test]
    fn no_bytes_make_the_reader_panic(parts in proptest::collection::vec(
        prop_oneof![
            3 => prop::sample::select(vec![
                "id: drill\n", "title: ", "steps:\n", "  - ", "back up: ", "[", "]", "{", "}", ": ", "\n", "\t",
                "fault: ", "swap binaries: ", "&a ", "*a", "!!x ", "|\n", ">\n", "---\n", "\"", "'", "#", "? ",
                "expect:\n", "missing binary: ", "日本", "\u{feff}", "\r\n", "\r", "\u{85}", "%YAML 9\n",
            ]).prop_map(|word| word.as_bytes().to_vec()),
            1 => proptest::collection::vec(any::<u8>(), 0..8),
        ], 0..40)
    ) {
        let begun = Instant::now();
        if let Err(diagnostics) = read_text(parts.concat()) {
            prop_assert!(!diagnostics.render(true, 80).is_empty());
            prop_assert!(!diagnostics.is_empty());
        }
        prop_assert!(begun.elapsed() < Duration::from_secs(2));
    }
}
