//! Which engine a run drives.

use crate::{
    base::error::Error,
    model::{
        profile::{Profile, TargetApi},
        verdict::limit::Limit,
    },
    procedure::command::own_words,
    system::engine::Launch,
};
use std::time::Duration;

/// Which engine is driven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineChoice {
    /// How to start it.
    pub launch: Launch,
    /// Whether the command line names it: then it takes precedence over the profile's `start`.
    pub asked_for: bool,
    /// Its name in reports.
    pub name: String,
    /// How long it may take until it is ready.
    pub ready_within: Duration,
    /// What a run on it does not show.
    pub limit: Option<Limit>,
}

impl EngineChoice {
    /// How to start a target, and whether its own profile's command does it. What the command line
    /// asks for applies to the run's own profile only.
    pub(super) fn launch_of(&self, profile: &Profile, of_run: &Profile) -> Result<(Launch, bool), Error> {
        let asked_for = self.asked_for && profile == of_run;
        Ok(match (&profile.start[..], profile.api) {
            ([_, ..], _) if !asked_for => (Launch::Command(own_words(&profile.start)?), true),
            ([], TargetApi::None) => (Launch::Nothing, false),
            (_, TargetApi::PulpEngine | TargetApi::None) => (self.launch.clone(), false),
        })
    }
}
