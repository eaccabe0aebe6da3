//! Scenarios for any application: names in faults and expectations that stand for something that exists,
//! such as `any binary`. They are replaced when the site is filled. The choice is the same for the same
//! contents.

use crate::{
    base::{
        digest::Digest,
        ids::{AssetName, ObjectKey, TableName},
        sorted::SortedMapBuilder,
    },
    model::{
        fault::Fault,
        finding::{Expectation, FindingKind, Subject},
        profile::{BinaryStore, Profile, ProfileEntity},
        reference::{ObjectReference, references},
        state::{Known, KnownAsset, State, Table},
    },
    plan::{Plan, PlanJob},
    scenario::Act,
};
use references::ForeignKey;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

mod references;

/// The words that stand for something, with what they mean.
pub const SELECTORS: [(&str, &str); 14] = [
    ("any binary", "a binary of at least two bytes that one row refers to"),
    ("another binary", "a second one with other content"),
    ("largest binary", "the largest of them"),
    ("any binary with metadata", "one whose object has headers such as a content type"),
    ("binary of an unreferenced row", "one whose row no other row refers to"),
    ("every binary but the first", "all binaries except that of the first object in a listing"),
    ("object beside any binary", "an object that does not exist, in the folder of `any binary`"),
    ("any entity", "the entity of `newest row`"),
    ("newest row", "the row with the greatest key to which no other row refers"),
    ("any table", "a table with rows and a primary key"),
    ("table with references", "the same, to which a foreign key of another table refers"),
    ("independent table", "a table with rows and without binaries that no other part of the schema names"),
    ("any sequence", "a sequence that has numbered rows"),
    ("every sequence", "all sequences"),
];

/// A plan with names in place of selectors.
#[derive(Debug)]
pub struct Selected {
    /// The plan.
    pub plan: Plan,
    /// What was selected, in a sentence; empty if the plan has no selector.
    pub note: String,
}

/// Replaces the selectors of a plan.
///
/// # Errors
/// Why there is nothing to select: the scenario can't be run on this site.
pub fn select(plan: &Plan, profile: &Profile, state: &State, known: &Known) -> Result<Selected, String> {
    let mut selection = Selection { profile, state, known, chosen: BTreeMap::new() };
    let mut plan = plan.clone();
    for step in &mut plan.steps {
        let PlanJob::Act(act) = &step.job else { continue };
        let mut value = serde_json::to_value(act).map_err(|error| error.to_string())?;
        let exchanges = matches!(act, Act::Fault(Fault::RepointRow(_)));
        if selection.replace(&mut value)? {
            if exchanges {
                selection.can_exchange()?;
            }
            step.job = PlanJob::Act(serde_json::from_value(value).map_err(|error| error.to_string())?);
            step.description = step.job.describe();
        }
    }
    plan.expect = selection.expectations(&plan.expect)?;
    plan.possible = selection.expectations(&plan.possible)?;
    let chosen = selection.chosen.iter().map(|(word, names)| format!("{word}: {}", names.join(", ")));
    let note = chosen.collect::<Vec<_>>().join("; ");
    Ok(Selected { plan, note })
}

struct Selection<'a> {
    profile: &'a Profile,
    state: &'a State,
    known: &'a Known,
    chosen: BTreeMap<String, Vec<String>>,
}

/// A binary with the only row that refers to it.
struct PickedBinary<'a> {
    name: &'a AssetName,
    asset: &'a KnownAsset,
    reference: ObjectReference,
}

/// A row of a table.
struct PickedRow<'a> {
    entity: &'a str,
    table: &'a TableName,
    key: String,
    label: String,
}

impl<'a> Selection<'a> {
    /// Replaces selectors in the strings of a value; whether there were any.
    fn replace(&mut self, value: &mut Value) -> Result<bool, String> {
        match value {
            Value::String(text) if is_selector(text) => {
                let names = self.names(text)?;
                self.chosen.insert(text.clone(), names.clone());
                *text = names.into_iter().next().unwrap_or_default();
                Ok(true)
            }
            Value::Array(items) => self.replace_each(items.iter_mut()),
            Value::Object(fields) => self.replace_each(fields.values_mut()),
            Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => Ok(false),
        }
    }

