//! Reads steps and expectations from the tree. Does not check whether they fit together.

use crate::{
    model::{
        fault::Fault,
        finding::{Expectation, FindingKind},
    },
    scenario::{
        Act, At, BackupStep, Destroy, RestoreStep, SourcePosition, Step,
        diagnose::{Mistake, suggest},
        method::{BackupJob, Method, RestoreJob},
        yaml::{
            fields::items,
            tree::{Data, YamlNode},
            typed::{read, words_of},
        },
    },
};

/// The most steps of a scenario: nobody can review more.
const MOST_STEPS: usize = 200;

/// The keywords of steps that are not acts.
pub const OWN_WORDS: [&str; 3] = ["back up", "destroy", "restore"];

/// The steps of a scenario.
pub fn steps(node: &YamlNode, method: &Method, mistakes: &mut Vec<Mistake>) -> Vec<At<Step>> {
    let nodes = items(node, mistakes);
    if matches!(&node.data, Data::List(items) if items.is_empty()) {
        mistakes.push(
            Mistake::at(node.place, "there are no steps")
                .label("an empty list")
                .help("a drill backs up, destroys and restores"),
        );
    }
    if let Some(first) = nodes.get(MOST_STEPS) {
        let message = format!("{} steps; at most {MOST_STEPS} are allowed", nodes.len());
        mistakes.push(Mistake::at(first.place, message).label("one too many"));
        return Vec::new();
    }
    nodes.iter().filter_map(|node| step(node, method, mistakes)).collect()
}

fn step(node: &YamlNode, method: &Method, mistakes: &mut Vec<Mistake>) -> Option<At<Step>> {
    let (word, place, value) = node.word().map_err(|mistake| mistakes.push(mistake)).ok()?;
    let whole = SourcePosition { end: node.place.end.max(place.end), ..place };
    let at = |value| Some(At { value, place: whole });
    let Some(value) = value.filter(|_| OWN_WORDS.contains(&word)) else {
        if OWN_WORDS.contains(&word) {
            mistakes.push(needs_value(word, place));
            return None;
        }
        return at(Step::Act(act(node, &[], &OWN_WORDS, mistakes)?));
    };
    match word {
        "back up" => {
            let list =
                sub_steps(value, word, BackupJob::ALL, &method.backup(), BackupJob::describe, mistakes);
            at(Step::BackUp(list?.wrapping(BackupStep::Own, BackupStep::Act)))
        }
        "restore" => {
            let list =
                sub_steps(value, word, RestoreJob::ALL, &method.restore(), RestoreJob::describe, mistakes);
            at(Step::Restore(list?.wrapping(RestoreStep::Own, RestoreStep::Act)))
        }
        _ => {
            let what = read::<Destroy>(value).map_err(|mistake| mistakes.push(mistake)).ok()?;
            at(Step::Destroy(what.value))
        }
    }
}

fn needs_value(word: &str, place: SourcePosition) -> Mistake {
    let (label, help) = match word {
        "destroy" => ("expected a value", "write `destroy: everything`"),
        "restore" => ("expected a value", "write `restore: runbook`, or its sub-steps as a list below it"),
        _ => ("expected a value", "write `back up: runbook`, or its sub-steps as a list below it"),
    };
    Mistake::at(place, format!("`{word}` needs a value")).label(label).help(help)
}

/// Sub-steps of a backup or a restore, with acts between them.
struct SubSteps<S>(Vec<At<Either<S>>>);

enum Either<S> {
    Own(S),
    Act(Act),
}

impl<S> SubSteps<S> {
    fn wrapping<T>(self, own: impl Fn(S) -> T, act: impl Fn(Act) -> T) -> Vec<At<T>> {
        let unwrap = |either| match either {
            Either::Own(job) => own(job),
            Either::Act(it) => act(it),
        };
        self.0.into_iter().map(|At { value, place }| At { value: unwrap(value), place }).collect()
    }
}

