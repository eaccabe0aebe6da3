//! The assertions of a profile: each has something to compare with, and what it needs is described.

use super::run;
use crate::{
    model::{
        budget::TimeSpan,
        profile::assertion::{Assertion, FreshAssertion, HttpAssertion, SqlAssertion},
    },
    scenario::{
        At, SourcePosition,
        diagnose::Mistake,
        yaml::{
            tree::{Data, YamlNode},
            typed::{not_keys, one_line, read},
        },
    },
};
use std::collections::BTreeMap;

/// Reads the assertions by name. `starts` is whether the profile starts anything.
pub fn assertions(node: &YamlNode, starts: bool, mistakes: &mut Vec<Mistake>) -> BTreeMap<String, Assertion> {
    let Data::Map(entries) = &node.data else {
        mistakes.push(not_keys(node, "the assertions"));
        return BTreeMap::new();
    };
    let mut assertions = BTreeMap::new();
    for (key, node) in entries {
        let name = At { value: key.text.clone(), place: key.place };
        mistakes.extend(one_line(&name).err());
        match read::<Assertion>(node) {
            Ok(At { value, place }) => {
                mistakes.extend(mistake(&value, place, starts));
                if let Assertion::Command(command) = &value {
                    run::words(&command.run, place, mistakes);
                }
                assertions.insert(name.value, value);
            }
            Err(mistake) => mistakes.push(mistake),
        }
    }
    assertions
}

fn mistake(assertion: &Assertion, place: SourcePosition, starts: bool) -> Option<Mistake> {
    let at = |message: String, help: &str| Some(Mistake::at(place, message).label("in this").help(help));
    match assertion {
        Assertion::Sql(SqlAssertion { query, .. }) if query.trim().is_empty() => {
            at("the query is empty".to_owned(), "write a `select`")
        }
        Assertion::Sql(sql) if !sql.compares() && !sql.not_empty => at(
            "nothing is expected of the query".to_owned(),
            "add `equals`, `at-least`, `at-most` or `not-empty: true`",
        ),
        Assertion::Sql(SqlAssertion { equals: Some(value), .. }) if value.is_array() || value.is_object() => {
            at("`equals` takes one value".to_owned(), "write a number, a text, `true` or `false`")
        }
        Assertion::Sql(SqlAssertion { at_least: Some(least), at_most: Some(most), .. }) if least > most => {
            at(format!("no value is at least {least} and at most {most}"), "exchange them")
        }
        Assertion::Fresh(FreshAssertion { max_age, .. }) => {
            let why = max_age.parse::<TimeSpan>().err()?;
            at(format!("`{max_age}` is no span of time"), &why)
        }
        Assertion::Http(HttpAssertion { path, .. }) if !path.starts_with('/') => {
            at(format!("`{path}` is no path of a URL"), "begin it with a `/`")
        }
        Assertion::Http(HttpAssertion { status, .. }) if !(100..=599).contains(status) => {
            at(format!("{status} is no status of HTTP"), "write 100 to 599")
        }
        Assertion::Http(_) if !starts => {
            at("nothing answers a request".to_owned(), "add `start` and `ready` to the profile")
        }
        Assertion::Command(command) if command.run.is_empty() => {
            at("the command is empty".to_owned(), "write it as a list: `run: [./check.sh]`")
        }
        Assertion::Sql(_) | Assertion::Http(_) | Assertion::Command(_) => None,
    }
}
