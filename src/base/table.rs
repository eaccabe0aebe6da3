//! Tables for a terminal. Cells are broken at spaces, so that no line is wider than asked for.

use comfy_table::{ContentArrangement, Table, presets::NOTHING};

/// The rows below their heads, in lines of at most `width` columns.
pub fn table(heads: &[&str], rows: impl IntoIterator<Item = Vec<String>>, width: u16) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    if !heads.is_empty() {
        table.set_header(heads.to_vec());
    }
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_broken_at_spaces_and_no_line_is_too_wide() {
        let row = |a: &str, b: &str| vec![a.to_owned(), b.to_owned()];
        let text =
            table(&["write", "outcome"], [row("upload", "a row without its object"), row("b", "c")], 24);
        assert_eq!(text, "write   outcome\nupload  a row without\n        its object\nb       c\n");
    }
}
