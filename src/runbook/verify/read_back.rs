//! Binaries as the application hands them out, against the bytes of the store: at the source before the
//! backup, and on the restored site: by the API of the engine, and by the paths that a profile gives (`read-back`).

use crate::{
    base::{
        digest::Digest,
        error::{Error, ErrorContext},
        ids::ObjectKey,
    },
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        reference::{ReadableObject, readable},
        state::{ObjectState, State},
    },
    runbook::verify::{CheckResult, Names, Reference},
    site::{Handles, Restored, Site},
    system::engine::{Engine, HttpAnswer},
};
use std::{collections::BTreeMap, time::Instant};

/// Objects that are read of a site, at most; they are taken evenly from all.
const READS: usize = 500;

/// Findings that are listed; the rest is counted.
const LISTED: usize = 20;

/// What reading the binaries of a site through its application gave.
pub struct ReadThrough {
    /// How many were read.
    pub read: usize,
    /// When the first one was right.
    pub first_good: Option<Instant>,
    /// For each binary of the profile: how many were read, and the findings.
    pub findings: BTreeMap<usize, (usize, Vec<Finding>)>,
}

/// Reads the binaries of a site; `None` if the profile gives no path.
///
/// # Errors
/// Blames the user if a variable with a header is not set, the environment if the application does not run.
pub async fn read(
    site: &Handles,
    check: CheckId,
    state: &State,
    names: &Names,
) -> Result<Option<ReadThrough>, Error> {
    if !site.profile.with_binaries().any(|(_, binary)| binary.read_back.is_some()) {
        return Ok(None);
    }
    let api = site.engine.api().await?;
    let mut through = ReadThrough { read: 0, first_good: None, findings: BTreeMap::new() };
    let step = readable(&site.profile, state).count().div_ceil(READS).max(1);
    for object in readable(&site.profile, state).step_by(step) {
        let held = state.objects_in(object.binary.store).get(&object.key);
        if held.is_none() && object.binary.derived {
            continue;
        }
        let headers = site.headers(&object.read_back.header_env)?;
        let wrong = ask(&api, &object, held.as_ref(), &headers).await;
        through.read += 1;
        if wrong.is_none() && held.is_some() {
            through.first_good.get_or_insert_with(Instant::now);
        }
        let (read, findings) = through.findings.entry(object.number).or_default();
        *read += 1;
        findings.extend(wrong.map(|actual| finding(check, &object, held.as_ref(), names, actual)));
    }
    Ok(Some(through))
}

/// The answer, if it is wrong.
async fn ask(
    api: &Engine,
    object: &ReadableObject<'_>,
    held: Option<&ObjectState>,
    headers: &[(String, String)],
) -> Option<String> {
    let answer = match api.download(&object.path, headers).await {
        Ok(answer) => answer,
        Err(unreachable) => return held.map(|_| unreachable.to_string()),
    };
    let right = returns(&answer, held) && (held.is_none() || answer.whole);
    (!right).then(|| match answer.is_success() {
        true => {
            let (bytes, digest) = (answer.body.len(), Digest::of(&answer.body));
            let end = if answer.whole { "" } else { ", then the answer broke off" };
            format!("GET {}: status {}, {bytes} bytes, SHA-256 {digest}{end}", object.path, answer.status)
        }
        false => format!("GET {}: status {}, {}", object.path, answer.status, answer.body_start()),
    })
}

/// Whether an answer is the bytes of the store, or an error where it has none: that a row is lost with its binary
/// is no reason to serve one.
fn returns(answer: &HttpAnswer, held: Option<&ObjectState>) -> bool {
    match held {
        Some(object) => answer.is_success() && Digest::of(&answer.body) == object.sha256,
        None => !answer.is_success(),
    }
}

/// What the answer must be.
fn expected(key: &ObjectKey, held: Option<&ObjectState>) -> String {
    match held {
        Some(found) => format!("the {} bytes of {key}, SHA-256 {}", found.size, found.sha256),
        None => format!("an error status, because {key} does not exist"),
    }
}

fn finding(
    check: CheckId,
    object: &ReadableObject<'_>,
    held: Option<&ObjectState>,
    names: &Names,
    actual: String,
) -> Finding {
    let expected = expected(&object.key, held);
    let (table, row) = object.row.clone();
    let entity = names.entity(&object.key);
    Finding::new(check, FindingKind::DownloadDiffers, entity, expected, actual)
        .touching([Entity::Row { table, row }])
}

