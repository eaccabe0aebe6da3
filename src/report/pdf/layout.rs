//! Sets text and tables on pages: breaks lines and pages, repeats a table's head, numbers the pages, and keeps
//! the structure for screen readers. It does not know the content.

use super::{
    font::Letters,
    write::{Block, Leaf, Mark, PAPER, Pages, TableRow},
};
use crate::base::{digest::Digest, sanitize::legible};

/// Text that carries the content.
pub(super) const INK: [u8; 3] = [28, 32, 38];
/// Text of less weight.
pub(super) const QUIET: [u8; 3] = [96, 104, 114];
const HAIR: [u8; 3] = [205, 210, 216];
const SHADE: [u8; 3] = [240, 242, 245];

const MARGIN: f32 = 54.0;
const BOTTOM: f32 = PAPER.1 - 64.0;
/// The width of the text.
pub(super) const WIDTH: f32 = PAPER.0 - 2.0 * MARGIN;

/// How a text is set.
#[derive(Clone, Copy)]
pub(super) struct Style {
    pub(super) size: f32,
    pub(super) bold: bool,
    pub(super) colour: [u8; 3],
}

/// Running text.
pub(super) const BODY: Style = Style { size: 9.0, bold: false, colour: INK };

/// A cell of a table.
#[derive(Clone)]
pub(super) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(super) fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), style: Style { size: 8.0, ..BODY } }
    }

    /// Small enough that 64 hex digits stay on one line of the column of digests.
    pub(super) fn digest(digest: &Digest) -> Self {
        Self { text: digest.to_string(), style: Style { size: 7.0, ..BODY } }
    }

    pub(super) fn quiet(text: impl Into<String>) -> Self {
        Self { text: text.into(), style: Style { size: 8.0, bold: false, colour: QUIET } }
    }

    pub(super) fn strong(text: impl Into<String>, colour: [u8; 3]) -> Self {
        Self { text: text.into(), style: Style { size: 8.0, bold: true, colour } }
    }
}

/// Pages that are being set.
pub(super) struct Press {
    pub(super) letters: Letters,
    pages: Vec<Vec<Mark>>,
    blocks: Vec<Block>,
    leaves: usize,
    y: f32,
}

/// Whether a line is part of the content, or repeated or decorative.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Content {
    Real,
    Artifact,
}

impl Press {
    pub(super) fn new() -> Self {
        Self { letters: Letters::new(), pages: vec![Vec::new()], blocks: Vec::new(), leaves: 0, y: MARGIN }
    }

    fn mark(&mut self, mark: Mark) {
        if let Some(page) = self.pages.last_mut() {
            page.push(mark);
        }
    }

    pub(super) fn page_break(&mut self) {
        self.pages.push(Vec::new());
        self.y = MARGIN;
    }

    /// A new page, unless so much fits on this one.
    pub(super) fn room(&mut self, height: f32) {
        if self.y + height > BOTTOM && self.y > MARGIN {
            self.page_break();
        }
    }

    pub(super) fn gap(&mut self, height: f32) {
        self.y = (self.y + height).min(BOTTOM);
    }

    fn lines(&self, text: &str, style: Style, width: f32) -> Vec<String> {
        let text = self.letters.shown(&legible(text));
        self.letters.wrap(&text, style.size, style.bold, width)
    }

    fn line(&mut self, x: f32, style: Style, text: String, content: Content) -> Option<Leaf> {
        let Style { size, bold, colour } = style;
        let y = self.y + size;
        let leaf = (content == Content::Real && !text.is_empty()).then_some(self.leaves);
        self.leaves += usize::from(leaf.is_some());
        self.mark(Mark::Text { x, y, size, bold, colour, text, leaf });
        leaf
    }

