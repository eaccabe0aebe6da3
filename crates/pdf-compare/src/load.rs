//! From bytes to a parsed document: the outline of the file first, then lopdf in its strict mode.
//! Repairs nothing, decides nothing about sameness.

use crate::{guard::LimitExceeded, types::NotAPdf};
use lopdf::{Dictionary, Document, Error, LoadOptions, Object, ObjectId, xref::XrefEntry};
use std::{cell::Cell, panic};

/// The most bytes a file may have.
const LARGEST_FILE: usize = 256 << 20;
/// The most one object or cross-reference stream may hold: writers put some hundred objects into one.
const LARGEST_OBJECT_STREAM: usize = 8 << 20;
/// The most values (numbers, names, entries…) a document may hold; one takes about 100 bytes.
const MOST_VALUES: usize = 4 << 20;
/// The most bytes all objects may have together, each counted as often as the file has it read.
const MOST_BYTES: usize = 1 << 30;
/// References that lead to references; real files have none.
const LONGEST_CHAIN: usize = 32;

thread_local! {
    /// What the reading on this thread may still take: values and bytes. lopdf's filter is a plain
    /// function, so there is no other place to keep the account.
    static LEFT: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

/// A parsed document.
pub(crate) struct Loaded {
    /// As lopdf has it.
    pub(crate) document: Document,
}

impl Loaded {
    /// Parses. To be called under `guard::guarded`.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, NotAPdf> {
        Self::read_within(bytes, MOST_VALUES, MOST_BYTES)
    }

    /// Parses within given limits, for tests.
    pub(crate) fn read_within(bytes: &[u8], values: usize, size: usize) -> Result<Self, NotAPdf> {
        outline(bytes)?;
        refuse_swarms(bytes)?;
        refuse_encrypted(bytes)?;
        LEFT.set((values, size));
        let options = LoadOptions {
            strict: true,
            filter: Some(charge),
            max_decompressed_size: Some(LARGEST_OBJECT_STREAM),
            ..LoadOptions::default()
        };
        let document = Document::load_mem_with_options(bytes, options).map_err(|e| refused(&e))?;
        if document.is_encrypted() || document.was_encrypted() || document.trailer.has(b"Encrypt") {
            return Err(encrypted());
        }
        Ok(Self { document })
    }

    /// The object behind references, with its number. What the file does not list is null
    /// (ISO 32000-1, 7.3.10); what it lists and does not hold is damage.
    pub(crate) fn resolve<'a>(
        &'a self,
        object: &'a Object,
    ) -> Result<(Option<ObjectId>, &'a Object), NotAPdf> {
        let (mut id, mut object) = (None, object);
        for _ in 0..LONGEST_CHAIN {
            let Object::Reference(next) = object else { return Ok((id, object)) };
            id = Some(*next);
            object = match self.document.objects.get(next) {
                Some(object) => object,
                None if self.is_listed(*next) => {
                    return Err(NotAPdf::new(format!(
                        "object {} is listed but not at the listed offset",
                        next.0
                    )));
                }
                None => return Ok((id, &Object::Null)),
            };
        }
        Err(NotAPdf::new(format!("references in a circle at object {}", id.map_or(0, |id| id.0))))
    }

    /// The dictionary under a key, behind references.
    pub(crate) fn dictionary<'a>(
        &'a self,
        parent: &'a Dictionary,
        key: &str,
    ) -> Result<Option<(Option<ObjectId>, &'a Dictionary)>, NotAPdf> {
        let Ok(object) = parent.get(key.as_bytes()) else { return Ok(None) };
        let (id, object) = self.resolve(object)?;
        Ok(object.as_dict().ok().map(|dictionary| (id, dictionary)))
    }

    fn is_listed(&self, id: ObjectId) -> bool {
        match self.document.reference_table.get(id.0) {
            Some(XrefEntry::Normal { generation, .. }) => *generation == id.1,
            Some(XrefEntry::Compressed { .. }) => id.1 == 0,
            Some(XrefEntry::Free | XrefEntry::UnusableFree) | None => false,
        }
    }
}

