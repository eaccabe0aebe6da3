//! What depends on damaged objects: the rows that refer to them, and the templates, versions, labels and
//! schedules that need them.

use crate::model::finding::{Entity, FindingKind};
use serde::{Deserialize, Serialize};

/// What is known of something that needs a damaged object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confirmation {
    /// It was rendered, and the render was wrong or refused.
    Broken,
    /// References or data name it; it was not rendered.
    Predicted,
    /// It was rendered without a finding: this data does not need the object.
    Unharmed,
}

impl Confirmation {
    /// All of them.
    pub const ALL: &[Self] = &[Self::Broken, Self::Predicted, Self::Unharmed];

    /// For people.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Broken => "broken, confirmed by a render",
            Self::Predicted => "predicted, not rendered",
            Self::Unharmed => "renders as before",
        }
    }
}

/// Something that needs a damaged object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dependent {
    /// What it is: an entity of the profile.
    pub kind: String,
    /// Its name for people.
    pub name: String,
    /// What is known of it.
    pub confirmation: Confirmation,
}

/// What depends on one damaged object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impact {
    /// The object.
    pub object: Entity,
    /// What is wrong with it.
    pub damage: FindingKind,
    /// What needs it, at most [`BlastRadius::MOST`].
    pub dependents: Vec<Dependent>,
    /// How many more need it.
    #[serde(default)]
    pub more: usize,
}

/// What depends on the damaged objects of a restored site.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlastRadius {
    /// By object, at most [`BlastRadius::MOST`].
    pub impacts: Vec<Impact>,
    /// How many more objects are damaged.
    #[serde(default)]
    pub more: usize,
    /// Why nothing was confirmed by a render, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_rendered: Option<String>,
}

impl BlastRadius {
    /// The most objects, and the most dependents of one, that are listed.
    pub const MOST: usize = 50;

    /// What depends on an object, in a line: `logo.png is needed by asset (1), template (2)`.
    pub fn line(impact: &Impact) -> String {
        let mut kinds: Vec<(&str, usize)> = Vec::new();
        for Dependent { kind, .. } in &impact.dependents {
            match kinds.last_mut().filter(|(last, _)| last == kind) {
                Some((_, count)) => *count += 1,
                None => kinds.push((kind, 1)),
            }
        }
        let of = |confirmation: Confirmation| {
            impact.dependents.iter().filter(|dependent| dependent.confirmation == confirmation).count()
        };
        let counts: Vec<String> = kinds.iter().map(|(kind, count)| format!("{kind} ({count})")).collect();
        let counts = if counts.is_empty() { "nothing that is known".to_owned() } else { counts.join(", ") };
        let more = if impact.more > 0 { format!(", {} more", impact.more) } else { String::new() };
        let broken = of(Confirmation::Broken);
        let confirmed = if broken > 0 { format!("; {broken} confirmed by renders") } else { String::new() };
        format!("{} is needed by {counts}{more}{confirmed}", impact.object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impact_is_counted_by_kind() {
        let dependent = |kind: &str, name: &str, confirmation| Dependent {
            kind: kind.to_owned(),
            name: name.to_owned(),
            confirmation,
        };
        let mut impact = Impact {
            object: Entity::Asset("logo.png".into()),
            damage: FindingKind::MissingBinary,
            dependents: vec![
                dependent("assets", "logo.png", Confirmation::Predicted),
                dependent("template", "invoice", Confirmation::Broken),
                dependent("template", "receipt", Confirmation::Unharmed),
            ],
            more: 3,
        };
        assert_eq!(
            BlastRadius::line(&impact),
            "logo.png is needed by assets (1), template (2), 3 more; 1 confirmed by renders"
        );
        impact.dependents.clear();
        impact.more = 0;
        assert_eq!(BlastRadius::line(&impact), "logo.png is needed by nothing that is known");
    }
}
