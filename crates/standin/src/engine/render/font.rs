//! The two fonts and how wide they set a text. One glyph per character: no kerning, no ligatures,
//! so that what is measured is exactly what is drawn.

use dejavu::{SANS, SANS_BOLD};
use ttf_parser::Face;

/// Height above the baseline, in ems.
pub(crate) const ASCENT: f32 = 0.928;
/// Depth below the baseline, in ems.
pub(crate) const DESCENT: f32 = 0.236;

/// Both weights, ready to measure.
pub(crate) struct Fonts {
    regular: Face<'static>,
    bold: Face<'static>,
}

impl Fonts {
    /// Reads the fonts that are built in.
    pub(crate) fn new() -> Self {
        let face = |bytes| Face::parse(bytes, 0).expect("the fonts that are built in are whole");
        Self { regular: face(SANS), bold: face(SANS_BOLD) }
    }

    /// Glyph and advance in ems. Characters that the font lacks give its box for them.
    pub(crate) fn glyph(&self, character: char, bold: bool) -> (u16, f32) {
        let face = if bold { &self.bold } else { &self.regular };
        let glyph = face.glyph_index(character).unwrap_or(ttf_parser::GlyphId(0));
        let advance = face.glyph_hor_advance(glyph).unwrap_or(0);
        (glyph.0, f32::from(advance) / f32::from(face.units_per_em()))
    }

    /// Width in points.
    pub(crate) fn width(&self, text: &str, size: f32, bold: bool) -> f32 {
        text.chars().map(|c| self.glyph(c, bold).1).sum::<f32>() * size
    }

    /// Lines no wider than `width`, broken at spaces, and within a word where it alone is wider.
    pub(crate) fn wrap(&self, text: &str, size: f32, bold: bool, width: f32) -> Vec<String> {
        let mut lines = Vec::new();
        for paragraph in text.lines() {
            let mut line = String::new();
            let mut used = 0.0;
            for word in paragraph.split([' ', '\t']).filter(|word| !word.is_empty()) {
                let word: String = word.chars().filter(|c| !c.is_control()).collect();
                let wide = self.width(&word, size, bold);
                let space = if line.is_empty() { 0.0 } else { self.width(" ", size, bold) };
                if used + space + wide > width && !line.is_empty() {
                    lines.push(std::mem::take(&mut line));
                    used = 0.0;
                } else if !line.is_empty() {
                    line.push(' ');
                    used += space;
                }
                for character in word.chars() {
                    let advance = self.glyph(character, bold).1 * size;
                    if used + advance > width + 0.01 && !line.is_empty() {
                        lines.push(std::mem::take(&mut line));
                        used = 0.0;
                    }
                    line.push(character);
                    used += advance;
                }
            }
            lines.push(line);
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_asked_and_nothing_is_lost() {
        let fonts = Fonts::new();
        let text = "Please remit within fourteen days to Donaudampfschifffahrtsgesellschaft, Vienna.";
        let lines = fonts.wrap(text, 12.0, false, 90.0);
        assert!(lines.iter().all(|line| fonts.width(line, 12.0, false) <= 90.1), "{lines:?}");
        assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
    }

    #[test]
    fn a_newline_breaks_and_an_empty_line_stays() {
        assert_eq!(Fonts::new().wrap("a\n\nb", 10.0, true, 500.0), ["a", "", "b"]);
    }
}
