//! What depends on the objects that the checks found missing or wrong. Predicted from the restored rows:
//! references to the object, definitions that name it, rows that refer to those by a foreign key, and schedules
//! that name a template. Confirmed by the renders of the check `render`. It finds nothing new; it explains.

use crate::{
    base::ids::{ObjectKey, TableName, TemplateKey},
    model::{
        blast_radius::{BlastRadius, Confirmation, Dependent, Impact},
        check::CheckId,
        finding::{Entity, Finding, FindingKind},
        profile::{Profile, ProfileEntity},
        state::{Database, State},
        verdict::{Answers, CheckOutcome},
    },
    runbook::verify::Reference,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Dependents of an object that are held in memory, at most; the others are counted.
const HELD: usize = 1000;

/// What depends on the damaged objects; none where no object is damaged. `good` are the
/// templates that render well.
pub fn of(
    (findings, answers): (&[Finding], &Answers),
    reference: &Reference,
    good: &BTreeSet<TemplateKey>,
    observed: &State,
    profile: &Profile,
) -> Option<BlastRadius> {
    let is_damage = |finding: &&Finding| {
        finding.check == CheckId::Reconcile
            && matches!(
                finding.kind,
                FindingKind::MissingBinary | FindingKind::WrongSize | FindingKind::WrongContent
            )
    };
    let mut seen = BTreeSet::new();
    let damaged = findings.iter().filter(is_damage);
    let damaged: Vec<&Finding> = damaged.filter(|finding| seen.insert(finding.entity.to_string())).collect();
    let mut objects: Vec<Damaged<'_>> =
        damaged.iter().take(BlastRadius::MOST).map(|finding| Damaged::new(finding, reference)).collect();
    if objects.is_empty() {
        return None;
    }
    let not_rendered = match answers.of(CheckId::Render) {
        Some(CheckOutcome::Checked { .. }) => None,
        Some(CheckOutcome::Skipped { why } | CheckOutcome::Unknown { why }) => Some(why.clone()),
        None => Some("the check `render` has no answer".to_owned()),
    };
    let renders = Renders { good, were_done: not_rendered.is_none() };
    let search = Search { database: &observed.database, profile };
    for object in &mut objects {
        object.rows(profile);
        object.templates(reference, &renders);
    }
    search.definitions(&mut objects);
    search.schedules(&mut objects);
    let more = damaged.len().saturating_sub(objects.len());
    let impacts = objects.into_iter().map(Damaged::impact).collect();
    Some(BlastRadius { impacts, more, not_rendered })
}

/// The key of the damaged object, where it is known.
fn key(finding: &Finding, reference: &Reference) -> Option<ObjectKey> {
    match &finding.entity {
        Entity::Asset(name) => reference.known.assets.get(name).map(|asset| asset.key.clone()),
        Entity::Object(key) => Some(key.clone()),
        Entity::Template(_)
        | Entity::Row { .. }
        | Entity::Table(_)
        | Entity::Sequence(_)
        | Entity::Schedule(_)
        | Entity::Engine(_)
        | Entity::Step(_)
        | Entity::Manifest(_)
        | Entity::Writes(_)
        | Entity::Assertion(_) => None,
    }
}

/// What the check `render` saw.
struct Renders<'a> {
    good: &'a BTreeSet<TemplateKey>,
    were_done: bool,
}

impl Renders<'_> {
    /// A render that is refused as documented is no finding, and broken all the same.
    fn of(&self, template: &TemplateKey) -> Confirmation {
        match (self.were_done, self.good.contains(template)) {
            (false, _) => Confirmation::Predicted,
            (true, false) => Confirmation::Broken,
            (true, true) => Confirmation::Unharmed,
        }
    }
}

/// A damaged object and what needs it.
struct Damaged<'a> {
    finding: &'a Finding,
    key: Option<ObjectKey>,
    dependents: BTreeSet<Dependent>,
    /// Dependents that are counted only.
    more: usize,
}

