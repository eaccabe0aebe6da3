//! The text and the drawing instructions of a page, for showing where two pages differ. Never used
//! to decide whether they do.

use crate::load::Loaded;

/// Pages with more content than this are not parsed: lopdf takes a hundred bytes an operand.
const MOST: usize = 8 << 20;

/// The page's text in lines, or `None` if it can't be extracted.
pub(crate) fn lines(loaded: &Loaded, page: u32) -> Option<Vec<String>> {
    let chunks = loaded.document.extract_text_chunks_with_limit(&[page], MOST);
    let text = chunks.into_iter().collect::<Result<String, _>>().ok()?;
    Some(text.lines().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect())
}

/// The words of a line: the parts between characters that are neither letters nor digits.
pub(crate) fn words(line: &str) -> Vec<String> {
    line.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The words of all pages in their order.
pub(crate) fn words_of_document(loaded: &Loaded, pages: u32) -> Vec<String> {
    words_of_pages(loaded, 1..=pages)
}

/// The words of some pages in their order.
pub(crate) fn words_of_pages(loaded: &Loaded, pages: impl Iterator<Item = u32>) -> Vec<String> {
    let lines = pages.flat_map(|page| lines(loaded, page).unwrap_or_default());
    lines.flat_map(|line| words(&line)).collect()
}

/// The page's drawing instructions in lines.
pub(crate) fn instructions(loaded: &Loaded, page: u32) -> Option<Vec<String>> {
    let id = loaded.document.page_iter().nth(usize::try_from(page.checked_sub(1)?).ok()?)?;
    let content = loaded.document.get_page_content_with_limit(id, MOST).ok()?;
    Some(
        content.split(|byte| *byte == b'\n').map(|line| String::from_utf8_lossy(line).into_owned()).collect(),
    )
}

/// The number (from 1) and both sides of the first line that differs.
pub(crate) fn first_difference(expected: &[String], actual: &[String]) -> Option<(usize, String, String)> {
    let at = (0..expected.len().max(actual.len())).find(|i| expected.get(*i) != actual.get(*i))?;
    let side = |lines: &[String]| {
        lines
            .get(at)
            .map_or_else(|| "nothing".to_owned(), |line| around(line, expected.get(at), actual.get(at)))
    };
    Some((at + 1, side(expected), side(actual)))
}

/// The part of a long line around the first difference.
fn around(line: &str, one: Option<&String>, other: Option<&String>) -> String {
    let same = match (one, other) {
        (Some(one), Some(other)) => one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count(),
        _ => 0,
    };
    let skip = same.saturating_sub(40);
    let shown: String = line.chars().skip(skip).collect();
    super::value::clip(&if skip > 0 { format!("…{shown}") } else { shown })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_shown_around_the_difference() {
        let long = |end: &str| vec!["same".to_owned(), format!("{}{end}", "x".repeat(1000))];
        let (number, expected, actual) = first_difference(&long("42 EUR"), &long("24 EUR")).unwrap();
        assert_eq!(number, 2);
        assert!(expected.ends_with("x42 EUR") && actual.ends_with("x24 EUR"), "{expected} {actual}");
        assert!(expected.starts_with('…') && expected.chars().count() < 60);
        assert_eq!(first_difference(&long("a"), &long("a")), None);
    }
}
