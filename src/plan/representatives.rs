//! The scenario that represents each fault, from what the scenarios do and expect.

use crate::{
    model::detection::{Candidate, Representatives, representatives},
    scenario::{Scenario, parse::names::acts},
};

/// The representatives of all faults that the scenarios inject.
pub fn of(scenarios: &[Scenario]) -> Representatives {
    let candidate = |scenario: &Scenario| Candidate {
        id: scenario.id.clone(),
        faults: acts(&scenario.steps).filter_map(|(act, _)| Some(act.fault()?.id())).collect(),
        expects: !scenario.expect.is_empty(),
    };
    let candidates: Vec<Candidate> = scenarios.iter().map(candidate).collect();
    representatives(&candidates)
}
