//! The profile's assertions on the restored site. Each has an answer of its own: it held, it did not
//! hold (a finding), or it could not run (unknown, never a pass).

use crate::{
    base::{error::Error, process::Exit},
    journal::Logbook,
    model::{
        budget::TimeSpan,
        check::CheckId,
        event::Event,
        finding::{Entity, Finding, FindingKind},
        profile::assertion::{Assertion, CommandAssertion, FreshAssertion, HttpAssertion, SqlAssertion},
    },
    procedure::command,
    runbook::verify::CheckResult,
    site::{Restored, Site},
    system::postgres::{Access, Reader, quote_ident},
};
use serde_json::Value;
use std::time::Instant;

/// The longest text of an answer that a finding shows, in characters.
const SHOWN: usize = 300;

/// What an assertion expected and what it found instead; none where it holds.
type Difference = Option<(String, String)>;

/// Checks every assertion of the profile.
pub async fn check(site: &Site<Restored>, log: &Logbook) -> Result<CheckResult, Error> {
    let assertions = &site.profile.assertions;
    let reads = |assertion: &Assertion| matches!(assertion, Assertion::Sql(_) | Assertion::Fresh(_));
    let reader = match assertions.values().any(reads) {
        true => Some(reader(site).await),
        false => None,
    };
    let mut all = CheckResult::skipped("the profile has no `assertions`");
    let mut unknown = Vec::new();
    for (name, assertion) in assertions {
        let began = Instant::now();
        let answer = answer(site, name, assertion, reader.as_ref(), log).await;
        let result = match answer {
            Ok(None) => CheckResult::checked(1, Vec::new()),
            Ok(Some((expected, actual))) => CheckResult::checked(1, vec![finding(name, expected, actual)]),
            Err(error) => {
                unknown.push(format!("the assertion {name} could not run: {error}"));
                CheckResult::unknown(error.to_string(), Vec::new())
            }
        };
        let ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let outcome = result.outcome.clone();
        log.event(Event::AssertionFinished { name: name.clone(), outcome, ms })?;
        all = all.and(result);
    }
    if let Some(Ok(reader)) = reader {
        reader.remove().await?;
    }
    Ok(if unknown.is_empty() { all } else { CheckResult::unknown(unknown.join("\n"), all.findings) })
}

fn finding(name: &str, expected: String, actual: String) -> Finding {
    let entity = Entity::Assertion(name.to_owned());
    Finding::new(CheckId::Assertions, FindingKind::AssertionFailed, entity, expected, actual)
}

/// A role that only reads, made by the one that made the site's database.
async fn reader(site: &Site<Restored>) -> Result<Reader, Error> {
    let now = site.database()?;
    let same_server = |access: &Access| (&access.host, access.port) == (&now.host, now.port);
    let first = site.databases().into_iter().find(same_server).unwrap_or_else(|| now.clone());
    Reader::create(&first.with_database(&now.database), &site.redactor).await
}

async fn answer(
    site: &Site<Restored>,
    name: &str,
    assertion: &Assertion,
    reader: Option<&Result<Reader, Error>>,
    log: &Logbook,
) -> Result<Difference, Error> {
    let reader = || match reader {
        Some(Ok(reader)) => Ok(reader),
        Some(Err(error)) => Err(Error::environment(error.to_string())),
        None => Err(Error::harness("no role that reads was created")),
    };
    match assertion {
        Assertion::Sql(sql) => {
            let rows = reader()?.rows(&sql.query, sql.limit()).await?;
            compare(sql, &rows)
        }
        Assertion::Fresh(fresh) => fresh_enough(fresh, reader()?).await,
        Assertion::Http(http) => request(site, http).await,
        Assertion::Command(wanted) => exit_code(site, name, wanted, log).await,
    }
}

/// The rows of a query against what it must answer.
fn compare(sql: &SqlAssertion, rows: &[Value]) -> Result<Difference, Error> {
    if rows.is_empty() {
        return Ok(Some((expected_of(sql), "no row".to_owned())));
    }
    if !sql.compares() {
        return Ok(None);
    }
    let value = only_value(rows)?;
    let number = || match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let bound = |limit: Option<f64>, holds: fn(&f64, &f64) -> bool| {
        limit.is_none_or(|limit| number().is_some_and(|number| holds(&number, &limit)))
    };
    let holds = sql.equals.as_ref().is_none_or(|expected| equal(expected, value))
        && bound(sql.at_least, f64::ge)
        && bound(sql.at_most, f64::le);
    Ok((!holds).then(|| (expected_of(sql), text_of(value))))
}

/// Equal as text, or as numbers: `2` and `2.00`.
fn equal(expected: &Value, actual: &Value) -> bool {
    let (expected, actual) = (text_of(expected), text_of(actual));
    let number = |text: &str| text.trim().parse::<f64>().ok();
    expected == actual || number(&expected).is_some_and(|expected| number(&actual) == Some(expected))
}

/// The value of the only column of the only row.
fn only_value(rows: &[Value]) -> Result<&Value, Error> {
    let columns = |row: &'_ Value| row.as_object().map_or(0, serde_json::Map::len);
    match rows {
        [row] if columns(row) == 1 => Ok(row.as_object().and_then(|row| row.values().next()).unwrap_or(row)),
        [row] => Err(Error::usage(format!("the query returned {} columns", columns(row)))
            .hint("return the one value to compare")),
        _ => Err(Error::usage("the query returned several rows").hint("return the one value to compare")),
    }
}

