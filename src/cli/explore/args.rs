//! The arguments of `pulp-drill explore`. They are interpreted elsewhere.

use crate::{
    cli::run::SharedArgs,
    model::write::{ReplaceKeys, StoreOrder, WriteKind, WritePath},
    window::MOST_WRITES,
};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Arguments of `pulp-drill explore`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  pulp-drill explore                                  the table, for people
  pulp-drill explore --operations upload,delete --writes 3
  pulp-drill explore --svg window                     a picture of each cell
  pulp-drill explore --replay v1/dump-first/upload.b/b1,dump,r1,list,copy-n1
  pulp-drill explore --replay-cells --operations replace
  pulp-drill explore --shrink v1/… --into scenarios   the least of a schedule, as a scenario file

Exit codes of a replay: 0 the stores match the model, 1 they differ, 3 could not verify.")]
pub struct ExploreArgs {
    /// Operations, each in every write order
    #[arg(long, value_name = "NAME", value_enum, value_delimiter = ',', default_values_t = Named::ALL)]
    pub operations: Vec<Named>,
    /// Up to how many writes beside one backup, 1 to 4
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=MOST_WRITES as i64))]
    pub writes: u8,
    /// How many interleavings of one combination of writes are explored; if there are more, a random
    /// sample of this size
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub bound: u64,
    /// What the choice depends on
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    /// Delete grace: sub-steps of the backup between the change of a row and the removal of its object
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub grace: u8,
    /// Leave the third store, with results of batch jobs, out of the backup, as runbook 2.2 does
    #[arg(long)]
    pub no_results: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    pub format: ExploreFormat,
    /// Perform a schedule in the model and on real stores, and compare; may be repeated
    #[arg(long, value_name = "SCHEDULE", conflicts_with_all = ["operations", "writes", "bound", "seed", "grace", "no_results"])]
    pub replay: Vec<String>,
    /// Perform the worst of each cell in the model and on real stores, and compare
    #[arg(long, conflicts_with_all = ["replay", "svg"])]
    pub replay_cells: bool,
    /// With --replay and --replay-cells: in the model only, and no store is touched
    #[arg(long)]
    pub in_model: bool,
    /// Cut a schedule to the least that has the same worst outcome
    #[arg(long, value_name = "SCHEDULE", conflicts_with_all = ["replay", "replay_cells", "operations", "writes", "bound", "seed", "grace", "no_results"])]
    pub shrink: Option<String>,
    /// With --shrink: write its scenario file into this folder
    #[arg(long, value_name = "DIR", requires = "shrink")]
    pub into: Option<PathBuf>,
    /// Write a scenario file for each cell into this folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["replay", "replay_cells", "shrink"])]
    pub scenarios: Option<PathBuf>,
    /// Also write a picture of each cell, or of the replayed schedule, into this folder
    #[arg(long, value_name = "DIR")]
    pub svg: Option<PathBuf>,
    /// Options of a replay on real stores
    #[command(flatten, next_help_heading = "Replay on real stores")]
    pub run: SharedArgs,
}

impl ExploreArgs {
    /// Whether stores are needed.
    pub fn on_stores(&self) -> bool {
        (!self.replay.is_empty() || self.replay_cells) && !self.in_model
    }
}

/// A kind of write on the command line; a replacement once for each place of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named(WriteKind, ReplaceKeys);

impl Named {
    const ALL: [Self; WritePath::VARIANTS.len()] = {
        let mut all = [Self(WriteKind::Upload, ReplaceKeys::InPlace); WritePath::VARIANTS.len()];
        let mut n = 0;
        while n < all.len() {
            all[n] = Self(WritePath::VARIANTS[n].0, WritePath::VARIANTS[n].1);
            n += 1;
        }
        all
    };

    /// Whether a write is of this kind, in whatever order.
    pub fn includes(self, path: WritePath) -> bool {
        (path.kind, path.keys) == (self.0, self.1)
    }
}

impl ValueEnum for Named {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        let path = WritePath { kind: self.0, keys: self.1, order: StoreOrder::BinaryFirst };
        Some(clap::builder::PossibleValue::new(path.name()).help(path.title()))
    }
}

/// How the result is printed.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ExploreFormat {
    /// For people
    #[default]
    Human,
    /// One JSON object
    Json,
    /// Markdown tables
    Markdown,
}
