//! Small images: PNGs of eight by eight pixels, uncompressed, so that all of them have the same size.

use png::{BitDepth, ColorType, Compression, Encoder, Filter};

/// Width and height.
const SIDE: u32 = 8;

/// Bytes of all pixels: red, green and blue of each.
pub const PIXELS: usize = 3 * (SIDE * SIDE) as usize;

/// A PNG of these pixels.
pub fn png(pixels: &[u8; PIXELS]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, SIDE, SIDE);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::NoCompression);
    encoder.set_filter(Filter::NoFilter);
    encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(pixels).and_then(|()| writer.finish()))
        .expect("memory takes an image of this size");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_images_are_readable_and_have_one_size() {
        let images = [[7; PIXELS], std::array::from_fn(|i| i as u8)].map(|pixels| png(&pixels));
        for image in &images {
            let size = imagesize::blob_size(image).unwrap();
            assert_eq!((size.width, size.height), (SIDE as usize, SIDE as usize));
        }
        assert_eq!(images[0].len(), images[1].len());
        assert_ne!(images[0], images[1]);
    }
}
