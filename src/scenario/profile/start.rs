//! What a profile says of the start of an engine (`at-start`): whether it can be meant. A rule that
//! lets everything pass would hide what the backup lost.

use crate::{
    model::profile::{AtStart, ColumnPath, ProfileEntity},
    scenario::{
        diagnose::Mistake,
        source::SourcePosition,
        yaml::tree::{Data, Key, YamlNode},
    },
};
use std::collections::BTreeMap;

/// Looks at the rules of all entities. `nodes` is where they stand.
pub fn check(
    entities: &BTreeMap<String, ProfileEntity>,
    nodes: &[(Key, YamlNode)],
    mistakes: &mut Vec<Mistake>,
) {
    for (key, node) in nodes {
        let Some(entity) = entities.get(&key.text) else { continue };
        for (number, rule) in entity.at_start.iter().enumerate() {
            let place = place_of(node, number).unwrap_or(key.place);
            let mut wrong = |message: String, label: &str, help: &str| {
                mistakes.push(Mistake::at(place, message).label(label.to_owned()).help(help.to_owned()));
            };
            for (message, label, help) in mistakes_in(rule, entity) {
                wrong(message, label, help);
            }
            let named = rule.adds.keys().chain(rule.runs.as_ref().map(|runs| &runs.entity));
            for name in named.filter(|name| !entities.contains_key(*name)) {
                let known = entities.keys().map(String::as_str);
                mistakes.push(Mistake::unknown(Some(place), "entity", name, known).label("in this rule"));
            }
        }
    }
}

/// What is wrong with a rule by itself: a message, its label and its help.
fn mistakes_in(rule: &AtStart, entity: &ProfileEntity) -> Vec<(String, &'static str, &'static str)> {
    let mut mistakes = Vec::new();
    if rule.from.is_empty() && rule.due.is_none() {
        let help = "say which rows: `from: {status: [pending]}`, or `due: next_run_at`";
        mistakes.push(("an `at-start` rule for any row".to_owned(), "it would excuse damage", help));
    }
    if rule.to.is_empty() && rule.due.is_none() && rule.moves.is_empty() {
        let help =
            "say what becomes of the rows: `to: {status: failed}`, or which columns are rewritten: `moves`";
        mistakes.push(("an `at-start` rule to no end".to_owned(), "it would excuse damage", help));
    }
    for column in rule.from.iter().filter(|(_, values)| values.is_empty()).map(|(column, _)| column) {
        mistakes.push((format!("`from` has no value of `{column}`"), "fits no row", "write them as a list"));
    }
    for column in rule.moves.iter().filter(|column| rule.to.contains_key(*column)) {
        let help = "remove it from `moves`";
        mistakes.push((format!("`{column}` is in `to` and in `moves`"), "one of the two holds", help));
    }
    if let Some(column) =
        entity.label.iter().map(ColumnPath::column).find(|column| rule.moves.iter().any(|m| m == column))
    {
        let help = "rows are known by it: remove it from `moves`";
        mistakes.push((format!("`{column}` names the row and may move"), "in this rule", help));
    }
    if let Some(age) = rule.age.as_ref().filter(|age| age.over.is_some() == age.under.is_some()) {
        let help = "write `over: 60s` for older rows, or `under: 60s` for younger ones";
        let label = "one of `over` and `under`";
        mistakes.push((format!("how old `{}` has to be is not clear", age.of), label, help));
    }
    if rule.runs.is_some() && rule.due.is_none() {
        let help = "add `due: ` and the column with the moment";
        mistakes.push(("`runs` of rows that are not due".to_owned(), "nothing is run", help));
    }
    mistakes
}

/// Where a rule of an entity stands.
fn place_of(entity: &YamlNode, number: usize) -> Option<SourcePosition> {
    let Data::Map(entries) = &entity.data else { return None };
    let (_, rules) = entries.iter().find(|(key, _)| key.text == "at-start")?;
    let Data::List(rules) = &rules.data else { return None };
    rules.get(number).map(|rule| rule.place)
}
