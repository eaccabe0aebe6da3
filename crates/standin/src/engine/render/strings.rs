//! Handlebars strings and the formats for money, numbers and dates.
//!
//! A string is compiled once, under its own text as its name. Its cost is bounded: length, nesting
//! and size of the output.

use super::{RenderError, definition::Locale};
use handlebars::{Context, Handlebars, Helper, HelperResult, Output, RenderContext, RenderErrorReason};
use serde_json::Value;
use std::io;

/// Bytes that one Handlebars string may have.
const LONGEST_SOURCE: usize = 64 * 1024;
/// Opening blocks and sub-expressions that one string may have: the parser recurses on them.
const MOST_OPENINGS: usize = 64;
/// Bytes that one string may write.
const LONGEST_OUTPUT: usize = 256 * 1024;

/// The compiled strings of one definition.
pub(crate) struct Strings {
    registry: Handlebars<'static>,
    locale: Locale,
}

impl std::fmt::Debug for Strings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Strings").finish_non_exhaustive()
    }
}

impl Strings {
    /// No strings yet. With `escape`, interpolated values are escaped for HTML.
    pub(crate) fn new(escape: bool, locale: Locale) -> Self {
        let mut registry = Handlebars::new();
        if !escape {
            registry.register_escape_fn(handlebars::no_escape);
        }
        // It would print from inside a library.
        registry.unregister_helper("log");
        for name in ["currency", "number", "date"] {
            registry.register_helper(name, Box::new(FormatHelper { name, locale: locale.clone() }));
        }
        Self { registry, locale }
    }

    /// Compiles `source`, so that [`Strings::render`] can use it.
    pub(crate) fn compile(&mut self, source: &str, path: &str) -> Result<(), RenderError> {
        if source.len() > LONGEST_SOURCE || openings(source) > MOST_OPENINGS {
            return Err(RenderError::at(path, "the Handlebars string is too long or too deep"));
        }
        if self.registry.has_template(source) {
            return Ok(());
        }
        self.registry
            .register_template_string(source, source)
            .map_err(|error| RenderError::at(path, format!("not a Handlebars string: {}", error.reason())))
    }

    /// The text that `source`, compiled before, gives for `scope`.
    pub(crate) fn render(&self, source: &str, scope: &Context, path: &str) -> Result<String, RenderError> {
        let mut output = Bounded(Vec::new());
        self.registry
            .render_with_context_to_write(source, scope, &mut output)
            .map_err(|error| RenderError::at(path, format!("Handlebars: {}", error.reason())))?;
        String::from_utf8(output.0).map_err(|_| RenderError::at(path, "Handlebars wrote no UTF-8"))
    }

    /// A value as the named format writes it; without one, as Handlebars would.
    pub(crate) fn format(
        &self,
        value: &Value,
        format: Option<&str>,
        args: &[Value],
    ) -> Result<String, String> {
        match format {
            Some(name) => formatted(name, value, args.first(), &self.locale),
            None => Ok(plain(value)),
        }
    }
}

/// How many blocks and sub-expressions a string opens: an upper bound of how deep it nests.
fn openings(source: &str) -> usize {
    let tags = source.split("{{").skip(1);
    tags.map(|tag| {
        let tag = tag.split("}}").next().unwrap_or(tag);
        let block = tag.trim_start_matches(['~', '{', ' ']).starts_with(['#', '^']);
        usize::from(block) + tag.matches('(').count()
    })
    .sum()
}

