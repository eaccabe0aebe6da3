//! Runs of schedules that fall into the outage: planned while the engine is stopped, so that none can
//! happen before the dump, and waited for before it is started again.

use crate::{
    base::{clock, error::Error},
    model::{event::Event, profile::start::moment},
    runbook::{drill::state::DrillState, fault::rows, verify},
    scenario::PlanRun,
};
use std::time::Duration;

/// How often the clock is looked at.
const TICK: Duration = Duration::from_millis(50);

impl DrillState<'_> {
    /// Lets a schedule run next so long from now.
    pub(super) async fn plan_run(&mut self, plan: &PlanRun) -> Result<(), Error> {
        let PlanRun { schedule, after } = plan;
        let before = verify::observe_contents(self.site, None).await?;
        let row = rows::plan_run(self.site, schedule, after.0.as_secs()).await?;
        let column = self.site.profile.entities.values().find_map(|entity| entity.next_run.as_ref());
        let at = column.and_then(|column| moment(&row, column)).ok_or_else(|| {
            Error::usage(format!("the next run of {schedule} is no moment: {row}"))
                .hint("name a column with a timestamp as the profile's `next-run`")
        })?;
        self.source.planned_runs.insert(schedule.clone(), at);
        self.take_over(&before).await?;
        self.log.event(Event::Noted { text: format!("{schedule} runs next at {}", clock::iso(at)) })
    }

    /// Waits until the next run that was planned is due.
    pub(super) async fn wait_for_run(&self, schedule: &str) -> Result<(), Error> {
        let Some(at) = self.source.planned_runs.get(schedule) else {
            return Err(Error::harness(format!("the next run of {schedule} was never planned")));
        };
        while self.context.clock.now() <= *at {
            tokio::time::sleep(TICK).await;
        }
        Ok(())
    }
}
