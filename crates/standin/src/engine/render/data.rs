//! The data that nodes see: field mappings, paths, conditions.
//!
//! Paths are the model's: names joined by dots, with `[0]` for places in an array. Expressions
//! (`expression`, `conditionExpression`) are not evaluated here.

use super::{
    RenderError,
    definition::{Clause, Condition, FieldMapping, Operator},
};
use serde_json::{Map, Value};
use std::cmp::Ordering;

/// A path may have this many steps: targets nest as deep as they are long.
const MOST_STEPS: usize = 32;

/// One step of a data path.
enum Step<'p> {
    Name(&'p str),
    Place(usize),
}

fn steps(path: &str) -> Result<Vec<Step<'_>>, String> {
    let malformed = || format!("`{path}` is not a data path: write items or orders[0].lines");
    let mut steps = Vec::new();
    for part in path.trim().split('.') {
        let (name, mut rest) = part.split_at(part.find('[').unwrap_or(part.len()));
        if name.is_empty() || name.contains(']') {
            return Err(malformed());
        }
        steps.push(Step::Name(name));
        while !rest.is_empty() {
            let (place, after) =
                rest.strip_prefix('[').and_then(|rest| rest.split_once(']')).ok_or_else(malformed)?;
            steps.push(Step::Place(place.parse().map_err(|_| malformed())?));
            rest = after;
        }
    }
    if steps.len() > MOST_STEPS { Err(format!("`{path}` has too many steps")) } else { Ok(steps) }
}

/// What `path` leads to in `data`; `None` where it leads nowhere, an error where it is malformed.
/// `this` is the data itself.
pub(crate) fn look_up<'d>(data: &'d Value, path: &str) -> Result<Option<&'d Value>, String> {
    if path == "this" {
        return Ok(Some(data));
    }
    let found = steps(path)?.into_iter().try_fold(data, |at, step| match step {
        Step::Name(name) => at.get(name),
        Step::Place(place) => at.get(place),
    });
    Ok(found)
}

/// The payload as the nodes see it: a copy with every mapping's target put in.
pub(crate) fn adapt(data: &Value, mappings: &[FieldMapping]) -> Result<Value, RenderError> {
    let mut adapted = data.clone();
    for (i, mapping) in mappings.iter().enumerate() {
        let path = format!("fieldMappings[{i}]");
        if mapping.expression.is_some() {
            return Err(RenderError::at(path, "expressions are not evaluated by this renderer"));
        }
        let source = mapping.source_path.as_ref().unwrap_or(&mapping.target_path);
        let found = look_up(data, source).map_err(|message| RenderError::at(&path, message))?;
        if let Some(value) = found.or(mapping.default_value.as_ref()) {
            put(&mut adapted, &mapping.target_path, value.clone())
                .map_err(|message| RenderError::at(&path, message))?;
        }
    }
    Ok(adapted)
}

fn put(data: &mut Value, path: &str, value: Value) -> Result<(), String> {
    let mut at = data;
    for step in steps(path)? {
        let Step::Name(name) = step else {
            return Err(format!("the target path `{path}` has a place in an array"));
        };
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        at = &mut at[name];
    }
    *at = value;
    Ok(())
}

/// Whether the condition holds for `data`.
pub(crate) fn holds(clause: &Clause, data: &Value) -> Result<bool, String> {
    match clause {
        Clause::Leaf(condition) => compare(condition, look_up(data, &condition.path)?),
        Clause::Group { all, negate, clauses } => {
            let mut verdict = *all;
            for clause in clauses {
                // Every clause is evaluated, so that a malformed path is reported for any data.
                let one = holds(clause, data)?;
                verdict = if *all { verdict && one } else { verdict || one };
            }
            Ok(verdict != *negate)
        }
    }
}

fn compare(condition: &Condition, found: Option<&Value>) -> Result<bool, String> {
    let found = found.unwrap_or(&Value::Null);
    let order = || match (found, &condition.value) {
        (Value::Number(a), Value::Number(b)) => a.as_f64().partial_cmp(&b.as_f64()),
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        _ => None,
    };
    let equal = || order().map_or_else(|| *found == condition.value, |order| order == Ordering::Equal);
    Ok(match condition.operator {
        Operator::Eq => equal(),
        Operator::Ne => !equal(),
        Operator::Gt => order() == Some(Ordering::Greater),
        Operator::Gte => matches!(order(), Some(Ordering::Greater | Ordering::Equal)),
        Operator::Lt => order() == Some(Ordering::Less),
        Operator::Lte => matches!(order(), Some(Ordering::Less | Ordering::Equal)),
        Operator::Exists => !found.is_null(),
        Operator::NotExists => found.is_null(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn paths_lead_through_objects_and_arrays() {
        let data = json!({"orders": [{"lines": [1, 2]}]});
        assert_eq!(look_up(&data, "orders[0].lines[1]"), Ok(Some(&json!(2))));
        assert_eq!(look_up(&data, "orders[7].lines"), Ok(None));
        for malformed in ["", "a..b", "a[", "a[-1]", "a]b"] {
            assert!(look_up(&data, malformed).is_err(), "{malformed}");
        }
    }

    #[test]
    fn mappings_add_to_the_payload_and_fall_back_on_their_default() {
        let mappings: Vec<FieldMapping> = serde_json::from_value(json!([
            {"targetPath": "customer.name", "sourcePath": "who"},
            {"targetPath": "currency", "defaultValue": "EUR"},
            {"targetPath": "absent", "sourcePath": "nowhere"},
        ]))
        .unwrap();
        let adapted = adapt(&json!({"who": "Ada"}), &mappings).unwrap();
        assert_eq!(adapted, json!({"who": "Ada", "customer": {"name": "Ada"}, "currency": "EUR"}));
    }

    #[test]
    fn groups_fold_and_negate() {
        let leaf = |operator: &str, value: Value| {
            let json = json!({"path": "n", "operator": operator, "value": value});
            Clause::Leaf(serde_json::from_value(json).unwrap())
        };
        let data = json!({"n": 5});
        assert_eq!(holds(&leaf("gte", json!(5.0)), &data), Ok(true));
        assert_eq!(holds(&leaf("lt", json!("9")), &data), Ok(false));
        let clauses = vec![leaf("gt", json!(9)), leaf("ne", json!(4))];
        assert_eq!(holds(&Clause::Group { all: false, negate: false, clauses }, &data), Ok(true));
        let clauses = vec![leaf("exists", json!(null)), leaf("eq", json!(5))];
        assert_eq!(holds(&Clause::Group { all: true, negate: true, clauses }, &data), Ok(false));
    }
}
