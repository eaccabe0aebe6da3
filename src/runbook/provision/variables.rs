//! The environment variables and keys that a site's engine starts with.

use crate::{
    base::{clock, error::Error, redact::Redactor},
    model::profile::Profile,
    scenario::method::{BackupSchema, Method},
    system::engine::ApiKeys,
};
use std::{collections::BTreeMap, path::Path};

/// New keys for one engine, known to the redactor.
pub(super) fn new_keys(redactor: &Redactor) -> ApiKeys {
    let key = || {
        let key = clock::password();
        redactor.add(&key);
        Some(key)
    };
    ApiKeys { admin: key(), render: key(), preview: key(), editor: key() }
}

/// Variables of the source's release, in addition to those of this one.
pub(super) fn release_of_source(
    profile: &Profile,
    method: &Method,
) -> Result<BTreeMap<String, String>, Error> {
    if method.schema == BackupSchema::Same {
        return Ok(BTreeMap::new());
    }
    let Some(previous) = &profile.previous_release else {
        return Err(Error::usage("the profile does not describe how to obtain the previous release")
            .hint("give it a `previous-release`, or leave scenarios with a `schema` out"));
    };
    Ok(match method.schema {
        BackupSchema::Previous => previous.env.clone(),
        BackupSchema::Same | BackupSchema::Newer => BTreeMap::new(),
    })
}

/// The variable that sets the order of the engine's writes, where the scenario changes it.
pub(super) fn order_of_writes(profile: &Profile, method: &Method) -> Result<Option<(String, String)>, Error> {
    let order = profile.write_order.with(&method.writes);
    if order == profile.write_order {
        return Ok(None);
    }
    let Some(name) = &profile.write_order_env else {
        return Err(Error::usage("the profile names no variable for the order of writes")
            .hint("give it a `write-order-env`, or leave scenarios with `writes` out"));
    };
    Ok(Some((name.clone(), order.env_value())))
}

/// The environment that the real server documents, except the stores'.
pub(super) fn environment(keys: &ApiKeys, folder: &Path) -> BTreeMap<String, String> {
    let mut env: BTreeMap<String, String> = [
        ("HOST", "127.0.0.1".to_owned()),
        ("ASSET_ACCESS_MODE", "private".to_owned()),
        ("ASSETS_DIR", folder.join("assets").display().to_string()),
        ("TEMPLATES_DIR", folder.join("templates").display().to_string()),
        // What an engine caches there belongs to its site and survives its restarts.
        ("TMPDIR", folder.join("tmp").display().to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    let keys = [
        ("API_KEY_ADMIN", &keys.admin),
        ("API_KEY_RENDER", &keys.render),
        ("API_KEY_PREVIEW", &keys.preview),
        ("API_KEY_EDITOR", &keys.editor),
    ];
    env.extend(keys.into_iter().filter_map(|(name, key)| Some((name.to_owned(), key.clone()?))));
    env
}
