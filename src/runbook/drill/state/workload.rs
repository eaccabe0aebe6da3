//! The steps of a workload: writers start, are waited for, and are stopped.

use crate::{
    base::error::{Error, ErrorContext},
    model::{
        event::Event,
        workload::{Load, write_outcome::judge},
        write::WriteKind,
    },
    runbook::{
        drill::{state::DrillState, workload::Workload},
        restore,
        verify::acknowledged::sights,
        workload::{WriterTargets, Writing},
    },
};
use std::time::Instant;

impl DrillState<'_> {
    /// Starts the writers, and waits until each kind of write has been acknowledged.
    pub(super) async fn write_under_load(&mut self, load: Load) -> Result<(), Error> {
        let (manifest, load) = match self.site.has_api() {
            true => (Some(self.inventory().await?), load),
            false => (None, self.as_far_as_commands(load)?),
        };
        let began = Instant::now();
        let writing = Writing::start(self.site, load, self.beside_assets(load).await?, began);
        writing.until_begun().await?;
        self.workload = Some(Workload::new(load, writing, began, manifest));
        Ok(())
    }

    /// The load without the kinds of writes for which the profile has no command.
    fn as_far_as_commands(&self, mut load: Load) -> Result<Load, Error> {
        let commands = self.site.profile.write.as_ref();
        let none = |kind: WriteKind| commands.is_none_or(|commands| commands.command(kind).is_empty());
        let parts = [(WriteKind::Replace, &mut load.mix.replace), (WriteKind::Delete, &mut load.mix.delete)];
        let mut left_out = Vec::new();
        for (kind, part) in parts {
            if *part > 0 && none(kind) {
                *part = 0;
                left_out.push(kind.plural());
            }
        }
        if !left_out.is_empty() {
            let text = format!("the profile's `write` has no command for {}", left_out.join(" and "));
            self.log.event(Event::Noted { text })?;
        }
        Ok(load)
    }

    /// What writers write to beside assets of their own.
    async fn beside_assets(&self, load: Load) -> Result<WriterTargets, Error> {
        let mut reach = WriterTargets::default();
        if load.mix.label > 0 {
            let template = self.seed()?.templates.iter().find(|template| !template.then.is_empty());
            let missing = || Error::usage("no template of the seed has two versions");
            reach.labelled = template.ok_or_else(missing)?.key.clone();
            let versions = self.site.engine.api().await?.template_versions(reach.labelled.as_str()).await?;
            reach.versions = versions.into_iter().rev().map(|version| version.version).collect();
        }
        if load.mix.batch > 0 {
            let template = self.source.seeded.known.templates.keys().next();
            let missing = || Error::usage("the seed has no template that a batch job could render");
            reach.batch = Some(self.source.seeded.batch(template.ok_or_else(missing)?)?);
        }
        Ok(reach)
    }

    /// Whether writers write now.
    pub(super) fn is_under_load(&self) -> bool {
        self.workload.as_ref().is_some_and(|workload| workload.writing.is_some())
    }

    /// The load's clock; nothing where there is no load.
    pub(super) fn load_clock(&self) -> u64 {
        self.workload.as_ref().map_or(0, Workload::now)
    }

    pub(super) async fn wait_for_writes(&self, count: u32) -> Result<(), Error> {
        match self.workload.as_ref().and_then(|workload| workload.writing.as_ref()) {
            Some(writing) => writing.until_more(count).await,
            None => Err(Error::usage("nobody writes at this point of the timeline")),
        }
    }

    /// Stops the writers when one has been acknowledged after the backup, and keeps what they wrote.
    pub(super) async fn stop_writing(&mut self) -> Result<(), Error> {
        if let Some(workload) = &self.workload
            && let Some(writing) = &workload.writing
        {
            writing.until_after(workload.backed_up).await?;
        }
        self.end_load().await
    }

    /// Stops the writers, if any write, and keeps what they wrote.
    pub(super) async fn end_load(&mut self) -> Result<(), Error> {
        let Some(workload) = &mut self.workload else { return Ok(()) };
        let Some(writing) = workload.writing.take() else { return Ok(()) };
        workload.writes = writing.stop().await?;
        let mut lines = String::new();
        for write in &workload.writes {
            lines += &serde_json::to_string(write).or_harness(|| "can't write down a write".to_owned())?;
            lines.push('\n');
        }
        let name = format!("{}-writes.jsonl", self.log.name());
        self.log.artefact(&name, lines.as_bytes(), "every write under load, with its time and answer")?;
        Ok(())
    }

    /// Compares the present backup with itself while writes continue.
    pub(super) async fn inspect_backup(&mut self) -> Result<(), Error> {
        let state =
            restore::inspect(self.site, &self.backup, self.cut.reference.state.as_ref(), &self.log).await?;
        let Some(workload) = &mut self.workload else { return Ok(()) };
        let (Some(writing), Some(times)) = (&workload.writing, workload.times()) else {
            return Err(Error::usage("no backup of both stores was taken under load"));
        };
        let writes = writing.so_far();
        let judged = judge(&writes, &sights(&writes, &state, &self.site.profile), times);
        workload.earlier.push((times, judged));
        (workload.rows, workload.objects) = (None, None);
        Ok(())
    }
}
