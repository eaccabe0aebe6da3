//! Blocks to one HTML page, to be read in a browser. It is styled like the PDF only where HTML does so
//! by itself. Texts come with values escaped and the template's own markup as it is.

use super::expand::{Block, Body, Grid};
use super::style::Align;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What a storage key keeps in a URL.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'/').remove(b'~');

/// The whole page.
pub(crate) fn page(title: &str, document: &Block<'_>) -> String {
    let mut html = String::from("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.push_str(&format!("<title>{}</title>\n", escape(title)));
    html.push_str("<style>body{font-family:sans-serif;max-width:48em;margin:2em auto}");
    html.push_str(".columns{display:flex;gap:1em}table{border-collapse:collapse;width:100%}");
    html.push_str("th,td{padding:.3em .5em;border-bottom:1px solid #d9dde3}</style>\n</head>\n<body>\n");
    block(&mut html, document);
    html.push_str("</body>\n</html>\n");
    html
}

fn block(html: &mut String, at: &Block<'_>) {
    match &at.body {
        Body::Stack(children) => {
            html.push_str("<div>\n");
            children.iter().for_each(|child| block(html, child));
            html.push_str("</div>\n");
        }
        Body::Columns { columns, .. } => {
            html.push_str("<div class=\"columns\">\n");
            for (span, column) in columns {
                html.push_str(&format!("<div style=\"flex:{span}\">\n"));
                block(html, column);
                html.push_str("</div>\n");
            }
            html.push_str("</div>\n");
        }
        Body::Heading(level, text) => html.push_str(&format!("<h{level}>{text}</h{level}>\n")),
        Body::Text(_, text) => html.push_str(&format!("<p>{text}</p>\n")),
        Body::Image { key, alt, .. } => {
            let key = utf8_percent_encode(key, PLAIN);
            html.push_str(&format!("<img src=\"/assets/{key}\" alt=\"{}\">\n", escape(alt)));
        }
        Body::Table(grid) => table(html, grid),
        Body::Spacer(_) => html.push_str("<div style=\"height:1em\"></div>\n"),
        Body::Divider(_) => html.push_str("<hr>\n"),
        Body::PageBreak => html.push_str("<div style=\"break-after:page\"></div>\n"),
    }
}

fn table(html: &mut String, grid: &Grid<'_>) {
    let aligns: Vec<Align> = grid.table.columns.iter().map(|column| column.align).collect();
    html.push_str("<table>\n");
    if let Some(caption) = &grid.caption {
        html.push_str(&format!("<caption>{caption}</caption>\n"));
    }
    html.push_str("<thead>\n");
    for (row, texts) in grid.table.header_rows.iter().zip(&grid.banners) {
        html.push_str("<tr>");
        for (cell, text) in row.cells.iter().zip(texts) {
            html.push_str(&format!("<th colspan=\"{}\">{text}</th>", cell.colspan.unwrap_or(1)));
        }
        html.push_str("</tr>\n");
    }
    cells(html, "th", &grid.header, &aligns, str::to_owned);
    html.push_str("</thead>\n<tbody>\n");
    for row in &grid.rows {
        cells(html, "td", row, &aligns, escape);
    }
    if let (true, Some(text)) = (grid.rows.is_empty(), &grid.empty) {
        html.push_str(&format!("<tr><td colspan=\"{}\">{text}</td></tr>\n", aligns.len()));
    }
    html.push_str("</tbody>\n");
    if let Some(footer) = &grid.footer {
        html.push_str("<tfoot>\n");
        cells(html, "td", footer, &aligns, str::to_owned);
        html.push_str("</tfoot>\n");
    }
    html.push_str("</table>\n");
}

fn cells(html: &mut String, tag: &str, texts: &[String], aligns: &[Align], text: fn(&str) -> String) {
    html.push_str("<tr>");
    for (cell, align) in texts.iter().zip(aligns) {
        let align = match align {
            Align::Left | Align::Justify => "left",
            Align::Center => "center",
            Align::Right => "right",
        };
        html.push_str(&format!("<{tag} style=\"text-align:{align}\">{}</{tag}>", text(cell)));
    }
    html.push_str("</tr>\n");
}

fn escape(text: &str) -> String {
    handlebars::html_escape(text)
}
