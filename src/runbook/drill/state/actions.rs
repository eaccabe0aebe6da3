//! What a scenario does between the steps of the runbook: faults, and writes through the API.

use crate::{
    base::{
        error::Error,
        ids::{AssetName, ObjectKey, TemplateKey},
    },
    model::{check::CheckId, event::Event, fault::Fault, state::State},
    runbook::{
        backup,
        drill::{
            results::{DrillResults, ProcedureFailed},
            state::DrillState,
        },
        fault::{self, FaultSite},
        seed::{self, Call},
        verify::{self, CheckResult, pictures, reconcile, source},
    },
    scenario::{
        Act,
        hold::{MoveLabel, VersionRef, Write},
    },
    system::engine::media_type,
};
use std::{path::PathBuf, time::Duration};

impl DrillState<'_> {
    pub(super) async fn fault(
        &mut self,
        fault: &Fault,
        in_backup: bool,
        description: &str,
        results: &mut DrillResults,
    ) -> Result<Option<ProcedureFailed>, Error> {
        let fixture = fault.assets().first().and_then(|name| self.fixture(name).ok());
        let fixture = fixture.and_then(|path| std::fs::read(path).ok());
        let mut target = FaultSite {
            site: self.site,
            keys: self.source.keys.clone(),
            sent: &self.source.seeded.sent,
            backup: &self.backup,
            in_backup,
            fixture,
            unpacked: None,
            log: &self.log,
        };
        let injected = fault::inject(fault, &mut target, &mut self.pending).await?;
        if let Fault::OrphanBinary(name) = fault {
            self.source.names.learn(ObjectKey::new(name.as_str()), name.clone());
        }
        if !injected.changed {
            results.without_effect.push(format!("{description} ({})", injected.detail));
        }
        self.log.event(Event::FaultInjected {
            fault: fault.id().to_owned(),
            description: description.to_owned(),
            changed: injected.changed,
            detail: injected.detail,
        })?;
        Ok(None)
    }

    /// Does an act.
    pub(super) async fn act(
        &mut self,
        act: &Act,
        description: &str,
        results: &mut DrillResults,
    ) -> Result<Option<ProcedureFailed>, Error> {
        match act {
            Act::Fault(fault) => return self.fault(fault, false, description, results).await,
            Act::FaultInBackup(fault) => return self.fault(fault, true, description, results).await,
            Act::Upload(name) => self.write(&Write::Upload(name.clone()), results).await?,
            Act::Replace(replace) => self.write(&Write::Replace(replace.clone()), results).await?,
            Act::Delete(name) => self.write(&Write::Delete(name.clone()), results).await?,
            Act::Copy(copy) => self.write(&Write::Copy(copy.clone()), results).await?,
            Act::RunBatch(template) => self.write(&Write::RunBatch(template.clone()), results).await?,
            Act::SaveTemplate(key) => self.save_template(key, results).await?,
            Act::MoveLabel(label) => self.move_label(label, results).await?,
            Act::Begin(begin) => self.begin(begin, results).await?,
            Act::GoOn(go_on) => self.go_on(go_on, results).await?,
            Act::Release(name) => self.release(name, results).await?,
            Act::KillEngine => self.kill_engine().await?,
            Act::PlanRun(plan) => self.plan_run(plan).await?,
            Act::WaitForRun(schedule) => self.wait_for_run(schedule).await?,
            Act::WriteUnderLoad(load) => self.write_under_load(*load).await?,
            Act::WaitForWrites(count) => self.wait_for_writes(*count).await?,
            Act::StopWriting => self.stop_writing().await?,
            Act::CopyObject(name) => {
                let key = self.source.former.get(name).cloned();
                return self.copy_object(name, key, description).await;
            }
            Act::CopyNewObject(name) => {
                let key = self.source.newest.get(name).cloned();
                return self.copy_object(name, key, description).await;
            }
        }
        Ok(None)
    }

    /// A complete write through the API.
    async fn write(&mut self, what: &Write, results: &mut DrillResults) -> Result<(), Error> {
        let before = verify::observe_contents(self.site, None).await?;
        let call = self.call(what).await?;
        let answer = call.send(&self.site.engine.api().await?).await?;
        let asset = AssetName::new(what.name().as_str());
        let old = self.source.seeded.known.assets.get(&asset).map(|asset| asset.key.clone());
        let written = self.source.acknowledged(call, answer);
        if self.site.write_order().path(what.kind()).cleans_up() {
            self.cleaned_up(old.as_ref()).await?;
        }
        self.written(&before, written.as_ref(), None, results).await
    }

    /// What is sent for a write.
    pub(super) async fn call(&self, what: &Write) -> Result<Call, Error> {
        match what {
            Write::Upload(name) => Ok(Call::Upload(seed::loose(&self.fixture(name)?, name)?)),
            Write::Replace(replace) => {
                let path = self.fixture(&replace.with)?;
                let bytes = seed::loose(&path, &replace.with)?.bytes;
                self.source.seeded.replacement(&replace.asset, bytes, media_type(&path))
            }
            Write::Delete(name) => self.source.seeded.removal(name),
            Write::Copy(copy) => {
                let from = self.source.seeded.asset(&copy.asset)?;
                self.source.seeded.download(&self.site.engine.api().await?, from, &copy.name).await
            }
            Write::RunBatch(template) => self.source.seeded.batch(template),
        }
    }

    async fn save_template(&mut self, key: &TemplateKey, results: &mut DrillResults) -> Result<(), Error> {
        let before = verify::observe_contents(self.site, None).await?;
        self.source.seeded.save_template(&self.site.engine.api().await?, key).await?;
        *self.source.saves.entry(key.clone()).or_default() += 1;
        self.written(&before, None, Some(key), results).await
    }

    async fn move_label(&mut self, label: &MoveLabel, results: &mut DrillResults) -> Result<(), Error> {
        let before = verify::observe_contents(self.site, None).await?;
        let api = self.site.engine.api().await?;
        let MoveLabel { template, label, to } = label;
        let version = match to {
            VersionRef::Named(name) => name.clone(),
            VersionRef::Nth(number) => {
                let newest_first = api.template_versions(template.as_str()).await?;
                let nth = newest_first.iter().rev().nth((*number as usize).saturating_sub(1));
                let missing = || Error::usage(format!("{template} has no version number {number}"));
                nth.ok_or_else(missing)?.version.clone()
            }
        };
        api.put_label(template.as_str(), label, &version).await?;
        self.written(&before, None, None, results).await
    }

    /// Copies the listed object of an asset.
    async fn copy_object(
        &mut self,
        name: &AssetName,
        key: Option<ObjectKey>,
        description: &str,
    ) -> Result<Option<ProcedureFailed>, Error> {
        let key = key.or_else(|| self.source.keys.get(name).cloned());
        let key = key.ok_or_else(|| Error::usage(format!("nothing is known of an object of {name}")))?;
        let failed = backup::copy_object(&key, description, self.site, &mut self.backup, &self.log).await?;
        Ok(self.failed(failed))
    }

    /// After an answered write: what it changed in the stores is taken over into what must be there,
    /// and the renders that it touches become known-good anew.
    pub(super) async fn written(
        &mut self,
        before: &State,
        written: Option<&AssetName>,
        saved: Option<&TemplateKey>,
        results: &mut DrillResults,
    ) -> Result<(), Error> {
        self.source.learn();
        let after = verify::observe_contents(self.site, None).await?;
        self.source.learn_earlier(written, before, &after);
        let mut sent = self.source.seeded.known.clone();
        sent.assets.retain(|name, _| Some(name) == written);
        let mut wrong = source::stored(self.site, &sent, &after);
        let touched: Vec<TemplateKey> =
            written.into_iter().flat_map(|name| self.source.seeded.known.broken_by(name)).cloned().collect();
        for (key, name) in touched.iter().zip(written.into_iter().cycle()) {
            if self.in_flight.values().any(|write| write.touches(key)) {
                self.render_as_stored(key).await?;
                continue;
            }
            let known = &mut self.source.seeded.known;
            wrong.extend(source::renders_anew(self.site, known, key, name, &self.log).await?);
        }
        if let Some(key) = saved {
            let known = &mut self.source.seeded.known;
            // The fixture's PDF has the old title.
            if let Some(template) = known.templates.get_mut(key) {
                template.golden = None;
            }
            wrong.extend(source::renders(self.site, known, key, &self.log).await?);
        }
        if !wrong.is_empty() {
            let result = CheckResult::checked(1, wrong);
            results.verified.record(CheckId::Source, result, Duration::ZERO, &self.log)?;
        }
        self.take_over(before).await
    }

    /// Takes over what was done to the stores since then: it is what is there.
    pub(super) async fn take_over(&mut self, before: &State) -> Result<(), Error> {
        let after = verify::observe_contents(self.site, None).await?;
        self.source.live.take_over(before, &after);
        if !self.cut.fixed {
            self.cut.record(&self.source);
        }
        Ok(())
    }

    /// Renders a template as the stores are now, half written or not: that is what such stores render,
    /// and no promise. One that is refused is not asked for as long as that lasts.
    pub(super) async fn render_as_stored(&mut self, key: &TemplateKey) -> Result<(), Error> {
        let known = &mut self.source.seeded.known;
        let Some(template) = known.templates.get_mut(key) else { return Ok(()) };
        if template.assets.iter().any(|name| !known.assets.contains_key(name)) {
            return Ok(());
        }
        let now = verify::observe_contents(self.site, None).await?;
        let key_of = |name| known.assets.get(name).map(|asset| &asset.key);
        let profile = &self.site.profile;
        if template.assets.iter().filter_map(key_of).any(|key| reconcile::torn(&now, profile, key)) {
            known.templates.remove(key);
            let text = format!(
                "skipped: the render of {key}. Its expected output is undefined while a replacement of one of \
                 its assets is in flight"
            );
            return self.log.event(Event::Noted { text });
        }
        template.golden = None;
        // What it renders may be wrong in any way: it was never promised to be right.
        let _findings = source::renders(self.site, known, key, &self.log).await?;
        pictures::find_shown(self.site, known).await?;
        if known.templates.get(key).is_some_and(|template| template.golden.is_none()) {
            known.templates.remove(key);
            let text = format!("skipped: the render of {key}. It does not render while a write is in flight");
            self.log.event(Event::Noted { text })?;
        }
        Ok(())
    }

    /// The file with a fixture's bytes.
    fn fixture(&self, name: &AssetName) -> Result<PathBuf, Error> {
        let found = self.seed()?.asset_file(&self.context.library, name);
        found.map_err(|_| Error::usage(format!("no fixture is called {name}")))
    }
}
