//! Input data against a template's `inputSchema`: the keywords of JSON Schema that describe the shape of data
//! (`type`, `required`, `properties`, `items`, `enum`). Other keywords accept everything.

use super::Issue;
use serde_json::Value;

/// What of the data does not fit the schema.
pub fn issues(schema: &Value, data: &Value) -> Vec<Issue> {
    let mut found = Vec::new();
    check(schema, data, "", &mut found);
    found
}

fn check(schema: &Value, data: &Value, path: &str, found: &mut Vec<Issue>) {
    let mut wrong = |message: String, code: &str| {
        let path = (!path.is_empty()).then(|| path.to_owned());
        found.push(Issue { message, path, code: Some(code.to_owned()) });
    };
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|name| is_of_type(data, name)) {
        wrong(format!("must be {}", types.join(" or ")), "type");
        return;
    }
    if let Some(values) = schema["enum"].as_array().filter(|values| !values.contains(data)) {
        let values: Vec<String> = values.iter().map(ToString::to_string).collect();
        wrong(format!("must be one of {}", values.join(", ")), "enum");
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for name in required.filter(|name| data.is_object() && data.get(name).is_none()) {
        wrong(format!("must have the property {name}"), "required");
    }
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(value) = data.get(name) {
            check(schema, value, &below(name), found);
        }
    }
    if schema["items"].is_object() {
        for (number, item) in data.as_array().into_iter().flatten().enumerate() {
            check(&schema["items"], item, &below(&number.to_string()), found);
        }
    }
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn data_is_compared_with_the_schema() {
        let schema = json!({ "type": "object", "required": ["customer", "lines"], "properties": {
            "customer": { "type": "string" }, "currency": { "enum": ["EUR", "CHF"] },
            "lines": { "type": "array", "items": { "type": "object", "required": ["price"],
                "properties": { "price": { "type": ["number", "null"] } } } } } });
        let found = |data: Value| -> Vec<String> {
            let shown = |issue: Issue| format!("{}: {}", issue.path.unwrap_or_default(), issue.message);
            let mut all: Vec<String> = issues(&schema, &data).into_iter().map(shown).collect();
            all.sort();
            all
        };
        assert!(found(json!({ "customer": "A", "lines": [{ "price": 1.5 }, { "price": null }] })).is_empty());
        assert_eq!(found(json!([])), [": must be object"]);
        assert_eq!(
            found(json!({ "customer": 5, "currency": "USD", "lines": [{ "price": "1" }, {}] })),
            [
                "currency: must be one of \"EUR\", \"CHF\"",
                "customer: must be string",
                "lines.0.price: must be number or null",
                "lines.1: must have the property price",
            ]
        );
        assert_eq!(found(json!({ "customer": "A" })), [": must have the property lines"]);
        assert!(issues(&json!({}), &json!(5)).is_empty());
    }
}
