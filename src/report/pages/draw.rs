//! From the bytes of a PDF to pixels. Foreign bytes are read on a thread with a stack of its own,
//! with panics caught and an end to the waiting.

use crate::report::pages::raster::{DrawnPage, DrawnPages, PATIENCE, Placed, Raster, too_long};
use hayro::{
    PixmapSettings, RenderCache, RenderSettings,
    hayro_interpret::{
        BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache,
        InterpreterSettings, SoftMask, TransformExt as _, font::GlyphRun, hayro_cmap::BfString,
        interpret_page,
    },
    hayro_syntax::{Pdf, page::Page},
    kurbo::{BezPath, Point, Rect},
    vello_cpu::{Pixmap, color::palette::css::WHITE},
};
use std::{
    panic::{self, AssertUnwindSafe},
    sync::mpsc,
    thread,
    time::Duration,
};

/// The widest and highest picture, in pixels: enough to read a page's larger text.
const WIDEST: f32 = 460.0;
const HIGHEST: f32 = 680.0;

/// Pages beyond are not drawn.
const MOST_PAGES: usize = 12;

/// Glyphs and pictures of a page beyond are not recorded.
const MOST_PLACED: usize = 100_000;

/// Forms may nest deeply, and unoptimised builds need much room for each.
const STACK: usize = 256 << 20;

/// Draws the first pages. An error is a fragment that says what the document does.
pub fn pages(bytes: Vec<u8>) -> Result<DrawnPages, String> {
    guarded(PATIENCE, move || {
        let pdf = Pdf::new(bytes).map_err(|_| "can't be read by the program that draws".to_owned())?;
        let pages = pdf.pages();
        let (cache, interpreted) = (RenderCache::new(), InterpreterCache::new());
        let settings = InterpreterSettings::default();
        let mut drawn = Vec::new();
        for page in pages.iter().take(MOST_PAGES) {
            let (width, height) = page.render_dimensions();
            let scale = (WIDEST / width).min(HIGHEST / height);
            let fits = |side: f32| side.is_finite() && side > 0.0 && side * scale >= 1.0;
            if !fits(width) || !fits(height) {
                return Err(format!("has a page of {width} by {height} points, which can't be drawn"));
            }
            let size = PixmapSettings { x_scale: scale, y_scale: scale, bg_color: WHITE };
            let pixmap = hayro::render(page, &cache, &settings, &RenderSettings::default(), &size);
            drawn.push(DrawnPage { raster: raster(&pixmap), placed: placed(page, &interpreted, &settings) });
        }
        match drawn.is_empty() {
            true => Err("has no page".to_owned()),
            false => Ok(DrawnPages { drawn, count: pages.len() }),
        }
    })
}

/// What is on a page, and where.
fn placed<'a>(
    page: &'a Page<'a>,
    cache: &InterpreterCache<'a>,
    settings: &InterpreterSettings,
) -> Vec<Placed> {
    let (width, height) = page.render_dimensions();
    let whole = Rect::new(0.0, 0.0, f64::from(width), f64::from(height));
    let upright = page.initial_transform(true).to_kurbo();
    let mut context = Context::new(upright, whole, cache, page.xref(), settings.clone());
    let mut places = Places::default();
    interpret_page(page, &mut context, &mut places);
    places.0
}

/// Records what is drawn instead of drawing it.
#[derive(Default)]
struct Places(Vec<Placed>);

impl Places {
    fn add(&mut self, what: String, Point { x, y }: Point) {
        if self.0.len() < MOST_PLACED {
            #[expect(clippy::cast_possible_truncation, reason = "points of a page")]
            self.0.push(Placed { what, x: x as f32, y: y as f32 });
        }
    }
}

impl<'a> Device<'a> for Places {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, _: &DrawMode) {
        for glyph in run.glyphs() {
            let what = match glyph.as_unicode() {
                Some(BfString::Char(char)) => char.to_string(),
                Some(BfString::String(text)) => text,
                None => format!("glyph {}", glyph.char_code()),
            };
            if !what.trim().is_empty() {
                self.add(what, props.transform * glyph.transform() * Point::ZERO);
            }
        }
    }

    fn draw_image(&mut self, image: Image<'a, '_>, props: ImageDrawProps<'a>) {
        let (width, height) = (f64::from(image.width()), f64::from(image.height()));
        for corner in [Point::ZERO, Point::new(width, height)] {
            self.add(format!("picture of {width}×{height} pixels"), props.transform * corner);
        }
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}

fn raster(pixmap: &Pixmap) -> Raster {
    let rgb = pixmap.data().iter().flat_map(|p| [p.r, p.g, p.b]).collect();
    Raster { width: pixmap.width(), height: pixmap.height(), rgb }
}

/// A picture as PNG.
pub fn png(raster: &Raster) -> Result<Vec<u8>, String> {
    let mut pixmap = Pixmap::new(raster.width, raster.height);
    for (to, from) in pixmap.data_as_u8_slice_mut().chunks_exact_mut(4).zip(raster.rgb.chunks_exact(3)) {
        to[..3].copy_from_slice(from);
        to[3] = u8::MAX;
    }
    pixmap.into_png().map_err(|error| format!("can't be written as PNG: {error}"))
}

/// Runs the work where it can do no harm.
fn guarded<T: Send + 'static>(
    patience: Duration,
    work: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let (sender, receiver) = mpsc::channel();
    let started = thread::Builder::new().name("pages".to_owned()).stack_size(STACK).spawn(move || {
        let broke = |_| Err("breaks the program that draws".to_owned());
        let result = panic::catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(broke);
        // Nobody listens once patience has run out.
        let _ = sender.send(result);
    });
    started.map_err(|error| format!("can't be drawn: no thread to draw it on: {error}"))?;
    match receiver.recv_timeout(patience) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => Err(too_long(patience)),
        Err(mpsc::RecvTimeoutError::Disconnected) => Err("breaks the program that draws".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_and_endless_work_are_told_in_words() {
        let panicked = guarded::<()>(PATIENCE, || panic::resume_unwind(Box::new("index out of range")));
        assert_eq!(panicked, Err("breaks the program that draws".to_owned()));
        let (_hold, never) = mpsc::channel::<()>();
        let endless = guarded::<()>(Duration::from_millis(20), move || {
            let _until_the_test_ends = never.recv();
            Ok(())
        });
        assert_eq!(endless, Err("takes more than 0 s to draw".to_owned()));
    }

    #[test]
    fn what_is_no_pdf_is_told_in_words() {
        assert!(pages(b"no PDF".to_vec()).is_err_and(|why| why.contains("can't be read")));
        assert!(pages(Vec::new()).is_err());
    }
}
