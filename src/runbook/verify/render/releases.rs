//! Renders of each version, by each label, of other data and as HTML: recorded at the source and asked for
//! again after the restore, several at the same time. A name that resolves to
//! something else shows in what is rendered, and so does an answer that belongs to another request.

use crate::{
    base::{digest::Digest, error::Error, ids::TemplateKey},
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        state::{Known, KnownTemplate},
    },
    system::engine::{Engine, HttpAnswer},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;
use std::collections::BTreeMap;

/// How many requests are made at a time, where the answers must not depend on it.
const OVERLAPPING: usize = 4;

/// What a template is rendered by: a version or a label by its name, other data, or the other format.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Release {
    Version(String),
    Label(String),
    OtherData,
    Html,
}

impl Release {
    fn describe(&self) -> String {
        match self {
            Self::Version(name) => format!("version {name}"),
            Self::Label(name) => format!("label {name}"),
            Self::OtherData => "with other data".to_owned(),
            Self::Html => "as HTML".to_owned(),
        }
    }
}

/// What each release renders as: its version and the digest of its content, or its refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Releases(BTreeMap<(TemplateKey, Release), String>);

impl Releases {
    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The versions of a template that were rendered, each with what it renders as.
    pub fn versions<'a>(&'a self, of: &'a TemplateKey) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(move |((key, release), shown)| match release {
            Release::Version(name) if key == of => Some((name.as_str(), shown.as_str())),
            Release::Version(_) | Release::Label(_) | Release::OtherData | Release::Html => None,
        })
    }
}

/// Renders all releases of the known templates, one after another.
///
/// # Errors
/// The engine can't be reached.
pub async fn record(api: &Engine, known: &Known) -> Result<Releases, Error> {
    let mut releases = Releases::default();
    for (key, template) in &known.templates {
        let versions = api.template_versions(key.as_str()).await.unwrap_or_default();
        let labels = api.labels(key.as_str()).await.unwrap_or_default();
        let names = versions.into_iter().map(|version| Release::Version(version.version));
        let names = names.chain(labels.into_iter().map(|label| Release::Label(label.label)));
        for release in names.chain([Release::OtherData, Release::Html]) {
            let Some(said) = rendered(api, key, template, &release).await? else { continue };
            // HTML that is another one at every request can't be compared.
            let steady = release != Release::Html
                || rendered(api, key, template, &release).await?.as_ref() == Some(&said);
            if steady {
                releases.0.insert((key.clone(), release), said);
            }
        }
    }
    Ok(releases)
}

/// Renders the same releases, several at a time.
async fn record_overlapping(api: &Engine, known: &Known, then: &Releases) -> Result<Releases, Error> {
    let renders = then.0.keys().filter_map(|(key, release)| {
        let template = known.templates.get(key)?;
        Some(async move {
            let said = rendered(api, key, template, release).await?;
            Ok::<_, Error>(((key.clone(), release.clone()), said.unwrap_or_default()))
        })
    });
    let renders = stream::iter(renders.collect::<Vec<_>>());
    Ok(Releases(renders.buffer_unordered(OVERLAPPING).try_collect().await?))
}

/// What a release renders as; none where the template has no data that could be another.
async fn rendered(
    api: &Engine,
    key: &TemplateKey,
    template: &KnownTemplate,
    release: &Release,
) -> Result<Option<String>, Error> {
    let (key, data) = (key.as_str(), &template.data);
    Ok(Some(match release {
        Release::Version(name) => shown(&api.render_release(key, data, ("version", name)).await?),
        Release::Label(name) => shown(&api.render_release(key, data, ("label", name)).await?),
        Release::OtherData => {
            let mut other = data.clone();
            if !alter(&mut other) {
                return Ok(None);
            }
            shown(&api.render(key, &other).await?)
        }
        Release::Html => {
            let answer = api.render_html(key, data).await?;
            match answer.is_success() {
                true => format!("HTML of SHA-256 {}", Digest::of(&answer.body)),
                false => refused(&answer),
            }
        }
    }))
}

