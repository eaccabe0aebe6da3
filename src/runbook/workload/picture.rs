//! Small pictures: valid PNGs (W3C, "Portable Network Graphics", third edition) of eight by eight
//! pixels, uncompressed, so that all of them have the same size.

/// Width and height.
const SIDE: usize = 8;

/// Bytes of a line: its filter's number, then red, green and blue of each pixel.
const LINE: usize = 1 + 3 * SIDE;

/// Bytes of all pixels.
pub const PIXELS: usize = 3 * SIDE * SIDE;

/// A PNG of these pixels.
pub fn png(pixels: &[u8; PIXELS]) -> Vec<u8> {
    let mut raw = Vec::with_capacity(LINE * SIDE);
    for line in pixels.chunks(3 * SIDE) {
        raw.push(0);
        raw.extend_from_slice(line);
    }
    let side = (SIDE as u32).to_be_bytes();
    // Eight bits a channel, red, green and blue, no interlacing.
    let header = [&side[..], &side, &[8, 2, 0, 0, 0]].concat();
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in [(b"IHDR", header), (b"IDAT", stored(&raw)), (b"IEND", Vec::new())] {
        png.extend((data.len() as u32).to_be_bytes());
        let body = [&name[..], &data].concat();
        png.extend_from_slice(&body);
        png.extend(crc(&body).to_be_bytes());
    }
    png
}

/// A zlib stream of one stored block (RFC 1950, RFC 1951, 3.2.4).
fn stored(raw: &[u8]) -> Vec<u8> {
    let length = raw.len() as u16;
    let mut stream = vec![0x78, 0x01, 0x01];
    stream.extend(length.to_le_bytes());
    stream.extend((!length).to_le_bytes());
    stream.extend_from_slice(raw);
    let (a, b) = raw.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    stream.extend((b << 16 | a).to_be_bytes());
    stream
}

/// CRC-32 as PNG wants it (annex D).
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| {
                if crc & 1 == 1 { 0xEDB8_8320 ^ (crc >> 1) } else { crc >> 1 }
            },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn the_picture_is_a_picture() {
        let png = png(&[7; PIXELS]);
        let size = imagesize::blob_size(&png).unwrap();
        assert_eq!((size.width, size.height), (SIDE, SIDE));
        let mut raw = Vec::new();
        let at = png.windows(4).position(|four| four == b"IDAT").unwrap() + 4;
        flate2::read::ZlibDecoder::new(&png[at..]).read_to_end(&mut raw).unwrap();
        assert_eq!(raw.len(), LINE * SIDE);
        // Known from any PNG: its last chunk.
        assert!(png.ends_with(b"IEND\xae\x42\x60\x82"));
    }
}
