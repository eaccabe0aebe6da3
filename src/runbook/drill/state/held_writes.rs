//! Writes in flight: begun, held, continued, interrupted. At each hold both stores are read: the part of
//! the write that its order puts before the hold must be done, and no other. What is done by then is
//! what is stored, although it was not acknowledged.

use crate::{
    base::{
        error::Error,
        ids::{AssetName, ObjectKey, TemplateKey, WriteName},
    },
    model::{
        event::Event,
        state::{KnownTemplate, State},
        write::{WriteKind, WritePath},
    },
    runbook::{
        drill::{
            held_write::{
                HeldWrite, Sent, answered, describe,
                hold::{self, Hold},
            },
            results::DrillResults,
            state::DrillState,
        },
        seed::{self, Call, CallAnswer},
        verify::{self, reconcile},
    },
    scenario::hold::{Begin, GoOn, HoldPoint, Stage, Stopper, Write},
    system::gate::{End, S3Request},
};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::timeout;

mod part;

/// How long a write may take until it is held, and how long its cleanup may take.
const REACHED: Duration = Duration::from_secs(20);

/// How long the answer may take once nothing holds the write any more.
const ANSWERED: Duration = Duration::from_secs(60);

/// How long a request that is held may take in all: longer than any backup of a drill.
const PATIENCE: Duration = Duration::from_secs(3600);

/// The most requests that a message shows.
const SHOWN: usize = 8;

