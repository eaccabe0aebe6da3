//! The JSON Schema of scenario files, for editors. It is derived from the types that the files are
//! read into; forms that a derive does not cover are written here.

use crate::{
    base::ids::ScenarioId,
    model::{control::Control, finding::FindingKind, profile::Profile, write::WriteOrderOverride},
    scenario::{
        Act, BackupStep, Destroy, RequiredKey, RestoreStep,
        method::{BackupSchema, Commands, DumpOptions, Procedure, Results, Topology},
        parse::SECTIONS,
    },
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema, schema_for};
use serde_json::{Value, json};
use std::{borrow::Cow, collections::BTreeMap};

/// A scenario of pulp-drill: what is done to a site, in order, and the findings that must be reported.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "pulp-drill scenario")]
#[expect(dead_code, reason = "only its schema is of use; the fields are read one by one")]
struct ScenarioFile {
    /// The scenario's name, which is also the file's.
    #[schemars(regex(pattern = r"^[a-z0-9]+(-[a-z0-9]+)*$"))]
    id: ScenarioId,
    /// What it is about, in a line.
    #[schemars(length(min = 1))]
    title: String,
    /// What it shows, in a few sentences for an operator.
    #[schemars(length(min = 1))]
    shows: String,
    /// The sections of the runbook that it exercises, in quotes.
    #[schemars(default)]
    runbook: Vec<Section>,
    /// The controls that it supports: `NIST CP-9(1)`.
    #[schemars(default)]
    controls: Vec<ControlForm>,
    /// Where rows and binaries live.
    #[schemars(default)]
    topology: Topology,
    /// Where the results of batch jobs live, if they have a place of their own.
    #[schemars(default)]
    results: Option<Results>,
    /// What `back up: runbook` and `restore: runbook` mean.
    #[schemars(default)]
    procedure: Procedure,
    /// How the database is dumped.
    #[schemars(default)]
    dump: DumpOptions,
    /// The operator's own commands, with `procedure: own commands`.
    #[schemars(default)]
    commands: Option<Commands>,
    /// The application, if it is not the run's `--profile`: a name of `profiles/`,
    /// or a path from this file's folder.
    #[schemars(default)]
    profile: Option<String>,
    /// Keys that the profile must have: without them the scenario is skipped, with that reason.
    #[schemars(default)]
    requires: Vec<RequiredKey>,
    /// The schema of the backup, relative to the release that restores it.
    #[schemars(default)]
    schema: BackupSchema,
    /// Additional environment variables of the engine: `STARTUP_ORPHAN_GRACE_MS`.
    #[schemars(default)]
    env: BTreeMap<String, String>,
    /// The order in which the target's writes touch the two stores, if it differs from that of its
    /// profile.
    #[schemars(default)]
    writes: WriteOrderOverride,
    /// The contents of the site before the drill: the name of a folder in `fixtures/seeds/`. Omitted if
    /// the profile has `api: none`: its own command seeds the site.
    #[schemars(default)]
    seed: Option<String>,
    /// What is done, in order.
    #[schemars(length(min = 1, max = 200))]
    steps: Vec<StepForm>,
    /// The findings that must be reported; none by default.
    #[schemars(default)]
    expect: Vec<ExpectationForm>,
    /// Findings that may be reported, because they depend on timing: on which writes under load are in
    /// flight during a backup. The scenario passes with or without them.
    #[schemars(default)]
    possible: Vec<ExpectationForm>,
}

/// A step.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is of use")]
enum StepForm {
    /// Take a backup (runbook 2).
    #[schemars(rename = "back up")]
    BackUp(BackUpForm),
    /// Lose the site, or one store of it.
    #[schemars(rename = "destroy")]
    Destroy(Destroy),
    /// Restore the site (runbook 3).
    #[schemars(rename = "restore")]
    Restore(RestoreForm),
    /// A write, a wait or a fault at this point.
    #[schemars(untagged)]
    Act(Act),
}

/// In the runbook's order, with nothing in between.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is of use")]
enum Runbook {
    /// In the runbook's order, with nothing in between.
    Runbook,
}

/// How a backup is taken.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is of use")]
enum BackUpForm {
    /// The manifest, the dump, the copy.
    Whole(Runbook),
    /// Sub-steps in this order, with acts between them.
    List(Vec<BackupStep>),
}

/// How the site is restored.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is of use")]
enum RestoreForm {
    /// Stop, objects, database, migrations, start.
    Whole(Runbook),
    /// Sub-steps in this order, with acts between them.
    List(Vec<RestoreStep>),
}

/// A section of the runbook.
struct Section;

impl JsonSchema for Section {
    fn schema_name() -> Cow<'static, str> {
        "Section".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let sections = SECTIONS.map(|(number, title)| json!({ "const": number, "description": title }));
        json_schema!({ "type": "string", "oneOf": sections })
    }
}

/// A control of the catalogue.
struct ControlForm;

impl JsonSchema for ControlForm {
    fn schema_name() -> Cow<'static, str> {
        "Control".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let one = |control: &Control| json!({ "const": control.id(), "description": control.asks() });
        json_schema!({ "type": "string", "oneOf": Control::ALL.iter().map(one).collect::<Vec<_>>() })
    }
}

/// An expected finding: its kind and its subject.
struct ExpectationForm;

impl JsonSchema for ExpectationForm {
    fn schema_name() -> Cow<'static, str> {
        "Expectation".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let of = |kind: &FindingKind| {
            let text = json!({ "type": "string", "minLength": 1, "description": kind.meaning() });
            (kind.describe().to_owned(), text)
        };
        json_schema!({
            "description": "An expected finding: its kind and its subject.",
            "type": "object",
            "properties": FindingKind::ALL.iter().map(of).collect::<serde_json::Map<_, _>>(),
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        })
    }
}

/// The JSON Schema of scenario files: `docs/scenario.schema.json`.
pub fn json_schema() -> Value {
    schema_for!(ScenarioFile).to_value()
}

/// The JSON Schema of target profiles: `docs/profile.schema.json`.
pub fn profile_json_schema() -> Value {
    schema_for!(Profile).to_value()
}
