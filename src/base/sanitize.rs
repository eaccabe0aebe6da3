//! Foreign text made safe to print: nothing in it moves a cursor, turns the direction of
//! writing, hides, or acts as a command to the CI system whose log contains it. What can't be seen is written
//! as an escape (`\u{202e}`).

/// Whether a character can't be seen and would steer a terminal, turn writing round or hide a part of
/// it. Line breaks and tabs do as well, and are everyone's own to judge.
pub fn is_hidden(c: char) -> bool {
    let other = match c {
        '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}' => true,
        '\u{2028}'..='\u{202e}' | '\u{2060}' | '\u{2066}'..='\u{2069}' => true,
        '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => true,
        c => u32::from(c) & 0xfffe == 0xfffe,
    };
    other || c.is_control()
}

/// The text with all that is hidden made visible; line breaks stay.
pub fn legible(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\n' => out.push('\n'),
            '\t' => out.push(' '),
            c if is_hidden(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// One line of it: for names in tables.
pub fn one_line(text: &str) -> String {
    legible(text).replace('\n', " ")
}

/// The same for a text with colours in it, on its way out: they stay, and no line is an order to GitHub
/// Actions (`::error`, `##[group]`) or Azure Pipelines (`##vso[…]`).
pub fn painted(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        out += &legible(&rest[..at]);
        let colour = colour(&rest[at..]);
        out += &if colour > 0 { rest[at..at + colour].to_owned() } else { legible("\u{1b}") };
        rest = &rest[at + colour.max(1)..];
    }
    out += &legible(rest);
    out.split_inclusive('\n').map(no_order).collect()
}

/// The bytes of a colour at the beginning of a text; none where it does not begin with one.
fn colour(text: &str) -> usize {
    let Some(codes) = text.strip_prefix("\u{1b}[") else { return 0 };
    let end = codes.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(codes.len());
    if codes[end..].starts_with('m') { end + 3 } else { 0 }
}

fn no_order(line: &str) -> String {
    let line = line.replace("##[", "\\u{23}#[").replace("##vso[", "\\u{23}#vso[");
    // Whether a runner takes a colour away before it looks is its own affair.
    let mut order = line.trim_start();
    while colour(order) > 0 {
        order = order[colour(order)..].trim_start();
    }
    match order.starts_with("::") {
        true => format!("{}\\u{{3a}}{}", &line[..line.len() - order.len()], &order[1..]),
        false => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_or_hides_is_made_visible() {
        assert_eq!(legible("a\u{202e}b\u{feff}c\0\u{1b}[2J"), "a\\u{202e}b\\u{feff}c\\u{0}\\u{1b}[2J");
        assert_eq!(legible("\u{ffff}\u{e0041}\u{9b}\u{2028}"), "\\u{ffff}\\u{e0041}\\u{9b}\\u{2028}");
        assert_eq!(legible("é\n\tx"), "é\n x");
        assert_eq!(one_line("a\nb"), "a b");
    }

    #[test]
    fn of_escape_codes_only_colours_stay() {
        for fine in ["\u{1b}[1;31mred\u{1b}[0m\n", "\u{1b}[mx"] {
            assert_eq!(painted(fine), fine);
        }
        assert_eq!(painted("\u{1b}[2J\u{1b}[31\u{1b}"), "\\u{1b}[2J\\u{1b}[31\\u{1b}");
        assert_eq!(painted("\u{1b}]0;title\u{7}"), "\\u{1b}]0;title\\u{7}");
    }

    #[test]
    fn no_line_gives_an_order_to_a_ci() {
        assert_eq!(painted("a ::error::b\n  ::error::c\n"), "a ::error::b\n  \\u{3a}:error::c\n");
        assert_eq!(painted("\u{1b}[31m::error::d"), "\u{1b}[31m\\u{3a}:error::d");
        assert_eq!(painted("x ##[error]y ##vso[task]z"), "x \\u{23}#[error]y \\u{23}#vso[task]z");
    }
}
