//! A stream's bytes without the filters that only determine their encoding (Flate, ASCII85,
//! ASCIIHex). Image codecs, and anything that does not decode to its last byte, are left as they are:
//! lopdf gives what it could get of damaged data, and damaged data must never pass for whole.

use crate::{load::Loaded, types::NotAPdf};
use lopdf::{DecompressError, Dictionary, Error, Object, Stream};
use std::borrow::Cow;

/// A filter's name and parameters.
pub(crate) type Filter<'a> = (&'a [u8], Option<&'a Object>);

/// Decoded as far as can be vouched for.
pub(crate) struct Decoded<'a> {
    /// The bytes.
    pub(crate) bytes: Cow<'a, [u8]>,
    /// The filters that are left, with their parameters.
    pub(crate) rest: Vec<Filter<'a>>,
}

/// The most bytes that all streams of a document may decode to.
pub(crate) const MOST_DECODED: usize = 512 << 20;

/// Whether every stream decodes to its last byte, as far as that can be determined: of images, whether
/// JPEG data has its start and its end.
pub(crate) fn all_decode(loaded: &Loaded) -> Result<(), NotAPdf> {
    let mut left = MOST_DECODED;
    for (id, object) in &loaded.document.objects {
        let Ok(stream) = object.as_stream() else { continue };
        if stream.dict.has_type(b"ObjStm") || stream.dict.has_type(b"XRef") {
            continue;
        }
        let decoded = decode(loaded, stream, left)?;
        left = left.saturating_sub(decoded.bytes.len());
        let damaged = match decoded.rest.first() {
            // Writers of nothing leave out even the checksum.
            Some((b"FlateDecode" | b"ASCII85Decode" | b"ASCIIHexDecode", _)) => !decoded.bytes.is_empty(),
            Some((b"DCTDecode", _)) => {
                let data = decoded.bytes.trim_ascii_end();
                !(data.starts_with(&[0xff, 0xd8]) && data.ends_with(&[0xff, 0xd9]))
            }
            Some(_) | None => false,
        };
        if damaged {
            return Err(NotAPdf::new(format!("object {} is a stream that does not decode", id.0)));
        }
    }
    Ok(())
}

/// Decodes a stream to no more than `limit` bytes.
pub(crate) fn decode<'a>(
    loaded: &'a Loaded,
    stream: &'a Stream,
    limit: usize,
) -> Result<Decoded<'a>, NotAPdf> {
    let mut filters = filters(loaded, &stream.dict)?;
    filters.reverse();
    let mut bytes = Cow::Borrowed(stream.content.as_slice());
    while let Some((name, parameters)) = filters.last() {
        let parameters = match parameters {
            Some(parameters) => direct(loaded, parameters)?,
            None => None,
        };
        let decoded = match *name {
            b"FlateDecode" => flate(&bytes, parameters, limit),
            b"ASCII85Decode" => ascii(&bytes, "ASCII85Decode", b"~>", limit),
            b"ASCIIHexDecode" => ascii(&bytes, "ASCIIHexDecode", b">", limit),
            _ => Ok(None),
        };
        match decoded {
            Ok(Some(decoded)) => bytes = Cow::Owned(decoded),
            Err(Error::Decompress(DecompressError::MemoryLimitExceeded { .. })) => return Err(too_large()),
            Ok(None) | Err(_) => break,
        }
        filters.pop();
    }
    if bytes.len() > limit {
        return Err(too_large());
    }
    filters.reverse();
    Ok(Decoded { bytes, rest: filters })
}

fn too_large() -> NotAPdf {
    NotAPdf::new("decompresses to more than 512 MB")
}

/// The filters in decoding order, each with its parameters (ISO 32000-1, table 5).
fn filters<'a>(loaded: &'a Loaded, dictionary: &'a Dictionary) -> Result<Vec<Filter<'a>>, NotAPdf> {
    let get = |key: &[u8]| dictionary.get(key).ok().map(|object| loaded.resolve(object)).transpose();
    let parameters = get(b"DecodeParms")?.map(|(_, object)| object);
    let names: &[Object] = match get(b"Filter")? {
        None | Some((_, Object::Null)) => &[],
        Some((_, Object::Array(names))) => names,
        Some((_, name)) => std::slice::from_ref(name),
    };
    let mut filters = Vec::new();
    for (i, name) in names.iter().enumerate().take(Stream::MAX_FILTERS) {
        let name = loaded.resolve(name)?.1.as_name();
        let name = name.map_err(|_| NotAPdf::new("has a stream filter that is no name"))?;
        let own = match parameters {
            Some(Object::Array(list)) => list.get(i),
            Some(object) if i == 0 => Some(object),
            Some(_) | None => None,
        };
        filters.push((name, own));
    }
    if names.len() > Stream::MAX_FILTERS {
        return Err(NotAPdf::new(format!("has a stream with {} filters", names.len())));
    }
    Ok(filters)
}

