//! Patterns for names and keys: `*` stands for any text, also an empty one or one with slashes. No
//! other character is special.

use wildmatch::WildMatchPattern;

/// Whether the whole text fits the pattern.
pub fn matches(pattern: &str, text: &str) -> bool {
    // NUL, which stands in no name and no key, takes the place of the one-character wildcard.
    WildMatchPattern::<'*', '\0'>::new(pattern).matches(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, wanted) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("a*", "a/b", true),
            ("*.png", "x/y.png", true),
            ("*.png", "png", false),
            ("*.png", "x.png.bak", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("ab*ba", "aba", false),
            ("**", "x", true),
            ("a*a", "a", false),
            ("a?c", "abc", false),
            ("a?c", "a?c", true),
            ("template.json", "template.jso", false),
            ("v*-*.json", "v1-2.json", true),
            ("v*-*.json", "v1.json", false),
        ] {
            assert_eq!(matches(pattern, text), wanted, "{pattern} {text}");
        }
    }
}
