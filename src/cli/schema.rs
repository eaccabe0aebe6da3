//! pulp-drill schema: the JSON Schemas of the files that a user writes, for editors.

use crate::scenario::schema::{json_schema, profile_json_schema};
use clap::{Args, ValueEnum};

/// Which kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SchemaKind {
    /// Scenario files
    Scenario,
    /// Target profiles
    Profile,
}

/// Print the JSON Schema of scenario files, for editors
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  pulp-drill schema > docs/scenario.schema.json
  pulp-drill schema profile > docs/profile.schema.json")]
pub struct SchemaArgs {
    /// Which kind of file
    #[arg(value_enum, default_value_t = SchemaKind::Scenario)]
    pub kind: SchemaKind,
}

/// The schema, for stdout.
pub fn run(args: &SchemaArgs) -> String {
    let schema = match args.kind {
        SchemaKind::Scenario => json_schema(),
        SchemaKind::Profile => profile_json_schema(),
    };
    format!("{schema:#}\n")
}