/// The sizes in pixels of all pictures but those that are another's mask.
pub(crate) fn picture_sizes(loaded: &Loaded) -> Vec<(usize, usize)> {
    let pictures = || {
        loaded.document.objects.iter().filter_map(|(id, object)| {
            let dict = &object.as_stream().ok()?.dict;
            (dict.get(b"Subtype").ok()?.as_name().ok()? == b"Image").then_some((*id, dict))
        })
    };
    let mask = |dict: &lopdf::Dictionary| {
        let of = |name: &[u8]| dict.get(name).ok()?.as_reference().ok();
        [of(b"SMask"), of(b"Mask")].into_iter().flatten().collect::<Vec<_>>()
    };
    let masks: std::collections::BTreeSet<_> = pictures().flat_map(|(_, dict)| mask(dict)).collect();
    let side = |dict: &lopdf::Dictionary, name: &[u8]| {
        usize::try_from(loaded.resolve(dict.get(name).ok()?).ok()?.1.as_i64().ok()?).ok()
    };
    pictures()
        .filter(|(id, _)| !masks.contains(id))
        .filter_map(|(_, dict)| Some((side(dict, b"Width")?, side(dict, b"Height")?)))
        .collect()
}

/// What can be checked without parsing: the size, the header, `%%EOF` at the end and a `startxref` that
/// points at a cross-reference.
pub(crate) fn outline(bytes: &[u8]) -> Result<(), NotAPdf> {
    if bytes.is_empty() {
        return Err(NotAPdf::new("is empty"));
    }
    if bytes.len() > LARGEST_FILE {
        return Err(NotAPdf::new(format!("has {} bytes, more than 256 MB", bytes.len())));
    }
    if !bytes.starts_with(b"%PDF-") {
        return Err(NotAPdf::new(format!("starts with {}, not with %PDF-", looks_like(bytes))).at(0));
    }
    let body = bytes.trim_ascii_end();
    let Some(before) = body.strip_suffix(b"%%EOF") else {
        return Err(NotAPdf::new("does not end with %%EOF: cut short or something follows").at(body.len()));
    };
    let tail_start = before.len().saturating_sub(64);
    let tail = &before[tail_start..];
    let at = rfind(tail, b"startxref")
        .ok_or_else(|| NotAPdf::new("has no startxref before its %%EOF").at(before.len()))?;
    let number =
        std::str::from_utf8(tail[at + 9..].trim_ascii()).ok().and_then(|text| text.parse::<usize>().ok());
    let offset = number.ok_or_else(|| NotAPdf::new("has no number after startxref").at(tail_start + at))?;
    let target = bytes.get(offset..).unwrap_or_default().trim_ascii_start();
    if target.starts_with(b"xref") || starts_object(target) {
        return Ok(());
    }
    Err(NotAPdf::new(format!("startxref points at byte {offset}, where no cross-reference is"))
        .at(tail_start + at))
}

fn looks_like(bytes: &[u8]) -> String {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => "a PNG image's signature".to_owned(),
        [0xff, 0xd8, 0xff, ..] => "a JPEG image's signature".to_owned(),
        [b'P', b'K', 3, 4, ..] => "a ZIP archive's signature".to_owned(),
        [0x1f, 0x8b, ..] => "a gzip signature".to_owned(),
        _ => format!("{:?}", String::from_utf8_lossy(&bytes[..bytes.len().min(16)])),
    }
}

/// Whether it reads `12 0 obj`.
fn starts_object(bytes: &[u8]) -> bool {
    let mut tokens =
        bytes[..bytes.len().min(40)].split(u8::is_ascii_whitespace).filter(|token| !token.is_empty());
    let mut number = || tokens.next().is_some_and(|token| token.iter().all(u8::is_ascii_digit));
    number() && number() && tokens.next().is_some_and(|token| token.starts_with(b"obj"))
}

fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

fn rfind(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).rposition(|window| window == pattern)
}

/// Counts the values outside streams before lopdf, which takes a hundred bytes for each, sees them.
/// Rough, and only there to keep one enormous array from filling the memory.
fn refuse_swarms(bytes: &[u8]) -> Result<(), NotAPdf> {
    if bytes.len() < MOST_VALUES {
        return Ok(());
    }
    let (mut values, mut at, mut between) = (0_usize, 0, true);
    while let Some(&byte) = bytes.get(at) {
        if byte == b's' && (bytes[at..].starts_with(b"stream\r\n") || bytes[at..].starts_with(b"stream\n")) {
            at += find(&bytes[at + 6..], b"endstream").map_or(bytes.len(), |length| 6 + length + 9);
            between = true;
            continue;
        }
        let separates = byte.is_ascii_whitespace() || b"[]<>/()".contains(&byte);
        values += usize::from((between && !separates) || b"[</(".contains(&byte));
        between = separates;
        at += 1;
    }
    if values > MOST_VALUES { Err(NotAPdf::new(TOO_MANY_VALUES)) } else { Ok(()) }
}

