//! `pulp-drill explore`: the consistency window in the model. Prints what `explore` finds; touches no
//! store.

use crate::{
    base::trouble::{OrTrouble, Trouble},
    explore::{
        Limits, MOST_WRITES, Operation, Outcome, Question, Schedule, Table, Write,
        picture::{draw, file_name, picture},
        render, safe,
    },
};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::{fs, path::Path, path::PathBuf};

/// Arguments of `pulp-drill explore`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Examples:
  pulp-drill explore                                  the table, for people
  pulp-drill explore --operations upload,delete --writes 3
  pulp-drill explore --replay v1/dump-first/upload.b/b1,dump,r1,list,copy-n1
  pulp-drill explore --svg window                     a picture of each cell")]
pub struct ExploreArgs {
    /// Operations, each in every write order
    #[arg(long, value_name = "NAME", value_enum, value_delimiter = ',', default_values_t = Named::ALL)]
    pub operations: Vec<Named>,
    /// Up to how many writes beside one backup, 1 to 4
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=MOST_WRITES as i64))]
    pub writes: u8,
    /// Interleavings of one combination of writes that are looked at; with more of them, so many are
    /// chosen by chance
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
    pub format: Format,
    /// Perform one schedule in the model and say what comes of it
    #[arg(long, value_name = "SCHEDULE", conflicts_with_all = ["operations", "writes", "bound", "seed"])]
    pub replay: Option<String>,
    /// Also write a picture of each cell, or of the replayed schedule, into this folder
    #[arg(long, value_name = "DIR")]
    pub svg: Option<PathBuf>,
}

/// An operation on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named(pub Operation);

impl Named {
    const ALL: [Self; 7] = {
        let [a, b, c, d, e, f, g] = Operation::ALL;
        [Self(a), Self(b), Self(c), Self(d), Self(e), Self(f), Self(g)]
    };
}

impl ValueEnum for Named {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.0.name()).help(self.0.title()))
    }
}

/// How the table is printed.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// For people
    #[default]
    Human,
    /// One JSON object
    Json,
    /// Markdown tables
    Markdown,
}

/// Explores, or replays, and gives the text for stdout. It is the same whenever the arguments are.
///
/// # Errors
/// Blames the user for a schedule that can't be read or performed, and the surroundings where a
/// picture can't be written.
pub fn run(args: &ExploreArgs) -> Result<String, Trouble> {
    if let Some(text) = &args.replay {
        return replay(&text.parse()?, args);
    }
    let limits = Limits { bound: args.bound, seed: args.seed };
    let table = Table::explore(&Question {
        operations: args.operations.iter().map(|named| named.0).collect(),
        writes: usize::from(args.writes),
        grace: args.grace,
        results: !args.no_results,
        limits,
        parts: Write::parts,
    });
    if let Some(folder) = &args.svg {
        for cell in &table.cells {
            if let Some(svg) = picture(cell) {
                write(folder, &file_name(cell), &svg)?;
            }
        }
    }
    // The conditions are the whole picture's: they try all operations, graces and habits themselves.
    let safe = safe(usize::from(args.writes).min(2), limits);
    Ok(match args.format {
        Format::Human => render::human(&table, Some(&safe)),
        Format::Markdown => render::markdown(&table, Some(&safe), None),
        Format::Json => pretty(&json!({ "version": 1, "seed": args.seed, "table": &table, "safe": &safe })),
    })
}

fn replay(schedule: &Schedule, args: &ExploreArgs) -> Result<String, Trouble> {
    let outcomes = schedule.replay()?;
    if let Some(folder) = &args.svg {
        let worst: Option<Outcome> = outcomes.iter().filter_map(|outcomes| outcomes.worst()).max();
        write(folder, "replay.svg", &draw(schedule.setting.procedure.title(), schedule, worst))?;
    }
    let all = schedule.writes.iter().zip(&outcomes);
    Ok(match args.format {
        Format::Json => {
            let writes: Vec<_> = all.map(|(w, o)| json!({ "write": w.to_string(), "outcomes": o })).collect();
            pretty(&json!({ "version": 1, "schedule": schedule, "writes": writes }))
        }
        Format::Human | Format::Markdown => all
            .enumerate()
            .map(|(n, (w, o))| format!("{} {}: {o}\n", n + 1, render::write_title(*w)))
            .collect(),
    })
}

fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

fn write(folder: &Path, name: &str, text: &str) -> Result<(), Trouble> {
    let words = || format!("can't write {}", folder.join(name).display());
    fs::create_dir_all(folder).or_environment(words)?;
    fs::write(folder.join(name), text).or_environment(words)
}