fn expected_of(sql: &SqlAssertion) -> String {
    let parts = [
        sql.equals.as_ref().map(text_of),
        sql.at_least.map(|least| format!("at least {least}")),
        sql.at_most.map(|most| format!("at most {most}")),
        sql.not_empty.then(|| "a row".to_owned()),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn text_of(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    text.chars().take(SHOWN).collect()
}

/// The age of the newest value of a column.
async fn fresh_enough(fresh: &FreshAssertion, reader: &Reader) -> Result<Difference, Error> {
    let FreshAssertion { table, column, max_age } = fresh;
    let limit: TimeSpan = max_age.parse().map_err(|why: String| Error::usage(why))?;
    let parts: Vec<String> = table.as_str().split('.').map(quote_ident).collect();
    let (table, column) = (parts.join("."), quote_ident(column));
    let query = format!(
        "select max({column})::text as newest, \
         (extract(epoch from now() - max({column})::timestamptz) * 1000)::bigint as ms from {table}"
    );
    let rows = reader.rows(&query, FreshAssertion::limit()).await?;
    let newest = rows.first().and_then(|row| row.get("newest")?.as_str());
    let ms = rows.first().and_then(|row| row.get("ms")?.as_i64());
    let expected = format!("a value from the last {max_age}");
    Ok(match (newest, ms) {
        (Some(_), Some(ms)) if u64::try_from(ms).unwrap_or(0) <= limit.ms => None,
        (Some(newest), Some(_)) => Some((expected, format!("the newest is {newest}"))),
        (_, _) => Some((expected, "no value".to_owned())),
    })
}

/// The answer of the started application.
async fn request(site: &Site<Restored>, http: &HttpAssertion) -> Result<Difference, Error> {
    let headers = site.headers(&http.header_env)?;
    if !site.engine.is_running().await {
        return Err(Error::environment("the application does not run"));
    }
    let answer = site.engine.api().await?.get(&http.path, &headers).await.map_err(Error::from)?;
    let body = String::from_utf8_lossy(&answer.body);
    let wanted = [
        Some(format!("status {}", http.status)),
        http.body.as_ref().map(|body| format!("the body {body:?}")),
        http.contains.as_ref().map(|part| format!("a body with {part:?}")),
    ];
    let holds = answer.whole
        && answer.status == http.status
        && http.body.as_ref().is_none_or(|expected| body.trim_end() == expected.trim_end())
        && http.contains.as_ref().is_none_or(|part| body.contains(part.as_str()));
    let expected = wanted.into_iter().flatten().collect::<Vec<_>>().join(", ");
    let actual = format!("status {}, the body begins {:?}", answer.status, answer.body_start());
    Ok((!holds).then_some((expected, actual)))
}

/// The exit code of a command.
async fn exit_code(
    site: &Site<Restored>,
    name: &str,
    wanted: &CommandAssertion,
    log: &Logbook,
) -> Result<Difference, Error> {
    let step = format!("check the assertion {name}");
    let ran = command::of_profile(site, &step, &wanted.run, None, wanted.limit(), log).await?;
    match ran.exit {
        Exit::Code(code) if code == wanted.exit => Ok(None),
        Exit::Code(0) => Ok(Some((format!("exit code {}", wanted.exit), "exit code 0".to_owned()))),
        Exit::Code(_) => Ok(Some((format!("exit code {}", wanted.exit), ran.describe_failure()))),
        Exit::Signal(_) | Exit::TimedOut | Exit::Stalled(_) => {
            Err(Error::environment(ran.describe_failure()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sql(text: &str) -> SqlAssertion {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_query_is_compared_by_value_bounds_or_rows() {
        let holds = |assertion: &str, rows: &[Value]| compare(&sql(assertion), rows).unwrap().is_none();
        let one = |value: Value| vec![json!({ "n": value })];
        assert!(holds(r#"{"query":"q","equals":2}"#, &one(json!(2))));
        assert!(holds(r#"{"query":"q","equals":"2"}"#, &one(json!("2.00"))));
        assert!(holds(r#"{"query":"q","equals":true}"#, &one(json!(true))));
        assert!(!holds(r#"{"query":"q","equals":"two"}"#, &one(json!(2))));
        assert!(!holds(r#"{"query":"q","equals":2}"#, &one(Value::Null)));
        assert!(holds(r#"{"query":"q","at-least":2,"at-most":3}"#, &one(json!(3))));
        assert!(!holds(r#"{"query":"q","at-least":2}"#, &one(json!(1.9))));
        assert!(!holds(r#"{"query":"q","at-most":2}"#, &one(Value::Null)));
        assert!(!holds(r#"{"query":"q","at-most":2}"#, &[]));
        assert!(holds(r#"{"query":"q","not-empty":true}"#, &[json!({}), json!({})]));
        assert!(!holds(r#"{"query":"q","not-empty":true}"#, &[]));
    }

    #[test]
    fn an_answer_without_one_value_is_no_answer() {
        let equals = sql(r#"{"query":"q","equals":2}"#);
        assert!(compare(&equals, &[json!({ "a": 1, "b": 2 })]).is_err());
        assert!(compare(&equals, &[json!({ "a": 2 }), json!({ "a": 2 })]).is_err());
    }
}
