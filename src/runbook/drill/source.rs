//! What is recorded of the source while it lives: what was written through the API, what the stores
//! hold, and what the API listed when it was last available.

use crate::{
    base::ids::{AssetName, ObjectKey, TemplateKey},
    model::state::State,
    procedure::manifest::Manifest,
    runbook::{
        seed::{Call, CallAnswer, SeededSite},
        verify::{Names, api_snapshot::ApiSnapshot},
    },
};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;

/// The source as expected now if no fault was injected.
#[derive(Default)]
pub(super) struct SourceRecord {
    /// What was written through the API.
    pub(super) seeded: SeededSite,
    /// The rows and objects that the next backup promises.
    pub(super) live: State,
    /// What people call its objects.
    pub(super) names: Names,
    /// The object of each asset.
    pub(super) keys: BTreeMap<AssetName, ObjectKey>,
    /// The object that an asset had before its last write, and the one that this created.
    pub(super) former: BTreeMap<AssetName, ObjectKey>,
    pub(super) newest: BTreeMap<AssetName, ObjectKey>,
    /// How often each template was saved again.
    pub(super) saves: BTreeMap<TemplateKey, usize>,
    /// The next runs that were planned, by the names of their schedules.
    pub(super) planned_runs: BTreeMap<String, DateTime<Utc>>,
    /// The API's inventory when the engine was last stopped or killed.
    pub(super) inventory: Option<Manifest>,
    /// What the API listed of tenants, runs and dead letters then.
    pub(super) api: Option<ApiSnapshot>,
}

impl SourceRecord {
    /// Records an answered write. Returns the asset whose binary it wrote.
    pub(super) fn acknowledged(&mut self, call: Call, answer: CallAnswer) -> Option<AssetName> {
        let name = match &call {
            Call::Upload(upload) => AssetName::new(&upload.name),
            Call::Replace { name, .. } | Call::Delete { name, .. } => name.clone(),
            Call::Batch { .. } => {
                self.seeded.acknowledged(call, answer);
                return None;
            }
        };
        let old = self.seeded.known.assets.get(&name).map(|asset| asset.key.clone());
        let key = self.seeded.acknowledged(call, answer);
        self.made(&name, old.as_ref(), key.as_ref());
        key.map(|_| name)
    }

    /// Records the objects of an asset: the one before its last write, and the one that this created.
    pub(super) fn made(&mut self, name: &AssetName, old: Option<&ObjectKey>, new: Option<&ObjectKey>) {
        self.former.extend(old.map(|key| (name.clone(), key.clone())));
        self.newest.extend(new.map(|key| (name.clone(), key.clone())));
    }

    /// Learns the names of all objects that are known.
    pub(super) fn learn(&mut self) {
        for (name, asset) in &self.seeded.known.assets {
            self.names.learn(asset.key.clone(), name.clone());
            self.keys.insert(name.clone(), asset.key.clone());
        }
        for (key, name) in &self.seeded.former {
            self.names.learn(key.clone(), name.clone());
        }
    }

    /// An object that appears beside the one that was replaced is the asset's earlier binary:
    /// `logo.png@1`.
    pub(super) fn learn_earlier(&mut self, written: Option<&AssetName>, before: &State, after: &State) {
        let Some(name) = written else { return };
        let replaced = self.seeded.sent.get(name).map_or(0, Vec::len).saturating_sub(1);
        for key in after.objects.keys().filter(|key| !before.objects.contains_key(key)) {
            if self.names.asset(&key).is_none() {
                self.names.learn(key, format!("{name}@{replaced}").into());
            }
        }
    }
}
