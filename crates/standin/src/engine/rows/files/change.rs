//! A write under way: steps are collected, `commit` puts them on disk in the order that keeps a
//! reader from seeing something that points at nothing.

use super::library::{AssetFile, EventLine, Index, Library, LibraryTrouble, TemplateFile, VersionFile};
use crate::engine::access::Caller;
use crate::engine::failure::Failure;
use crate::engine::rows::{Change, wire_moment};
use async_trait::async_trait;
use chrono::Utc;
use serde_json::Value;
use std::collections::BTreeMap;
use tokio::sync::OwnedMutexGuard;

/// What becomes of a template.
pub enum Fate {
    Made(TemplateFile, VersionFile),
    Changed(TemplateFile, Option<VersionFile>),
    Purged,
}

/// Steps that are not on disk yet, and the turn to put them there.
pub struct FileChange {
    pub library: Library,
    pub templates: BTreeMap<String, Fate>,
    pub index: Option<Index>,
    events: Vec<EventLine>,
    _turn: OwnedMutexGuard<()>,
}

impl FileChange {
    pub fn new(library: Library, turn: OwnedMutexGuard<()>) -> Self {
        Self { library, templates: BTreeMap::new(), index: None, events: Vec::new(), _turn: turn }
    }

    /// The asset's row as the steps so far leave it.
    pub fn asset(&mut self, id: &str) -> Result<Option<&mut AssetFile>, LibraryTrouble> {
        Ok(self.index()?.get_mut(id))
    }

    /// The index as the steps so far leave it; from now on it is written at the end.
    pub fn index(&mut self) -> Result<&mut Index, LibraryTrouble> {
        let index = match self.index.take() {
            Some(index) => index,
            None => self.library.index()?,
        };
        Ok(self.index.insert(index))
    }

    fn keep(&self) -> Result<(), LibraryTrouble> {
        for (key, fate) in &self.templates {
            match fate {
                Fate::Made(template, first) => self.library.create_template(template, first)?,
                Fate::Changed(template, version) => {
                    if let Some(version) = version {
                        self.library.put_version(key, version)?;
                    }
                    self.library.put_template(template)?;
                }
                Fate::Purged => self.library.remove_template(key)?,
            }
        }
        if let Some(index) = &self.index {
            self.library.put_index(index)?;
        }
        self.library.append_events(&self.events)
    }
}

#[async_trait]
impl Change for FileChange {
    async fn audit(
        &mut self,
        caller: &Caller,
        resource: &str,
        operation: &str,
        id: &str,
        details: Value,
    ) -> Result<(), Failure> {
        let number = self.library.events()?.len() + self.events.len() + 1;
        self.events.push(EventLine {
            id: number.to_string(),
            timestamp: wire_moment(Utc::now()),
            event: format!("{resource}.{operation}"),
            operation: operation.to_owned(),
            resource_type: resource.to_owned(),
            resource_id: id.to_owned(),
            actor: caller.actor(),
            credential_scope: caller.scope.map(|scope| scope.as_str().to_owned()),
            details,
        });
        Ok(())
    }

    async fn commit(self: Box<Self>) -> Result<(), Failure> {
        Ok(self.keep()?)
    }
}
