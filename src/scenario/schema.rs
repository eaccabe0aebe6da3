//! The JSON Schema of scenario files, for editors. It is derived from the types that the files are
//! read into; what is written in more ways than a derive knows is spelled out here.

use crate::{
    base::ids::ScenarioId,
    model::{control::Control, finding::FindingKind, profile::Profile, write::WriteOrderOverride},
    scenario::{
        Act, BackupStep, Destroy, RestoreStep,
        method::{BackupSchema, Commands, DumpOptions, Procedure, Results, Topology},
        parse::SECTIONS,
    },
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema, schema_for};
use serde_json::{Value, json};
use std::{borrow::Cow, collections::BTreeMap};

/// A scenario of pulp-drill: what is done to a site, in order, and what is to be found afterwards.
#[derive(JsonSchema)]
#[schemars(
    deny_unknown_fields,
    title = "pulp-drill scenario",
    extend("anyOf" = [{ "required": ["seed"] }, { "required": ["profile"] }])
)]
#[expect(dead_code, reason = "only its schema is of use; the fields are read one by one")]
struct ScenarioFile {
    /// The scenario's name; the file is named like it.
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
    /// Where the results of batch jobs live, where they have a place of their own.
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
    /// The application that is drilled, where it is not the run's `--profile`: a name of `profiles/`,
    /// or a path from this file's folder.
    #[schemars(default)]
    profile: Option<String>,
    /// The schema of the backup, seen from the release that restores it.
    #[schemars(default)]
    schema: BackupSchema,
    /// What the engine has in its environment beside the rest: `STARTUP_ORPHAN_GRACE_MS`.
    #[schemars(default)]
    env: BTreeMap<String, String>,
    /// The order in which the target's writes touch the two stores, where it is not the one of its
    /// profile.
    #[schemars(default)]
    writes: WriteOrderOverride,
    /// What is on the site before: the name of a folder in `fixtures/seeds/`. Left out where the
    /// profile says `api: none`: its own command fills the site.
    #[schemars(default)]
    seed: Option<String>,
    /// What is done, in order.
    #[schemars(length(min = 1, max = 200))]
    steps: Vec<StepForm>,
    /// What is to be found afterwards. Nothing is the default.
    #[schemars(default)]
    expect: Vec<ExpectationForm>,
    /// What may be found afterwards or not, because chance decides: which of the writes under load a
    /// backup catches. Neither fails the scenario.
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
    /// Bring the site back (runbook 3).
    #[schemars(rename = "restore")]
    Restore(RestoreForm),
    /// Something else at this point.
    #[schemars(untagged)]
    Act(Act),
}

/// In the runbook's order and nothing between.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its schema is of use")]
enum Runbook {
    /// In the runbook's order and nothing between.
    Runbook,
}

/// How a backup is taken.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is of use")]
enum BackUpForm {
    /// The manifest, the dump, the copy.
    Whole(Runbook),
    /// Sub-steps in this order, anything between them.
    List(Vec<BackupStep>),
}

/// How the site is brought back.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is of use")]
enum RestoreForm {
    /// Stop, objects, database, migrations, start.
    Whole(Runbook),
    /// Sub-steps in this order, anything between them.
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

/// An expected finding: its kind, and of what.
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
            "description": "An expected finding: its kind, and of what.",
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
