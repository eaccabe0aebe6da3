//! The report's two fonts, how wide they set a text, and where its lines break. One glyph a character:
//! what is measured is what is drawn.

use dejavu::{SANS, SANS_BOLD};
use ttf_parser::Face;

/// After these a long word may break: ids, paths and digests are words of such parts.
const BREAKS: &str = "-/_.,;:=";

/// Both weights, ready to measure.
pub(super) struct Letters {
    regular: Face<'static>,
    bold: Face<'static>,
}

impl Letters {
    pub(super) fn new() -> Self {
        let face = |bytes| Face::parse(bytes, 0).expect("the fonts that are built in are whole");
        Self { regular: face(SANS), bold: face(SANS_BOLD) }
    }

    fn face(&self, bold: bool) -> &Face<'static> {
        if bold { &self.bold } else { &self.regular }
    }

    /// Glyph and advance in ems.
    pub(super) fn glyph(&self, character: char, bold: bool) -> (u16, f32) {
        let face = self.face(bold);
        let glyph = face.glyph_index(character).unwrap_or(ttf_parser::GlyphId(0));
        let advance = face.glyph_hor_advance(glyph).unwrap_or(0);
        (glyph.0, f32::from(advance) / f32::from(face.units_per_em()))
    }

    /// Width in points.
    pub(super) fn width(&self, text: &str, size: f32, bold: bool) -> f32 {
        text.chars().map(|c| self.glyph(c, bold).1).sum::<f32>() * size
    }

    /// The text with what the fonts can't show written as an escape: PDF/A allows no missing glyph.
    pub(super) fn shown(&self, text: &str) -> String {
        let mut out = String::new();
        for c in text.chars() {
            let there = |bold| self.face(bold).glyph_index(c).is_some_and(|g| g.0 != 0);
            if c == '\n' || (there(false) && there(true) && c != '\u{feff}') {
                out.push(c);
            } else {
                out.extend(c.escape_unicode());
            }
        }
        out
    }

    /// Lines no wider than `width`: broken at spaces, in a long word behind punctuation, and anywhere
    /// where that is not enough.
    pub(super) fn wrap(&self, text: &str, size: f32, bold: bool, width: f32) -> Vec<String> {
        let mut lines = Vec::new();
        for paragraph in text.lines() {
            let mut line = String::new();
            for word in paragraph.split(' ').filter(|w| !w.is_empty()) {
                let glue = if line.is_empty() { "" } else { " " };
                if self.width(&format!("{line}{glue}{word}"), size, bold) <= width {
                    line += glue;
                    line += word;
                    continue;
                }
                if !line.is_empty() {
                    lines.push(std::mem::take(&mut line));
                }
                for piece in self.pieces(word, size, bold, width) {
                    if !line.is_empty() && self.width(&format!("{line}{piece}"), size, bold) > width {
                        lines.push(std::mem::take(&mut line));
                    }
                    line += &piece;
                }
            }
            lines.push(line);
        }
        lines
    }

    /// A word in pieces that each fit a line.
    fn pieces(&self, word: &str, size: f32, bold: bool, width: f32) -> Vec<String> {
        let mut pieces = Vec::new();
        let mut piece = String::new();
        for c in word.chars() {
            if !piece.is_empty() && self.width(&format!("{piece}{c}"), size, bold) > width {
                pieces.push(std::mem::take(&mut piece));
            }
            piece.push(c);
            if BREAKS.contains(c) {
                pieces.push(std::mem::take(&mut piece));
            }
        }
        pieces.push(piece);
        pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_too_wide_and_nothing_is_lost() {
        let letters = Letters::new();
        let text = "See upload-between-dump-and-copy under tenants/acme/assets/2026/logo.png or \
                    ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad.";
        for width in [20.0, 60.0, 200.0] {
            let lines = letters.wrap(text, 9.0, false, width);
            assert!(lines.iter().all(|l| letters.width(l, 9.0, false) <= width), "{lines:?}");
            assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
        }
        assert!(letters.wrap("upload-between-dump", 9.0, false, 60.0).iter().all(|l| !l.starts_with('-')));
    }

    #[test]
    fn what_the_fonts_lack_is_escaped() {
        assert_eq!(Letters::new().shown("é→\u{1f980}\u{0}"), "é→\\u{1f980}\\u{0}");
    }
}
