//! A write in progress: steps are collected, `commit` puts them on disk in the order that keeps a
//! reader from seeing something that points at nothing.

use super::library::{AssetFile, EventLine, Index, Library, LibraryError, TemplateFile, VersionFile};
use crate::engine::caller::Caller;
use crate::engine::failure::Failure;
use crate::engine::rows::{Change, wire_moment};
use async_trait::async_trait;
use chrono::Utc;
use serde_json::Value;
use std::collections::BTreeMap;
use tokio::sync::OwnedMutexGuard;

/// What a write does to a template.
pub(crate) enum TemplateWrite {
    Created(TemplateFile, VersionFile),
    Changed(TemplateFile, Option<VersionFile>),
    Purged,
}

/// Steps that are not on disk yet, and the turn to put them there.
pub(crate) struct FileChange {
    pub(crate) library: Library,
    pub(crate) templates: BTreeMap<String, TemplateWrite>,
    pub(crate) index: Option<Index>,
    events: Vec<EventLine>,
    _turn: OwnedMutexGuard<()>,
}

impl FileChange {
    pub(crate) fn new(library: Library, turn: OwnedMutexGuard<()>) -> Self {
        Self { library, templates: BTreeMap::new(), index: None, events: Vec::new(), _turn: turn }
    }

    /// The asset's row as the steps so far leave it.
    pub(crate) fn asset(&mut self, id: &str) -> Result<Option<&mut AssetFile>, LibraryError> {
        Ok(self.index()?.get_mut(id))
    }

    /// The index as the steps so far leave it; from now on it is written at the end.
    pub(crate) fn index(&mut self) -> Result<&mut Index, LibraryError> {
        let index = match self.index.take() {
            Some(index) => index,
            None => self.library.index()?,
        };
        Ok(self.index.insert(index))
    }

    fn write_all(&self) -> Result<(), LibraryError> {
        for (key, write) in &self.templates {
            match write {
                TemplateWrite::Created(template, first) => self.library.create_template(template, first)?,
                TemplateWrite::Changed(template, version) => {
                    if let Some(version) = version {
                        self.library.put_version(key, version)?;
                    }
                    self.library.put_template(template)?;
                }
                TemplateWrite::Purged => self.library.remove_template(key)?,
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
        Ok(self.write_all()?)
    }
}
