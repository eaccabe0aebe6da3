//! Bytes to images that are known to decode. No image that is broken, hostile in size or not of a
//! kind that a PDF takes gets past here, and no panic of a decoder does.

use krilla::{Document, geom::Size, image::Image, page::PageSettings};
use std::panic::{AssertUnwindSafe, catch_unwind};
use zune_jpeg::{JpegDecoder, zune_core::bytestream::ZCursor, zune_core::options::DecoderOptions};

/// Pixels of one image.
const MOST_PIXELS: u64 = 40_000_000;

/// Decodes a PNG or JPEG whole.
///
/// # Errors
/// Why it can't be drawn.
pub(crate) fn read(bytes: &[u8]) -> Result<Image, String> {
    // Decoders read foreign bytes: should one of them panic, it is that image that is at fault.
    catch_unwind(AssertUnwindSafe(|| decode(bytes)))
        .unwrap_or_else(|_| Err("the decoder gave up on it".into()))
}

fn decode(bytes: &[u8]) -> Result<Image, String> {
    let data = krilla::Data::from(bytes.to_vec());
    let image = if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        let image = within_bounds(Image::from_png(data, false)?)?;
        draw(&image)?;
        image
    } else if bytes.starts_with(&[0xff, 0xd8]) {
        let image = within_bounds(Image::from_jpeg(data, false)?)?;
        // A PDF contains JPEG bytes unchanged: only this place checks whether they decode.
        let options = DecoderOptions::default().set_strict_mode(true);
        JpegDecoder::new_with_options(ZCursor::new(bytes), options).decode().map_err(|e| e.to_string())?;
        if !bytes.windows(2).any(|pair| pair == [0xff, 0xd9]) {
            return Err("the JPEG has no end".to_owned());
        }
        image
    } else {
        return Err("it is neither PNG nor JPEG".to_owned());
    };
    Ok(image)
}

fn within_bounds(image: Image) -> Result<Image, String> {
    let (width, height) = image.size();
    let pixels = u64::from(width) * u64::from(height);
    match pixels > 0 && pixels <= MOST_PIXELS {
        true => Ok(image),
        false => Err(format!("{width} by {height} pixels are too many or none")),
    }
}

/// Pixels are decoded when a document is finished: a small one tells.
fn draw(image: &Image) -> Result<(), String> {
    let mut document = Document::new();
    let settings = PageSettings::from_wh(10.0, 10.0).ok_or("no page")?;
    let mut page = document.start_page_with(settings);
    let mut surface = page.surface();
    surface.draw_image(image.clone(), Size::from_wh(1.0, 1.0).ok_or("no size")?);
    surface.finish();
    page.finish();
    document.finish().map(drop).map_err(|error| match error {
        krilla::error::KrillaError::Image(_, _, message) => message,
        other => other.to_string(),
    })
}
