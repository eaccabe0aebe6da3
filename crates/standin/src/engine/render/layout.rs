//! Blocks to slices: what there is to draw, cut where a page may break.
//!
//! It handles widths and heights and does not depend on PDF. Coordinates are points from the top left.

mod flow;
pub(crate) mod paginate;
mod table;
mod text_style;

pub(crate) use text_style::TextStyle;

use super::{
    RenderError,
    expand::Block,
    font::{ASCENT, DESCENT, Fonts},
    style::Colour,
};
use std::{cell::Cell, collections::BTreeMap, rc::Rc};

/// Lines and marks of one document.
const MOST_MARKS: usize = 300_000;

/// One thing to draw. `y` grows downwards.
#[derive(Clone, Debug)]
pub(crate) enum Mark {
    /// `y` is the baseline.
    Text { x: f32, y: f32, size: f32, bold: bool, colour: [u8; 3], text: Rc<str> },
    /// A filled rectangle.
    Fill { x: f32, y: f32, width: f32, height: f32, colour: [u8; 3] },
    /// A broken line; `dash` is dash and gap.
    Dashes { x: f32, y: f32, width: f32, thickness: f32, dash: [f32; 2], colour: [u8; 3] },
    /// The image of a storage key.
    Image { x: f32, y: f32, width: f32, height: f32, key: Rc<str> },
}

impl Mark {
    /// Moves it.
    pub(crate) fn shift(&mut self, dx: f32, dy: f32) {
        match self {
            Mark::Text { x, y, .. }
            | Mark::Fill { x, y, .. }
            | Mark::Dashes { x, y, .. }
            | Mark::Image { x, y, .. } => {
                *x += dx;
                *y += dy;
            }
        }
    }
}

/// What a slice is to the paginator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Sort {
    /// Drawn where it comes.
    Solid,
    /// Space that the top of a page swallows.
    Gap,
    /// The next slice starts a page.
    Break,
}

/// A part that no page break may split.
#[derive(Clone, Debug)]
pub(crate) struct Slice {
    /// Points.
    pub(crate) height: f32,
    /// Relative to its top left.
    pub(crate) marks: Vec<Mark>,
    /// What it is to the paginator.
    pub(crate) sort: Sort,
    /// On the same page as the next slice, where that is possible.
    pub(crate) keep: bool,
    /// Drawn again above it, where it comes first on a page.
    pub(crate) header: Option<Rc<Vec<Slice>>>,
}

impl Slice {
    fn new(height: f32, marks: Vec<Mark>) -> Self {
        Self { height, marks, sort: Sort::Solid, keep: false, header: None }
    }

    fn gap(height: f32) -> Self {
        Self { sort: Sort::Gap, ..Self::new(height, Vec::new()) }
    }

    fn page_break() -> Self {
        Self { sort: Sort::Break, ..Self::new(0.0, Vec::new()) }
    }
}

/// What the layout of one document needs.
pub(crate) struct Layouter<'a> {
    /// To measure with.
    pub(crate) fonts: &'a Fonts,
    /// Pixels of every image: width and height, by storage key.
    pub(crate) sizes: &'a BTreeMap<String, (u32, u32)>,
    /// Points from margin to margin.
    pub(crate) page_height: f32,
    marks: Cell<usize>,
}

impl<'a> Layouter<'a> {
    /// Nothing laid out yet.
    pub(crate) fn new(fonts: &'a Fonts, sizes: &'a BTreeMap<String, (u32, u32)>, page_height: f32) -> Self {
        Self { fonts, sizes, page_height, marks: Cell::new(0) }
    }

    /// The whole document, `width` points wide.
    pub(crate) fn document(&self, document: &Block<'_>, width: f32) -> Result<Vec<Slice>, RenderError> {
        self.block(document, width, &TextStyle::default())
    }

    /// Lines of text as slices, as wide as `width`.
    fn lines(
        &self,
        text: &str,
        text_style: &TextStyle,
        width: f32,
        path: &str,
    ) -> Result<Vec<Slice>, RenderError> {
        let text = text_style.transformed(text);
        let lines = self.fonts.wrap(&text, text_style.size, text_style.bold, width);
        self.count(lines.len(), path)?;
        let mut slices: Vec<Slice> =
            lines.into_iter().map(|line| self.line(&line, text_style, width)).collect();
        // No line of a paragraph alone at the top or the bottom of a page.
        let last = slices.len().saturating_sub(1);
        for i in [0, last.saturating_sub(1)] {
            if let Some(slice) = slices.get_mut(i).filter(|_| i < last) {
                slice.keep = true;
            }
        }
        Ok(slices)
    }

    fn line(&self, line: &str, text_style: &TextStyle, width: f32) -> Slice {
        let height = text_style.size * text_style.leading;
        let spare = width - self.fonts.width(line, text_style.size, text_style.bold);
        let y = (height - text_style.size * (ASCENT + DESCENT)) / 2.0 + text_style.size * ASCENT;
        let marks = match (line.is_empty(), text_style.colour.rgb) {
            (false, Some(colour)) => {
                let x = text_style.offset(spare.max(0.0));
                vec![Mark::Text {
                    x,
                    y,
                    size: text_style.size,
                    bold: text_style.bold,
                    colour,
                    text: line.into(),
                }]
            }
            _ => Vec::new(),
        };
        Slice::new(height, marks)
    }

    fn count(&self, marks: usize, path: &str) -> Result<(), RenderError> {
        self.marks.set(self.marks.get().saturating_add(marks));
        match self.marks.get() > MOST_MARKS {
            true => Err(RenderError::at(path, "with this data the document grows too large")),
            false => Ok(()),
        }
    }
}

/// Changes every slice, and the headers that they would draw again.
fn change(slices: &mut [Slice], mut how: impl FnMut(&mut Slice)) {
    // The rows of a table share one header: it is changed once.
    let mut changed: Option<[Rc<Vec<Slice>>; 2]> = None;
    for slice in slices {
        how(slice);
        if let Some(header) = slice.header.take() {
            let new = match &changed {
                Some([old, new]) if Rc::ptr_eq(old, &header) => new.clone(),
                _ => {
                    let mut copy = header.as_ref().clone();
                    copy.iter_mut().for_each(&mut how);
                    Rc::new(copy)
                }
            };
            slice.header = Some(new.clone());
            changed = Some([header, new]);
        }
    }
}

fn shift(slices: &mut [Slice], dx: f32) {
    change(slices, |slice| slice.marks.iter_mut().for_each(|mark| mark.shift(dx, 0.0)));
}

/// A filled rectangle, unless there is nothing to see of it.
fn fill(x: f32, y: f32, width: f32, height: f32, colour: Option<Colour>) -> Option<Mark> {
    let colour = colour.and_then(|colour| colour.rgb)?;
    (width > 0.0 && height > 0.0).then_some(Mark::Fill { x, y, width, height, colour })
}
