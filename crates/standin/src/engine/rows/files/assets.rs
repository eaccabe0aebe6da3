//! Asset metadata in the index.

use super::change::FileChange;
use super::library::{AssetFile, AssetVersionFile};
use super::{FileRows, cut, holds};
use crate::engine::caller::Caller;
use crate::engine::failure::Failure;
use crate::engine::rows::{
    AssetChange, AssetFilter, Assets, Content, Current, NewAsset, Window, wire_moment,
};
use async_trait::async_trait;
use chrono::Utc;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use uuid::Uuid;

#[async_trait]
impl Assets for FileRows {
    async fn assets(&self, _tenant: &str, filter: AssetFilter, window: Window) -> Result<Value, Failure> {
        let same =
            |wanted: &Option<String>, there: Option<&str>| wanted.is_none() || wanted.as_deref() == there;
        let shown = |asset: &AssetFile| {
            filter.search.as_deref().is_none_or(|search| holds(&asset.original_name, search))
                && same(&filter.mime_type, Some(&asset.mime_type))
                && same(&filter.folder, asset.folder.as_deref())
                && filter.tag.as_ref().is_none_or(|tag| asset.tags.contains(tag))
        };
        let mut all: Vec<AssetFile> = self.library.index()?.into_values().collect();
        all.sort_by(|a, b| (&a.created_at, &a.id).cmp(&(&b.created_at, &b.id)));
        Ok(cut(all.iter().filter(|asset| shown(asset)).map(show).collect(), window))
    }

    async fn asset(&self, _tenant: &str, id: Uuid) -> Result<Option<Value>, Failure> {
        Ok(self.library.index()?.get(&id.to_string()).map(show))
    }

    async fn asset_versions(&self, id: Uuid, window: Window) -> Result<Value, Failure> {
        let index = self.library.index()?;
        let versions = index.get(&id.to_string()).map(|asset| {
            let mut all = asset.versions.clone();
            all.push(describe(asset, String::new()));
            all
        });
        let show = |version: AssetVersionFile| {
            let mut shown = json!({
                "version": version.version, "mimeType": version.mime_type, "sizeBytes": version.size_bytes,
                "contentHash": version.content_hash, "createdAt": version.created_at,
            });
            if let Some(by) = version.created_by {
                shown["createdBy"] = json!(by);
            }
            shown
        };
        Ok(cut(versions.into_iter().flatten().rev().map(show).collect(), window))
    }

    async fn media_type(&self, filename: &str) -> Result<Option<String>, Failure> {
        let found = self.library.index()?.into_values().find(|asset| asset.filename == filename);
        Ok(found.map(|asset| asset.mime_type))
    }

    async fn present(&self, id: Uuid) -> Result<Option<(String, String)>, Failure> {
        let found = self.library.index()?.remove(&id.to_string());
        Ok(found.map(|asset| (asset.filename, asset.mime_type)))
    }

    async fn known_assets(&self, _tenant: &str, filenames: &[String]) -> Result<Vec<String>, Failure> {
        let all = self.library.index()?.into_values().map(|asset| asset.filename);
        Ok(all.filter(|filename| filenames.contains(filename)).collect())
    }

    async fn references(&self, _tenant: &str, named: &str) -> Result<Value, Failure> {
        let mut found = Vec::new();
        for template in self.library.templates()?.into_iter().filter(|t| t.deleted_at.is_none()) {
            let labelled = template.labels.values().map(|label| label.version.as_str());
            let versions: BTreeSet<&str> = labelled.chain([template.current_version.as_str()]).collect();
            for version in versions {
                let file = self.library.version(&template.key, version)?;
                if file.is_some_and(|file| file.definition.to_string().contains(named)) {
                    found.push(json!({
                        "key": template.key, "name": template.name, "currentVersion": template.current_version,
                    }));
                    break;
                }
            }
        }
        Ok(Value::Array(found))
    }

