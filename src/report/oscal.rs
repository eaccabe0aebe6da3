//! OSCAL Assessment Results (NIST, version 1.1.3) as JSON: an observation for each scenario, with
//! links to its evidence by SHA-256, and a finding for each control that scenarios name.
//!
//! OSCAL has only `satisfied` and `not-satisfied`: an unknown is not satisfied, with the reason `other`
//! and the reasons as text. Every UUID (version 5) is derived from the run's id and its purpose, so that
//! the same record gives the same bytes.

use crate::{
    base::{
        clock::iso,
        error::{Error, ErrorContext as _},
    },
    journal::read::EVENTS,
    model::{
        control::Control,
        event::BudgetChecked,
        level,
        record::{Artefact, RunRecord, ScenarioRecord},
        verdict::{Role, Verdict},
    },
    report::{
        controls::{self, ControlAssessment},
        facts::{self, AssertionResult, reasons},
        format::ReportFormat,
        headline::headline,
        inputs::Evidence,
    },
};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

mod text;

use text::{href, line, token};

/// The version of OSCAL's models that the file follows.
const OSCAL: &str = "1.1.3";

/// The namespace of our own property names.
const NS: &str = "https://github.com/pulp-drill/pulp-drill/oscal";

/// Renders a run.
///
/// # Errors
/// Blames the harness where the JSON can't be made.
pub fn render(record: &RunRecord, evidence: &Evidence) -> Result<String, Error> {
    let limits = controls::limits(record).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let file = File { record, evidence, answers: controls::assessments(record), limits };
    let text = serde_json::to_string_pretty(&json!({ "assessment-results": file.root() }))
        .or_harness(|| "can't write OSCAL as JSON".to_owned())?;
    Ok(text + "\n")
}

struct File<'a> {
    record: &'a RunRecord,
    evidence: &'a Evidence,
    answers: Vec<ControlAssessment<'a>>,
    /// What the run as a whole does not show.
    limits: String,
}