/// `runbook`, or a list of sub-steps and acts.
fn sub_steps<S: Copy>(
    node: &YamlNode,
    of: &str,
    all: &[S],
    runbook: &[S],
    description: impl Fn(S) -> &'static str,
    mistakes: &mut Vec<Mistake>,
) -> Option<SubSteps<S>> {
    let own: Vec<&str> = runbook.iter().map(|job| description(*job)).collect();
    match &node.data {
        Data::Scalar { text, .. } if text == "runbook" => {
            let at = |job: &S| At { value: Either::Own(*job), place: node.place };
            Some(SubSteps(runbook.iter().map(at).collect()))
        }
        Data::List(items) => {
            if items.is_empty() {
                mistakes
                    .push(Mistake::at(node.place, format!("`{of}` has no sub-steps")).label("an empty list"));
            }
            let mut list = Vec::new();
            for item in items {
                let is = |job: &&S| matches!(item.word(), Ok((word, _, None)) if word == description(**job));
                let value = match all.iter().find(is) {
                    Some(job) => Some(Either::Own(*job)),
                    None => act(item, &own, &[], mistakes).map(Either::Act),
                };
                list.extend(value.map(|value| At { value, place: item.place }));
            }
            Some(SubSteps(list))
        }
        Data::Scalar { .. } | Data::Map(_) => {
            let message = format!("expected `runbook` or a list of sub-steps after `{of}`");
            mistakes.push(Mistake::at(node.place, message).label("neither").help(format!(
                "write `{of}: runbook`, or a list below it; an entry {}",
                suggest::one_of(&own)
            )));
            None
        }
    }
}

/// An act. `first` and `last` are the other keywords that are allowed here.
fn act(node: &YamlNode, first: &[&str], last: &[&str], mistakes: &mut Vec<Mistake>) -> Option<Act> {
    let acts = words_of::<Act>();
    let act = node.word().and_then(|(word, place, value)| {
        if acts.contains(&word) {
            return read::<Act>(node).map(|at| at.value);
        }
        if first.contains(&word) && value.is_some() {
            return Err(Mistake::at(place, format!("`{word}` takes no value"))
                .label("a sub-step without a value")
                .help(format!("write `- {word}`")));
        }
        let allowed: Vec<&str> = first.iter().chain(last).chain(acts).copied().collect();
        Err(elsewhere(word, place, &allowed)
            .unwrap_or_else(|| Mistake::unknown(Some(place), "step", word, allowed).label("unknown step")))
    });
    act.map_err(|mistake| mistakes.push(mistake)).ok()
}

/// A keyword that exists and is not allowed here.
fn elsewhere(word: &str, place: SourcePosition, allowed: &[&str]) -> Option<Mistake> {
    let misplaced = |label: &str, help: String| {
        Some(Mistake::at(place, format!("`{word}` is not allowed here")).label(label.to_owned()).help(help))
    };
    if BackupJob::ALL.iter().any(|job| job.describe() == word) {
        return misplaced("a sub-step of a backup", "put it in the list of a `back up`".to_owned());
    }
    if RestoreJob::ALL.iter().any(|job| job.describe() == word) {
        return misplaced("a sub-step of a restore", "put it in the list of a `restore`".to_owned());
    }
    if words_of::<Fault>().contains(&word) {
        return misplaced("a fault", format!("write `fault: {{{word}: …}}`"));
    }
    if OWN_WORDS.contains(&word) && !allowed.contains(&word) {
        return misplaced("a top-level step", "put it one level up".to_owned());
    }
    None
}

/// The expected findings.
pub fn expectations(nodes: &[YamlNode], mistakes: &mut Vec<Mistake>) -> Vec<At<Expectation>> {
    nodes.iter().filter_map(|node| expectation(node).map_err(|mistake| mistakes.push(mistake)).ok()).collect()
}

fn expectation(node: &YamlNode) -> Result<At<Expectation>, Mistake> {
    let (word, place, value) = node.word()?;
    let Some(kind) = FindingKind::ALL.iter().copied().find(|kind| kind.describe() == word) else {
        let description = FindingKind::ALL.iter().map(|kind| kind.describe());
        return Err(Mistake::unknown(Some(place), "finding", word, description).label("unknown finding"));
    };
    let Some(value) = value.filter(|value| !value.is_nothing()) else {
        return Err(Mistake::at(place, format!("`{word}` needs a subject"))
            .label("expected a subject")
            .help(format!("write `{word}: …`")));
    };
    let entity = read::<String>(value)?.value;
    let place = SourcePosition { end: node.place.end.max(place.end), ..place };
    Ok(At { value: Expectation { kind, entity }, place })
}
