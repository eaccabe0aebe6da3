//! The text properties that children inherit from their parents.

use crate::engine::render::style::{Align, Colour, Style, Transform};

/// Text properties with everything resolved.
#[derive(Clone, Debug)]
pub(crate) struct TextStyle {
    /// Points.
    pub(crate) size: f32,
    /// Heavy or not.
    pub(crate) bold: bool,
    /// Height of a line in multiples of the size.
    pub(crate) leading: f32,
    /// Alignment of lines.
    pub(crate) align: Align,
    /// Of the letters.
    pub(crate) colour: Colour,
    /// How the letters are changed.
    pub(crate) transform: Transform,
}

impl Default for TextStyle {
    fn default() -> Self {
        let colour = Colour::rgb(0x1f, 0x29, 0x33);
        Self { size: 10.0, bold: false, leading: 1.4, align: Align::Left, colour, transform: Transform::None }
    }
}

impl TextStyle {
    /// With the properties of a style applied to it.
    pub(crate) fn with(&self, style: &Style) -> Self {
        let size = style.font_size.and_then(|size| size.points(self.size, self.size));
        let size = size.unwrap_or(self.size).clamp(1.0, 400.0);
        Self {
            size,
            bold: style.font_weight.map_or(self.bold, |weight| weight.bold),
            leading: style
                .line_height
                .as_deref()
                .and_then(|text| leading(text, size))
                .unwrap_or(self.leading),
            align: style.text_align.unwrap_or(self.align),
            colour: style.color.unwrap_or(self.colour),
            transform: style.text_transform.unwrap_or(self.transform),
        }
    }

    /// Where a line starts that leaves `spare` points free.
    pub(crate) fn offset(&self, spare: f32) -> f32 {
        match self.align {
            Align::Left | Align::Justify => 0.0,
            Align::Center => spare / 2.0,
            Align::Right => spare,
        }
    }

    /// The text as it is drawn.
    pub(crate) fn transformed(&self, text: &str) -> String {
        match self.transform {
            Transform::None => text.to_owned(),
            Transform::Uppercase => text.to_uppercase(),
            Transform::Lowercase => text.to_lowercase(),
            Transform::Capitalize => {
                let mut start = true;
                let letters = text.chars().flat_map(|c| {
                    let upper = std::mem::replace(&mut start, c.is_whitespace());
                    if upper { c.to_uppercase().collect::<Vec<_>>() } else { vec![c] }
                });
                letters.collect()
            }
        }
    }
}

/// `1.5`, `150%` or `18pt` as a multiple of the size.
fn leading(text: &str, size: f32) -> Option<f32> {
    use crate::engine::render::style::Length;
    let multiple = match text.trim().parse::<f32>() {
        Ok(multiple) => multiple,
        Err(_) => Length::try_from(text.to_owned()).ok()?.points(size, size)? / size,
    };
    Some(multiple.clamp(0.5, 10.0))
}