impl<'a> Damaged<'a> {
    fn new(finding: &'a Finding, reference: &Reference) -> Self {
        Self { finding, key: key(finding, reference), dependents: BTreeSet::new(), more: 0 }
    }

    /// Adds a dependent. Gives whether it is held by its name.
    fn add(&mut self, kind: &str, name: String, confirmation: Confirmation) -> bool {
        let is_held = self.dependents.len() < HELD;
        match is_held {
            true => drop(self.dependents.insert(Dependent { kind: kind.to_owned(), name, confirmation })),
            false => self.more += 1,
        }
        is_held
    }

    /// The rows that refer to it.
    fn rows(&mut self, profile: &Profile) {
        for entity in std::iter::once(&self.finding.entity).chain(&self.finding.touches) {
            if let Entity::Row { table, row } = entity {
                self.add(kind_of(profile, table), row.clone(), Confirmation::Predicted);
            }
        }
    }

    /// The templates whose data or definition named it at the source.
    fn templates(&mut self, reference: &Reference, renders: &Renders<'_>) {
        let Entity::Asset(name) = &self.finding.entity else { return };
        for template in reference.known.broken_by(name) {
            self.add("template", template.to_string(), renders.of(template));
        }
    }

    fn has_template(&self, key: &str) -> bool {
        self.dependents.iter().any(|dependent| dependent.kind == "template" && dependent.name == key)
    }

    fn impact(self) -> Impact {
        let more = self.more + self.dependents.len().saturating_sub(BlastRadius::MOST);
        let dependents = self.dependents.into_iter().take(BlastRadius::MOST).collect();
        Impact { object: self.finding.entity.clone(), damage: self.finding.kind, dependents, more }
    }
}

/// The profile's name for the rows of a table, else the table's.
fn kind_of<'a>(profile: &'a Profile, table: &'a TableName) -> &'a str {
    let entity = profile.entities.iter().find(|(_, entity)| entity.table == *table);
    entity.map_or(table.as_str(), |(name, _)| name)
}

/// Reads the restored rows, each table once for all damaged objects.
struct Search<'a> {
    database: &'a Database,
    profile: &'a Profile,
}

