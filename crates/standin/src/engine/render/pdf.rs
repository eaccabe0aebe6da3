//! Pages of marks to PDF bytes. No dates and no random ids: krilla derives the document's id from
//! its content.

use super::{RenderError, font::Fonts, layout::Mark};
use krilla::{
    Document, SerializeSettings,
    color::rgb,
    geom::{PathBuilder, Point, Rect, Size, Transform},
    image::Image,
    metadata::Metadata,
    num::NormalizedF32,
    page::PageSettings,
    paint::{Fill, FillRule, Stroke, StrokeDash},
    surface::Surface,
    text::{Font, GlyphId, KrillaGlyph},
};
use std::collections::BTreeMap;

/// Points from the corner of the page beyond which nothing is drawn.
const FURTHEST: f32 = 30_000.0;

/// Everything there is to write.
pub(crate) struct Pages<'a> {
    /// The document's title.
    pub(crate) title: &'a str,
    /// Width and height in points.
    pub(crate) size: (f32, f32),
    /// Marks of each page, from its top left corner.
    pub(crate) pages: Vec<Vec<Mark>>,
    /// Images by storage key.
    pub(crate) images: &'a BTreeMap<String, Image>,
    /// To choose glyphs with.
    pub(crate) fonts: &'a Fonts,
}

impl Pages<'_> {
    /// The document's bytes.
    pub(crate) fn write(self) -> Result<Vec<u8>, RenderError> {
        let bad = |message: &str| RenderError { message: message.to_owned(), code: None, path: None };
        let weights = [dejavu::SANS, dejavu::SANS_BOLD].map(|bytes| Font::new(bytes.into(), 0));
        let [Some(regular), Some(bold)] = weights else {
            return Err(bad("the built-in fonts can't be read"));
        };
        let settings = SerializeSettings { enable_tagging: false, ..SerializeSettings::default() };
        let mut document = Document::new_with(settings);
        let metadata =
            Metadata::new().title(self.title.to_owned()).producer("pulp-drill stand-in".to_owned());
        document.set_metadata(metadata);
        for marks in &self.pages {
            let page =
                PageSettings::from_wh(self.size.0, self.size.1).ok_or_else(|| bad("the page has no size"))?;
            let mut page = document.start_page_with(page);
            let mut surface = page.surface();
            for mark in marks.iter().filter(|mark| can_be_seen(mark)) {
                self.draw(&mut surface, mark, [&regular, &bold]);
            }
            surface.finish();
            page.finish();
        }
        document.finish().map_err(|error| bad(&error.to_string()))
    }

    fn draw(&self, surface: &mut Surface<'_>, mark: &Mark, [regular, bold]: [&Font; 2]) {
        match mark {
            Mark::Text { x, y, size, bold: heavy, colour, text } => {
                surface.set_fill(Some(solid(*colour)));
                let font = if *heavy { bold } else { regular };
                let glyphs: Vec<_> = text
                    .char_indices()
                    .map(|(at, c)| {
                        let (glyph, advance) = self.fonts.glyph(c, *heavy);
                        let range = at..at + c.len_utf8();
                        KrillaGlyph::new(GlyphId::new(u32::from(glyph)), advance, 0.0, 0.0, 0.0, range, None)
                    })
                    .collect();
                surface.draw_glyphs(Point::from_xy(*x, *y), &glyphs, font.clone(), text, *size, false);
            }
            Mark::Fill { x, y, width, height, colour } => {
                surface.set_fill(Some(solid(*colour)));
                let mut path = PathBuilder::new();
                if let Some(rect) = Rect::from_xywh(*x, *y, *width, *height) {
                    path.push_rect(rect);
                }
                if let Some(path) = path.finish() {
                    surface.draw_path(&path);
                }
            }
            Mark::Dashes { x, y, width, thickness, dash, colour } => {
                let dash = Some(StrokeDash { array: dash.to_vec(), offset: 0.0 });
                surface.set_fill(None);
                surface.set_stroke(Some(Stroke {
                    paint: colour_of(*colour).into(),
                    width: *thickness,
                    dash,
                    ..Stroke::default()
                }));
                let mut path = PathBuilder::new();
                path.move_to(*x, *y);
                path.line_to(x + width, *y);
                if let Some(path) = path.finish() {
                    surface.draw_path(&path);
                }
                surface.set_stroke(None);
            }
            Mark::Image { x, y, width, height, key } => {
                if let (Some(image), Some(size)) = (self.images.get(&**key), Size::from_wh(*width, *height)) {
                    surface.push_transform(&Transform::from_translate(*x, *y));
                    surface.draw_image(image.clone(), size);
                    surface.pop();
                }
            }
        }
    }
}

/// Whether there is a point in drawing it. krilla gives up, and takes the process with it, where a
/// size is next to nothing or a place is out of all bounds.
fn can_be_seen(mark: &Mark) -> bool {
    let (x, y, width, height) = match mark {
        Mark::Text { x, y, size, .. } => (*x, *y, *size, *size),
        Mark::Fill { x, y, width, height, .. } | Mark::Image { x, y, width, height, .. } => {
            (*x, *y, *width, *height)
        }
        Mark::Dashes { x, y, width, thickness, .. } => (*x, *y, *width, *thickness),
    };
    let sizes = (0.01..FURTHEST).contains(&width) && (0.01..FURTHEST).contains(&height);
    sizes && x.abs() < FURTHEST && y.abs() < FURTHEST
}

fn colour_of([red, green, blue]: [u8; 3]) -> rgb::Color {
    rgb::Color::new(red, green, blue)
}

fn solid(colour: [u8; 3]) -> Fill {
    Fill { paint: colour_of(colour).into(), opacity: NormalizedF32::ONE, rule: FillRule::default() }
}
