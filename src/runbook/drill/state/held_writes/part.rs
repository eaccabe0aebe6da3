//! What of a write is done: its object and its row, as both stores show them, and what is known of its
//! asset then.

use crate::{
    base::{
        digest::Digest,
        ids::{ObjectKey, TableName},
    },
    model::{
        profile::{Binary, BinaryStore, Profile},
        state::{Row, State},
        write::WriteKind,
    },
    runbook::{
        drill::{
            held_write::{HeldWrite, hold},
            state::DrillState,
        },
        seed::Call,
    },
    system::gate::{S3Operation, S3Request},
};

impl DrillState<'_> {
    /// Learns which object a write is about, and what appeared beside it.
    pub(super) fn learn_object(&mut self, write: &mut HeldWrite, request: Option<&S3Request>, now: &State) {
        let (kept, was) = match write.kind {
            WriteKind::Batch => (&now.results, &write.origin.results),
            WriteKind::Upload
            | WriteKind::Replace
            | WriteKind::Delete
            | WriteKind::Copy
            | WriteKind::Label => (&now.objects, &write.origin.objects),
        };
        let new: Vec<ObjectKey> = kept.keys().filter(|key| !was.contains_key(key)).collect();
        if write.object.is_none() {
            // A removal is of the object before, but where that is all that is done.
            let made = |request: &&S3Request| {
                request.operation == S3Operation::PutObject || write.kind == WriteKind::Delete
            };
            let asked = request.filter(made).map(|request| ObjectKey::new(&request.key));
            let like = |key: &&ObjectKey| hold::is_like(write.name.as_str(), key);
            write.object = asked.or_else(|| new.iter().find(like).cloned());
        }
        let Some(name) = write.asset() else {
            if let Some(key) = &write.object {
                let table =
                    table_of(&self.site.profile, WriteKind::Batch).map(|(table, _)| table.to_string());
                let name = format!("{}/{}", table.unwrap_or_default(), write.name);
                self.source.names.learn(key.clone(), name.into());
            }
            return;
        };
        if let Some(key) = &write.object {
            self.source.names.learn(key.clone(), name.clone());
            self.source.made(&name, write.old.as_ref(), (write.kind != WriteKind::Delete).then_some(key));
            if let Some(old) = write.old.as_ref().filter(|old| *old != key) {
                // In flight, both are there: the asset's own is the one that its row will point at.
                self.source.seeded.replaced(&name, old);
                self.source.learn();
            }
            self.source.keys.entry(name.clone()).or_insert_with(|| key.clone());
        }
        let earlier = self.source.seeded.sent.get(&name).map_or(0, Vec::len);
        for key in new {
            if self.source.names.asset(&key).is_none() {
                self.source.names.learn(key, format!("{name}@{earlier}").into());
            }
        }
    }

    /// Nobody acknowledged a write in flight: what is known of its asset is what the stores hold.
    pub(super) fn know_as_stored(&mut self, write: &HeldWrite, now: &State) {
        let (WriteKind::Replace | WriteKind::Delete, Some(name)) = (write.kind, write.asset()) else {
            return;
        };
        let profile = &self.site.profile;
        let row = self.row_of(write).and_then(|(id, _)| {
            let (table, _) = table_of(profile, write.kind)?;
            now.database.tables.get(table)?.rows.get(&id)
        });
        let Some(row) = row else {
            self.source.seeded.known.assets.remove(&name);
            return;
        };
        let key = table_of(profile, write.kind).and_then(|(_, binary)| key_in(&row, binary));
        if let (Some(known), Some(key)) = (self.source.seeded.known.assets.get_mut(&name), key) {
            if let Some(object) = now.objects.get(&key) {
                (known.size, known.sha256) = (object.size, object.sha256);
            }
            known.key = key;
        }
    }

    /// The row that a write is about, as it was before it: its primary key and itself.
    fn row_of(&self, write: &HeldWrite) -> Option<(String, Row)> {
        let (table, binary) = table_of(&self.site.profile, write.kind)?;
        let rows = &write.origin.database.tables.get(table)?.rows;
        let old = write.old.as_ref()?;
        rows.iter().find(|(_, row)| key_in(row, binary).as_ref() == Some(old))
    }

    pub(super) fn has_binary(&self, write: &HeldWrite, now: &State) -> bool {
        match (&write.call, &write.object) {
            (Call::Delete { .. }, Some(key)) => !now.objects.contains_key(key),
            (Call::Replace { bytes, .. }, Some(key)) => {
                let sent = Digest::of(bytes);
                now.objects.get(key).is_some_and(|object| object.sha256 == sent)
            }
            (Call::Upload(_), Some(key)) => now.objects.contains_key(key),
            (Call::Batch { .. }, Some(key)) => now.results.contains_key(key),
            (_, None) => false,
        }
    }

    pub(super) fn has_row(&self, write: &HeldWrite, now: &State) -> bool {
        let Some((table, binary)) = table_of(&self.site.profile, write.kind) else { return false };
        let Some(rows) = now.database.tables.get(table).map(|table| &table.rows) else { return false };
        let was = write.origin.database.tables.get(table);
        match write.kind {
            WriteKind::Upload | WriteKind::Copy => rows.iter().any(|(id, row)| {
                let new = was.is_none_or(|was| !was.rows.contains_key(&id));
                new && key_in(&row, binary).is_some_and(|key| match &write.object {
                    Some(object) => key == *object,
                    None => hold::is_like(write.name.as_str(), &key),
                })
            }),
            WriteKind::Replace => self
                .row_of(write)
                .is_some_and(|(id, was)| rows.get(&id).is_some_and(|row| row.digest != was.digest)),
            // A label move cannot be held: `scenario::hold::Write` has none.
            WriteKind::Label => false,
            WriteKind::Delete => self.row_of(write).is_some_and(|(id, _)| !rows.contains_key(&id)),
            WriteKind::Batch => {
                let Some(job) = write.job.as_deref() else { return false };
                rows.iter().any(|(id, row)| id.contains(job) && key_in(&row, binary).is_some())
            }
        }
    }
}

/// The table of a write's row, and what tells its binary.
fn table_of(profile: &Profile, kind: WriteKind) -> Option<(&TableName, &Binary)> {
    let found = match kind {
        WriteKind::Batch => profile.with_binaries().find(|(_, binary)| binary.store == BinaryStore::Results),
        WriteKind::Upload | WriteKind::Replace | WriteKind::Delete | WriteKind::Copy | WriteKind::Label => {
            profile.assets().into_iter().next()
        }
    };
    found.map(|(entity, binary)| (&entity.table, binary))
}

/// The storage key that a row names.
fn key_in(row: &Row, binary: &Binary) -> Option<ObjectKey> {
    binary.referred(&row.json.value()).into_iter().next().map(|referred| ObjectKey::new(referred.key))
}