    async fn similar_asset(&self, filename: &str) -> Result<Option<String>, Failure> {
        let index = self.library.index()?;
        let Some(this) = index.values().find(|asset| asset.filename == filename) else { return Ok(None) };
        let others = index.values().filter(|a| a.filename != filename && a.mime_type == this.mime_type);
        let best = others.min_by_key(|other| (other.content_hash == this.content_hash, &other.filename));
        Ok(best.map(|other| other.filename.clone()))
    }
}

#[async_trait]
impl AssetChange for FileChange {
    async fn insert_asset(&mut self, caller: &Caller, asset: NewAsset<'_>) -> Result<(), Failure> {
        let now = wire_moment(Utc::now());
        let id = asset.id.to_string();
        let file = AssetFile {
            id: id.clone(),
            filename: asset.filename.to_owned(),
            original_name: asset.original_name.to_owned(),
            mime_type: asset.content.mime_type,
            size_bytes: asset.content.size_bytes,
            content_hash: asset.content.content_hash,
            version: 1,
            tags: asset.tags.to_vec(),
            folder: asset.folder.map(str::to_owned),
            alt_text: asset.alt_text.map(str::to_owned),
            created_at: now.clone(),
            updated_at: now,
            created_by: caller.actor(),
            updated_by: caller.actor(),
            versions: Vec::new(),
        };
        self.index()?.insert(id, file);
        Ok(())
    }

    async fn current_asset(&mut self, _tenant: &str, id: Uuid) -> Result<Option<Current>, Failure> {
        Ok(self.asset(&id.to_string())?.map(|asset| Current {
            id,
            filename: asset.filename.clone(),
            original_name: asset.original_name.clone(),
            version: asset.version,
            mime_type: asset.mime_type.clone(),
        }))
    }

    async fn earlier_binary(&mut self, id: Uuid, version: i32) -> Result<Option<(String, String)>, Failure> {
        let asset = self.asset(&id.to_string())?;
        let old = asset.and_then(|asset| asset.versions.iter().find(|old| old.version == version));
        Ok(old.map(|old| (old.object_key.clone(), old.mime_type.clone())))
    }

    async fn keep_binary(&mut self, id: Uuid, key: &str) -> Result<(), Failure> {
        if let Some(asset) = self.asset(&id.to_string())? {
            let kept = describe(asset, key.to_owned());
            asset.versions.push(kept);
        }
        Ok(())
    }

    async fn replace_binary(
        &mut self,
        caller: &Caller,
        id: Uuid,
        filename: &str,
        content: Content,
    ) -> Result<(), Failure> {
        if let Some(asset) = self.asset(&id.to_string())? {
            asset.version += 1;
            filename.clone_into(&mut asset.filename);
            asset.mime_type = content.mime_type;
            asset.size_bytes = content.size_bytes;
            asset.content_hash = content.content_hash;
            asset.updated_at = wire_moment(Utc::now());
            asset.updated_by = caller.actor();
        }
        Ok(())
    }

    async fn earlier_keys(&mut self, id: Uuid) -> Result<Vec<String>, Failure> {
        let asset = self.asset(&id.to_string())?;
        Ok(asset.into_iter().flat_map(|asset| &asset.versions).map(|old| old.object_key.clone()).collect())
    }

    async fn delete_asset(&mut self, id: Uuid) -> Result<(), Failure> {
        self.index()?.remove(&id.to_string());
        Ok(())
    }
}

/// The present binary as a version.
fn describe(asset: &AssetFile, object_key: String) -> AssetVersionFile {
    AssetVersionFile {
        version: asset.version,
        object_key,
        mime_type: asset.mime_type.clone(),
        size_bytes: asset.size_bytes,
        content_hash: asset.content_hash.clone(),
        created_at: asset.updated_at.clone(),
        created_by: asset.updated_by.clone(),
    }
}

/// An asset as the wire shows it: its row without its history, with its URL.
fn show(asset: &AssetFile) -> Value {
    let mut shown = json!(asset);
    if let Some(members) = shown.as_object_mut() {
        members.remove("versions");
    }
    shown["url"] = json!(format!("/assets/{}", asset.filename));
    shown
}