impl Search<'_> {
    /// Definitions that name an object, and the rows that refer to them.
    fn definitions(&self, objects: &mut [Damaged<'_>]) {
        let defined = self
            .profile
            .entities
            .iter()
            .filter_map(|(name, entity)| Some((name, entity, entity.definition.as_ref()?)));
        for (name, entity, column) in defined {
            let Some(table) = self.database.tables.get(&entity.table) else { continue };
            let foreign = self.foreign_keys(&entity.table);
            let mut referred: BTreeMap<(usize, String), BTreeSet<usize>> = BTreeMap::new();
            for (row_key, row) in &table.rows {
                let row = row.json.value();
                let text = row.get(column.as_str()).map(Value::to_string).unwrap_or_default();
                for (number, object) in objects.iter_mut().enumerate() {
                    if !object.key.as_ref().is_some_and(|key| names(&text, key)) {
                        continue;
                    }
                    let is_held = object.add(name, shown(entity, &row, &row_key), Confirmation::Predicted);
                    for (index, foreign) in foreign.iter().enumerate().filter(|_| is_held) {
                        if let Some(values) = values(&row, &foreign.to) {
                            referred.entry((index, values)).or_default().insert(number);
                        }
                    }
                }
            }
            for (index, foreign) in foreign.iter().enumerate() {
                self.referring(foreign, |values| referred.get(&(index, values)), objects);
            }
        }
    }

    /// The rows whose foreign key is one of those `objects_of` knows.
    fn referring<'o>(
        &self,
        foreign: &ForeignKey,
        objects_of: impl Fn(String) -> Option<&'o BTreeSet<usize>>,
        objects: &mut [Damaged<'_>],
    ) {
        let Some(table) = self.database.tables.get(&foreign.table) else { return };
        let entity = self.profile.entities.values().find(|entity| entity.table == foreign.table);
        for (row_key, row) in &table.rows {
            let row = row.json.value();
            let numbers = values(&row, &foreign.from).and_then(&objects_of);
            for number in numbers.into_iter().flatten() {
                let name = entity.map_or_else(|| row_key.clone(), |entity| shown(entity, &row, &row_key));
                if !objects[*number].has_template(&name) {
                    objects[*number].add(
                        kind_of(self.profile, &foreign.table),
                        name,
                        Confirmation::Predicted,
                    );
                }
            }
        }
    }

    /// Schedules with the key of a template that needs an object.
    fn schedules(&self, objects: &mut [Damaged<'_>]) {
        for (name, entity) in self.profile.entities.iter().filter(|(_, entity)| entity.next_run.is_some()) {
            let Some(table) = self.database.tables.get(&entity.table) else { continue };
            for (row_key, row) in &table.rows {
                let row = row.json.value();
                let texts: Vec<&str> = row
                    .as_object()
                    .into_iter()
                    .flat_map(|row| row.values())
                    .filter_map(Value::as_str)
                    .collect();
                for object in objects.iter_mut() {
                    if texts.iter().any(|text| object.has_template(text)) {
                        object.add(name, shown(entity, &row, &row_key), Confirmation::Predicted);
                    }
                }
            }
        }
    }

    /// The foreign keys of other tables to this one.
    fn foreign_keys(&self, to: &TableName) -> Vec<ForeignKey> {
        let parts = self.database.catalog.parts.values();
        parts
            .filter_map(|(table, definition)| ForeignKey::parse(table.as_ref()?, definition, to))
            .filter(|foreign| foreign.table != *to)
            .collect()
    }
}

/// Whether a definition names an object: its key stands there by itself, not as a part of a longer one.
fn names(definition: &str, key: &ObjectKey) -> bool {
    let is_of_key = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    !key.as_str().is_empty()
        && definition.match_indices(key.as_str()).any(|(at, found)| {
            let (before, after) = (&definition[..at], &definition[at + found.len()..]);
            !before.ends_with(is_of_key) && !after.starts_with(is_of_key)
        })
}

fn shown(entity: &ProfileEntity, row: &Value, key: &str) -> String {
    entity.label_of(row).filter(|label| !label.is_empty()).unwrap_or_else(|| key.to_owned())
}

/// The values of a key, as one text; none where one is NULL: then it refers to nothing.
fn values(row: &Value, columns: &[String]) -> Option<String> {
    let values = columns.iter().map(|column| row.get(column).filter(|value| !value.is_null()));
    Some(values.collect::<Option<Vec<_>>>()?.into_iter().map(|value| format!("{value};")).collect())
}

/// A foreign key of a table, as PostgreSQL writes it.
#[derive(Debug, PartialEq, Eq)]
struct ForeignKey {
    table: TableName,
    from: Vec<String>,
    to: Vec<String>,
}

impl ForeignKey {
    /// `FOREIGN KEY (a, b) REFERENCES to(c, d)`; none for another constraint or table.
    fn parse(table: &TableName, definition: &str, to: &TableName) -> Option<Self> {
        let (from, rest) = definition.strip_prefix("FOREIGN KEY (")?.split_once(") REFERENCES ")?;
        let (target, rest) = rest.split_once('(')?;
        let (columns, _) = rest.split_once(')')?;
        let columns_of =
            |text: &str| text.split(", ").map(|name| name.trim_matches('"').to_owned()).collect();
        let target = target.replace('"', "");
        let is_target = target.strip_prefix("public.").unwrap_or(&target) == to.as_str();
        is_target.then(|| Self { table: table.clone(), from: columns_of(from), to: columns_of(columns) })
    }
}

#[cfg(test)]
mod tests;
