//! `pageHeader` and `pageFooter`: the HTML in the margin of every page, as far as it
//! is text. Tags are dropped, except the spans for page number, number of pages and title.

use super::{RenderError, font::Fonts, layout::Mark, style::Length};

/// Stand-ins within the text, until a page's number is known.
const NUMBER: char = '\u{1}';
const TOTAL: char = '\u{2}';

/// The content of a margin.
pub(crate) struct Stamp {
    lines: Vec<String>,
    size: f32,
    /// 0 left, 0.5 centred, 1 right.
    align: f32,
}

impl Stamp {
    /// Reads the HTML, in which Handlebars has done its work already.
    pub(crate) fn read(html: &str, title: &str, path: &str) -> Result<Self, RenderError> {
        let mut text = String::new();
        let mut rest = html;
        while let Some((before, tag_on)) = rest.split_once('<') {
            text.push_str(&squeezed(before));
            let (tag, after) = tag_on.split_once('>').unwrap_or((tag_on, ""));
            text.push_str(&tag_text(tag, title).map_err(|message| RenderError::at(path, message))?);
            rest = after;
        }
        text.push_str(&squeezed(rest));
        let lines = text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty());
        let size = property(html, "font-size").and_then(|size| Length::try_from(size.to_owned()).ok());
        let align = match property(html, "text-align") {
            Some("center") => 0.5,
            Some("right") => 1.0,
            _ => 0.0,
        };
        let size = size.and_then(|size| size.points(8.0, 8.0)).unwrap_or(7.5).clamp(4.0, 24.0);
        Ok(Self { lines: lines.take(6).collect(), size, align })
    }

    /// Marks for a page, centred on `middle` points from the top, between `left` and `right`.
    pub(crate) fn marks(
        &self,
        fonts: &Fonts,
        page: (usize, usize),
        span: (f32, f32),
        middle: f32,
    ) -> Vec<Mark> {
        let leading = self.size * 1.3;
        let top = middle - leading * self.lines.len() as f32 / 2.0;
        let lines = self.lines.iter().enumerate().map(|(i, line)| {
            let text = line.replace(NUMBER, &page.0.to_string()).replace(TOTAL, &page.1.to_string());
            let spare = (span.1 - span.0 - fonts.width(&text, self.size, false)).max(0.0);
            let y = top + leading * i as f32 + self.size;
            let x = span.0 + spare * self.align;
            Mark::Text { x, y, size: self.size, bold: false, colour: [0x6b, 0x74, 0x80], text: text.into() }
        });
        lines.collect()
    }
}

fn tag_text(tag: &str, title: &str) -> Result<String, String> {
    let name: String = tag.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '/').collect();
    let class = ["class=\"", "class='"].iter().find_map(|start| tag.split_once(start));
    let class = class.map_or("", |(_, rest)| rest.split(['"', '\'']).next().unwrap_or_default());
    match (name.to_ascii_lowercase().as_str(), class) {
        ("img" | "svg" | "/svg", _) => {
            Err("images in page headers and footers are not drawn by this renderer".into())
        }
        ("span", "date" | "url") => Err(format!("`{class}` is not stamped: it would differ from run to run")),
        ("span", "pageNumber") => Ok(NUMBER.to_string()),
        ("span", "totalPages") => Ok(TOTAL.to_string()),
        ("span", "title") => Ok(title.to_owned()),
        ("br" | "br/" | "/div" | "/p", _) => Ok("\n".to_owned()),
        _ => Ok(String::new()),
    }
}

/// White space as HTML has it, and the entities that texts of this size use.
fn squeezed(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            c if c.is_whitespace() && !out.ends_with(' ') => out.push(' '),
            c if c.is_whitespace() || c.is_control() => {}
            c => out.push(c),
        }
    }
    let entities = [
        ("&nbsp;", "\u{a0}"),
        ("&middot;", "·"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&amp;", "&"),
    ];
    entities.iter().fold(out, |text, (entity, character)| text.replace(entity, character))
}

/// The first value of a CSS property in the inline styles.
fn property<'h>(html: &'h str, name: &str) -> Option<&'h str> {
    let (_, rest) = html.split_once(name)?;
    let value = rest.trim_start().strip_prefix(':')?;
    value.split([';', '"', '\'']).next().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_numbered() {
        let html = r#"<div style="font-size:8px;text-align:right">Tom &amp; Co · Page
            <span class="pageNumber"></span> of <span class='totalPages'></span></div>"#;
        let stamp = Stamp::read(html, "Title", "here").unwrap();
        let marks = stamp.marks(&Fonts::new(), (2, 7), (50.0, 500.0), 30.0);
        let [Mark::Text { text, size, x, .. }] = &marks[..] else { panic!("{marks:?}") };
        assert_eq!((&**text, *size), ("Tom & Co · Page 2 of 7", 6.0));
        assert!(*x > 300.0);
    }

    #[test]
    fn what_would_be_lost_is_an_error() {
        assert!(Stamp::read("<img src='/assets/x.png'>", "", "here").is_err());
        assert!(Stamp::read("<span class=\"date\"></span>", "", "here").is_err());
    }
}
