//! References to sections of the runbook (`runbook 2.3`, `runbook 2.2, 6`) in texts, so that documents and reports can
//! link them to `docs/runbook.md`.

/// The page that describes the sections; each has the anchor `s` and its number.
pub const PAGE: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/runbook.md");

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Text without a reference.
    Text(&'a str),
    /// A reference to a section.
    Section {
        /// As in the text: `runbook 2.3`, or `6` behind another one.
        label: &'a str,
        /// `2.3`
        number: &'a str,
    },
}

/// A text in pieces; together they are the text.
pub fn pieces(text: &str) -> Vec<Piece<'_>> {
    const WORD: &str = "runbook ";
    let mut pieces = Vec::new();
    let (mut plain, mut at) = (0, 0);
    while let Some(found) = text[at..].find(WORD) {
        let label = at + found;
        let mut start = label + WORD.len();
        let mut end = start + section(&text[start..]);
        at = end;
        let mut from = label;
        while end > start {
            pieces.push(Piece::Text(&text[plain..from]));
            pieces.push(Piece::Section { label: &text[from..end], number: &text[start..end] });
            (plain, at) = (end, end);
            let Some(next) = text[end..].strip_prefix(", ") else { break };
            start = end + 2;
            from = start;
            end = start + section(next);
        }
    }
    pieces.push(Piece::Text(&text[plain..]));
    pieces.retain(|piece| *piece != Piece::Text(""));
    pieces
}

/// The length of the section number that a text begins with: a digit, or two with a point between.
fn section(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let long = digit(0) && bytes.get(1) == Some(&b'.') && digit(2);
    let length = if long { 3 } else { usize::from(digit(0)) };
    if digit(length) { 0 } else { length }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_found_and_the_rest_stays() {
        let of = |text| {
            let all = pieces(text);
            let whole: String = all
                .iter()
                .map(|p| match p {
                    Piece::Text(t) => *t,
                    Piece::Section { label, .. } => *label,
                })
                .collect();
            assert_eq!(whole, text);
            all.iter()
                .filter_map(|p| match p {
                    Piece::Section { number, .. } => Some(*number),
                    Piece::Text(_) => None,
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(of("the order (runbook 2.3)."), ["2.3"]);
        assert_eq!(of("tar (runbook 2.2, 6), then runbook 3"), ["2.2", "6", "3"]);
        assert_eq!(of("by the runbook, restore: runbook"), [""; 0]);
        assert_eq!(of("runbook 12, runbook 3.6, and more"), ["3.6"]);
        assert_eq!(of("runbook "), [""; 0]);
    }
}
