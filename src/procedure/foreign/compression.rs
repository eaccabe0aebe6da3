//! Compressed streams: recognised by their first bytes, never by a file's name, and read as what
//! they hold.

use crate::base::error::{Error, ErrorContext as _};
use flate2::bufread::MultiGzDecoder;
use std::io::{BufRead, Read};

/// The most memory that an xz stream may ask for, in bytes: `xz -9` needs 65 MiB.
const XZ_MEMORY: u64 = 512 << 20;

/// How a stream is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip (RFC 1952).
    Gzip,
    /// Zstandard (RFC 8878).
    Zstd,
    /// xz (the .xz file format 1.2).
    Xz,
    /// LZ4 frames.
    Lz4,
    /// bzip2.
    Bzip2,
}

impl Compression {
    /// The compression that a stream's first six bytes announce.
    pub fn of(start: &[u8]) -> Self {
        const MAGIC: [(&[u8], Compression); 5] = [
            (&[0x1f, 0x8b], Compression::Gzip),
            (&[0x28, 0xb5, 0x2f, 0xfd], Compression::Zstd),
            (&[0xfd, b'7', b'z', b'X', b'Z', 0], Compression::Xz),
            (&[0x04, 0x22, 0x4d, 0x18], Compression::Lz4),
            (b"BZh", Compression::Bzip2),
        ];
        MAGIC.iter().find(|(magic, _)| start.starts_with(magic)).map_or(Self::None, |(_, found)| *found)
    }

    /// The usual name: `zstd`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "no compression",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Lz4 => "lz4",
            Self::Bzip2 => "bzip2",
        }
    }

    /// The uncompressed stream, several compressed ones after each other included (`pigz`, `pbzip2` and
    /// appended archives write them). A stream that is cut off or damaged fails when it is read.
    ///
    /// # Errors
    /// The decoder can't be set up.
    pub fn reader<'a>(self, from: impl BufRead + 'a) -> Result<Box<dyn Read + 'a>, Error> {
        let context = || format!("can't read a {} stream", self.name());
        Ok(match self {
            Self::None => Box::new(from),
            Self::Gzip => Box::new(MultiGzDecoder::new(from)),
            Self::Zstd => Box::new(zstd::Decoder::with_buffer(from).or_environment(context)?),
            Self::Xz => {
                let flags = liblzma::stream::CONCATENATED;
                let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, flags);
                let stream = stream.or_environment(context)?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(from, stream))
            }
            Self::Lz4 => {
                let source = Tail { inner: from, last: [0; 8] };
                Box::new(Lz4Frames { decoder: lz4_flex::frame::FrameDecoder::new(source) })
            }
            Self::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(from)),
        })
    }
}

/// LZ4 frames after each other. The decoder takes the end of the input for the end of a frame wherever
/// it comes between two blocks, so the end mark is checked here (LZ4 frame format, "EndMark").
struct Lz4Frames<R: BufRead> {
    decoder: lz4_flex::frame::FrameDecoder<Tail<R>>,
}

impl<R: BufRead> Read for Lz4Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let read = self.decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let source = self.decoder.get_mut();
            if source.fill_buf()?.is_empty() {
                // Four zeros, and a checksum of four bytes behind them where the frame has one.
                return match source.last[..4] == [0; 4] || source.last[4..] == [0; 4] {
                    true => Ok(0),
                    false => Err(std::io::Error::new(
                        std::io::ErrorKind::UnexpectedEof,
                        "the lz4 stream has no end mark",
                    )),
                };
            }
        }
    }
}

/// A reader that remembers the last eight bytes that were read.
struct Tail<R> {
    inner: R,
    last: [u8; 8],
}

impl<R: BufRead> Read for Tail<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let mut available = self.fill_buf()?;
        let read = available.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Tail<R> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        if let Ok(available) = self.inner.fill_buf() {
            let read = &available[amount.saturating_sub(8)..amount];
            self.last.rotate_left(read.len());
            self.last[8 - read.len()..].copy_from_slice(read);
        }
        self.inner.consume(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    /// What each format's own writer makes of a text.
    fn packed(compression: Compression, text: &[u8]) -> Vec<u8> {
        match compression {
            Compression::None => text.to_vec(),
            Compression::Gzip => {
                let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
                writer.write_all(text).unwrap();
                writer.finish().unwrap()
            }
            Compression::Zstd => zstd::encode_all(text, 3).unwrap(),
            Compression::Xz => {
                let mut writer = liblzma::write::XzEncoder::new(Vec::new(), 1);
                writer.write_all(text).unwrap();
                writer.finish().unwrap()
            }
            Compression::Lz4 => {
                let mut writer = lz4_flex::frame::FrameEncoder::new(Vec::new());
                writer.write_all(text).unwrap();
                writer.finish().unwrap()
            }
            Compression::Bzip2 => {
                let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
                writer.write_all(text).unwrap();
                writer.finish().unwrap()
            }
        }
    }

    const ALL: [Compression; 6] = [
        Compression::None,
        Compression::Gzip,
        Compression::Zstd,
        Compression::Xz,
        Compression::Lz4,
        Compression::Bzip2,
    ];

    fn unpacked(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
        let mut text = Vec::new();
        Compression::of(bytes).reader(bytes).unwrap().read_to_end(&mut text)?;
        Ok(text)
    }

    #[test]
    fn every_format_is_recognised_and_read_also_as_several_streams() {
        let text: Vec<u8> = (0..30_000_u32).flat_map(|n| (n % 251).to_le_bytes()).collect();
        for compression in ALL {
            let bytes = packed(compression, &text);
            assert_eq!(Compression::of(&bytes), compression);
            assert!(unpacked(&bytes).unwrap() == text, "{}", compression.name());
            let twice = [bytes.clone(), bytes].concat();
            assert!(unpacked(&twice).unwrap() == [&text[..], &text].concat(), "{} twice", compression.name());
        }
    }

    #[test]
    fn a_stream_that_is_cut_off_is_an_error() {
        let text: Vec<u8> =
            (0..20_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        for compression in &ALL[1..] {
            let bytes = packed(*compression, &text);
            for cut in [bytes.len() / 2, bytes.len() - 5, bytes.len() - 1] {
                assert!(unpacked(&bytes[..cut]).is_err(), "{} cut at {cut}", compression.name());
            }
        }
    }
}
