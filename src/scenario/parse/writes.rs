//! Reads the order of writes that a scenario sets. Whether the target supports it is not known here.

use crate::{
    model::write::WriteOrderOverride,
    scenario::{
        At,
        diagnose::Mistake,
        method::{Method, TargetProcess},
        yaml::fields::Fields,
    },
};

/// The order of writes. Reports one that has no effect.
pub fn writes(fields: &mut Fields<'_>, method: &Method, mistakes: &mut Vec<Mistake>) -> WriteOrderOverride {
    let Some(At { value, place }) = fields.optional::<WriteOrderOverride>("writes", mistakes) else {
        return WriteOrderOverride::default();
    };
    let mut wrong = |message: &str, label: &str, help: &str| {
        mistakes.push(Mistake::at(place, message).label(label).help(help));
    };
    if value == WriteOrderOverride::default() {
        wrong("no write is named", "expected a write", "write `writes: {replace: row-first}`, or remove it");
    }
    if method.runs != TargetProcess::WithApi {
        let help = "remove `writes`: the drill writes nothing there";
        wrong(
            "an order of writes through an API that the target does not have",
            "there are no such writes",
            help,
        );
    }
    if value.batch.is_some() && method.results.is_none() {
        let help = "add `results: bucket`, or remove `batch`";
        wrong(
            "without a place of their own, results of batch jobs have no order",
            "`batch` has no effect",
            help,
        );
    }
    value
}
