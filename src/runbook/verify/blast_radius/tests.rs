//! Unit tests: which dependents are predicted and which are confirmed.

use super::*;
use crate::{
    base::digest::Digest,
    model::state::{KnownAsset, KnownTemplate, Row, Table},
};
use serde_json::json;

const PROFILE: &str = "{name: x, write-order: {upload: binary-first, replace: binary-first, delete: row-first}, \
    migrate: [m], entities: {asset: {table: assets, label: [name], binary: [{key: file}]}, \
    template: {table: templates, label: [key]}, \
    version: {table: versions, label: [definition.key, version], definition: definition}, \
    label: {table: labels, label: [label]}, \
    schedule: {table: schedules, label: [name], next-run: next}}}";

fn table(rows: &[(&str, Value)]) -> Table {
    let row = |(key, json): &(&str, Value)| {
        ((*key).to_owned(), Row { digest: Digest::of(json.to_string()), json: json.clone().into() })
    };
    Table { rows: rows.iter().map(row).collect(), ..Table::default() }
}

fn observed() -> State {
    let version = |key: &str, version: &str, src: &str| json!({"template": key, "version": version, "definition": {"key": key, "src": src}});
    let mut state = State::default();
    let tables = &mut state.database.tables;
    tables.insert(
        "versions".into(),
        table(&[
            ("1", version("invoice", "1.0.0", "/assets/7-logo.png")),
            ("2", version("invoice", "1.1.0", "/assets/17-logo.png")),
            ("3", version("letter", "1.0.0", "/assets/7-logo.png.bak")),
        ]),
    );
    tables.insert(
        "labels".into(),
        table(&[
            ("1", json!({"template": "invoice", "version": "1.0.0", "label": "production"})),
            ("2", json!({"template": "invoice", "version": "1.1.0", "label": "staging"})),
        ]),
    );
    tables.insert(
        "schedules".into(),
        table(&[
            ("1", json!({"name": "Monthly", "template_key": "invoice"})),
            ("2", json!({"name": "Weekly", "template_key": "letter"})),
        ]),
    );
    let definition =
        "FOREIGN KEY (template, version) REFERENCES versions(template, version) ON DELETE CASCADE";
    state
        .database
        .catalog
        .parts
        .insert("constraint labels.fk".to_owned(), (Some("labels".into()), definition.to_owned()));
    state
}

fn reference() -> Reference {
    let mut reference = Reference::default();
    let asset = KnownAsset { id: "7".into(), key: "7-logo.png".into(), size: 1, sha256: Digest::of("x") };
    reference.known.assets = [("logo.png".into(), asset)].into_iter().collect::<BTreeMap<_, _>>().into();
    for key in ["invoice", "letter"] {
        let assets = if key == "invoice" { vec!["logo.png".into()] } else { Vec::new() };
        let template = KnownTemplate { data: json!({}), assets, shown: Vec::new(), golden: None };
        reference.known.templates.insert(key.into(), template);
    }
    reference
}

fn missing(name: &str) -> Finding {
    let row = Entity::Row { table: "assets".into(), row: name.to_owned() };
    Finding::new(CheckId::Reconcile, FindingKind::MissingBinary, Entity::Asset(name.into()), "it", "nothing")
        .touching([row])
}

fn names_of(impact: &Impact) -> Vec<(&str, &str, Confirmation)> {
    impact.dependents.iter().map(|d| (d.kind.as_str(), d.name.as_str(), d.confirmation)).collect()
}

#[test]
fn references_and_data_predict_and_renders_confirm() {
    let profile: Profile = serde_saphyr::from_str(PROFILE).unwrap();
    let (findings, mut answers) = ([missing("logo.png")], Answers::default());
    let found = |answers: &Answers, good: &[&str]| {
        let good = good.iter().map(|key| TemplateKey::from(*key)).collect();
        of((&findings, answers), &reference(), &good, &observed(), &profile).unwrap()
    };
    let predicted = found(&answers, &[]);
    assert!(predicted.not_rendered.as_ref().unwrap().contains("render"));
    let expected = |template| {
        [
            ("asset", "logo.png", Confirmation::Predicted),
            ("label", "production", Confirmation::Predicted),
            ("schedule", "Monthly", Confirmation::Predicted),
            ("template", "invoice", template),
            ("version", "invoice@1.0.0", Confirmation::Predicted),
        ]
    };
    assert_eq!(names_of(&predicted.impacts[0]), expected(Confirmation::Predicted));
    answers.add(CheckId::Render, CheckOutcome::Checked { items: 2 });
    let unharmed = found(&answers, &["invoice"]);
    assert_eq!(names_of(&unharmed.impacts[0]), expected(Confirmation::Unharmed));
    let confirmed = found(&answers, &["letter"]);
    assert_eq!(names_of(&confirmed.impacts[0]), expected(Confirmation::Broken));
    assert_eq!(confirmed.not_rendered, None);
    let none = BTreeSet::new();
    assert!(of((&[], &answers), &reference(), &none, &observed(), &profile).is_none());
}

#[test]
fn many_damaged_objects_are_counted() {
    let profile: Profile = serde_saphyr::from_str(PROFILE).unwrap();
    let findings: Vec<Finding> = (0..20_000).map(|number| missing(&format!("{number}.png"))).collect();
    let radius =
        of((&findings, &Answers::default()), &reference(), &BTreeSet::new(), &observed(), &profile).unwrap();
    assert_eq!((radius.impacts.len(), radius.more), (BlastRadius::MOST, 20_000 - BlastRadius::MOST));
}

#[test]
fn foreign_keys_are_read_as_postgresql_writes_them() {
    let parse = |definition: &str| ForeignKey::parse(&"labels".into(), definition, &"versions".into());
    let foreign = parse("FOREIGN KEY (\"T\", v) REFERENCES public.versions(id, version) DEFERRABLE").unwrap();
    assert_eq!(
        (foreign.from, foreign.to),
        (vec!["T".to_owned(), "v".to_owned()], vec!["id".to_owned(), "version".to_owned()])
    );
    assert_eq!(parse("FOREIGN KEY (v) REFERENCES other(id)"), None);
    assert_eq!(parse("CHECK ((v > 0))"), None);
}