/// The parameters with their values in place of references, as lopdf wants them.
fn direct(loaded: &Loaded, parameters: &Object) -> Result<Option<Dictionary>, NotAPdf> {
    let (_, Object::Dictionary(parameters)) = loaded.resolve(parameters)? else { return Ok(None) };
    let mut direct = Dictionary::new();
    for (key, value) in parameters.iter() {
        direct.set(key.clone(), loaded.resolve(value)?.1.clone());
    }
    Ok(Some(direct))
}

fn apply(name: &str, parameters: Option<Dictionary>, bytes: &[u8], limit: usize) -> Result<Vec<u8>, Error> {
    let mut dictionary = Dictionary::new();
    dictionary.set("Filter", name);
    if let Some(parameters) = parameters {
        dictionary.set("DecodeParms", parameters);
    }
    Stream::new(dictionary, bytes.to_vec()).decompressed_content_with_limit(limit)
}

/// Inflates; only vouched for when header and checksum (RFC 1950) are right.
fn flate(bytes: &[u8], parameters: Option<Dictionary>, limit: usize) -> Result<Option<Vec<u8>>, Error> {
    let plain = apply("FlateDecode", None, bytes, limit)?;
    if !is_whole(bytes, &plain) {
        return Ok(None);
    }
    match parameters {
        Some(parameters) if has_predictor(&parameters) => {
            if !fills_rows(&parameters, plain.len()) {
                return Ok(None);
            }
            apply("FlateDecode", Some(parameters), bytes, limit).map(Some)
        }
        Some(_) | None => Ok(Some(plain)),
    }
}

fn has_predictor(parameters: &Dictionary) -> bool {
    parameters.get(b"Predictor").and_then(Object::as_i64).is_ok_and(|predictor| predictor > 1)
}

/// Whether the data is whole rows; a cut row would be dropped or repaired silently.
fn fills_rows(parameters: &Dictionary, length: usize) -> bool {
    let number = |key: &[u8], default: i64| {
        let value = parameters.get(key).and_then(Object::as_i64).unwrap_or(default);
        usize::try_from(value).ok().filter(|value| *value > 0)
    };
    let row = (|| {
        let bits = number(b"Columns", 1)?.checked_mul(number(b"Colors", 1)?)?;
        let row = bits.checked_mul(number(b"BitsPerComponent", 8)?)?.div_ceil(8);
        let predictor = number(b"Predictor", 1)?;
        if predictor >= 10 { row.checked_add(1) } else { Some(row) }
    })();
    row.is_some_and(|row| length.is_multiple_of(row))
}

fn is_whole(zlib: &[u8], plain: &[u8]) -> bool {
    let [method, flags, ..] = *zlib else { return false };
    let header = method & 0x0f == 8
        && method >> 4 <= 7
        && flags & 0x20 == 0
        && u16::from_be_bytes([method, flags]).is_multiple_of(31);
    let checksum = adler32(plain).to_be_bytes();
    // Some writers count the end-of-line before `endstream` in /Length.
    let ends: [&[u8]; 4] = [b"", b"\n", b"\r", b"\r\n"];
    header && ends.iter().any(|end| zlib.strip_suffix(*end).is_some_and(|data| data.ends_with(&checksum)))
}

fn adler32(bytes: &[u8]) -> u32 {
    let (mut a, mut b) = (1_u32, 0_u32);
    // 5552 is the most that can be summed before 32 bits overflow (RFC 1950).
    for chunk in bytes.chunks(5552) {
        for byte in chunk {
            a += u32::from(*byte);
            b += a;
        }
        a %= 65521;
        b %= 65521;
    }
    b << 16 | a
}