/// Takes what is written up to a limit, so that nested loops can't fill the memory.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST_OUTPUT {
            return Err(io::Error::other("the string writes too much"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct FormatHelper {
    name: &'static str,
    locale: Locale,
}

impl handlebars::HelperDef for FormatHelper {
    fn call<'reg: 'rc, 'rc>(
        &self,
        helper: &Helper<'rc>,
        _: &'reg Handlebars<'reg>,
        context: &'rc Context,
        scope: &mut RenderContext<'reg, 'rc>,
        out: &mut dyn Output,
    ) -> HelperResult {
        if helper.params().is_empty() {
            // `{{number}}` is a field that happens to be called like the helper.
            let field = scope.evaluate(context, &format!("this.{}", self.name))?;
            out.write(&plain(field.as_json()))?;
            return Ok(());
        }
        let value = helper.param(0).map_or(&Value::Null, |param| param.value());
        let argument = helper.param(1).map(|param| param.value());
        let text = formatted(self.name, value, argument, &self.locale).map_err(RenderErrorReason::Other)?;
        out.write(&text)?;
        Ok(())
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

fn formatted(name: &str, value: &Value, argument: Option<&Value>, locale: &Locale) -> Result<String, String> {
    if value.is_null() {
        return Ok(String::new());
    }
    match name {
        "currency" => {
            let code = argument.and_then(Value::as_str).unwrap_or("USD");
            let amount = number_of(value)?;
            let decimals = if matches!(code, "JPY" | "KRW") { 0 } else { 2 };
            let digits = grouped(&format!("{:.decimals$}", amount.abs()), &locale.currency)?;
            Ok(with_currency(code, &digits, amount < 0.0, &locale.currency))
        }
        "number" => {
            let amount = number_of(value)?;
            let decimals = argument.and_then(Value::as_u64).map(|n| n.min(12) as usize);
            let text = match decimals {
                Some(decimals) => format!("{:.decimals$}", amount.abs()),
                None => {
                    let text = format!("{:.3}", amount.abs());
                    text.trim_end_matches('0').trim_end_matches('.').to_owned()
                }
            };
            let sign = if amount < 0.0 { "-" } else { "" };
            Ok(format!("{sign}{}", grouped(&text, &locale.currency)?))
        }
        "date" => date(&plain(value), &locale.date),
        _ => Err(format!("the format `{name}` is not known: currency, number and date are")),
    }
}

fn number_of(value: &Value) -> Result<f64, String> {
    let number = match value {
        Value::String(text) => text.trim().parse().ok(),
        _ => value.as_f64(),
    };
    number.filter(|n: &f64| n.is_finite()).ok_or_else(|| format!("`{}` is not a number", plain(value)))
}

/// Thousands apart and the decimal sign as the locale's language writes them.
fn grouped(digits: &str, locale: &str) -> Result<String, String> {
    let (group, point) = match language(locale) {
        "en" => (',', '.'),
        "de" | "nl" | "es" | "it" => ('.', ','),
        _ => return Err(format!("numbers of the locale `{locale}` are not known: en, de, nl, es, it are")),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut text = String::new();
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            text.push(group);
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        text.push(point);
        text.push_str(fraction);
    }
    Ok(text)
}

fn with_currency(code: &str, digits: &str, negative: bool, locale: &str) -> String {
    let sign = if negative { "-" } else { "" };
    let symbol = match (code, locale) {
        ("AUD", "en-AU") | ("CAD", "en-CA") | ("NZD", "en-NZ") | ("USD", _) => "$",
        ("EUR", _) => "€",
        ("GBP", _) => "£",
        ("JPY", _) => "¥",
        ("AUD", _) => "A$",
        ("CAD", _) => "CA$",
        ("NZD", _) => "NZ$",
        (other, _) => other,
    };
    match language(locale) {
        "en" if symbol == code => format!("{sign}{symbol}\u{a0}{digits}"),
        "en" => format!("{sign}{symbol}{digits}"),
        _ => format!("{sign}{digits}\u{a0}{symbol}"),
    }
}

fn date(text: &str, locale: &str) -> Result<String, String> {
    let day = text.get(..10).and_then(|day| chrono::NaiveDate::parse_from_str(day, "%Y-%m-%d").ok());
    let day = day.ok_or_else(|| format!("`{text}` is not a date: write 2025-03-31"))?;
    let pattern = match (locale, language(locale)) {
        ("en-US", _) => "%-m/%-d/%Y",
        (_, "en") | (_, "es") | (_, "it") => "%d/%m/%Y",
        (_, "de") => "%-d.%-m.%Y",
        (_, "nl") => "%-d-%-m-%Y",
        _ => return Err(format!("dates of the locale `{locale}` are not known: en, de, nl, es, it are")),
    };
    Ok(day.format(pattern).to_string())
}

fn language(locale: &str) -> &str {
    locale.split('-').next().unwrap_or(locale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn write(source: &str, data: &Value) -> Result<String, RenderError> {
        let mut strings = Strings::new(false, Locale::default());
        strings.compile(source, "here")?;
        strings.render(source, &Context::wraps(data).unwrap(), "here")
    }

    #[test]
    fn values_are_not_escaped_and_unknown_names_are_empty() {
        assert_eq!(write("{{a}} & [{{b.c}}]", &json!({"a": "<x>"})).unwrap(), "<x> & []");
    }

    #[test]
    fn money_numbers_and_dates_follow_the_locale() {
        let german = Locale { currency: "de-DE".to_owned(), date: "de-DE".to_owned() };
        let eur = json!("EUR");
        assert_eq!(
            formatted("currency", &json!(-1234567.5), None, &Locale::default()).unwrap(),
            "-$1,234,567.50"
        );
        assert_eq!(formatted("currency", &json!(1234.5), Some(&eur), &german).unwrap(), "1.234,50\u{a0}€");
        assert_eq!(formatted("number", &json!(1000), None, &Locale::default()).unwrap(), "1,000");
        assert_eq!(
            formatted("date", &json!("2025-03-31T00:00:00Z"), None, &Locale::default()).unwrap(),
            "31/03/2025"
        );
        assert_eq!(write("{{currency a 'GBP'}}", &json!({"a": 0.1})).unwrap(), "£0.10");
        assert_eq!(write("{{number}}/{{date}}", &json!({"number": "N-1"})).unwrap(), "N-1/");
        assert!(formatted("date", &json!("soon"), None, &Locale::default()).is_err());
        assert!(formatted("roman", &json!(1), None, &Locale::default()).is_err());
    }

    #[test]
    fn a_broken_string_is_an_error_with_its_path() {
        let error = write("{{#if a}}", &json!({})).unwrap_err();
        assert_eq!(error.path.as_deref(), Some("here"));
        assert!(error.message.starts_with("not a Handlebars string"), "{error}");
    }

    #[test]
    fn nested_loops_stop_at_the_limit() {
        let many: Vec<u32> = (0..1000).collect();
        let source = "{{#each a}}{{#each @root.a}}{{#each @root.a}}x{{/each}}{{/each}}{{/each}}";
        let error = write(source, &json!({ "a": many })).unwrap_err();
        assert_eq!(error.path.as_deref(), Some("here"));
    }

    #[test]
    fn deep_nesting_is_refused_before_it_is_parsed() {
        let source = format!("{}{}", "{{#if a}}".repeat(5000), "{{/if}}".repeat(5000));
        assert!(write(&source, &json!({})).is_err());
        assert!(write(&format!("{{{{a {}", "(".repeat(5000)), &json!({})).is_err());
    }
}
