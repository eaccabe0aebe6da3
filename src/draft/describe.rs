//! The draft as a file, with the evidence as comments.

use super::{Draft, DraftEntity};
use crate::model::{
    fit::{ProfileFit, thousands},
    profile::{
        Binary,
        binary::{SizeColumn, SizeUnit},
    },
};
use std::fmt::Write as _;

/// The profile as YAML. `fit` is how far it describes the stores; without it there is no evidence.
pub fn to_yaml(draft: &Draft, name: &str, fit: Option<&ProfileFit>) -> String {
    let mut text = format!(
        "# A draft by `pulp-drill init`, from what the database and the object store contain. The lines marked\n\
         # CHANGE are yours to decide. `pulp-drill init --check FILE` compares it with the stores again.\n\
         name: {}\napi: none\n\nentities:\n",
        quoted(name)
    );
    let mut number = 0;
    for entity in &draft.entities {
        add_entity(&mut text, entity, fit, &mut number);
    }
    if let Some(fit) = fit {
        add_unreferenced(&mut text, fit);
    }
    let _ = write!(
        text,
        "\n# What an upload, a replacement and a deletion of your application does first.\n\
         write-order: {{ upload: binary-first, replace: binary-first, delete: row-first }}\n\n\
         # Commands run in this file's folder, with DATABASE_URL, PGHOST and so on, S3_BUCKET and AWS_… set.\n\
         {}\nseed: [./seed.sh]  # CHANGE: fills an empty site with a few rows and files\n\
         # To see the restored application work: start: [./serve.sh, \"${{PORT}}\"] and ready: {{ path: / }}\n\
         # If your application reads other variables: env: {{ MY_BUCKET: \"${{S3_BUCKET}}\" }}\n",
        migrate(draft)
    );
    text
}

/// The line with the command that migrates.
fn migrate(draft: &Draft) -> String {
    let Some((table, command)) = draft.migrate else {
        return "migrate: [./migrate.sh]  # CHANGE: creates and migrates the schema".to_owned();
    };
    let words: Vec<String> = command.iter().map(|word| quoted(word)).collect();
    format!("migrate: [{}]  # because there is a table {table}", words.join(", "))
}

/// The objects without a row: those that are made of others are ignored, the rest is the user's to judge.
fn add_unreferenced(text: &mut String, fit: &ProfileFit) {
    let list =
        |keys: &mut dyn Iterator<Item = &String>| keys.map(|key| quoted(key)).collect::<Vec<_>>().join(", ");
    if !fit.derived.is_empty() {
        let _ = write!(
            text,
            "\n# {} objects without a row seem to be made of others, as thumbnails are: their keys contain those of\n\
             # objects with a row.\nignore-objects: [{}]\n",
            thousands(fit.derived.values().sum()),
            list(&mut fit.derived.keys())
        );
    }
    let place = |(folder, count): (&String, &usize)| match folder.is_empty() {
        true => format!("{} outside of folders", thousands(*count)),
        false => format!("{} below {folder}", thousands(*count)),
    };
    let places: Vec<String> = fit.orphan_folders.iter().map(place).collect();
    if !places.is_empty() {
        let _ = write!(
            text,
            "\n# Objects to which no row above refers: {}. If the application makes them again\n\
             # (thumbnails, caches), name them in ignore-objects, also by patterns such as \"*__*\".\n",
            places.join(", ")
        );
    }
    if !fit.unreferenced_folders.is_empty() {
        let all = list(&mut fit.derived.keys().chain(&fit.unreferenced_folders));
        let _ = writeln!(text, "# ignore-objects: [{all}]");
    }
}

/// Parts of the names of tables with files that applications make of others.
const DERIVED: [&str; 5] = ["rendition", "thumb", "variant", "preview", "derivative"];

fn add_entity(text: &mut String, entity: &DraftEntity, fit: Option<&ProfileFit>, number: &mut usize) {
    let _ = writeln!(text, "  {}:\n    table: {}", quoted(&entity.name), quoted(entity.table.as_str()));
    if !entity.label.is_empty() {
        let label: Vec<String> = entity.label.iter().map(|path| quoted(&path.to_string())).collect();
        let _ = writeln!(text, "    label: [{}]", label.join(", "));
    }
    let several = entity.binaries.len() > 1;
    let table = entity.table.as_str().to_lowercase();
    if DERIVED.iter().any(|word| table.contains(word)) {
        text.push_str(
            "    # If the application makes missing ones again, add `derived: true` to the binary.\n",
        );
    }
    let _ = writeln!(text, "    binary:");
    for binary in &entity.binaries {
        if let Some(found) = fit.and_then(|fit| fit.binaries.get(*number)) {
            // Without its name, which the profile shows.
            let said = found.to_string();
            let said =
                said.strip_prefix(&found.name).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&said);
            for line in said.lines() {
                let _ = writeln!(text, "      # {}", line.trim());
            }
        }
        *number += 1;
        let keys = keys_of(binary);
        match several {
            true => text.push_str(&format!("      - {{ {} }}\n", keys.join(", "))),
            false => text.extend(keys.iter().map(|key| format!("      {key}\n"))),
        }
    }
}

fn keys_of(binary: &Binary) -> Vec<String> {
    let key = binary.key.to_string();
    // A column alone needs no braces.
    let bare = key.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let bare = bare.filter(|text| !text.contains(['{', '}', '|', '?', '"', '/']));
    let mut keys = vec![format!("key: {}", quoted(bare.unwrap_or(&key)))];
    keys.extend(binary.each.as_ref().map(|each| format!("each: {}", quoted(&each.to_string()))));
    keys.extend(binary.size.as_ref().map(|size| match size {
        SizeColumn { column, unit: SizeUnit::B, .. } => format!("size: {}", quoted(&column.to_string())),
        SizeColumn { column, unit, decimals } => {
            let unit = if *unit == SizeUnit::Kilobyte { "kB" } else { "KiB" };
            format!("size: {{ column: {}, unit: {unit}, decimals: {decimals} }}", quoted(&column.to_string()))
        }
    }));
    keys.extend(binary.media_type.as_ref().map(|path| format!("media-type: {}", quoted(&path.to_string()))));
    let checksums = binary.checksums();
    keys.extend(
        checksums.map(|(algorithm, path)| format!("{}: {}", algorithm.keyword(), quoted(&path.to_string()))),
    );
    keys
}

/// A scalar of YAML: in quotes unless it is a plain word.
fn quoted(text: &str) -> String {
    let plain = !text.is_empty()
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '.')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_./ -".contains(c))
        && !text.ends_with(' ')
        && !["true", "false", "null", "yes", "no", "on", "off"].contains(&text.to_lowercase().as_str());
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}
