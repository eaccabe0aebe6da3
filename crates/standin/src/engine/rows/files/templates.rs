//! Templates in files.

use super::change::{FileChange, TemplateWrite};
use super::library::{LabelFile, Library, LibraryError, TemplateFile, VersionFile};
use super::{FileRows, cut, holds};
use crate::engine::caller::Caller;
use crate::engine::failure::Failure;
use crate::engine::rows::{NewVersion, Pin, TemplateChange, Templates, Window, wire_moment};
use async_trait::async_trait;
use chrono::Utc;
use serde_json::{Value, json};

#[async_trait]
impl Templates for FileRows {
    async fn templates(
        &self,
        _tenant: &str,
        trash: bool,
        search: Option<&str>,
        window: Window,
    ) -> Result<Value, Failure> {
        let shown = |template: &TemplateFile| {
            template.deleted_at.is_some() == trash
                && search.is_none_or(|search| holds(&template.key, search) || holds(&template.name, search))
        };
        let all = self.library.templates()?;
        Ok(cut(all.iter().filter(|template| shown(template)).map(summary).collect(), window))
    }

    async fn template(
        &self,
        _tenant: &str,
        key: &str,
        version: Option<&str>,
    ) -> Result<Option<(String, Value)>, Failure> {
        let Some(template) = in_use(&self.library, key)? else { return Ok(None) };
        let wanted = version.unwrap_or(&template.current_version);
        let Some(found) = self.library.version(key, wanted)? else { return Ok(None) };
        let mut shown = summary(&template);
        if version.is_some() {
            shown["name"] = found.definition["name"].clone();
        }
        shown["definition"] = found.definition;
        Ok(Some((template.current_version, shown)))
    }

    async fn versions(&self, _tenant: &str, key: &str, window: Window) -> Result<Option<Value>, Failure> {
        if in_use(&self.library, key)?.is_none() {
            return Ok(None);
        }
        let show = |file: VersionFile| {
            let mut shown = json!({"version": file.version, "createdAt": file.created_at});
            add(&mut shown, "createdBy", file.created_by);
            add(&mut shown, "changeNote", file.change_note);
            shown
        };
        Ok(Some(cut(self.library.versions(key)?.into_iter().rev().map(show).collect(), window)))
    }

    async fn definition(
        &self,
        _tenant: &str,
        key: &str,
        pin: Pin<'_>,
    ) -> Result<Option<(String, Value)>, Failure> {
        let Some(template) = in_use(&self.library, key)? else { return Ok(None) };
        let version = match pin {
            Pin::Current => Some(template.current_version.as_str()),
            Pin::Version(version) => Some(version),
            Pin::Label(label) => template.labels.get(label).map(|label| label.version.as_str()),
        };
        let Some(version) = version else { return Ok(None) };
        Ok(self.library.version(key, version)?.map(|found| (found.version, found.definition)))
    }

    async fn definition_before(
        &self,
        _tenant: &str,
        key: &str,
        version: &str,
    ) -> Result<Option<Value>, Failure> {
        let older = self.library.versions(key)?.into_iter().take_while(|file| file.version != version);
        Ok(older.last().map(|file| file.definition))
    }

    async fn labels(&self, _tenant: &str, key: &str) -> Result<Option<Value>, Failure> {
        let Some(template) = in_use(&self.library, key)? else { return Ok(None) };
        Ok(Some(template.labels.iter().map(|(name, label)| show_label(name, label)).collect()))
    }

    async fn label(&self, _tenant: &str, key: &str, label: &str) -> Result<Option<String>, Failure> {
        let template = in_use(&self.library, key)?;
        Ok(template.and_then(|mut template| template.labels.remove(label)).map(|label| label.version))
    }
}

#[async_trait]
impl TemplateChange for FileChange {
    async fn create_template(
        &mut self,
        caller: &Caller,
        key: &str,
        first: NewVersion<'_>,
    ) -> Result<bool, Failure> {
        if self.library.template(key)?.is_some() {
            return Ok(false);
        }
        let version = version_file(caller, first);
        let template = TemplateFile {
            key: key.to_owned(),
            name: text(&version.definition, "name").unwrap_or_default(),
            description: text(&version.definition, "description"),
            current_version: version.version.clone(),
            created_at: version.created_at.clone(),
            updated_at: version.created_at.clone(),
            deleted_at: None,
            deleted_by: None,
            labels: Default::default(),
        };
        self.templates.insert(key.to_owned(), TemplateWrite::Created(template, version));
        Ok(true)
    }

    async fn current_version(&mut self, _tenant: &str, key: &str) -> Result<Option<String>, Failure> {
        Ok(in_use(&self.library, key)?.map(|template| template.current_version))
    }

