//! Pages of marks to PDF/A-2b. No random ids and no time but the record's: krilla derives the
//! document's id from its content.

use super::font::Letters;
use crate::base::error::Error;
use chrono::{DateTime, Datelike as _, Timelike as _, Utc};
use krilla::{
    Document, SerializeSettings,
    color::rgb,
    configure::{Archival, ConfigurationBuilder},
    geom::{PathBuilder, Point, Rect},
    metadata::{self, Metadata},
    num::NormalizedF32,
    page::PageSettings,
    paint::{Fill, FillRule},
    surface::Surface,
    text::{Font, GlyphId, KrillaGlyph},
};

/// A4 in points.
pub(super) const PAPER: (f32, f32) = (595.28, 841.89);

/// Something drawn, placed from the page's top left corner in points.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mark {
    /// A line of text; `y` is its baseline.
    Text { x: f32, y: f32, size: f32, bold: bool, colour: [u8; 3], text: String },
    /// A filled rectangle.
    Box { x: f32, y: f32, width: f32, height: f32, colour: [u8; 3] },
}

/// The document's bytes.
pub(super) fn write(
    title: &str,
    at: Option<DateTime<Utc>>,
    pages: &[Vec<Mark>],
    letters: &Letters,
) -> Result<Vec<u8>, Error> {
    let bad = |why: String| Error::harness("can't write the PDF report").cause(why);
    let weights = [dejavu::SANS, dejavu::SANS_BOLD].map(|bytes| Font::new(bytes.into(), 0));
    let [Some(regular), Some(bold)] = weights else {
        return Err(bad("the built-in fonts can't be read".to_owned()));
    };
    let archival = ConfigurationBuilder::new().with_archival_validator(Archival::A2_B).finish();
    let settings = SerializeSettings {
        enable_tagging: false,
        configuration: archival.map_err(|e| bad(format!("{e:?}")))?,
        ..SerializeSettings::default()
    };
    let mut document = Document::new_with(settings);
    let mut about =
        Metadata::new().title(title.to_owned()).language("en".to_owned()).producer("pulp-drill".to_owned());
    if let Some(at) = at {
        about = about.creation_date(date(at));
    }
    document.set_metadata(about);
    for marks in pages {
        let paper = PageSettings::from_wh(PAPER.0, PAPER.1).ok_or_else(|| bad("no paper".to_owned()))?;
        let mut page = document.start_page_with(paper);
        let mut surface = page.surface();
        marks.iter().for_each(|mark| draw(&mut surface, mark, letters, [&regular, &bold]));
        surface.finish();
        page.finish();
    }
    document.finish().map_err(|error| bad(format!("{error:?}")))
}

fn draw(surface: &mut Surface<'_>, mark: &Mark, letters: &Letters, [regular, bold]: [&Font; 2]) {
    match mark {
        Mark::Text { x, y, size, bold: heavy, colour, text } => {
            surface.set_fill(Some(solid(*colour)));
            let glyph = |(at, c): (usize, char)| {
                let (glyph, advance) = letters.glyph(c, *heavy);
                let range = at..at + c.len_utf8();
                KrillaGlyph::new(GlyphId::new(u32::from(glyph)), advance, 0.0, 0.0, 0.0, range, None)
            };
            let glyphs: Vec<_> = text.char_indices().map(glyph).collect();
            let font = if *heavy { bold } else { regular };
            surface.draw_glyphs(Point::from_xy(*x, *y), &glyphs, font.clone(), text, *size, false);
        }
        Mark::Box { x, y, width, height, colour } => {
            surface.set_fill(Some(solid(*colour)));
            let mut path = PathBuilder::new();
            if let Some(rect) = Rect::from_xywh(*x, *y, *width, *height) {
                path.push_rect(rect);
            }
            if let Some(path) = path.finish() {
                surface.draw_path(&path);
            }
        }
    }
}

fn solid([red, green, blue]: [u8; 3]) -> Fill {
    Fill {
        paint: rgb::Color::new(red, green, blue).into(),
        opacity: NormalizedF32::ONE,
        rule: FillRule::default(),
    }
}

/// PDF has four digits for the year.
fn date(at: DateTime<Utc>) -> metadata::DateTime {
    let small = |n: u32| u8::try_from(n).unwrap_or(0);
    metadata::DateTime::new(u16::try_from(at.year()).unwrap_or(0).min(9999))
        .month(small(at.month()))
        .day(small(at.day()))
        .hour(small(at.hour()))
        .minute(small(at.minute()))
        .second(small(at.second()))
        .utc_offset_hour(0)
        .utc_offset_minute(0)
}