    /// Lines over the whole width.
    fn lines_of(&mut self, text: &str, style: Style) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        for line in self.lines(text, style, WIDTH) {
            self.room(style.size * 1.4);
            leaves.extend(self.line(MARGIN, style, line, Content::Real));
            self.y += style.size * 1.4;
        }
        leaves
    }

    /// A paragraph over the whole width.
    pub(super) fn text(&mut self, text: &str, style: Style) {
        let leaves = self.lines_of(text, style);
        self.blocks.push(Block::Paragraph(leaves));
    }

    /// The title of the document.
    pub(super) fn title(&mut self, text: &str) {
        self.head(1, text, Style { size: 24.0, bold: true, colour: INK });
    }

    /// The head of a section, on a page with some of what it heads.
    pub(super) fn heading(&mut self, text: &str) {
        self.gap(14.0);
        self.room(90.0);
        self.head(2, text, Style { size: 14.0, bold: true, colour: INK });
        self.gap(4.0);
    }

    /// The head of a part of a section.
    pub(super) fn subheading(&mut self, text: &str, colour: [u8; 3]) {
        self.head(3, text, Style { size: 10.0, bold: true, colour });
    }

    fn head(&mut self, level: u16, text: &str, style: Style) {
        let leaves = self.lines_of(text, style);
        let page = self.pages.len() - 1;
        self.blocks.push(Block::Heading { level, title: text.to_owned(), page, leaves });
    }

    /// A block in a colour with light text on it.
    pub(super) fn banner(&mut self, head: &str, text: &str, colour: [u8; 3]) {
        let white = [255, 255, 255];
        let (big, small) = (
            Style { size: 22.0, bold: true, colour: white },
            Style { size: 10.0, bold: false, colour: white },
        );
        let inner = WIDTH - 32.0;
        let (heads, texts) = (self.lines(head, big, inner), self.lines(text, small, inner));
        let rows: Vec<(String, Style)> =
            heads.into_iter().map(|l| (l, big)).chain(texts.into_iter().map(|l| (l, small))).collect();
        let height = 28.0 + rows.iter().map(|(_, style)| style.size * 1.4).sum::<f32>();
        self.mark(Mark::Box {
            x: MARGIN,
            y: self.y,
            width: WIDTH,
            height: height.min(BOTTOM - self.y),
            colour,
        });
        let end = self.y + height;
        self.y += 14.0;
        let mut leaves = Vec::new();
        for (line, style) in rows {
            if self.y + style.size > BOTTOM {
                break;
            }
            leaves.extend(self.line(MARGIN + 16.0, style, line, Content::Real));
            self.y += style.size * 1.4;
        }
        self.blocks.push(Block::Paragraph(leaves));
        self.y = end.min(BOTTOM);
    }

    /// A hairline to sign on, with what is to stand there below it.
    pub(super) fn sign_here(&mut self, what: &str) {
        self.room(52.0);
        self.y += 34.0;
        self.mark(Mark::Box { x: MARGIN, y: self.y, width: WIDTH * 0.7, height: 0.6, colour: QUIET });
        self.y += 3.0;
        self.text(what, Style { size: 8.0, bold: false, colour: QUIET });
    }

    /// Names and values.
    pub(super) fn pairs(&mut self, rows: &[(&str, String)]) {
        let cells: Vec<Vec<Cell>> =
            rows.iter().map(|(name, value)| vec![Cell::quiet(*name), Cell::plain(value.as_str())]).collect();
        self.table(&[], &[0.24, 0.76], &cells);
    }

    /// A table; `shares` are parts of the width. Its head is repeated on each page. A row that is higher than a
    /// page is broken. In a table without a head, the first cell of each row is its head.
    pub(super) fn table(&mut self, heads: &[&str], shares: &[f32], rows: &[Vec<Cell>]) {
        let heads: Vec<Cell> = heads.iter().map(|head| Cell::strong(*head, QUIET)).collect();
        let head = self.row(&heads, &heads, shares, Some(Content::Real));
        let mut body = Vec::new();
        for row in rows {
            body.push(self.row(row, &heads, shares, None));
        }
        self.blocks.push(Block::Table { head, body });
        self.gap(6.0);
    }

    /// `head` is `None` for a row of the body.
    fn row(&mut self, cells: &[Cell], heads: &[Cell], shares: &[f32], head: Option<Content>) -> TableRow {
        const PAD: f32 = 4.0;
        let mut leaves: TableRow = vec![Vec::new(); cells.len()];
        let columns: Vec<(f32, Vec<String>, Style)> = cells
            .iter()
            .zip(shares)
            .scan(MARGIN, |x, (cell, share)| {
                let at = *x;
                *x += share * WIDTH;
                Some((at + PAD, self.lines(&cell.text, cell.style, share * WIDTH - 2.0 * PAD), cell.style))
            })
            .collect();
        let pitch = cells.iter().map(|c| c.style.size).fold(0.0, f32::max) * 1.35;
        let count = columns.iter().map(|(_, lines, _)| lines.len()).max().unwrap_or(0);
        let height = |lines: usize| lines as f32 * pitch + 2.0 * PAD;
        let mut next = 0;
        while next < count {
            // A head stays with the row that follows it.
            let wanted = height(count - next) + if head.is_some() { 3.0 * pitch } else { 0.0 };
            if self.y + wanted.min(BOTTOM - MARGIN - 40.0) > BOTTOM && self.y > MARGIN {
                self.page_break();
                if head.is_none() && !heads.is_empty() {
                    self.row(heads, heads, shares, Some(Content::Artifact));
                }
            }
            let fits = (((BOTTOM - self.y - 2.0 * PAD) / pitch) as usize).clamp(1, count - next);
            let (y, height) = (self.y, height(fits));
            if head.is_some() {
                self.mark(Mark::Box { x: MARGIN, y, width: WIDTH, height, colour: SHADE });
            }
            for line in 0..fits {
                self.y = y + PAD + line as f32 * pitch;
                for ((x, lines, style), leaves) in columns.iter().zip(&mut leaves) {
                    if let Some(text) = lines.get(next + line) {
                        let content = head.unwrap_or(Content::Real);
                        leaves.extend(self.line(*x, *style, text.clone(), content));
                    }
                }
            }
            self.y = y + height;
            self.mark(Mark::Box { x: MARGIN, y: self.y, width: WIDTH, height: 0.5, colour: HAIR });
            next += fits;
        }
        leaves
    }

    /// The pages, each with its number and the run.
    pub(super) fn finish(mut self, foot: &str) -> Pages {
        let foot = self
            .lines(foot, Style { size: 7.5, ..BODY }, WIDTH - 90.0)
            .into_iter()
            .next()
            .unwrap_or_default();
        let total = self.pages.len();
        for (i, page) in self.pages.iter_mut().enumerate() {
            let number = format!("page {} of {total}", i + 1);
            let right = PAPER.0 - MARGIN - self.letters.width(&number, 7.5, false);
            let y = PAPER.1 - 36.0;
            page.push(Mark::Box { x: MARGIN, y: y - 14.0, width: WIDTH, height: 0.5, colour: HAIR });
            for (x, text) in [(MARGIN, foot.clone()), (right, number)] {
                page.push(Mark::Text { x, y, size: 7.5, bold: false, colour: QUIET, text, leaf: None });
            }
        }
        let Self { letters, pages, blocks, leaves, y: _ } = self;
        Pages { letters, pages, blocks, leaves }
    }
}
