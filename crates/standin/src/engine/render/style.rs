//! The part of CSS that a node's `style` may use here: lengths, colours, borders, text properties.
//!
//! Parses the styles of a definition; it does not lay anything out. Names that the renderer has no use
//! for (`flex`, `zIndex`, …) are passed over, a value that it can't read is an error.

use serde::Deserialize;

/// Points per CSS pixel.
const PX: f32 = 0.75;
/// No length on a page needs to be longer than this many points.
const LONGEST: f32 = 20_000.0;

/// A length as the definition gives it.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) enum Length {
    /// Points.
    Points(f32),
    /// A share of the width at hand; 1.0 is all of it.
    Share(f32),
    /// Multiples of the font size.
    Ems(f32),
    /// `auto`, `inherit` and the like: as if it were not given.
    Auto,
}

impl Length {
    /// In points, where `whole` is what a percentage refers to; `None` for `auto`.
    pub(crate) fn points(self, whole: f32, font_size: f32) -> Option<f32> {
        match self {
            Length::Points(points) => Some(points),
            Length::Share(share) => Some(share * whole),
            Length::Ems(ems) => Some(ems * font_size),
            Length::Auto => None,
        }
    }
}

impl TryFrom<String> for Length {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        length(&text)
    }
}

fn length(text: &str) -> Result<Length, String> {
    let text = text.trim();
    if matches!(text, "auto" | "inherit" | "initial" | "none" | "normal" | "") {
        return Ok(Length::Auto);
    }
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic() || c == '%').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let number: f32 = number.trim().parse().map_err(|_| format!("`{text}` is not a length"))?;
    let length = match unit {
        "px" | "" => Length::Points(number * PX),
        "pt" => Length::Points(number),
        "mm" => Length::Points(number * 72.0 / 25.4),
        "cm" => Length::Points(number * 720.0 / 25.4),
        "in" => Length::Points(number * 72.0),
        "pc" => Length::Points(number * 12.0),
        "%" => Length::Share(number / 100.0),
        "em" | "rem" => Length::Ems(number),
        _ => return Err(format!("`{text}` is not a length: the unit is not known")),
    };
    match number.is_finite() && number.abs() <= LONGEST {
        true => Ok(length),
        false => Err(format!("`{text}` is too long for a page")),
    }
}

/// Four lengths in CSS order: top, right, bottom, left.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Sides(pub(crate) [Length; 4]);

impl TryFrom<String> for Sides {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let lengths = text.split_whitespace().map(length).collect::<Result<Vec<_>, _>>()?;
        match lengths[..] {
            [a] => Ok(Sides([a; 4])),
            [a, b] => Ok(Sides([a, b, a, b])),
            [a, b, c] => Ok(Sides([a, b, c, b])),
            [a, b, c, d] => Ok(Sides([a, b, c, d])),
            _ => Err(format!("`{text}` is not one to four lengths")),
        }
    }
}

/// A colour, opaque.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Colour {
    /// Red, green and blue; `None` is transparent.
    pub(crate) rgb: Option<[u8; 3]>,
}

impl Colour {
    /// Opaque, from its parts.
    pub(crate) const fn rgb(red: u8, green: u8, blue: u8) -> Self {
        Self { rgb: Some([red, green, blue]) }
    }
}

impl TryFrom<String> for Colour {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        colour(&text)
    }
}

fn colour(text: &str) -> Result<Colour, String> {
    let text = text.trim();
    let unknown = || format!("`{text}` is not a colour that is understood: write #rrggbb");
    if let Some(hex) = text.strip_prefix('#') {
        let digits: Option<Vec<u8>> = hex.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect();
        return match digits.ok_or_else(unknown)?[..] {
            [r, g, b] => Ok(Colour::rgb(r * 17, g * 17, b * 17)),
            [a, b, c, d, e, f] => Ok(Colour::rgb(a * 16 + b, c * 16 + d, e * 16 + f)),
            _ => Err(unknown()),
        };
    }
    if let Some(parts) = text.strip_prefix("rgb(").and_then(|rest| rest.strip_suffix(')')) {
        let parts: Option<Vec<u8>> = parts.split(',').map(|part| part.trim().parse().ok()).collect();
        return match parts.ok_or_else(unknown)?[..] {
            [r, g, b] => Ok(Colour::rgb(r, g, b)),
            _ => Err(unknown()),
        };
    }
    Ok(match text {
        "transparent" | "none" => Colour { rgb: None },
        "black" => Colour::rgb(0, 0, 0),
        "white" => Colour::rgb(255, 255, 255),
        "red" => Colour::rgb(255, 0, 0),
        "green" => Colour::rgb(0, 128, 0),
        "blue" => Colour::rgb(0, 0, 255),
        "gray" | "grey" => Colour::rgb(128, 128, 128),
        "silver" => Colour::rgb(192, 192, 192),
        "navy" => Colour::rgb(0, 0, 128),
        _ => return Err(unknown()),
    })
}

/// `1px solid #ccc`: width in points and colour. Every visible style is drawn solid.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Border {
    /// Points; zero without a border.
    pub(crate) width: f32,
    /// What it is drawn in.
    pub(crate) colour: Colour,
}