/// Every known binary as the API of the engine returns it.
pub async fn by_api(site: &Site<Restored>, reference: &Reference, observed: &State) -> CheckResult {
    let mut findings = Vec::new();
    let asked = async {
        let api = site.engine.api().await?;
        for (name, asset) in &reference.known.assets {
            let answer = api.binary(asset.key.as_str()).await?;
            let stored = observed.objects.get(&asset.key);
            if returns(&answer, stored.as_ref()) {
                continue;
            }
            let expected = expected(&asset.key, stored.as_ref());
            let returned = format!(
                "status {}, {} bytes, SHA-256 {}",
                answer.status,
                answer.body.len(),
                Digest::of(&answer.body)
            );
            let (entity, kind) = (Entity::Asset(name.clone()), FindingKind::DownloadDiffers);
            findings.push(Finding::new(CheckId::ReadBack, kind, entity, expected, returned));
        }
        Ok::<(), Error>(())
    };
    match asked.await {
        Ok(()) if reference.known.assets.is_empty() => CheckResult::skipped("no asset is known"),
        Ok(()) => CheckResult::checked(reference.known.assets.len(), summed_up(findings)),
        Err(error) => CheckResult::unknown(error.to_string(), findings),
    }
}

/// The check on a site whose application is ready. Also returns when the first binary was right.
pub async fn check(
    site: &Handles,
    check: CheckId,
    state: &State,
    names: &Names,
) -> Result<(CheckResult, Option<Instant>), Error> {
    Ok(match read(site, check, state, names).await? {
        None => (CheckResult::skipped("the profile has no `read-back`"), None),
        Some(ReadThrough { read: 0, .. }) => {
            (CheckResult::skipped("no row refers to an object that can be read"), None)
        }
        Some(through) => {
            let findings = through.findings.into_values().flat_map(|(_, findings)| findings).collect();
            (CheckResult::checked(through.read, summed_up(findings)), through.first_good)
        }
    })
}

fn summed_up(mut findings: Vec<Finding>) -> Vec<Finding> {
    let more = findings.len().saturating_sub(LISTED);
    findings.truncate(LISTED);
    if let Some(last) = findings.last_mut() {
        last.and_more(more);
    }
    findings
}

/// Whether no binary of an entity can be read as the profile describes it, although all are right in the
/// stores: then the profile is wrong, not the application.
///
/// # Errors
/// As [`read`], and blames the user for such a profile.
pub async fn fits(site: &Handles, state: &State) -> Result<(), Error> {
    if !site.engine.exists() {
        return Ok(());
    }
    let Some(through) = read(site, CheckId::Source, state, &Names::default()).await? else { return Ok(()) };
    let names: Vec<String> = site
        .profile
        .with_binaries()
        .map(|(entity, binary)| format!("{}, key {}", entity.table, binary.key))
        .collect();
    let wrong = through.findings.iter().filter(|(_, (read, findings))| findings.len() == *read);
    let mut wrong = wrong.filter_map(|(number, (read, findings))| {
        let first = findings.first()?;
        Some(format!(
            "{}: `read-back` gives none of {read} binaries, for example {} instead of {}",
            names.get(*number)?,
            first.actual,
            first.expected
        ))
    });
    let Some(first) = wrong.next() else { return Ok(()) };
    let error = Error::usage("the profile does not match the application").cause(first);
    Err(wrong.fold(error, |error, why| error.cause(why)).hint("correct the path; nothing was destroyed"))
}

impl Handles {
    /// The headers that a profile names, with their values from the environment, which are then secrets.
    ///
    /// # Errors
    /// Blames the user if a variable is not set.
    pub fn headers(&self, header_env: &BTreeMap<String, String>) -> Result<Vec<(String, String)>, Error> {
        let value = |(header, variable): (&String, &String)| {
            let value = std::env::var(variable);
            let value =
                value.or_usage(|| format!("the header {header} is in {variable}, which is not set"))?;
            self.redactor.add(&value);
            Ok((header.clone(), value))
        };
        header_env.iter().map(value).collect()
    }
}
