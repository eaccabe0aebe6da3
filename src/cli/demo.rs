//! `pulp-drill demo`: one sound backup and three broken ones, what common programs report about each, and
//! what the drill found. For a reader who has seen no documentation.

use crate::{
    base::{clock::human, error::Error, sanitize::one_line, shipped},
    cli::output,
    model::{
        exit_code::ExitCode,
        finding::Finding,
        record::{RunRecord, ScenarioRecord},
        verdict::{Role, Verdict},
    },
    report::terminal::{
        self, Detail, Style,
        narrative::reasons,
        notice,
        style::{Tone, count},
    },
    run::{FinishedRun, options::Options, schedule},
    runbook::backup::Examination,
};
use clap::Args;
use std::path::{Path, PathBuf};

/// The folder of the demo's scenarios, among the files of this program.
const FOLDER: &str = "demo";

/// The scenarios, in the order in which they are shown.
const BACKUPS: [&str; 4] = ["sound-backup", "truncated-dump", "row-without-binary", "wrong-binary"];

/// The width of the column with the names of programs.
const COLUMN: usize = 22;

const INTRODUCTION: &str = "Four backups of a small application that keeps rows in PostgreSQL and files in an \
     S3 bucket. Three of them are broken. Each backup was examined with programs that operators use for that. \
     Then both stores were destroyed, and pulp-drill restored the backup and compared everything.";

const CONCLUSION: &str = "pulp-drill run --profile FILE does this with your application, and pulp-drill \
     restore-test with a backup that you have.";

/// Shows what a drill finds in one sound backup and in three broken ones
#[derive(Args, Clone, Debug)]
#[command(after_help = "Exit codes: 0 the demo showed what it should, 1 it did not, 3 it could not run.")]
pub struct DemoArgs {
    /// Where the run is stored
    #[arg(long, default_value = "reports", value_name = "DIR")]
    report_dir: PathBuf,
}

/// Runs the drills and prints what each program reported.
///
/// # Errors
/// As a run.
pub async fn run(args: DemoArgs) -> Result<ExitCode, Error> {
    let folder = shipped::folder()?;
    let options = Options {
        paths: vec![folder.join(FOLDER)],
        fixtures: folder.join("fixtures"),
        report_dir: args.report_dir,
        examination: Examination { common_tools: true, commands: Vec::new() },
        detail: Detail::Progress,
        ..Options::default()
    };
    notice("pulp-drill demo: four drills, which take less than a minute\n");
    let mut finished =
        |run: FinishedRun| output::print(&text(&run.record, &run.dir, terminal::stdout_look()));
    schedule::run(options, &mut finished).await
}

/// What the demo shows.
pub fn text(record: &RunRecord, dir: &Path, look: Style) -> String {
    if record.scenarios.iter().all(|scenario| scenario.started.is_none()) {
        return terminal::summary(record, dir, look.colour, look.width);
    }
    let mut text = look.wrap("", INTRODUCTION);
    for (number, id) in BACKUPS.iter().enumerate() {
        let Some(scenario) = record.scenarios.iter().find(|scenario| scenario.id.as_str() == *id) else {
            continue;
        };
        text.push('\n');
        text.push_str(&backup(number + 1, scenario, look));
    }
    text.push('\n');
    text.push_str(&look.wrap("", CONCLUSION));
    // A path is not wrapped, so that it can be copied.
    text.push_str(&format!("report: {}\n", one_line(&dir.join("report.html").display().to_string())));
    text
}

fn backup(number: usize, scenario: &ScenarioRecord, look: Style) -> String {
    let title = scenario.started.as_ref().map_or("", |started| &started.title);
    let mut text = look.wrap(&format!("{number}. "), title);
    let mut row = |name: &str, tone: Tone, said: &str| {
        for (number, line) in look.wrap(&format!("   {name:<COLUMN$}"), said).lines().enumerate() {
            let at = line.char_indices().nth(COLUMN + 3).map_or(line.len(), |(at, _)| at);
            let (before, said) = line.split_at(at);
            let before = if number == 0 { before } else { "" };
            text.push_str(&format!("{before:width$}{}\n", look.paint(tone, said), width = COLUMN + 3));
        }
    };
    for report in &scenario.tools {
        match &report.exit {
            Some(exit) => row(&report.tool, Tone::Quiet, &format!("{exit}, {}", report.said)),
            None => row(&report.tool, Tone::Quiet, &report.said),
        }
    }
    let found: Vec<&Finding> =
        scenario.judged().filter(|(_, role)| matches!(role, Some(Role::Expected))).map(|(f, _)| f).collect();
    match (scenario.verdict(), found.is_empty()) {
        (Verdict::Pass, true) => {
            let rows: usize = scenario.cut_point.values().map(|table| table.rows).sum();
            let objects = scenario.cut_objects.unwrap_or_default();
            let took = scenario.rto_ms.map_or_else(String::new, |ms| format!(" in {}", human(ms)));
            let said =
                format!("everything came back{took}: {} and {}", count(rows, "row"), count(objects, "file"));
            row("pulp-drill", Tone::Good, &said);
        }
        (Verdict::Pass, false) => {
            for finding in found {
                row("pulp-drill", Tone::Bad, &format!("FOUND {finding}"));
                row("", Tone::Quiet, finding.kind.meaning());
            }
        }
        (Verdict::Fail | Verdict::Unknown, _) => {
            row("pulp-drill", Tone::Bad, "the demo did not show what it should");
            text.push_str(&reasons(scenario, look));
        }
    }
    text
}
