//! Where two pages differ: the actual one, faded, with every pixel that differs in a strong colour.

use crate::{model::profile::PageMask, report::pages::raster::Raster};

/// Differences of a channel up to here are not seen.
const UNSEEN: u8 = 24;

/// The colour of what differs.
const MARK: [u8; 3] = [208, 0, 112];

/// Whether a pixel is in a part that is not compared.
fn is_hidden(mask: &PageMask, at: (usize, usize), of: (usize, usize)) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "pixels of a page")]
    let per_cent = |at: usize, of: usize| (at as f32 + 0.5) * 100.0 / of as f32;
    let within = |at: f32, from: f32, size: f32| at >= from && at < from + size;
    within(per_cent(at.0, of.0), mask.left, mask.width) && within(per_cent(at.1, of.1), mask.top, mask.height)
}

/// What differs between two pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PixelDifference {
    /// The actual page with what differs.
    pub picture: Raster,
    /// How many pixels differ.
    pub pixels: usize,
    /// How many of a thousand, at least 1.
    pub permille: u32,
}

/// What differs outside of the masks; none where the pages look the same. Where the pages have other sizes,
/// what one of them lacks is white.
pub fn of(expected: &Raster, actual: &Raster, masks: &[PageMask]) -> Option<PixelDifference> {
    let width = expected.width.max(actual.width);
    let height = expected.height.max(actual.height);
    let (columns, rows) = (usize::from(width), usize::from(height));
    let mut differs = vec![false; columns * rows];
    let mut rgb = Vec::with_capacity(columns * rows * 3);
    for row in 0..rows {
        for column in 0..columns {
            let (a, b) = (pixel(expected, column, row), pixel(actual, column, row));
            differs[row * columns + column] = a.iter().zip(b).any(|(a, b)| a.abs_diff(b) > UNSEEN)
                && !masks.iter().any(|mask| is_hidden(mask, (column, row), (columns, rows)));
            let luma = (u32::from(b[0]) * 3 + u32::from(b[1]) * 6 + u32::from(b[2])) / 10;
            let faded = u8::try_from(255 - (255 - luma) / 4).unwrap_or(u8::MAX);
            rgb.extend([faded; 3]);
        }
    }
    let count = differs.iter().filter(|d| **d).count();
    if count == 0 && (expected.width, expected.height) == (actual.width, actual.height) {
        return None;
    }
    // A neighbour's breadth around each, so that a thin line is seen in a small picture.
    for at in (0..differs.len()).filter(|at| differs[*at]) {
        let (column, row) = (at % columns, at / columns);
        for y in row.saturating_sub(1)..=(row + 1).min(rows - 1) {
            for x in column.saturating_sub(1)..=(column + 1).min(columns - 1) {
                rgb[(y * columns + x) * 3..][..3].copy_from_slice(&MARK);
            }
        }
    }
    let permille = u32::try_from(count * 1000 / differs.len().max(1)).unwrap_or(1000).max(1);
    Some(PixelDifference { picture: Raster { width, height, rgb }, pixels: count, permille })
}

fn pixel(raster: &Raster, column: usize, row: usize) -> [u8; 3] {
    let (width, height) = (usize::from(raster.width), usize::from(raster.height));
    if column >= width || row >= height {
        return [u8::MAX; 3];
    }
    let at = (row * width + column) * 3;
    [raster.rgb[at], raster.rgb[at + 1], raster.rgb[at + 2]]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(width: u16, height: u16, dark: &[usize]) -> Raster {
        let pixels = usize::from(width) * usize::from(height);
        let rgb = (0..pixels).flat_map(|at| [if dark.contains(&at) { 0 } else { 255 }; 3]).collect();
        Raster { width, height, rgb }
    }

    #[test]
    fn pages_that_look_the_same_have_no_difference() {
        assert_eq!(of(&page(4, 4, &[3]), &page(4, 4, &[3]), &[]), None);
        let mut faint = page(4, 4, &[]);
        faint.rgb[0] = 255 - UNSEEN;
        assert_eq!(of(&page(4, 4, &[]), &faint, &[]), None);
    }

    #[test]
    fn what_differs_is_marked_and_counted() {
        let PixelDifference { picture, pixels, permille } =
            of(&page(10, 10, &[]), &page(10, 10, &[55]), &[]).expect("a difference");
        assert_eq!((pixels, permille), (1, 10));
        assert_eq!(picture.rgb[55 * 3..][..3], MARK);
        assert_eq!(picture.rgb[0..3], [255; 3]);
    }

    #[test]
    fn another_size_is_a_difference_also_where_it_is_white() {
        let found = of(&page(4, 4, &[]), &page(4, 6, &[]), &[]).expect("a difference");
        assert_eq!((found.picture.width, found.picture.height, found.permille), (4, 6, 1));
    }

    #[test]
    fn what_a_mask_hides_does_not_count() {
        let mask = |text: &str| [text.parse().expect("a mask")];
        let (before, after) = (page(10, 10, &[]), page(10, 10, &[55]));
        assert_eq!(of(&before, &after, &mask("50,50,10,10")), None);
        assert!(of(&before, &after, &mask("60,50,40,50")).is_some());
    }
}