/// Changes the texts of several words: they are neither keys, dates nor enumerations. Returns whether there
/// was one.
fn alter(data: &mut Value) -> bool {
    match data {
        Value::String(text) if text.contains(' ') && !text.contains(['<', '/']) => {
            text.push_str(" (other)");
            true
        }
        Value::Array(items) => items.iter_mut().fold(false, |any, item| alter(item) | any),
        Value::Object(fields) => fields.values_mut().fold(false, |any, field| alter(field) | any),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// An answer with a PDF, in a line.
pub fn shown(answer: &HttpAnswer) -> String {
    if !answer.is_success() {
        return refused(answer);
    }
    let version = answer.resolved_version.as_deref().unwrap_or("unnamed");
    match pdf_compare::canonical_digest(&answer.body) {
        Ok(digest) => format!("version {version}, content {}", Digest(digest)),
        Err(why) => format!("version {version}, not a whole PDF: {why}"),
    }
}

fn refused(answer: &HttpAnswer) -> String {
    format!("refused with {} {}", answer.status, answer.codes.join(", "))
}

/// Renders all releases again, several at a time, and compares them with what was recorded. Where they differ,
/// they are rendered one by one, which shows whether the others were the reason.
///
/// # Errors
/// The engine can't be reached.
pub(super) async fn compare(api: &Engine, known: &Known, then: &Releases) -> Result<Vec<Finding>, Error> {
    let together = record_overlapping(api, known, then).await?;
    let when = ", at the same time as other renders";
    let mixed = changed(then, &together, FindingKind::NotDeterministic, when);
    if mixed.is_empty() {
        return Ok(mixed);
    }
    let alone = changed(then, &record(api, known).await?, FindingKind::WrongRelease, "");
    Ok(if alone.is_empty() { mixed } else { alone })
}

/// The releases that render as something else now, and `when` they do.
fn changed(then: &Releases, now: &Releases, kind: FindingKind, when: &str) -> Vec<Finding> {
    let differs = then.0.iter().filter_map(|(release, said)| {
        let is = now.0.get(release).map_or("not listed", String::as_str);
        (is != said).then_some((release, said, is))
    });
    let finding = |((key, release), said, is): (&(TemplateKey, Release), &String, &str)| {
        let by = release.describe();
        let (expected, actual) = (format!("{by}: {said}"), format!("{by}{when}: {is}"));
        Finding::new(CheckId::Render, kind, Entity::Template(key.clone()), expected, actual)
    };
    differs.map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_that_is_another_one_now_or_gone_is_named() {
        let of = |label: &str, said: &str| {
            ((TemplateKey::from("invoice"), Release::Label(label.to_owned())), said.to_owned())
        };
        let then = Releases([of("staging", "version 2"), of("production", "version 1")].into());
        assert!(changed(&then, &then, FindingKind::WrongRelease, "").is_empty());
        let now = Releases([of("staging", "version 1")].into());
        let found: Vec<String> = changed(&then, &now, FindingKind::WrongRelease, "")
            .iter()
            .map(|f| format!("{f}: {}", f.actual))
            .collect();
        assert_eq!(
            found,
            [
                "wrong release: invoice: label production: not listed",
                "wrong release: invoice: label staging: version 1"
            ]
        );
    }

    #[test]
    fn other_data_has_other_texts_and_the_same_keys_dates_and_numbers() {
        let mut data = serde_json::json!({
            "date": "2026-12-01", "to": "Quay & Sons", "logo": "/assets/a b.png", "lines": [{"n": 1, "text": "A rope"}]
        });
        assert!(alter(&mut data));
        let wanted = serde_json::json!({
            "date": "2026-12-01", "to": "Quay & Sons (other)", "logo": "/assets/a b.png",
            "lines": [{"n": 1, "text": "A rope (other)"}]
        });
        assert_eq!(data, wanted);
        assert!(!alter(&mut serde_json::json!({"n": 1, "key": "a-1"})));
    }
}