impl TryFrom<String> for Border {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let mut border = Border { width: 3.0 * PX, colour: Colour::rgb(0, 0, 0) };
        for word in text.split_whitespace() {
            match word {
                "none" | "hidden" => border.width = 0.0,
                "solid" | "dashed" | "dotted" | "double" => {}
                _ if word.starts_with(|c: char| c.is_ascii_digit() || c == '.') => {
                    border.width = length(word)?.points(0.0, 12.0).unwrap_or(0.0);
                }
                _ => border.colour = colour(word)?,
            }
        }
        Ok(border)
    }
}

/// Bold or not: the two weights there are fonts for.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Weight {
    /// 600 and up.
    pub(crate) bold: bool,
}

impl TryFrom<String> for Weight {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "normal" => Ok(Weight { bold: false }),
            "bold" => Ok(Weight { bold: true }),
            number => match number.parse::<u16>() {
                Ok(weight @ 100..=900) => Ok(Weight { bold: weight >= 600 }),
                _ => Err(format!("`{text}` is not a font weight")),
            },
        }
    }
}

/// Where lines stand between the margins. Justified text is set flush left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Align {
    /// Flush left.
    #[default]
    Left,
    /// Centred.
    Center,
    /// Flush right.
    Right,
    /// Drawn as `Left`.
    Justify,
}

/// What letters are turned into before they are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Transform {
    /// As written.
    None,
    /// ALL CAPITALS.
    Uppercase,
    /// no capitals.
    Lowercase,
    /// Each Word.
    Capitalize,
}

/// A node's style; `None` is inherited or the default of its kind.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Style {
    pub(crate) width: Option<Length>,
    pub(crate) max_width: Option<Length>,
    pub(crate) height: Option<Length>,
    pub(crate) min_height: Option<Length>,
    pub(crate) margin: Option<Sides>,
    pub(crate) margin_top: Option<Length>,
    pub(crate) margin_right: Option<Length>,
    pub(crate) margin_bottom: Option<Length>,
    pub(crate) margin_left: Option<Length>,
    pub(crate) padding: Option<Sides>,
    pub(crate) padding_top: Option<Length>,
    pub(crate) padding_right: Option<Length>,
    pub(crate) padding_bottom: Option<Length>,
    pub(crate) padding_left: Option<Length>,
    pub(crate) font_size: Option<Length>,
    pub(crate) font_weight: Option<Weight>,
    pub(crate) line_height: Option<String>,
    pub(crate) text_align: Option<Align>,
    pub(crate) text_transform: Option<Transform>,
    pub(crate) color: Option<Colour>,
    pub(crate) background_color: Option<Colour>,
    pub(crate) border: Option<Border>,
    pub(crate) border_top: Option<Border>,
    pub(crate) border_right: Option<Border>,
    pub(crate) border_bottom: Option<Border>,
    pub(crate) border_left: Option<Border>,
}

impl Style {
    /// Margins in CSS order, where given.
    pub(crate) fn margins(&self) -> [Option<Length>; 4] {
        let all = self.margin.map(|sides| sides.0);
        let own = [self.margin_top, self.margin_right, self.margin_bottom, self.margin_left];
        sides(all, own)
    }

    /// Paddings in CSS order, where given.
    pub(crate) fn paddings(&self) -> [Option<Length>; 4] {
        let all = self.padding.map(|sides| sides.0);
        let own = [self.padding_top, self.padding_right, self.padding_bottom, self.padding_left];
        sides(all, own)
    }

    /// Borders in CSS order, where given.
    pub(crate) fn borders(&self) -> [Option<Border>; 4] {
        [self.border_top, self.border_right, self.border_bottom, self.border_left]
            .map(|own| own.or(self.border).filter(|border| border.width > 0.0))
    }
}

fn sides(all: Option<[Length; 4]>, own: [Option<Length>; 4]) -> [Option<Length>; 4] {
    std::array::from_fn(|i| own[i].or(all.map(|all| all[i])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_become_points() {
        assert_eq!(length("16px"), Ok(Length::Points(12.0)));
        assert_eq!(length("1in"), Ok(Length::Points(72.0)));
        assert_eq!(length("50%"), Ok(Length::Share(0.5)));
        assert_eq!(length("25.4mm"), Ok(Length::Points(72.0)));
        assert!(length("12parsecs").is_err());
        assert!(length("9e30pt").is_err());
        assert!(length("inf").is_err());
    }

    #[test]
    fn a_side_of_its_own_wins_over_the_shorthand() {
        let style: Style =
            serde_json::from_value(serde_json::json!({"margin": "4pt 8pt", "marginLeft": "1pt"})).unwrap();
        let points = style.margins().map(|side| side.and_then(|length| length.points(0.0, 0.0)));
        assert_eq!(points, [Some(4.0), Some(8.0), Some(4.0), Some(1.0)]);
    }

    #[test]
    fn colours_and_borders_are_read() {
        assert_eq!(colour("#3af"), Ok(Colour::rgb(51, 170, 255)));
        assert_eq!(colour("rgb(1, 2,3)"), Ok(Colour::rgb(1, 2, 3)));
        assert!(colour("#ggg").is_err());
        assert!(colour("mauve").is_err());
        let border = Border::try_from("2pt solid #112233".to_owned()).unwrap();
        assert_eq!(border, Border { width: 2.0, colour: Colour::rgb(0x11, 0x22, 0x33) });
    }
}
