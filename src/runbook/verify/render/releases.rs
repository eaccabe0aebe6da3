//! Renders of each version and by each label: recorded at the source, and asked for again after the
//! restore, so that a name that resolves to something else shows in what is rendered.

use crate::{
    base::{digest::Digest, error::Error, ids::TemplateKey},
    model::{
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        state::Known,
    },
    system::engine::{Engine, HttpAnswer},
};
use std::collections::BTreeMap;

/// What a release is asked for by (`version` or `label`), and its name.
type Release = (TemplateKey, &'static str, String);

/// What each release renders as: its version and its canonical digest, or its refusal.
pub type Releases = BTreeMap<Release, String>;

/// Renders all releases of the known templates.
pub async fn record(api: &Engine, known: &Known) -> Result<Releases, Error> {
    let mut releases = Releases::new();
    for (key, template) in &known.templates {
        let versions = api.template_versions(key.as_str()).await.unwrap_or_default();
        let labels = api.labels(key.as_str()).await.unwrap_or_default();
        let names = versions.into_iter().map(|version| ("version", version.version));
        for (by, name) in names.chain(labels.into_iter().map(|label| ("label", label.label))) {
            let answer = api.render_release(key.as_str(), &template.data, (by, &name)).await?;
            releases.insert((key.clone(), by, name), shown(&answer));
        }
    }
    Ok(releases)
}

fn shown(answer: &HttpAnswer) -> String {
    if !answer.is_success() {
        return format!("refused with {} {}", answer.status, answer.codes.join(", "));
    }
    let version = answer.resolved_version.as_deref().unwrap_or("unnamed");
    match pdf_compare::canonical_digest(&answer.body) {
        Ok(digest) => format!("version {version}, content {}", Digest(digest)),
        Err(why) => format!("version {version}, no whole PDF: {why}"),
    }
}

/// The releases that render as something else now.
pub(super) fn changed(then: &Releases, now: &Releases) -> Vec<Finding> {
    let differs = then.iter().filter_map(|(release, said)| {
        let is = now.get(release).map_or("not listed", String::as_str);
        (is != said).then_some((release, said, is))
    });
    let finding = |((key, by, name), said, is): (&Release, &String, &str)| {
        let (expected, actual) = (format!("by {by} {name}: {said}"), format!("by {by} {name}: {is}"));
        let entity = Entity::Template(key.clone());
        Finding::new(CheckId::Render, FindingKind::WrongRelease, entity, expected, actual)
    };
    differs.map(finding).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_that_is_another_one_now_or_gone_is_named() {
        let of = |label: &str, said: &str| {
            ((TemplateKey::from("invoice"), "label", label.to_owned()), said.to_owned())
        };
        let then = Releases::from([of("staging", "version 2"), of("production", "version 1")]);
        assert!(changed(&then, &then).is_empty());
        let now = Releases::from([of("staging", "version 1")]);
        let found: Vec<String> = changed(&then, &now).iter().map(|f| format!("{f}: {}", f.actual)).collect();
        assert_eq!(
            found,
            [
                "wrong release: invoice: by label production: not listed",
                "wrong release: invoice: by label staging: version 1"
            ]
        );
    }
}