const TOO_MANY_VALUES: &str = "holds more than 4 million values";

/// Encrypted files are refused before they are parsed: lopdf would try the empty password, and
/// takes them past the filter that keeps account.
fn refuse_encrypted(bytes: &[u8]) -> Result<(), NotAPdf> {
    if find(bytes, b"/Encrypt").is_none() {
        return Ok(());
    }
    match Document::load_metadata_mem(bytes) {
        Ok(metadata) if metadata.encrypted => Err(encrypted()),
        Err(
            error @ (Error::Decryption(_) | Error::InvalidPassword | Error::UnsupportedSecurityHandler(_)),
        ) => Err(refused(&error)),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn encrypted() -> NotAPdf {
    NotAPdf::new("is encrypted: remove the encryption before comparing")
}

/// lopdf's filter for loaded objects, used to keep account of what was read. It can only keep or
/// drop an object, so exceeding a limit unwinds to the guard.
fn charge(id: ObjectId, object: &mut Object) -> Option<(ObjectId, Object)> {
    let (mut values, mut bytes) = (0, 0);
    measure(object, &mut values, &mut bytes);
    if let Object::Stream(stream) = &*object
        && stream.dict.has_type(b"ObjStm")
    {
        // lopdf unpacks it next; what it unpacks to is charged before.
        match stream.get_plain_content_with_limit(LARGEST_OBJECT_STREAM) {
            Ok(content) => bytes += content.len(),
            Err(_) => bytes += LARGEST_OBJECT_STREAM,
        }
    }
    let (values_left, bytes_left) = LEFT.get();
    match (values_left.checked_sub(values), bytes_left.checked_sub(bytes)) {
        (Some(values), Some(bytes)) => LEFT.set((values, bytes)),
        (None, _) => panic::resume_unwind(Box::new(LimitExceeded(TOO_MANY_VALUES))),
        (_, None) => panic::resume_unwind(Box::new(LimitExceeded("its objects hold more than 1 GB"))),
    }
    // What is returned is stored only for members of object streams, and streams can't be those; other
    // objects stay where they are.
    let stored = if object.as_stream().is_ok() { Object::Null } else { object.clone() };
    Some((id, stored))
}

/// Counts values and bytes. Nesting is a hundred levels at most: lopdf refuses more.
fn measure(object: &Object, values: &mut usize, bytes: &mut usize) {
    *values += 1;
    match object {
        Object::Null | Object::Boolean(_) | Object::Integer(_) | Object::Real(_) | Object::Reference(_) => {}
        Object::Name(text) | Object::String(text, _) => *bytes += text.len(),
        Object::Array(items) => items.iter().for_each(|item| measure(item, values, bytes)),
        Object::Dictionary(entries) => entries.iter().for_each(|(_, item)| measure(item, values, bytes)),
        Object::Stream(stream) => {
            *bytes += stream.content.len();
            stream.dict.iter().for_each(|(_, item)| measure(item, values, bytes));
        }
    }
}

fn refused(error: &Error) -> NotAPdf {
    match error {
        Error::Decryption(_) | Error::InvalidPassword | Error::UnsupportedSecurityHandler(_) => encrypted(),
        Error::IndirectObject { offset } => NotAPdf::new("has a malformed object").at(*offset),
        Error::InvalidOffset(offset) => NotAPdf::new("points outside itself").at(*offset),
        Error::Decompress(lopdf::DecompressError::MemoryLimitExceeded { limit }) => {
            NotAPdf::new(format!("has an object stream that decompresses to more than {} MB", limit >> 20))
        }
        other => {
            let mut why = other.to_string();
            if let Some(source) = std::error::Error::source(other) {
                why.push_str(&format!(": {source}"));
            }
            NotAPdf::new(why)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_counted_before_parsing_and_not_inside_streams() {
        let swarm = b"0 ".repeat(MOST_VALUES + 1);
        assert!(refuse_swarms(&swarm).is_err());
        assert!(refuse_swarms(&swarm[4..]).is_ok());
        assert!(refuse_swarms(&[b"stream\n", swarm.as_slice(), b"endstream"].concat()).is_ok());
    }

    #[test]
    fn every_kind_of_value_counts() {
        // Six values: an array, a string and a name, each with what it holds.
        let mut most = b"[1](a)/b".repeat(MOST_VALUES / 6);
        most.extend(b" 1".repeat(MOST_VALUES % 6));
        assert!(refuse_swarms(&most).is_ok());
        most.extend_from_slice(b" 1");
        assert!(refuse_swarms(&most).is_err());
        let long = b"x".repeat(MOST_VALUES + 8);
        assert!(refuse_swarms(&long).is_ok(), "a word is one value");
    }

    #[test]
    fn a_cross_reference_begins_with_an_object() {
        for object in ["12 0 obj", "1 0 obj<<", "7  3\nobj"] {
            assert!(starts_object(object.as_bytes()), "{object}");
        }
        for other in ["a 0 obj", "12 b obj", "12 0 xref", "12 0", "12 obj", ""] {
            assert!(!starts_object(other.as_bytes()), "{other}");
        }
        assert_eq!(find(b"abcabc", b"ca"), Some(2));
        assert_eq!((find(b"abc", b"x"), rfind(b"abcabc", b"bc")), (None, Some(4)));
    }

    #[test]
    fn other_files_are_named() {
        for (bytes, named) in [
            (&b"\x89PNG\r\n"[..], "a PNG image's signature"),
            (b"\xff\xd8\xff\xe0", "a JPEG image's signature"),
            (b"PK\x03\x04", "a ZIP archive's signature"),
            (b"\x1f\x8b\x08", "a gzip signature"),
            (b"<!DOCTYPE html><html>", "\"<!DOCTYPE html><\""),
        ] {
            assert_eq!(looks_like(bytes), named);
        }
    }

    #[test]
    fn values_and_bytes_are_measured() {
        let mut dictionary = Dictionary::new();
        dictionary.set("A", vec![Object::Integer(1), Object::string_literal("abc")]);
        dictionary.set("B", Object::Name(b"four".to_vec()));
        let (mut values, mut bytes) = (10, 10);
        measure(&Object::Stream(lopdf::Stream::new(dictionary, vec![0; 5])), &mut values, &mut bytes);
        // The stream, the array with its two values, the name, and the length that lopdf adds.
        assert_eq!((values, bytes), (16, 22));
    }

    #[test]
    fn an_object_is_listed_with_its_generation() {
        let mut document = Document::new();
        let table = &mut document.reference_table;
        table.insert(1, XrefEntry::Normal { offset: 9, generation: 2 });
        table.insert(2, XrefEntry::Compressed { container: 1, index: 0 });
        table.insert(3, XrefEntry::Free);
        let loaded = Loaded { document };
        let listed = [(1, 2), (1, 0), (2, 0), (2, 1), (3, 0), (4, 0)].map(|id| loaded.is_listed(id));
        assert_eq!(listed, [true, false, true, false, false, false]);
    }

    #[test]
    fn pictures_have_sizes_and_masks_have_none() {
        let mut document = Document::new();
        let picture = |width: i64, mask: Option<(&str, ObjectId)>| {
            let mut dictionary = Dictionary::new();
            dictionary.set("Subtype", Object::Name(b"Image".to_vec()));
            dictionary.set("Width", width);
            dictionary.set("Height", 2);
            mask.into_iter().for_each(|(key, id)| dictionary.set(key, Object::Reference(id)));
            lopdf::Stream::new(dictionary, Vec::new())
        };
        let soft = document.add_object(picture(7, None));
        let hard = document.add_object(picture(8, None));
        document.add_object(picture(3, Some(("SMask", soft))));
        document.add_object(picture(4, Some(("Mask", hard))));
        document.add_object(lopdf::Stream::new(Dictionary::new(), Vec::new()));
        assert_eq!(picture_sizes(&Loaded { document }), [(3, 2), (4, 2)]);
    }
}
