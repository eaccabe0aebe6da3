//! Plain values (numbers, names, strings) written one way only, and shown to people.

use lopdf::Object;

/// The most characters of a value that are shown.
pub(crate) const SHOWN: usize = 160;

/// Whether it is a value and no array, dictionary, stream or reference.
pub(crate) fn is_plain(object: &Object) -> bool {
    match object {
        Object::Null
        | Object::Boolean(_)
        | Object::Integer(_)
        | Object::Real(_)
        | Object::Name(_)
        | Object::String(..) => true,
        Object::Array(_) | Object::Dictionary(_) | Object::Stream(_) | Object::Reference(_) => false,
    }
}

/// Appends the value in a form that no other value has: 1.0 is 1, hex strings are strings.
pub(crate) fn encode(object: &Object, out: &mut Vec<u8>) {
    let (tag, bytes) = match object {
        Object::Name(name) => (b'/', name.as_slice()),
        Object::String(text, _) => (b'(', text.as_slice()),
        other => {
            out.push(b'v');
            out.extend_from_slice(show(other).as_bytes());
            out.push(0);
            return;
        }
    };
    out.push(tag);
    out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// The value for people, on one line and clipped.
pub(crate) fn show(object: &Object) -> String {
    match object {
        Object::Null => "null".to_owned(),
        Object::Boolean(value) => value.to_string(),
        Object::Integer(value) => value.to_string(),
        Object::Real(value) => number(*value),
        Object::Name(name) => clip(&format!("/{}", String::from_utf8_lossy(name))),
        Object::String(text, _) => {
            let decoded = lopdf::decode_text_string(object);
            clip(&format!("({})", decoded.unwrap_or_else(|_| String::from_utf8_lossy(text).into_owned())))
        }
        Object::Array(_) => "array".to_owned(),
        Object::Dictionary(_) => "dictionary".to_owned(),
        Object::Stream(_) => "stream".to_owned(),
        Object::Reference(_) => "reference".to_owned(),
    }
}

/// Below 2^24 every whole `f32` is exact, and so the integer that was written.
fn number(value: f32) -> String {
    if value.fract() == 0.0 && value.abs() < 16_777_216.0 {
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^24")]
        let whole = value as i64;
        return whole.to_string();
    }
    format!("{value:?}")
}

/// The first characters of a text, control characters escaped.
pub(crate) fn clip(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).flat_map(visible).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

fn visible(character: char) -> Box<dyn Iterator<Item = char>> {
    if character.is_control() {
        Box::new(character.escape_default())
    } else {
        Box::new(std::iter::once(character))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lopdf::StringFormat;

    fn encoded(object: Object) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&object, &mut out);
        out
    }

    #[test]
    fn one_value_has_one_form_and_two_have_two() {
        assert_eq!(encoded(Object::Real(1.0)), encoded(Object::Integer(1)));
        assert_eq!(encoded(Object::Real(-0.0)), encoded(Object::Integer(0)));
        let hex = Object::String(b"a".to_vec(), StringFormat::Hexadecimal);
        assert_eq!(encoded(hex), encoded(Object::string_literal("a")));
        assert_ne!(encoded(Object::string_literal("1")), encoded(Object::Integer(1)));
        assert_ne!(encoded(Object::Name(b"a".to_vec())), encoded(Object::string_literal("a")));
        assert_ne!(encoded(Object::Real(0.5)), encoded(Object::Real(0.500_001)));
        assert_ne!(encoded(Object::Integer(16_777_216)), encoded(Object::Integer(16_777_217)));
    }

    #[test]
    fn shown_values_are_short_and_on_one_line() {
        let shown = show(&Object::string_literal(format!("a\nb{}", "x".repeat(9999))));
        assert!(shown.starts_with("(a\\nb") && shown.ends_with('…'), "{shown}");
        assert!(shown.chars().count() < SHOWN + 4);
    }
}
