//! Pages as pixels, and how long drawing them may take. Part of every build, also of one that cannot
//! draw.

use std::time::Duration;

/// A page takes milliseconds, in unoptimised builds up to a second. A thread can't be stopped: one
/// that exceeds this is left behind until the process ends.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A page as pixels, red, green and blue for each, in rows from the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raster {
    /// Pixels in a row.
    pub width: u16,
    /// Rows.
    pub height: u16,
    /// Three bytes a pixel.
    pub rgb: Vec<u8>,
}

/// A glyph or a picture on a page, and where it is: in points from the upper left corner.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// The text of the glyph, or what sort of picture.
    pub what: String,
    /// To the right.
    pub x: f32,
    /// Downwards.
    pub y: f32,
}

/// A page that was drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct DrawnPage {
    /// Its pixels.
    pub raster: Raster,
    /// Its glyphs but blanks, and its pictures by two corners.
    pub placed: Vec<Placed>,
}

/// The first pages of a document.
pub struct DrawnPages {
    /// Its first pages, in order.
    pub drawn: Vec<DrawnPage>,
    /// How many pages the document has.
    pub count: usize,
}

/// The error of a document that takes too long.
pub fn too_long(patience: Duration) -> String {
    format!("takes more than {} s to draw", patience.as_secs())
}
