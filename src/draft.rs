//! A profile drafted from what a database and an object store contain: columns whose values are keys of
//! objects there, and columns that record sizes, media types and checksums. Reads and never writes.

mod describe;
mod find;
mod keys;

use crate::{
    base::{
        checksum::{ChecksumAlgorithm, Checksums},
        error::Error,
        ids::{ObjectKey, TableName},
    },
    model::{
        fit::{KnownObject, KnownObjects, ProfileFit},
        profile::{Binary, BinaryStore, ColumnPath, Profile},
    },
    system::{
        objects::origin::{Item, Origin},
        postgres::{Postgres, sample::SampledTable},
    },
};
use keys::KeyIndex;
use std::collections::BTreeMap;

pub use describe::to_yaml;

/// Rows of each table that are searched for keys.
const ROWS: usize = 2_000;

/// Objects whose checksums are computed, and the largest of them in bytes.
const SAMPLE: (usize, u64) = (5, 16 << 20);

/// A drafted entity.
#[derive(Clone, Debug, PartialEq)]
pub struct DraftEntity {
    /// Its name in the profile.
    pub name: String,
    /// Its table.
    pub table: TableName,
    /// The columns that name a row.
    pub label: Vec<ColumnPath>,
    /// Its binaries.
    pub binaries: Vec<Binary>,
}

/// What was found.
pub struct Draft {
    /// The entities whose rows refer to objects.
    pub entities: Vec<DraftEntity>,
    /// The table in which a tool records migrations, and the tool's command.
    pub migrate: Option<MigrationTool>,
}

/// The objects of a store.
pub async fn objects(origin: &Origin) -> Result<Vec<Item>, Error> {
    let mut items = origin.items().await?;
    items.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(items)
}

/// Searches a database for references to objects.
///
/// # Errors
/// A store cannot be read, or no column contains keys.
pub async fn draft(postgres: &Postgres, origin: &Origin, items: &[Item]) -> Result<Draft, Error> {
    let tables = postgres.sample(ROWS).await?;
    let keys = KeyIndex::new(items);
    let mut entities = Vec::new();
    for (table, sampled) in &tables {
        let found = find::binaries(sampled, &keys);
        if found.is_empty() {
            continue;
        }
        let mut binaries = Vec::new();
        for mut binary in found {
            find::columns(&mut binary, sampled, &keys);
            let computed = checksums_of_sample(&binary, sampled, &keys, origin).await?;
            find::checksums(&mut binary, sampled, &computed);
            binaries.push(binary);
        }
        let label = find::label(sampled, &binaries);
        entities.push(DraftEntity { name: name_of(table), table: table.clone(), label, binaries });
    }
    if entities.is_empty() {
        let (rows, count) = (tables.values().map(|table| table.rows.len()).sum::<usize>(), items.len());
        return Err(Error::usage("no column contains keys of these objects")
            .cause(format!("searched {rows} rows of {} tables for {count} keys", tables.len()))
            .hint("check that database and store belong together, and that rows with files exist"));
    }
    Ok(Draft { entities, migrate: migrate_command(&tables) })
}

/// `wagtailimages_image` of `public.wagtailimages_image`, with spaces for underscores.
fn name_of(table: &TableName) -> String {
    let last = table.as_str().rsplit('.').next().unwrap_or_default();
    last.trim_matches('"').replace('_', " ")
}

/// A table in which a tool records migrations, and the tool's command.
pub type MigrationTool = (&'static str, &'static [&'static str]);

/// The tools that record migrations in a table of their own, and their commands.
const TOOLS: [MigrationTool; 7] = [
    ("django_migrations", &["python", "manage.py", "migrate", "--noinput"]),
    ("ar_internal_metadata", &["bin/rails", "db:migrate"]),
    ("alembic_version", &["alembic", "upgrade", "head"]),
    ("_prisma_migrations", &["npx", "prisma", "migrate", "deploy"]),
    ("knex_migrations", &["npx", "knex", "migrate:latest"]),
    ("directus_migrations", &["npx", "directus", "bootstrap"]),
    ("flyway_schema_history", &["flyway", "migrate"]),
];

fn migrate_command(tables: &BTreeMap<TableName, SampledTable>) -> Option<MigrationTool> {
    TOOLS.into_iter().find(|(table, _)| tables.contains_key(&TableName::from(*table)))
}

/// The checksums of a few objects to which sampled rows refer, by key.
async fn checksums_of_sample(
    binary: &Binary,
    sampled: &SampledTable,
    keys: &KeyIndex,
    origin: &Origin,
) -> Result<BTreeMap<String, Checksums>, Error> {
    if binary.key.is_prefix() {
        return Ok(BTreeMap::new());
    }
    let mut wanted: Vec<(u64, String)> = find::keys_of(std::slice::from_ref(binary), sampled)
        .filter_map(|key| Some((keys.size(&key)?, key)))
        .filter(|(size, _)| *size <= SAMPLE.1)
        .collect();
    wanted.sort();
    wanted.dedup();
    // The empty file has the same checksums everywhere.
    wanted.retain(|(size, _)| *size > 0);
    let mut computed = BTreeMap::new();
    for (_, key) in wanted.into_iter().take(SAMPLE.0) {
        let object = ObjectKey::from(key.as_str());
        computed.insert(key, computed_checksums(origin, &object).await?);
    }
    Ok(computed)
}

/// All checksums of an object.
async fn computed_checksums(origin: &Origin, key: &ObjectKey) -> Result<Checksums, Error> {
    let most = usize::try_from(SAMPLE.1).unwrap_or(usize::MAX);
    let bytes = origin.start(key, most).await?.unwrap_or_default();
    Ok(Checksums::of(&bytes, &ChecksumAlgorithm::ALL.into()))
}

/// Compares a profile with a database and a store: all keys and sizes, and the checksums of a sample.
///
/// # Errors
/// A store cannot be read.
pub async fn check(
    profile: &Profile,
    postgres: &Postgres,
    origin: &Origin,
    items: &[Item],
) -> Result<ProfileFit, Error> {
    let mut references = Vec::new();
    let unknown = postgres.references(profile, |reference| references.push(reference)).await?;
    let known = |item: &Item| {
        let object = KnownObject { size: item.size, checksums: Checksums::default() };
        ((BinaryStore::Assets, item.key.clone()), object)
    };
    let mut objects: KnownObjects = items.iter().map(known).collect();
    let mut sampled: BTreeMap<usize, usize> = BTreeMap::new();
    for reference in references.iter().filter(|reference| !reference.checksums.is_empty()) {
        let taken = sampled.entry(reference.binary).or_default();
        let Some(object) = objects.get_mut(&(reference.store, reference.key.clone())) else { continue };
        if *taken < SAMPLE.0 && object.size <= SAMPLE.1 {
            *taken += 1;
            object.checksums = computed_checksums(origin, &reference.key).await?;
        }
    }
    Ok(ProfileFit::new(profile, references, &objects, unknown))
}