/// Decodes text forms; only trusted when the end mark is present, once and last.
fn ascii(bytes: &[u8], name: &str, end: &[u8], limit: usize) -> Result<Option<Vec<u8>>, Error> {
    let text = bytes.trim_ascii_end();
    match text.strip_suffix(end) {
        Some(body) if !body.contains(&end[0]) => apply(name, None, text, limit).map(Some),
        Some(_) | None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adler32_of_the_published_vector() {
        assert_eq!(adler32(b"Wikipedia"), 0x11E6_0398);
    }

    #[test]
    fn a_wrong_checksum_or_header_is_not_vouched_for() {
        let mut stream = Stream::new(Dictionary::new(), b"the same line, over and over. ".repeat(50));
        stream.compress().unwrap();
        let whole = stream.content;
        assert!(flate(&whole, None, 1 << 20).unwrap().is_some());
        for at in [0, 1, whole.len() / 2, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x10;
            assert!(flate(&damaged, None, 1 << 20).unwrap().is_none(), "byte {at}");
        }
        assert!(flate(&whole[..whole.len() - 6], None, 1 << 20).unwrap().is_none());
    }

    #[test]
    fn text_forms_need_their_end_mark() {
        assert_eq!(ascii(b"68 69>\n", "ASCIIHexDecode", b">", 99).unwrap().unwrap(), b"hi");
        assert!(ascii(b"6869", "ASCIIHexDecode", b">", 99).unwrap().is_none());
        assert!(ascii(b"68>69>", "ASCIIHexDecode", b">", 99).unwrap().is_none());
    }

    #[test]
    fn rows_of_a_predictor_are_whole() {
        let of = |entries: &[(&str, i64)]| {
            entries.iter().map(|(key, value)| (key.as_bytes().to_vec(), Object::Integer(*value))).collect()
        };
        let tiff: Dictionary = of(&[("Predictor", 2), ("Columns", 4), ("Colors", 3)]);
        assert!(fills_rows(&tiff, 24) && !fills_rows(&tiff, 23) && !fills_rows(&tiff, 26));
        // PNG's rows begin with a byte that names the filter, from predictor 10 on.
        let png: Dictionary = of(&[("Predictor", 10), ("Columns", 4)]);
        assert!(fills_rows(&png, 10) && !fills_rows(&png, 8));
        let below: Dictionary = of(&[("Predictor", 9), ("Columns", 4)]);
        assert!(fills_rows(&below, 8) && !fills_rows(&below, 10));
        let bits: Dictionary = of(&[("Predictor", 2), ("Columns", 9), ("BitsPerComponent", 1)]);
        assert!(fills_rows(&bits, 4) && !fills_rows(&bits, 3));
        for columns in [0, -4] {
            assert!(!fills_rows(&of(&[("Columns", columns)]), 8), "{columns}");
        }
        let has = |predictor: i64| has_predictor(&of(&[("Predictor", predictor)]));
        assert_eq!([0, 1, 2, 12].map(has), [false, false, true, true]);
        assert!(!has_predictor(&Dictionary::new()));
    }

    #[test]
    fn a_predictor_is_undone_and_a_cut_row_is_not_vouched_for() {
        let compressed = |bytes: &[u8]| {
            let mut stream = Stream::new(Dictionary::new(), bytes.to_vec());
            stream.compress().unwrap();
            assert!(stream.dict.has(b"Filter"), "it was compressed");
            stream.content
        };
        let parameters = |predictor: i64| {
            let mut parameters = Dictionary::new();
            parameters.set("Predictor", predictor);
            parameters.set("Columns", 2);
            Some(parameters)
        };
        // Filter 1 adds the byte before: 1 1 becomes 1 2.
        let rows = [1, 1, 1].repeat(80);
        let plain = flate(&compressed(&rows), parameters(12), 1 << 20).unwrap();
        assert_eq!(plain.unwrap(), [1, 2].repeat(80));
        assert_eq!(flate(&compressed(&rows), parameters(1), 1 << 20).unwrap().unwrap(), rows);
        assert!(flate(&compressed(&rows[1..]), parameters(12), 1 << 20).unwrap().is_none());
    }

    #[test]
    fn filters_have_their_parameters_and_an_end() {
        let loaded = Loaded { document: lopdf::Document::new() };
        let name = |text: &str| Object::Name(text.as_bytes().to_vec());
        let predictor = |value: i64| {
            let mut parameters = Dictionary::new();
            parameters.set("Predictor", value);
            Object::Dictionary(parameters)
        };
        let of = |filter: Object, parameters: Option<Object>| {
            let mut dictionary = Dictionary::new();
            dictionary.set("Filter", filter);
            parameters.into_iter().for_each(|parameters| dictionary.set("DecodeParms", parameters));
            let found = filters(&loaded, &dictionary)?;
            Ok::<_, NotAPdf>(found.iter().map(|(_, own)| own.is_some()).collect::<Vec<_>>())
        };
        let two = || Object::Array(vec![name("ASCIIHexDecode"), name("FlateDecode")]);
        assert_eq!(of(two(), None).unwrap(), [false, false]);
        assert_eq!(of(two(), Some(predictor(12))).unwrap(), [true, false]);
        let listed = Object::Array(vec![Object::Null, predictor(12)]);
        assert_eq!(of(two(), Some(listed)).unwrap(), [true, true]);
        let many = |count: usize| Object::Array(vec![name("FlateDecode"); count]);
        assert_eq!(of(many(Stream::MAX_FILTERS), None).unwrap().len(), Stream::MAX_FILTERS);
        assert!(of(many(Stream::MAX_FILTERS + 1), None).is_err());
        assert!(of(Object::Integer(1), None).is_err());
        let resolved = direct(&loaded, &predictor(12)).unwrap().unwrap();
        assert!(has_predictor(&resolved));
        assert!(direct(&loaded, &Object::Null).unwrap().is_none());
    }
}