impl File<'_> {
    fn uuid(&self, what: &str) -> String {
        let ours = Uuid::new_v5(&Uuid::NAMESPACE_URL, NS.as_bytes());
        Uuid::new_v5(&ours, format!("{}/{what}", self.record.id()).as_bytes()).to_string()
    }

    fn resource(&self, path: &str) -> String {
        self.uuid(&format!("resource/{path}"))
    }

    fn root(&self) -> Value {
        let run = self.record.id();
        let warning = self.record.integrity.warning().map(|warning| warning + ". ").unwrap_or_default();
        let remarks = "Generated from the record of the run. The remarks of each finding list what the evidence \
                       does not show.";
        json!({
            "uuid": self.uuid("assessment-results"),
            "metadata": {
                "title": line(&format!("Restore drill {run}")),
                "last-modified": time(self.record.ended.or(self.record.began)),
                "version": line(run.as_str()),
                "oscal-version": OSCAL,
                "remarks": line(&(warning + remarks)),
            },
            // The plan is in the first event of the journal.
            "import-ap": { "href": format!("#{}", self.resource(EVENTS)) },
            "results": [self.result()],
            "back-matter": { "resources": self.resources() },
        })
    }

    fn result(&self) -> Value {
        let record = self.record;
        let mut result = json!({
            "uuid": self.uuid("result"),
            "title": line(&format!("Restore drill: {}", record.verdict())),
            "description": summary(record),
            "start": time(record.began),
            "end": time(record.ended.or(record.began)),
            "props": self.props(),
            "reviewed-controls": { "control-selections": [self.selection()] },
        });
        // OSCAL requires empty lists to be omitted.
        let mut observations: Vec<Value> = record.scenarios.iter().map(|s| self.observation(s)).collect();
        observations.extend(record.scenarios.iter().flat_map(|s| self.assertions(s)));
        let findings: Vec<Value> = self.answers.iter().map(|a| self.finding(a)).collect();
        for (name, list) in [("observations", observations), ("findings", findings)] {
            if !list.is_empty() {
                result[name] = Value::from(list);
            }
        }
        result
    }

    fn props(&self) -> Vec<Value> {
        let record = self.record;
        let mut props =
            vec![prop("run", record.id().as_str()), prop("verdict", &record.verdict().to_string())];
        if record.least_proven().is_some() {
            props.push(prop("level", level::describe(record.level())));
        }
        if let Some(started) = &record.started {
            props.push(prop("harness", &started.harness));
            props.push(prop("seed", &started.seed.to_string()));
            props.extend(started.config.iter().map(|(k, v)| prop(&format!("config.{}", token(k)), v)));
            props
                .extend(started.started_by.iter().map(|(k, v)| prop(&format!("started-by.{}", token(k)), v)));
        }
        let budget = |b: &BudgetChecked| prop("budget", &format!("{}: {b}", b.verdict));
        props.extend(record.budgets.iter().map(budget));
        props.extend(record.versions.iter().map(|(k, v)| prop(&format!("version.{}", token(k)), v)));
        props
    }

    fn selection(&self) -> Value {
        if self.answers.is_empty() {
            return json!({ "description": "No scenario of this run names a control." });
        }
        let one = |a: &ControlAssessment<'_>| json!({ "control-id": control_id(a.control) });
        json!({
            "description": "The controls that scenarios of this run name.",
            "include-controls": self.answers.iter().map(one).collect::<Vec<_>>(),
        })
    }

    fn observation(&self, scenario: &ScenarioRecord) -> Value {
        let title = scenario.started.as_ref().map_or("the scenario did not start", |s| s.title.as_str());
        let reasons: Vec<String> = reasons(scenario)
            .iter()
            .map(|reason| controls::first_line(&reason.to_string()).to_owned())
            .collect();
        let mut description = format!("{title}. Verdict: {}.", scenario.verdict());
        if !reasons.is_empty() {
            description += &format!(" {}", reasons.join("; "));
        }
        let mut props = vec![
            prop("scenario", scenario.id.as_str()),
            prop("verdict", &scenario.verdict().to_string()),
            prop("baseline", if scenario.is_baseline() { "yes" } else { "no" }),
            prop("checks", &scenario.checks.len().to_string()),
            prop("findings", &scenario.findings.len().to_string()),
            prop("unexpected-findings", &unexpected(scenario).to_string()),
        ];
        props.extend(scenario.rpo_ms.map(|ms| prop("rpo-ms", &ms.to_string())));
        props.extend(scenario.rto_ms.map(|ms| prop("rto-ms", &ms.to_string())));
        if let Some((file, digest)) = scenario.started.as_ref().and_then(|s| s.file.as_ref()) {
            props.extend([prop("scenario-file", file), prop("scenario-sha256", &digest.to_string())]);
        }
        json!({
            "uuid": self.uuid(&format!("observation/{}", scenario.id)),
            "title": line(scenario.id.as_str()),
            "description": line(&description),
            "props": props,
            "methods": ["TEST"],
            "types": ["control-objective"],
            "relevant-evidence": self.relevant(scenario),
            "collected": time(scenario.began.or(self.record.began)),
        })
    }

    /// An observation for each assertion of the profile.
    fn assertions(&self, scenario: &ScenarioRecord) -> Vec<Value> {
        let one = |(name, result): (&str, AssertionResult<'_>)| {
            let state = match result {
                AssertionResult::Holds => "pass",
                AssertionResult::Fails(_) => "fail",
                AssertionResult::Unknown { .. } => "unknown",
                AssertionResult::Skipped { .. } => "skipped",
            };
            json!({
                "uuid": self.uuid(&format!("observation/{}/assertion/{name}", scenario.id)),
                "title": line(&format!("{}: assertion: {name}", scenario.id)),
                "description": line(&format!("The assertion {name} of the profile: {result}.")),
                "props": [
                    prop("scenario", scenario.id.as_str()),
                    prop("assertion", name),
                    prop("result", state),
                ],
                "methods": ["TEST"],
                "relevant-evidence": self.relevant(scenario),
                "collected": time(scenario.began.or(self.record.began)),
            })
        };
        facts::assertions(scenario).map(one).collect()
    }

    /// The record and the journal, and the files that belong to the scenario.
    fn relevant(&self, scenario: &ScenarioRecord) -> Vec<Value> {
        let mut evidence = vec![(RECORD, "the record of the run"), (EVENTS, "the journal of the run")];
        let shown = |path: &str| scenario.findings.iter().any(|f| f.artefacts.iter().any(|a| a == path));
        let belongs = |a: &&Artefact| a.scenario.as_ref() == Some(&scenario.id) || shown(&a.path);
        let own = self.record.artefacts.iter().filter(belongs);
        evidence.extend(own.map(|a| (a.path.as_str(), a.what.as_str())));
        evidence.dedup();
        let link = |(path, what): &(&str, &str)| json!({ "href": format!("#{}", self.resource(path)), "description": line(what) });
        evidence.iter().map(link).collect()
    }

    fn finding(&self, answer: &ControlAssessment<'_>) -> Value {
        let control = answer.control;
        let (state, reason) = match answer.verdict {
            Verdict::Pass => ("satisfied", "pass"),
            Verdict::Fail => ("not-satisfied", "fail"),
            Verdict::Unknown => ("not-satisfied", "other"),
        };
        let mut status = json!({ "state": state, "reason": reason });
        if !answer.reasons.is_empty() {
            status["remarks"] = line(&answer.reasons.join("; ")).into();
        }
        let observed = answer.scenarios.iter().chain(&answer.baselines);
        let related =
            |s: &&ScenarioRecord| json!({ "observation-uuid": self.uuid(&format!("observation/{}", s.id)) });
        let mut finding = json!({
            "uuid": self.uuid(&format!("finding/{control}")),
            "title": line(&format!("{control} ({})", control.framework().title())),
            "description": format!("Requirement: {} Shown by a passed drill: {}", control.asks(), control.shows()),
            "target": {
                "type": "statement-id",
                "target-id": format!("{}_smt", control_id(control)),
                "status": status,
            },
            "remarks": line(format!("Not shown: {} {}", control.does_not_show(), self.limits).trim_end()),
        });
        let related: Vec<Value> = observed.map(related).collect();
        if !related.is_empty() {
            finding["related-observations"] = related.into();
        }
        finding
    }

    fn resources(&self) -> Vec<Value> {
        let mut all = vec![(RECORD, "the record of the run", Some(self.evidence.record))];
        all.push((EVENTS, "the journal of the run, with its plan in the first line", self.evidence.journal));
        for artefact in &self.record.artefacts {
            if !all.iter().any(|(path, ..)| *path == artefact.path) {
                all.push((&artefact.path, &artefact.what, Some(artefact.sha256)));
            }
        }
        let one = |(path, what, sha256): (&str, &str, Option<_>)| {
            let mut rlink = json!({ "href": href(path) });
            if let Some(digest) = sha256 {
                rlink["hashes"] = json!([{ "algorithm": "SHA-256", "value": digest }]);
            }
            json!({ "uuid": self.resource(path), "title": line(path), "description": line(what), "rlinks": [rlink] })
        };
        all.into_iter().map(one).collect()
    }
}

const RECORD: &str = ReportFormat::Record.file_name();

/// The control's id as a token; those of NIST are the ids of its own OSCAL catalogue.
fn control_id(control: Control) -> String {
    let id = control.id().strip_prefix("NIST ").unwrap_or(control.id());
    token(&id.to_lowercase().replace('(', ".").replace(')', ""))
}

fn unexpected(scenario: &ScenarioRecord) -> usize {
    scenario.judged().filter(|(_, role)| matches!(role, Some(Role::Unexpected))).count()
}

/// The headline of every report, and how many drills are skipped.
fn summary(record: &RunRecord) -> String {
    match record.skipped.len() {
        0 => headline(record),
        skipped => format!("{} Scenarios that were skipped: {skipped}.", headline(record)),
    }
}

fn prop(name: &str, value: &str) -> Value {
    json!({ "name": token(name), "ns": NS, "value": line(value) })
}

/// OSCAL requires a time; the epoch stands for a missing one.
fn time(at: Option<DateTime<Utc>>) -> String {
    iso(at.unwrap_or_default())
}
