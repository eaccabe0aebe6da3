//! The order of writes that a scenario asks for. Whether the target can be told is not known here.

use crate::{
    model::write::WriteOrderOverride,
    scenario::{
        At,
        diagnose::Mistake,
        method::{Method, TargetProcess},
        yaml::fields::Fields,
    },
};

/// The order of writes; one that nobody could see is told.
pub fn writes(fields: &mut Fields<'_>, method: &Method, mistakes: &mut Vec<Mistake>) -> WriteOrderOverride {
    let Some(At { value, place }) = fields.optional::<WriteOrderOverride>("writes", mistakes) else {
        return WriteOrderOverride::default();
    };
    let mut wrong = |message: &str, label: &str, help: &str| {
        mistakes.push(Mistake::at(place, message).label(label).help(help));
    };
    if value == WriteOrderOverride::default() {
        wrong(
            "no write is named",
            "nothing stands here",
            "write `writes: {replace: row-first}`, or remove it",
        );
    }
    if method.runs != TargetProcess::WithApi {
        let help = "remove `writes`: the drill writes nothing there";
        wrong("an order of writes through an API that the target does not have", "nobody writes", help);
    }
    if value.batch.is_some() && method.results.is_none() {
        let help = "add `results: bucket`, or remove `batch`";
        wrong("results of batch jobs that lie in their rows have no order", "`batch` changes nothing", help);
    }
    value
}
