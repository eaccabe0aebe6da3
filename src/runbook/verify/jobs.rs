//! Batch jobs after the restart (runbook 1): completed ones stay pollable with the results that they
//! had, and those that were in flight end as the profile describes (`at-start`).

use crate::{
    base::{
        digest::Digest,
        error::Error,
        ids::{TableName, TemplateKey},
    },
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        profile::{self, AtStart, BinaryStore, Due, EngineStart, Profile},
        state::{KnownJob, KnownTemplate},
    },
    runbook::verify::{CheckResult, Reference, at_start, render},
    site::{Restored, Site},
    system::engine::{BatchJobRecord, Engine},
};
use base64::Engine as _;
use pdf_compare::Comparison;
use serde_json::Value;

/// Polls every job that is known.
pub async fn check(site: &Site<Restored>, reference: &Reference, start: Option<&EngineStart>) -> CheckResult {
    let known = &reference.known;
    if known.jobs.is_empty() && known.unfinished.is_empty() {
        return CheckResult::skipped(match reference.state {
            Some(_) => "the results of batch jobs have no place of their own here",
            None => "no batch job was recorded with the backup",
        });
    }
    let api = match site.engine.api().await {
        Ok(api) => api,
        Err(error) => return CheckResult::unknown(error.to_string(), Vec::new()),
    };
    let mut findings = Vec::new();
    let entity = of_jobs(&site.profile);
    let row = |template: &TemplateKey| Entity::Row {
        table: entity.map_or_else(|| TableName::new("jobs"), |entity| entity.table.clone()),
        row: template.to_string(),
    };
    for (id, job) in &known.jobs {
        findings.extend(completed(&api, id, job).await.map(|f| Finding { entity: row(&job.template), ..f }));
    }
    for (id, template) in &known.unfinished {
        let ends = entity.map(|entity| ends(entity, id, reference, start)).unwrap_or_default();
        match unfinished(&api, id, &ends, known.templates.get(template)).await {
            Ok(found) => findings.extend(found.map(|f| Finding { entity: row(template), ..f })),
            Err(error) => return CheckResult::unknown(error.to_string(), findings),
        }
    }
    CheckResult::checked(known.jobs.len() + known.unfinished.len(), findings)
}

/// The entity of batch jobs: its rows point at results.
fn of_jobs(profile: &Profile) -> Option<&profile::ProfileEntity> {
    profile
        .with_binaries()
        .find_map(|(entity, binary)| (binary.store == BinaryStore::Results).then_some(entity))
}

fn finding(kind: FindingKind, expected: impl Into<String>, actual: impl Into<String>) -> Finding {
    // The caller replaces the entity.
    Finding::new(CheckId::Jobs, kind, Entity::Engine("jobs".to_owned()), expected, actual)
}

async fn completed(api: &Engine, id: &str, job: &KnownJob) -> Option<Finding> {
    let actual = match api.batch_job(id).await {
        Ok(polled) => match polled.results.map(|results| Digest::of(results.to_string())) {
            Some(results) if results == job.results => return None,
            Some(results) => format!("{}, results with SHA-256 {results}", polled.status),
            None => format!("{}, no results", polled.status),
        },
        Err(refused) => refused.to_string(),
    };
    let expected = format!("completed, results with SHA-256 {}", job.results);
    Some(finding(FindingKind::ResultLost, expected, actual))
}

/// How the profile lets a job that was in flight end; empty where it has no rule.
fn ends<'a>(
    entity: &'a profile::ProfileEntity,
    id: &str,
    reference: &Reference,
    start: Option<&EngineStart>,
) -> Vec<&'a AtStart> {
    let table = reference.table(&entity.table);
    let is_it = |key: &String| at_start::alone(key).is_some_and(|key| key == id);
    let row = table.and_then(|table| table.rows.iter().find(|(key, _)| is_it(key)));
    let Some(((_, row), start)) = row.zip(start) else { return Vec::new() };
    entity.at_start.iter().filter(|rule| rule.is_due(&row.json.value(), start) > Due::No).collect()
}

/// A job that was in flight: it is over, as the profile says, and where it was completed its documents
/// are the known-good ones.
async fn unfinished(
    api: &Engine,
    id: &str,
    ends: &[&AtStart],
    template: Option<&KnownTemplate>,
) -> Result<Option<Finding>, Error> {
    let expected = match ends {
        [] => "any end".to_owned(),
        ends => {
            let one = |(column, value): (&String, &String)| format!("{column} = {value}");
            let each = ends.iter().map(|end| end.to.iter().map(one).collect::<Vec<_>>().join(", "));
            each.collect::<Vec<_>>().join("; or ")
        }
    };
    let wrong = |actual: String| Ok(Some(finding(FindingKind::UnfinishedJob, expected.clone(), actual)));
    let job = match api.batch_job(id).await {
        Ok(job) => job,
        Err(refused) => return wrong(refused.to_string()),
    };
    let said = [Some(&job.status), job.failure_code.as_ref()];
    let is_end = |end: &&AtStart| end.to.values().all(|value| said.contains(&Some(value)));
    if !job.is_over() || !ends.is_empty() && !ends.iter().any(is_end) {
        let said: Vec<&str> = said.into_iter().flatten().map(String::as_str).collect();
        return wrong(said.join(", "));
    }
    match (job.status.as_str(), template) {
        ("completed", Some(template)) => match differs(&job, template)? {
            Some(how) => wrong(format!("completed, {how}")),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

/// How the documents of a job are other than the template's known-good PDF, if they are.
fn differs(job: &BatchJobRecord, template: &KnownTemplate) -> Result<Option<String>, Error> {
    let Some(golden) = render::golden(template)? else { return Ok(None) };
    let documents = job.results.as_ref().and_then(|r| r.get("results")).and_then(Value::as_array);
    let Some(documents) = documents.filter(|documents| !documents.is_empty()) else {
        return Ok(Some("no documents".to_owned()));
    };
    for document in documents {
        let pdf = document.get("pdf").and_then(Value::as_str);
        let bytes = pdf.and_then(|text| base64::engine::general_purpose::STANDARD.decode(text).ok());
        let how = match bytes.as_deref().map(|bytes| pdf_compare::compare(&golden, bytes)) {
            None => "a document that is not a PDF".to_owned(),
            Some(Err(error)) => error.to_string(),
            Some(Ok(Comparison::Different { .. })) => "a document that is not the known-good PDF".to_owned(),
            Some(Ok(Comparison::Identical | Comparison::SameApartFromMetadata { .. })) => continue,
        };
        return Ok(Some(how));
    }
    Ok(None)
}
