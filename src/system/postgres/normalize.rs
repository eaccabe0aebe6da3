//! Definitions as PostgreSQL prints them, made comparable: what printing, dumping and reading back
//! changes without changing the meaning. Also reads the columns of a primary key back out of one.

/// Rewrites `(ARRAY[a, b])::type[]` as `ARRAY[(a)::type, (b)::type]`. PostgreSQL prints the first
/// for `varchar IN ('a', 'b')`, and reads it back as the second: a constraint or a view changes its
/// text, once, by going through `pg_dump`.
pub fn settle(definition: &str) -> String {
    let mut text = definition.to_owned();
    let mut from = 0;
    while let Some(at) = find_outside_quotes(&text, from, "(ARRAY[") {
        match rewritten(&text[at..]) {
            Some((new, length)) => text.replace_range(at..at + length, &new),
            None => from = at + 1,
        }
    }
    text
}

/// The rewritten form of what the text begins with, and how long that was.
fn rewritten(text: &str) -> Option<(String, usize)> {
    let inner = text.strip_prefix("(ARRAY[")?;
    let (elements, rest) = split(inner)?;
    let cast = rest.strip_prefix(")::")?;
    let end = cast.find("[]")?;
    let (kind, after) = (&cast[..end], &cast[end + 2..]);
    let plain = |c: char| c.is_alphanumeric() || " _.\",()".contains(c);
    if !kind.chars().all(plain) || after.starts_with('[') {
        return None;
    }
    let cast_each: Vec<String> = elements.iter().map(|e| format!("({e})::{kind}")).collect();
    Some((format!("ARRAY[{}]", cast_each.join(", ")), text.len() - after.len()))
}

/// The elements up to the bracket that closes the list, and what follows it.
fn split(text: &str) -> Option<(Vec<&str>, &str)> {
    let (mut depth, mut start, mut elements) = (0_u32, 0, Vec::new());
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(' | '[') => depth += 1,
            (None, ']') if depth == 0 => {
                elements.push(text[start..at].trim());
                return Some((elements, &text[at + 1..]));
            }
            (None, ')' | ']') => depth = depth.checked_sub(1)?,
            (None, ',') if depth == 0 => {
                elements.push(text[start..at].trim());
                start = at + 1;
            }
            (None, _) => {}
        }
    }
    None
}

fn find_outside_quotes(text: &str, from: usize, what: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, _) if at >= from && text[at..].starts_with(what) => return Some(at),
            (None, '\'' | '"') => quote = Some(c),
            (None, _) => {}
        }
    }
    None
}

/// The columns of `PRIMARY KEY (id, "Odd ""name""")`, in order; `None` for another definition.
pub(super) fn key_columns(definition: &str) -> Option<Vec<String>> {
    let mut rest = definition.strip_prefix("PRIMARY KEY (")?;
    let mut columns = Vec::new();
    loop {
        let column;
        (column, rest) = match rest.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let end = rest.find([',', ')'])?;
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        columns.push(column);
        match rest.strip_prefix(", ") {
            Some(more) => rest = more,
            None => return rest.starts_with(')').then_some(columns),
        }
    }
}

/// A quoted name whose first quote is gone, and what follows its last.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"')?;
        name.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_texts_reads_the_same_before_and_after_a_dump() {
        let before = "CHECK (((s)::text = ANY ((ARRAY['a,]'::character varying, 'it''s'::character varying])::text[])))";
        let after = "CHECK (((s)::text = ANY (ARRAY[('a,]'::character varying)::text, ('it''s'::character varying)::text])))";
        assert_eq!(settle(before), after);
        assert_eq!(settle(after), after);
    }

    #[test]
    fn what_stands_in_quotes_or_is_no_cast_stays() {
        for text in
            ["CHECK (x <> '(ARRAY[a])::text[]')", "SELECT (ARRAY[1, 2])[1]", "(ARRAY[", "é (ARRAY[1])::"]
        {
            assert_eq!(settle(text), text);
        }
    }

    #[test]
    fn key_columns_are_read_back() {
        let columns = |text| key_columns(text).map(|names| names.join("|"));
        assert_eq!(columns("PRIMARY KEY (id)").as_deref(), Some("id"));
        assert_eq!(
            columns("PRIMARY KEY (a, \"B \"\"c\"\", d\") INCLUDE (e)").as_deref(),
            Some("a|B \"c\", d")
        );
        assert_eq!(columns("UNIQUE (a)"), None);
        assert_eq!(columns("PRIMARY KEY (\"a"), None);
    }
}