    async fn add_version(&mut self, caller: &Caller, key: &str, next: NewVersion<'_>) -> Result<(), Failure> {
        let version = version_file(caller, next);
        let template = in_use(&self.library, key)?;
        let template = template.ok_or_else(|| Failure::not_found(format!("template `{key}`")))?;
        let changed = TemplateFile {
            name: text(&version.definition, "name").unwrap_or_default(),
            description: text(&version.definition, "description"),
            current_version: version.version.clone(),
            updated_at: version.created_at.clone(),
            ..template
        };
        self.templates.insert(key.to_owned(), TemplateWrite::Changed(changed, Some(version)));
        Ok(())
    }

    async fn trash_template(&mut self, caller: &Caller, key: &str) -> Result<(), Failure> {
        if let Some(mut template) = in_use(&self.library, key)? {
            template.deleted_at = Some(wire_moment(Utc::now()));
            template.deleted_by = caller.actor();
            self.templates.insert(key.to_owned(), TemplateWrite::Changed(template, None));
        }
        Ok(())
    }

    async fn purge_template(&mut self, _tenant: &str, key: &str) -> Result<bool, Failure> {
        let trashed = self.library.template(key)?.is_some_and(|template| template.deleted_at.is_some());
        if trashed {
            self.templates.insert(key.to_owned(), TemplateWrite::Purged);
        }
        Ok(trashed)
    }

    async fn undelete_template(&mut self, _tenant: &str, key: &str) -> Result<bool, Failure> {
        let trashed = self.library.template(key)?.filter(|template| template.deleted_at.is_some());
        let Some(template) = trashed else { return Ok(false) };
        let back = TemplateFile { deleted_at: None, deleted_by: None, ..template };
        self.templates.insert(key.to_owned(), TemplateWrite::Changed(back, None));
        Ok(true)
    }

    async fn set_label(
        &mut self,
        caller: &Caller,
        key: &str,
        label: &str,
        version: &str,
    ) -> Result<Option<Value>, Failure> {
        let Some(mut template) = in_use(&self.library, key)? else { return Ok(None) };
        if self.library.version(key, version)?.is_none() {
            return Ok(None);
        }
        let now = wire_moment(Utc::now());
        let created_at = template.labels.get(label).map_or_else(|| now.clone(), |old| old.created_at.clone());
        let set = LabelFile {
            version: version.to_owned(),
            created_at,
            updated_at: now,
            updated_by: caller.actor(),
        };
        let shown = show_label(label, &set);
        template.labels.insert(label.to_owned(), set);
        self.templates.insert(key.to_owned(), TemplateWrite::Changed(template, None));
        Ok(Some(shown))
    }

    async fn delete_label(&mut self, _tenant: &str, key: &str, label: &str) -> Result<bool, Failure> {
        let Some(mut template) = in_use(&self.library, key)? else { return Ok(false) };
        let there = template.labels.remove(label).is_some();
        self.templates.insert(key.to_owned(), TemplateWrite::Changed(template, None));
        Ok(there)
    }
}

/// A template that is not in the trash.
pub(crate) fn in_use(library: &Library, key: &str) -> Result<Option<TemplateFile>, LibraryError> {
    Ok(library.template(key)?.filter(|template| template.deleted_at.is_none()))
}

fn version_file(caller: &Caller, new: NewVersion<'_>) -> VersionFile {
    let mut definition = new.definition;
    definition["version"] = json!(new.version);
    VersionFile {
        version: new.version.to_owned(),
        definition,
        created_at: wire_moment(Utc::now()),
        created_by: caller.actor(),
        change_note: new.note,
    }
}

fn text(definition: &Value, member: &str) -> Option<String> {
    definition[member].as_str().map(str::to_owned)
}

fn add(shown: &mut Value, member: &str, value: Option<String>) {
    if let Some(value) = value {
        shown[member] = json!(value);
    }
}

/// A template as lists show it.
fn summary(template: &TemplateFile) -> Value {
    let mut shown = json!({
        "key": template.key, "name": template.name, "currentVersion": template.current_version,
        "createdAt": template.created_at, "updatedAt": template.updated_at,
    });
    add(&mut shown, "description", template.description.clone());
    add(&mut shown, "deletedAt", template.deleted_at.clone());
    add(&mut shown, "deletedBy", template.deleted_by.clone());
    shown
}

fn show_label(name: &str, label: &LabelFile) -> Value {
    let mut shown = json!({
        "label": name, "version": label.version, "createdAt": label.created_at, "updatedAt": label.updated_at,
    });
    add(&mut shown, "updatedBy", label.updated_by.clone());
    shown
}
