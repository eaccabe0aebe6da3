//! How alike two PDFs are where they are not the same document: the same text and layout, the same picture.
//! Both are drawn, in processes of their own.

use crate::{
    model::profile::PageMask,
    report::pages::{
        difference, draw,
        raster::{DrawnPage, Placed, Raster},
        subprocess,
    },
};
use serde::Serialize;
use std::collections::BTreeMap;

/// How far a glyph or a picture may be from its place, in points.
const SHIFT: f32 = 0.5;

/// How alike two documents are, by their pages.
#[derive(Clone, Debug)]
pub struct Likeness {
    /// The pages that both have and that were drawn.
    pub pages: Vec<PageLikeness>,
    /// How many pages the expected and the actual document have.
    pub counts: (usize, usize),
}

/// How alike two pages are.
#[derive(Clone, Debug, Serialize)]
pub struct PageLikeness {
    /// From 1.
    pub number: usize,
    /// The first glyph or picture that only one side has at its place; none if text and layout are the same.
    pub misplaced: Option<String>,
    /// How many pixels differ outside of the masks.
    pub pixels: usize,
    /// The pages as PNG: expected, actual, and what differs if something does.
    #[serde(skip)]
    pub images: [Option<Vec<u8>>; 3],
}

impl PageLikeness {
    /// The names of its pictures' files, and their bytes.
    pub fn files(&self) -> impl Iterator<Item = (String, &[u8])> {
        let names = ["expected", "actual", "difference"].into_iter();
        let name = |what: &str| format!("page-{}-{what}.png", self.number);
        names.zip(&self.images).filter_map(move |(what, png)| Some((name(what), png.as_deref()?)))
    }
}

impl Likeness {
    fn complete(&self) -> bool {
        self.counts.0 == self.counts.1 && self.pages.len() == self.counts.0
    }

    /// Whether all glyphs and pictures are at their places.
    pub fn same_layout(&self) -> bool {
        self.complete() && self.pages.iter().all(|page| page.misplaced.is_none())
    }

    /// Whether no page differs in more pixels than `tolerance`.
    pub fn same_picture(&self, tolerance: usize) -> bool {
        self.complete() && self.pages.iter().all(|page| page.pixels <= tolerance)
    }

    /// How many pages were not compared, because only the first pages of a document are drawn or only one
    /// document has them.
    pub fn not_compared(&self) -> usize {
        self.counts.0.max(self.counts.1) - self.pages.len()
    }
}

/// Draws and compares two documents.
///
/// # Errors
/// One of them can't be drawn; the text completes a sentence that begins with the document.
pub fn of(expected: Vec<u8>, actual: Vec<u8>, masks: &[PageMask]) -> Result<Likeness, String> {
    let expected = subprocess::pages(expected).map_err(|why| format!("the expected file {why}"))?;
    let actual = subprocess::pages(actual).map_err(|why| format!("the actual file {why}"))?;
    let pairs = expected.drawn.iter().zip(&actual.drawn).enumerate();
    let pages = pairs.map(|(index, (before, after))| page(index + 1, before, after, masks));
    Ok(Likeness { pages: pages.collect::<Result<_, _>>()?, counts: (expected.count, actual.count) })
}

fn page(
    number: usize,
    before: &DrawnPage,
    after: &DrawnPage,
    masks: &[PageMask],
) -> Result<PageLikeness, String> {
    let here: Vec<PageMask> =
        masks.iter().copied().filter(|mask| mask.page.is_none_or(|page| page == number)).collect();
    let differs = difference::of(&before.raster, &after.raster, &here);
    let png = |raster: &Raster| draw::png(raster).map(Some);
    let (pixels, difference) = match &differs {
        None => (0, None),
        // Pages of other sizes differ, also where all of it is white.
        Some(differs) => (differs.pixels.max(1), png(&differs.picture)?),
    };
    Ok(PageLikeness {
        number,
        misplaced: misplaced(&before.placed, &after.placed),
        pixels,
        images: [png(&before.raster)?, png(&after.raster)?, difference],
    })
}

/// The first glyph or picture that has no counterpart within [`SHIFT`]. In which order a page draws them is
/// not compared.
fn misplaced(before: &[Placed], after: &[Placed]) -> Option<String> {
    let mut left: BTreeMap<&str, Vec<&Placed>> = BTreeMap::new();
    for placed in after {
        left.entry(&placed.what).or_default().push(placed);
    }
    let shown = |side: &str, placed: &Placed| {
        format!("only the {side} page has {:?} at {:.1}, {:.1}", placed.what, placed.x, placed.y)
    };
    for placed in before {
        let near =
            |other: &&Placed| (other.x - placed.x).abs() <= SHIFT && (other.y - placed.y).abs() <= SHIFT;
        let there = left.get_mut(placed.what.as_str());
        let found = there.and_then(|there| {
            let at = there.iter().position(near)?;
            Some(there.swap_remove(at))
        });
        if found.is_none() {
            return Some(shown("expected", placed));
        }
    }
    left.values().flatten().next().map(|placed| shown("actual", placed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn glyphs_are_at_their_places_in_any_order() {
        let at = |what: &str, x: f32, y: f32| Placed { what: what.to_owned(), x, y };
        let page = [at("a", 10.0, 10.0), at("a", 20.0, 10.0), at("b", 30.0, 10.0)];
        let again = [at("b", 30.2, 10.0), at("a", 20.0, 9.7), at("a", 10.0, 10.0)];
        assert_eq!(misplaced(&page, &again), None);
        let moved = [at("a", 10.0, 10.0), at("a", 20.0, 10.0), at("b", 31.0, 10.0)];
        assert_eq!(misplaced(&page, &moved).unwrap(), "only the expected page has \"b\" at 30.0, 10.0");
        assert_eq!(misplaced(&page[..2], &page).unwrap(), "only the actual page has \"b\" at 30.0, 10.0");
    }
}
