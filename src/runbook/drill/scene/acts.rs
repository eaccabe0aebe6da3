//! What a scenario does between the steps of the runbook: faults, and writes through the API.

use crate::{
    base::{
        ids::{AssetName, ObjectKey, TemplateKey},
        trouble::Trouble,
    },
    model::{check::CheckId, event::Event, fault::Fault, state::State},
    runbook::{
        drill::{Seen, Stop, scene::Scene},
        fault::{self, Target},
        seed::{self},
        verify::{self, Looked, Verified, baseline},
    },
    scenario::Act,
};
use std::{path::PathBuf, time::Duration};

impl Scene<'_> {
    pub(super) async fn fault(
        &mut self,
        fault: &Fault,
        in_backup: bool,
        words: &str,
        seen: &mut Seen,
    ) -> Result<Option<Stop>, Trouble> {
        let fixture = fault.assets().first().and_then(|name| self.fixture(name).ok());
        let fixture = fixture.and_then(|path| std::fs::read(path).ok());
        let mut target = Target {
            site: self.site,
            keys: self.keys.clone(),
            sent: &self.put.sent,
            backup: &self.backup,
            in_backup,
            fixture,
            unpacked: None,
            log: &self.log,
        };
        let injected = fault::inject(fault, &mut target, &mut self.armed).await?;
        if let Fault::OrphanBinary(name) = fault {
            self.names.learn(ObjectKey::new(name.as_str()), name.clone());
        }
        if !injected.changed {
            seen.without_effect.push(format!("{words} ({})", injected.detail));
        }
        self.log.event(Event::FaultInjected {
            fault: fault.id().to_owned(),
            words: words.to_owned(),
            changed: injected.changed,
            detail: injected.detail,
        })?;
        Ok(None)
    }

    /// A write through the API. What it changed in the stores is taken over into what must be there,
    /// and the renders that it touches become known-good anew.
    pub(super) async fn write(&mut self, act: &Act, seen: &mut Seen) -> Result<(), Trouble> {
        let before = verify::observe(self.site, None).await?;
        let written = self.send(act).await?;
        seed::cleaned_up(self.site, &self.put).await?;
        self.learn();
        let after = verify::observe(self.site, None).await?;
        self.learn_earlier(written.as_ref(), &before, &after);
        let mut sent = self.put.known.clone();
        sent.assets.retain(|name, _| Some(name) == written.as_ref());
        let mut wrong = baseline::stored(self.site, &sent, &after);
        let touched: Vec<TemplateKey> =
            written.iter().flat_map(|name| self.put.known.broken_by(name)).cloned().collect();
        let known = &mut self.put.known;
        for (key, name) in touched.iter().zip(written.iter().cycle()) {
            wrong.extend(baseline::renders_anew(self.site, known, key, name, &self.log).await?);
        }
        if let Act::SaveTemplate(key) = act {
            // The fixture's PDF has the old title.
            if let Some(template) = known.templates.get_mut(key) {
                template.golden = None;
            }
            wrong.extend(baseline::renders(self.site, known, key, &self.log).await?);
        }
        if !wrong.is_empty() {
            let mut verified = Verified::default();
            verified.take(CheckId::Baseline, Looked::at(1, wrong), Duration::ZERO, &self.log)?;
            seen.take(verified);
        }
        let after = verify::observe(self.site, None).await?;
        self.live.take_over(&before, &after);
        if self.counts {
            self.take_as_cut_point();
        }
        Ok(())
    }

    /// Sends a write. Gives the asset whose binary it wrote.
    async fn send(&mut self, act: &Act) -> Result<Option<AssetName>, Trouble> {
        let api = self.site.engine.api().await?;
        match act {
            Act::Upload(name) => {
                let upload = seed::loose(&self.fixture(name)?, name)?;
                self.put.upload(&api, upload).await?;
                Ok(Some(name.clone()))
            }
            Act::Replace(replace) => {
                let path = self.fixture(&replace.with)?;
                let bytes = seed::loose(&path, &replace.with)?.bytes;
                self.put.replace(&api, &replace.asset, bytes, seed::media_type(&path)).await?;
                Ok(Some(replace.asset.clone()))
            }
            Act::Delete(name) => self.put.delete(&api, name).await.map(|()| None),
            Act::SaveTemplate(key) => {
                self.put.save_template(&api, key).await?;
                *self.saves.entry(key.clone()).or_default() += 1;
                Ok(None)
            }
            Act::Fault(_) | Act::FaultInBackup(_) => Err(Trouble::harness("a fault is no write")),
        }
    }

    /// The file with a fixture's bytes.
    fn fixture(&self, name: &AssetName) -> Result<PathBuf, Trouble> {
        let found = self.seed()?.asset_file(&self.ground.library, name);
        found.map_err(|_| Trouble::usage(format!("no fixture is called {name}")))
    }

    pub(super) fn learn(&mut self) {
        for (name, asset) in &self.put.known.assets {
            self.names.learn(asset.key.clone(), name.clone());
            self.keys.insert(name.clone(), asset.key.clone());
        }
        for (key, name) in &self.put.former {
            self.names.learn(key.clone(), name.clone());
        }
    }

    /// An object that appears beside the one that was replaced is the asset's earlier binary:
    /// `logo.png@1`.
    fn learn_earlier(&mut self, written: Option<&AssetName>, before: &State, after: &State) {
        let Some(name) = written else { return };
        let replaced = self.put.sent.get(name).map_or(0, Vec::len).saturating_sub(1);
        for key in after.objects.keys().filter(|key| !before.objects.contains_key(*key)) {
            if self.names.asset(key).is_none() {
                self.names.learn(key.clone(), format!("{name}@{replaced}").into());
            }
        }
    }
}