impl DrillState<'_> {
    /// Begins a write and waits until it is held.
    pub(super) async fn begin(&mut self, begin: &Begin, results: &mut DrillResults) -> Result<(), Error> {
        let kind = begin.write.kind();
        let way = self.site.write_order().path(kind);
        let stage = stage_of(way, kind, begin.hold)?;
        if kind == WriteKind::Batch && stage.by == Stopper::Table {
            // Its table is written before, too: it is held when its results are there.
            let first = Begin { hold: HoldPoint::AfterBinary, ..begin.clone() };
            Box::pin(self.begin(&first, results)).await?;
            let next = GoOn { write: begin.write.name(), hold: begin.hold };
            return self.go_on(&next, results).await;
        }
        let mut write = self.send_held(&begin.write, way, stage).await?;
        let before = write.origin.clone();
        self.reach(&mut write, begin.hold, stage, &before, results).await?;
        self.in_flight.insert(write.name.clone(), write);
        Ok(())
    }

    /// Sets the hold, then sends the write.
    async fn send_held(&mut self, what: &Write, way: WritePath, stage: Stage) -> Result<HeldWrite, Error> {
        let (name, kind) = (what.name(), what.kind());
        let call = self.call(what).await?;
        let origin = verify::observe_contents(self.site, None).await?;
        let asset = self.source.seeded.known.assets.get(&name.as_str().into());
        let old = asset.map(|asset| asset.key.clone()).filter(|_| kind != WriteKind::Batch);
        let object = match kind {
            WriteKind::Upload | WriteKind::Copy | WriteKind::Label | WriteKind::Batch => None,
            WriteKind::Replace if way.cleans_up() => None,
            WriteKind::Replace | WriteKind::Delete => old.clone(),
        };
        let touched = |known: &BTreeMap<TemplateKey, KnownTemplate>| {
            let needs = |t: &KnownTemplate| t.assets.iter().any(|asset| asset.as_str() == name.as_str());
            known.iter().filter(|(_, t)| needs(t)).map(|(key, t)| (key.clone(), t.clone())).collect()
        };
        let templates = match kind {
            WriteKind::Replace | WriteKind::Delete => touched(&self.source.seeded.known.templates),
            WriteKind::Upload | WriteKind::Copy | WriteKind::Label | WriteKind::Batch => BTreeMap::new(),
        };
        let before = self.site.gate.as_ref().map_or(0, |gate| gate.seen().len());
        let target = hold::HoldTarget { name: &name, kind, way, object: object.as_ref(), old: old.as_ref() };
        let hold = Hold::set(self.site, &target, stage.by).await?;
        let api = self.site.engine.api().await?.patient(PATIENCE);
        let job = match &call {
            Call::Batch { template, data } => Some(seed::submit(&api, template, data).await?),
            Call::Upload(_) | Call::Replace { .. } | Call::Delete { .. } => None,
        };
        let (sending, accepted) = (call.clone(), job.clone());
        let sent = Sent(tokio::spawn(async move {
            match (&sending, accepted) {
                (Call::Batch { template, .. }, Some(job)) => {
                    seed::finished(&api, job, template, PATIENCE).await
                }
                (_, _) => sending.send(&api).await,
            }
        }));
        let acknowledged = false;
        Ok(HeldWrite {
            name,
            kind,
            way,
            call,
            sent,
            acknowledged,
            job,
            hold,
            origin,
            object,
            old,
            templates,
            before,
        })
    }

    /// Lets a write go on to where it is held next.
    pub(super) async fn go_on(&mut self, go_on: &GoOn, results: &mut DrillResults) -> Result<(), Error> {
        let mut write = self.take_in_flight(&go_on.write)?;
        let stage = stage_of(write.way, write.kind, go_on.hold)?;
        self.must_be_held(&mut write).await?;
        let before = verify::observe_contents(self.site, None).await?;
        let answer = if stage.by == Stopper::Answer { write.hold.answer() } else { None };
        let target = hold::HoldTarget {
            name: &write.name,
            kind: write.kind,
            way: write.way,
            object: write.object.as_ref(),
            old: write.old.as_ref(),
        };
        let next = match answer {
            Some(answer) => answer,
            None => Hold::set(self.site, &target, stage.by).await?,
        };
        std::mem::replace(&mut write.hold, next).release().await?;
        self.reach(&mut write, go_on.hold, stage, &before, results).await?;
        self.in_flight.insert(write.name.clone(), write);
        Ok(())
    }

    /// Lets a write go on to its end, which must be a good one.
    pub(super) async fn release(
        &mut self,
        name: &WriteName,
        results: &mut DrillResults,
    ) -> Result<(), Error> {
        let mut write = self.take_in_flight(name)?;
        self.must_be_held(&mut write).await?;
        let before = verify::observe_contents(self.site, None).await?;
        std::mem::replace(&mut write.hold, Hold::Nothing).release().await?;
        if write.acknowledged {
            self.cleaned_up(write.old.as_ref()).await?;
            return self.take_over(&before).await;
        }
        let description = write.describe();
        let answer = timeout(ANSWERED, answered(&mut write.sent)).await.map_err(|_late| {
            let limit = ANSWERED.as_secs();
            Error::environment(format!("{description} was let go and is not answered after {limit} s"))
                .cause(self.gate_saw(write.before))
        })?;
        let answer =
            answer.map_err(|error| error.while_doing(format!("{description} was let go and failed")))?;
        self.acknowledge(write, answer, &before, results).await
    }

    /// Takes down that a write was answered well, as one that nobody held.
    async fn acknowledge(
        &mut self,
        write: HeldWrite,
        answer: CallAnswer,
        before: &State,
        results: &mut DrillResults,
    ) -> Result<(), Error> {
        // What they rendered half way is no measure of what they render now.
        self.source.seeded.known.templates.extend(write.templates.clone());
        self.source.seeded.known.unfinished.retain(|job, _| Some(job) != write.job.as_ref());
        let written = self.source.acknowledged(write.call.clone(), answer);
        if write.way.cleans_up() && !write.acknowledged {
            self.cleaned_up(write.old.as_ref()).await?;
        }
        self.written(before, written.as_ref(), None, results).await
    }

    /// Kills the engine. Writes in flight die with it.
    pub(super) async fn kill_engine(&mut self) -> Result<(), Error> {
        if self.site.has_api() && self.site.engine.is_running().await {
            // Nobody answers from now on, and nothing changes.
            self.source.inventory = Some(self.inventory().await?);
            self.source.api = Some(self.api_snapshot().await?);
        }
        let before = verify::observe_contents(self.site, None).await?;
        if !self.site.engine.kill().await {
            return Err(Error::usage("the engine runs elsewhere: it is not ours to kill")
                .hint("let the harness start it: --engine 'command' or an image"));
        }
        for (name, mut write) in std::mem::take(&mut self.in_flight) {
            std::mem::replace(&mut write.hold, Hold::Nothing).break_off().await?;
            if write.acknowledged {
                continue;
            }
            let answer = timeout(REACHED, answered(&mut write.sent)).await.map_err(|_late| {
                Error::environment(format!("the engine was killed, and the request of {name} goes on"))
            })?;
            if answer.is_ok() {
                let what = format!("{} was answered by an engine that was killed before", write.describe());
                return Err(Error::harness(what));
            }
            let now = verify::observe_contents(self.site, None).await?;
            self.know_as_stored(&write, &now);
            self.note(format!(
                "{} died with the engine: {}",
                write.describe(),
                self.part_done(&write, &now)
            ))?;
        }
        self.take_over(&before).await
    }

    fn take_in_flight(&mut self, name: &WriteName) -> Result<HeldWrite, Error> {
        self.in_flight.remove(name).ok_or_else(|| Error::harness(format!("no write {name} is in flight")))
    }

    /// A write that is held is not answered: unless its target gave up waiting.
    async fn must_be_held(&self, write: &mut HeldWrite) -> Result<(), Error> {
        if write.acknowledged || !write.sent.0.is_finished() {
            return Ok(());
        }
        let what = format!("{} came to an end while it was held", write.describe());
        let hint = "the target waits for its object store no longer than that: hold it for a shorter time, \
                    or let it wait longer";
        Err(match answered(&mut write.sent).await {
            Ok(_) => Error::environment(what).cause("it was answered as done"),
            Err(error) => error.while_doing(what),
        }
        .hint(hint))
    }

    /// Waits until a write is held, and looks at what it has done by then. `before` are both stores
    /// before it went on.
    async fn reach(
        &mut self,
        write: &mut HeldWrite,
        point: HoldPoint,
        stage: Stage,
        before: &State,
        results: &mut DrillResults,
    ) -> Result<(), Error> {
        let request = self.wait_for(write, point, stage).await?;
        let now = verify::observe_contents(self.site, None).await?;
        self.learn_object(write, request.as_ref(), &now);
        let found = (self.has_binary(write, &now), self.has_row(write, &now));
        if found != (stage.binary, stage.row) {
            return Err(self.out_of_order(write, point, stage, found));
        }
        let held = request.map_or_else(
            || "its statement waits for the table".to_owned(),
            |request| format!("{:?} {}/{}", request.operation, request.bucket, request.key),
        );
        self.note(format!(
            "{} is held {point}: {}; {held}",
            write.describe(),
            describe(write.kind, found.0, found.1)
        ))?;
        if stage.by == Stopper::Cleanup && !write.acknowledged {
            return self.answered_before_cleanup(write, before, results).await;
        }
        let known = self.source.seeded.known.assets.clone();
        if let (Some(job), Call::Batch { template, .. }) = (&write.job, &write.call) {
            self.source.seeded.known.unfinished.insert(job.clone(), template.clone());
        }
        self.know_as_stored(write, &now);
        let torn = write.object.as_ref().is_some_and(|key| reconcile::torn(&now, &self.site.profile, key));
        if torn || self.source.seeded.known.assets != known {
            for key in write.templates.keys() {
                self.render_as_stored(key).await?;
            }
        }
        self.take_over(before).await
    }

    /// Waits for the hold; an answer must not come before it.
    async fn wait_for(
        &self,
        write: &mut HeldWrite,
        point: HoldPoint,
        stage: Stage,
    ) -> Result<Option<S3Request>, Error> {
        let description = write.describe();
        let may_be_answered = write.acknowledged || stage.by == Stopper::Cleanup;
        let early = tokio::select! {
            biased;
            reached = write.hold.reached() => return reached,
            answer = answered(&mut write.sent), if !may_be_answered => Some(answer),
            () = tokio::time::sleep(REACHED) => None,
        };
        let error = match early {
            Some(Err(error)) => {
                return Err(error.while_doing(format!("{description} failed before it was held {point}")));
            }
            Some(Ok(_)) => {
                Error::environment(format!("{description} was answered before it was held {point}"))
            }
            None => {
                let limit = REACHED.as_secs();
                Error::environment(format!("{description} did not come to be held {point} within {limit} s"))
            }
        };
        Err(error.cause(write.hold.waited_for()).cause(self.gate_saw(write.before)).hint(
            "see whether the target's writes take the order that the profile's `write-order` says, and \
             whether its storage keys end with the file's name",
        ))
    }

    /// The old object is removed after the answer: that is there by now.
    async fn answered_before_cleanup(
        &mut self,
        write: &mut HeldWrite,
        before: &State,
        results: &mut DrillResults,
    ) -> Result<(), Error> {
        let description = write.describe();
        let answer = timeout(REACHED, answered(&mut write.sent)).await.map_err(|_late| {
            Error::environment(format!("{description} is not answered before its old object is removed"))
                .hint("`replace-keys: new-key` says that the old object goes after the answer")
        })??;
        write.acknowledged = true;
        self.source.seeded.known.templates.extend(write.templates.clone());
        let written = self.source.acknowledged(write.call.clone(), answer);
        self.written(before, written.as_ref(), None, results).await
    }

    /// Waits until the old object of a replacement is gone.
    pub(super) async fn cleaned_up(&self, old: Option<&ObjectKey>) -> Result<(), Error> {
        let Some(old) = old else { return Ok(()) };
        let name = self.source.names.asset(old).cloned().unwrap_or_else(|| AssetName::new(old.as_str()));
        seed::cleaned_up(self.site, std::iter::once((old, &name))).await
    }

    fn out_of_order(&self, write: &HeldWrite, point: HoldPoint, stage: Stage, found: (bool, bool)) -> Error {
        let description = write.describe();
        let what = match found {
            (false, true) => "the row was written before the binary",
            (true, false) => "the binary was written before the row",
            (true, true) => "both were written by then",
            (false, false) => "neither was written by then",
        };
        Error::usage(format!("{description} is held {point}, and {what}: `write-order` says otherwise"))
            .cause(format!("must be: {}", describe(write.kind, stage.binary, stage.row)))
            .cause(format!("is: {}", describe(write.kind, found.0, found.1)))
            .hint("correct the profile's `write-order` (or the scenario's `writes`), or choose another hold")
    }

    /// The part of a write that is done, for people.
    fn part_done(&self, write: &HeldWrite, now: &State) -> String {
        describe(write.kind, self.has_binary(write, now), self.has_row(write, now))
    }

    /// What the gate has seen since, in a line.
    fn gate_saw(&self, since: usize) -> String {
        let Some(gate) = &self.site.gate else { return "nothing of ours stands before the store".to_owned() };
        let seen = gate.seen();
        let of = seen.get(since..).unwrap_or_default();
        let description = of.iter().rev().take(SHOWN).rev().map(|seen| {
            let end = match seen.end {
                End::InFlight => "in flight".to_owned(),
                End::Answered(status) => status.to_string(),
                End::Broken => "broken off".to_owned(),
            };
            let S3Request { operation, bucket, key, .. } = &seen.request;
            format!("{operation:?} {bucket}/{key} ({end})")
        });
        let description: Vec<String> = description.collect();
        match description.is_empty() {
            true => "the gate has seen no request since".to_owned(),
            false => format!("the gate has seen since: {}", description.join(", ")),
        }
    }

    fn note(&self, text: String) -> Result<(), Error> {
        self.log.event(Event::Noted { text })
    }
}

/// The stage of a point; the parser has seen to it that there is one.
fn stage_of(way: WritePath, kind: WriteKind, point: HoldPoint) -> Result<Stage, Error> {
    let none = || Error::harness(format!("no {} is ever {point} here", kind.describe()));
    way.stage(point).ok_or_else(none)
}