    fn replace_each<'v>(&mut self, values: impl Iterator<Item = &'v mut Value>) -> Result<bool, String> {
        let mut any = false;
        for value in values {
            any |= self.replace(value)?;
        }
        Ok(any)
    }

    fn expectations(&mut self, expected: &[Expectation]) -> Result<Vec<Expectation>, String> {
        let mut all = Vec::new();
        for Expectation { kind, entity } in expected {
            if !is_selector(entity) {
                all.push(Expectation { kind: *kind, entity: entity.clone() });
                continue;
            }
            let names = match kind.subject() {
                Subject::Row => vec![self.row(entity)?],
                Subject::Other if *kind == FindingKind::DamagedIndex => vec![self.primary_key(entity)?],
                Subject::Asset
                | Subject::Template
                | Subject::Schedule
                | Subject::Inventory
                | Subject::Workload
                | Subject::BackupStep
                | Subject::RestoreStep
                | Subject::Other => self.names(entity)?,
            };
            let kind = self.kind(*kind, entity)?;
            self.chosen.entry(entity.clone()).or_insert_with(|| names.clone());
            all.extend(names.into_iter().map(|entity| Expectation { kind, entity }));
        }
        Ok(all)
    }

    /// Contents that are exchanged are found by their size, if that differs.
    fn kind(&self, kind: FindingKind, selector: &str) -> Result<FindingKind, String> {
        let exchanged = self.chosen.contains_key("another binary") && selector.ends_with("binary");
        let differs = || Ok::<_, String>(self.any_binary()?.asset.size != self.another_binary()?.asset.size);
        let by_size = kind == FindingKind::WrongContent && exchanged && differs()?;
        Ok(if by_size { FindingKind::WrongSize } else { kind })
    }

    /// What a selector stands for in a fault.
    fn names(&self, selector: &str) -> Result<Vec<String>, String> {
        let one = |binary: PickedBinary<'_>| vec![binary.name.to_string()];
        match selector {
            "any binary" => Ok(one(self.any_binary()?)),
            "another binary" => Ok(one(self.another_binary()?)),
            "largest binary" => Ok(one(self.largest_binary()?)),
            "any binary with metadata" => Ok(one(self.with_metadata()?)),
            "binary of an unreferenced row" => Ok(one(self.unreferenced_binary()?)),
            "every binary but the first" => self.all_but_the_first(),
            "object beside any binary" => Ok(vec![self.stray_key()?]),
            "any entity" => Ok(vec![self.newest_row()?.entity.to_owned()]),
            "newest row" => Ok(vec![self.newest_row()?.label]),
            "any table" | "table with references" | "independent table" => {
                Ok(vec![self.table(selector)?.to_string()])
            }
            "any sequence" => Ok(vec![self.used_sequence()?]),
            "every sequence" => Ok(self.state.database.sequences.keys().cloned().collect()),
            unknown => Err(format!("`{unknown}` selects nothing")),
        }
    }

    /// Binaries that a fault can damage and whose damage is that of one row, sorted by name.
    fn binaries(&self) -> Result<Vec<PickedBinary<'a>>, String> {
        let mut by_key: BTreeMap<ObjectKey, Vec<ObjectReference>> = BTreeMap::new();
        let mut prefixes = Vec::new();
        for reference in references(self.profile, &self.state.database) {
            match reference.is_prefix {
                true => prefixes.push(reference),
                false => by_key.entry(reference.key.clone()).or_default().push(reference),
            }
        }
        let fit = |(name, asset): (&'a AssetName, &'a KnownAsset)| {
            let direct = by_key.get(&asset.key).into_iter().flatten();
            let below = prefixes.iter().filter(|prefix| prefix.includes(&asset.key));
            let all: Vec<&ObjectReference> = direct.chain(below).collect();
            let [reference] = all[..] else { return None };
            let lasting = !reference.is_deleted && !reference.is_derived && asset.size >= 2;
            (lasting && reference.store == BinaryStore::Assets).then(|| PickedBinary {
                name,
                asset,
                reference: reference.clone(),
            })
        };
        let found: Vec<_> = self.known.assets.iter().filter_map(fit).collect();
        match found.is_empty() {
            false => Ok(found),
            true => Err("no binary has two bytes and a row of its own".to_owned()),
        }
    }

    fn any_binary(&self) -> Result<PickedBinary<'a>, String> {
        let mut all = self.binaries()?;
        Ok(all.swap_remove(all.len() / 2))
    }

    fn another_binary(&self) -> Result<PickedBinary<'a>, String> {
        let one = self.any_binary()?;
        // A row can be made to refer to the object of another row of its table only.
        let fits = |other: &PickedBinary<'_>| {
            other.asset.sha256 != one.asset.sha256
                && other.reference.table == one.reference.table
                && other.reference.row != one.reference.row
        };
        let other = self.binaries()?.into_iter().find(fits);
        other.ok_or_else(|| "there are no two binaries with different content".to_owned())
    }

    fn largest_binary(&self) -> Result<PickedBinary<'a>, String> {
        let largest = self.binaries()?.into_iter().max_by_key(|binary| binary.asset.size);
        largest.ok_or_else(|| "there is no binary".to_owned())
    }

    fn with_metadata(&self) -> Result<PickedBinary<'a>, String> {
        let has = |binary: &PickedBinary<'_>| {
            self.state.objects.get(&binary.asset.key).is_some_and(|object| !object.metadata.0.is_empty())
        };
        let found = self.binaries()?.into_iter().find(has);
        found.ok_or_else(|| "no object has headers that could be lost".to_owned())
    }

    /// A key beside that of any binary to which no row refers, also not by a prefix.
    fn stray_key(&self) -> Result<String, String> {
        let key = self.any_binary()?.asset.key.to_string();
        let folder = key.split('/').next().unwrap_or_default();
        let referred: Vec<_> = references(self.profile, &self.state.database).collect();
        let is_free = |candidate: &String| {
            let object = ObjectKey::from(candidate.as_str());
            !self.profile.ignores(candidate) && !referred.iter().any(|reference| reference.includes(&object))
        };
        let candidates = [format!("{key}.stray"), format!("{folder}.stray")];
        candidates.into_iter().find(is_free).ok_or_else(|| "rows refer to every key".to_owned())
    }

    /// A copy that stops after one key has the first of them. An object is named once.
    fn all_but_the_first(&self) -> Result<Vec<String>, String> {
        let first = self.state.objects.keys().next();
        let (prefixes, keys): (Vec<_>, Vec<_>) = references(self.profile, &self.state.database)
            .filter(|reference| !reference.is_derived)
            .partition(|reference| reference.is_prefix);
        let keys: BTreeSet<ObjectKey> = keys.into_iter().map(|reference| reference.key).collect();
        let lasts =
            |key: &ObjectKey| keys.contains(key) || prefixes.iter().any(|prefix| prefix.includes(key));
        let others = self.known.assets.iter().filter(|(_, asset)| Some(&asset.key) != first.as_ref());
        let named: BTreeMap<&ObjectKey, &AssetName> =
            others.filter(|(_, asset)| lasts(&asset.key)).map(|(name, asset)| (&asset.key, name)).collect();
        if named.is_empty() {
            return Err("there is one object only".to_owned());
        }
        Ok(named.into_values().map(ToString::to_string).collect())
    }

    fn unreferenced_binary(&self) -> Result<PickedBinary<'a>, String> {
        let keys = ForeignKey::all(&self.state.database.catalog);
        let free = |binary: &PickedBinary<'_>| {
            self.is_unreferenced(&keys, &binary.reference.table, &binary.reference.row)
        };
        let found = self.binaries()?.into_iter().find(free);
        found.ok_or_else(|| "other rows refer to the row of every binary".to_owned())
    }

    fn is_unreferenced(&self, keys: &[ForeignKey], table: &TableName, row: &str) -> bool {
        let row = self.state.database.tables.get(table).and_then(|table| table.rows.get(row));
        row.is_some_and(|row| {
            let mut of_table = keys.iter().filter(|key| key.refers_to(table));
            !of_table.any(|key| key.is_used(&row.json.value(), &self.state.database))
        })
    }

    /// The newest row of the entity with the most rows that has one.
    fn newest_row(&self) -> Result<PickedRow<'a>, String> {
        let keys = ForeignKey::all(&self.state.database.catalog);
        let mut candidates = Vec::new();
        for (name, entity) in self.profile.entities.iter().filter(|(_, entity)| !entity.label.is_empty()) {
            let Some(table) = self.state.database.tables.get(&entity.table) else { continue };
            let mut newest: Option<(String, String)> = None;
            for (label, key) in self.uniquely_named(entity, table) {
                let newer = newest.as_ref().is_none_or(|(_, than)| order(&key) > order(than));
                if newer && self.is_unreferenced(&keys, &entity.table, &key) {
                    newest = Some((label, key));
                }
            }
            candidates.extend(newest.map(|(label, key)| {
                let row = PickedRow { entity: name, table: &entity.table, key, label };
                (entity.binaries.is_empty(), table.rows.len(), row)
            }));
        }
        // A row without a binary, if there is one: those of binaries have scenarios of their own.
        let best = candidates.into_iter().max_by_key(|(plain, rows, _)| (*plain, *rows));
        best.map(|(_, _, row)| row)
            .ok_or_else(|| "no entity has a row to which no other row refers".to_owned())
    }

    /// The rows whose name is that of no other row, by name, without deleted ones: names and keys.
    fn uniquely_named(
        &self,
        entity: &ProfileEntity,
        table: &Table,
    ) -> impl Iterator<Item = (String, String)> + use<> {
        let mut named = SortedMapBuilder::new();
        for (key, row) in &table.rows {
            let json = row.json.value();
            let counts = entity.selects(&json) && !entity.is_deleted(&json);
            named.add(&self.profile.row_name(&entity.table, &key, &json), &counts.then_some(key));
        }
        let mut named = named.entries().peekable();
        std::iter::from_fn(move || {
            let first = named.next()?;
            let mut alone = true;
            while named.next_if(|(name, _)| *name == first.0).is_some() {
                alone = false;
            }
            Some(alone.then_some(first))
        })
        .flatten()
        .filter_map(|(name, key)| Some((name, key?)))
    }

    /// `table/label`, as findings name rows.
    fn row(&self, selector: &str) -> Result<String, String> {
        let of = |PickedBinary { reference, .. }: PickedBinary<'_>| {
            self.row_entity(&reference.table, &reference.row, &reference.name)
        };
        match selector {
            "any binary" => Ok(of(self.any_binary()?)),
            "another binary" => Ok(of(self.another_binary()?)),
            "binary of an unreferenced row" => Ok(of(self.unreferenced_binary()?)),
            _ => self.newest_row().map(|row| self.row_entity(row.table, &row.key, &row.label)),
        }
    }

    /// A row as findings name it: that of a partitioned table is a row of its partition.
    fn row_entity(&self, table: &TableName, key: &str, label: &str) -> String {
        let tables = &self.state.database.tables;
        let partition = tables.get(table).filter(|whole| whole.of_others).and_then(|whole| {
            let has_row = |other: &Table| {
                !other.of_others && other.columns == whole.columns && other.rows.contains_key(key)
            };
            tables.iter().find(|(_, other)| has_row(other))
        });
        match partition {
            Some((name, other)) => {
                let json = other.rows.get(key).map(|row| row.json.value()).unwrap_or_default();
                format!("{name}/{}", self.profile.row_name(name, key, &json))
            }
            None => format!("{table}/{label}"),
        }
    }

    /// Rows that their primary key does not tie to their objects: others cannot exchange them.
    fn can_exchange(&self) -> Result<(), String> {
        let table = self.any_binary()?.reference.table;
        let parts = self.state.database.catalog.parts.values();
        let of_table = parts.filter(|(of, _)| of.as_ref() == Some(&table));
        let key = of_table.filter_map(|(_, definition)| {
            let columns = definition.strip_prefix("PRIMARY KEY (")?.split_once(')')?.0;
            Some(columns.split(", ").map(references::unquoted).collect::<Vec<_>>())
        });
        let key: Vec<String> = key.flatten().collect();
        let binaries = self.profile.with_binaries().filter(|(entity, _)| entity.table == table);
        let mut columns = binaries.flat_map(|(_, binary)| binary.key_columns());
        match columns.any(|column| key.iter().any(|of_key| of_key == column)) {
            true => Err(format!("the primary key of {table} is part of the keys of its objects")),
            false => Ok(()),
        }
    }

    /// A table that a fault can be injected into.
    fn table(&self, selector: &str) -> Result<&'a TableName, String> {
        let keys = ForeignKey::all(&self.state.database.catalog);
        let plain = |name: &TableName| !name.as_str().contains('.') && !self.profile.is_without_data(name);
        let tables =
            self.state.database.tables.iter().filter(|(name, table)| plain(name) && !table.rows.is_empty());
        let names = tables.map(|(name, _)| name);
        let entities = || self.profile.entities.values();
        let of_profile = |name: &&TableName| entities().any(|entity| entity.table == **name);
        let has_binaries =
            |name: &TableName| self.profile.with_binaries().any(|(entity, _)| entity.table == *name);
        let keyed = |name: &&TableName| self.primary_key_of(name).is_some();
        let found = match selector {
            "any table" => names.filter(of_profile).find(keyed),
            "table with references" => names
                .filter(keyed)
                .find(|name| keys.iter().any(|key| key.refers_to(name) && !key.is_of(name))),
            // Without the rows that refer to binaries nothing would show that rows and objects belong together.
            _ => names
                .filter(|name| self.is_independent(name) && !has_binaries(name))
                .min_by_key(|name| !of_profile(name)),
        };
        found.ok_or_else(|| match selector {
            "any table" => "no table of the profile has rows and a primary key".to_owned(),
            "table with references" => "no foreign key refers to a table with rows".to_owned(),
            _ => "every table with rows has binaries or is named by another part of the schema".to_owned(),
        })
    }

    /// Whether the restore of everything else works without it.
    fn is_independent(&self, table: &TableName) -> bool {
        let parts = self.state.database.catalog.parts.values();
        !parts.filter(|(of, _)| of.as_ref() != Some(table)).any(|(_, definition)| {
            let words = definition.split(|c: char| !c.is_alphanumeric() && c != '_');
            words.into_iter().any(|word| word == table.as_str())
        })
    }

    fn primary_key_of(&self, table: &TableName) -> Option<&'a str> {
        let parts = self.state.database.catalog.parts.iter();
        let mut of_table = parts.filter(|(_, (of, _))| of.as_ref() == Some(table));
        let (name, _) = of_table.find(|(name, (_, definition))| {
            name.starts_with("constraint ") && definition.starts_with("PRIMARY KEY")
        })?;
        name.rsplit_once('.').map(|(_, name)| name)
    }

    fn primary_key(&self, selector: &str) -> Result<String, String> {
        let table = self.table(selector)?;
        let none = || format!("{table} has no primary key");
        self.primary_key_of(table).map(str::to_owned).ok_or_else(none)
    }

    /// A sequence that begins again without its data, at a number that a row has.
    fn used_sequence(&self) -> Result<String, String> {
        let used = self.state.database.sequences.iter().find(|(_, sequence)| {
            let reached = sequence.reached.is_some_and(|reached| reached > 0);
            sequence.called && sequence.increment == 1 && sequence.feeds.is_some() && reached
        });
        used.map(|(name, _)| name.clone()).ok_or_else(|| "no sequence has numbered a row".to_owned())
    }
}

/// Orders keys: numbers by value, other keys by their text, and by their digest where that is the same.
fn order(key: &str) -> (i64, String, [u8; 32]) {
    let first = serde_json::from_str::<Vec<Value>>(key).ok().and_then(|parts| parts.first()?.as_i64());
    (first.unwrap_or_default(), key.to_owned(), Digest::of(key).0)
}

fn is_selector(text: &str) -> bool {
    SELECTORS.iter().any(|(word, _)| *word == text)
}

#[cfg(test)]
mod tests;
