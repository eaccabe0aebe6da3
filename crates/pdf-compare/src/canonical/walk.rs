//! The walk that makes the canonical form. Without recursion, as documents may be as deep as they
//! are large.

use super::{Canonical, CanonicalLine, CanonicalNode, PathHash};
use crate::{
    content, decode,
    digest::{digest, digest_parts, short},
    load::Loaded,
    pages::{INHERITABLE, Leaf, PageTree},
    types::{DifferenceKind, NotAPdf},
    value, xmp,
};
use lopdf::{Dictionary, Object, Stream};
use std::collections::{HashMap, VecDeque};

/// The most lines a document may have.
const MOST_LINES: usize = 2_000_000;

/// Walks the document from its trailer.
pub(crate) fn walk(loaded: &Loaded) -> Result<Canonical, NotAPdf> {
    let mut walk = Walk {
        loaded,
        form: Canonical::default(),
        met: HashMap::new(),
        queue: VecDeque::new(),
        decodable: decode::MOST_DECODED,
    };
    walk.document()?;
    Ok(walk.form)
}

/// What may be left out of a dictionary.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Plain,
    Catalog,
    Info,
    /// An embedded file's `/Params`.
    Parameters,
}

impl Role {
    fn leaves_out(self, key: &str) -> bool {
        match self {
            Self::Plain => false,
            Self::Catalog => key == "Pages",
            Self::Info => matches!(key, "CreationDate" | "Creator" | "ModDate" | "Producer"),
            Self::Parameters => matches!(key, "CreationDate" | "ModDate"),
        }
    }
}

#[derive(Clone, Copy)]
enum Composite<'a> {
    Array(&'a [Object]),
    Dictionary(&'a Dictionary, Role),
    Stream(&'a Stream),
    Page(usize),
}

struct Walk<'a> {
    loaded: &'a Loaded,
    form: Canonical,
    /// The node of each composite met, by where it lies in memory: the document does not move while
    /// it is walked, and an inherited direct value is one thing on all pages, as an indirect one is.
    met: HashMap<usize, usize>,
    queue: VecDeque<(usize, Composite<'a>)>,
    decodable: usize,
}

impl<'a> Walk<'a> {
    fn document(&mut self) -> Result<(), NotAPdf> {
        let loaded = self.loaded;
        let tree = PageTree::of(loaded)?;
        let trailer = &loaded.document.trailer;
        self.form.pages = u32::try_from(tree.leaves.len()).unwrap_or(u32::MAX);
        for (i, leaf) in tree.leaves.iter().enumerate() {
            let number = u32::try_from(i + 1).unwrap_or(u32::MAX);
            let node = self.root(
                &format!("page {number}"),
                leaf.id.map(|id| id.0),
                Some(number),
                DifferenceKind::Structure,
            )?;
            self.met.insert(address(leaf.own), node);
            self.queue.push_back((node, Composite::Page(i)));
        }
        self.inner_nodes(&tree)?;
        let (id, catalog) =
            loaded.dictionary(trailer, "Root")?.ok_or_else(|| NotAPdf::new("has no catalog"))?;
        let node = self.root("catalog", id.map(|id| id.0), None, DifferenceKind::Structure)?;
        self.met.insert(address(catalog), node);
        self.queue.push_back((node, Composite::Dictionary(catalog, Role::Catalog)));
        if let Some((id, info)) = loaded.dictionary(trailer, "Info")? {
            // Without its own line: an empty Info is the same as none.
            let node = self.node(None, "Info", id.map(|id| id.0), None, DifferenceKind::Metadata);
            self.met.insert(address(info), node);
            self.queue.push_back((node, Composite::Dictionary(info, Role::Info)));
        }
        self.ignore("PDF version".to_owned(), loaded.document.version.clone());
        if let Ok(id) = trailer.get(b"ID") {
            self.ignore("trailer /ID".to_owned(), format!("{id:?}"));
        }
        while let Some((node, composite)) = self.queue.pop_front() {
            match composite {
                Composite::Page(i) => self.page(node, &tree.leaves[i])?,
                Composite::Array(items) => self.array(node, items)?,
                Composite::Dictionary(dictionary, role) => self.dictionary(node, dictionary, role)?,
                Composite::Stream(stream) => self.stream(node, stream)?,
            }
        }
        Ok(())
    }

    /// Inner nodes of the page tree are layout, but for entries that have no business there.
    fn inner_nodes(&mut self, tree: &PageTree<'a>) -> Result<(), NotAPdf> {
        let node = self.node(None, "page tree", None, None, DifferenceKind::Structure);
        for (_, inner) in &tree.inner {
            self.met.insert(address(*inner), node);
        }
        let mut extra = 0;
        for (_, inner) in &tree.inner {
            for (key, value) in sorted(inner) {
                let usual = matches!(key, b"Count" | b"Kids" | b"Parent" | b"Type");
                if !usual && !INHERITABLE.iter().any(|inheritable| inheritable.as_bytes() == key) {
                    extra += 1;
                    self.entry(node, &format!("{} {extra}", name(key)), value, Role::Plain)?;
                }
            }
        }
        Ok(())
    }

    fn page(&mut self, node: usize, leaf: &Leaf<'a>) -> Result<(), NotAPdf> {
        let mut entries: Vec<(&[u8], &Object)> = sorted(leaf.own);
        entries.retain(|(key, _)| *key != b"Parent" && !INHERITABLE.iter().any(|i| i.as_bytes() == *key));
        for (key, value) in INHERITABLE.iter().zip(leaf.inherited) {
            entries.extend(value.map(|value| (key.as_bytes(), value)));
        }
        entries.sort_by_key(|(key, _)| *key);
        for (key, value) in entries {
            if key != b"Contents" || !self.contents(node, value)? {
                self.entry(node, &name(key), value, Role::Plain)?;
            }
        }
        Ok(())
    }

    /// The instructions of a page: how they are split into streams is layout (ISO 32000-1, 7.8.2). False
    /// where they can't be read; the streams are compared as they are then.
    fn contents(&mut self, node: usize, value: &'a Object) -> Result<bool, NotAPdf> {
        let (id, value) = self.loaded.resolve(value)?;
        let alone = std::slice::from_ref(value);
        let parts = value.as_array().map_or(alone, Vec::as_slice);
        let (mut joined, mut first) = (Vec::new(), id);
        for part in parts {
            let (id, part) = self.loaded.resolve(part)?;
            let Ok(stream) = part.as_stream() else { return Ok(false) };
            let usual = |key: &[u8]| matches!(key, b"DecodeParms" | b"Filter" | b"Length");
            let decoded = decode::decode(self.loaded, stream, self.decodable)?;
            if !decoded.rest.is_empty() || !stream.dict.iter().all(|(key, _)| usual(key)) {
                return Ok(false);
            }
            self.decodable = self.decodable.saturating_sub(decoded.bytes.len());
            joined.extend_from_slice(&decoded.bytes);
            joined.push(b'\n');
            first = first.or(id);
        }
        let Some(instructions) = content::respelt(&joined) else { return Ok(false) };
        let page = self.form.nodes[node].page;
        let new = self.node(Some(node), "/Contents", first.map(|id| id.0), page, DifferenceKind::Content);
        let digest = digest(&instructions);
        let shown = format!("{} bytes of instructions, sha256 {}", instructions.len(), short(&digest));
        self.line(new, Some("data"), &digest, &shown)?;
        Ok(true)
    }

    fn array(&mut self, node: usize, items: &'a [Object]) -> Result<(), NotAPdf> {
        items
            .iter()
            .enumerate()
            .try_for_each(|(i, item)| self.entry(node, &format!("[{i}]"), item, Role::Plain))
    }

    fn dictionary(&mut self, node: usize, dictionary: &'a Dictionary, role: Role) -> Result<(), NotAPdf> {
        for (key, value) in sorted(dictionary) {
            let text = String::from_utf8_lossy(key);
            if !role.leaves_out(&text) {
                self.entry(node, &name(key), value, Role::Plain)?;
            } else if role != Role::Catalog {
                let (_, value) = self.loaded.resolve(value)?;
                self.ignore(format!("{} {}", self.form.path(node), name(key)), value::show(value));
            }
        }
        Ok(())
    }

    fn stream(&mut self, node: usize, stream: &'a Stream) -> Result<(), NotAPdf> {
        for (key, value) in sorted(&stream.dict) {
            match key {
                b"DecodeParms" | b"Filter" | b"Length" => {}
                b"Params" => self.entry(node, "/Params", value, Role::Parameters)?,
                _ => self.entry(node, &name(key), value, Role::Plain)?,
            }
        }
        let decoded = decode::decode(self.loaded, stream, self.decodable)?;
        self.decodable = self.decodable.saturating_sub(decoded.bytes.len());
        for (i, (filter, parameters)) in decoded.rest.iter().enumerate() {
            self.line(node, Some(&format!("filter {}", i + 1)), filter, &name(filter))?;
            if let Some(parameters) = parameters {
                self.entry(node, &format!("filter {} parameters", i + 1), parameters, Role::Plain)?;
            }
        }
        if decoded.rest.is_empty()
            && stream.dict.has_type(b"Metadata")
            && let Some(packet) = xmp::split(&decoded.bytes)
        {
            for (name, text) in packet.dropped {
                self.ignore(format!("XMP {name}"), text);
            }
            return self.data(node, stream, &packet.kept);
        }
        if decoded.rest.is_empty() {
            if draws(&stream.dict)
                && let Some(instructions) = content::respelt(&decoded.bytes)
            {
                return self.data(node, stream, &instructions);
            }
            if self.form.nodes[node].key.starts_with("/FontFile") {
                return self.data(node, stream, &without_tags(&decoded.bytes));
            }
        }
        self.data(node, stream, &decoded.bytes)
    }

    fn data(&mut self, node: usize, stream: &Stream, bytes: &[u8]) -> Result<(), NotAPdf> {
        let number = |key: &[u8]| stream.dict.get(key).and_then(Object::as_i64);
        let size = match (number(b"Width"), number(b"Height")) {
            (Ok(width), Ok(height)) => format!("{width}×{height}, "),
            _ => String::new(),
        };
        let digest = digest(bytes);
        self.line(
            node,
            Some("data"),
            &digest,
            &format!("{size}{} bytes, sha256 {}", bytes.len(), short(&digest)),
        )
    }

    /// One entry of a dictionary or array.
    fn entry(&mut self, node: usize, key: &str, object: &'a Object, role: Role) -> Result<(), NotAPdf> {
        let (id, object) = self.loaded.resolve(object)?;
        let composite = match object {
            // A null entry is no entry (ISO 32000-1, 7.3.7); array indices keep the others' places.
            Object::Null => return Ok(()),
            Object::Array(items) => match self.plain(items)? {
                Some((encoded, shown)) => return self.line(node, Some(key), &encoded, &shown),
                None => Composite::Array(items),
            },
            Object::Dictionary(dictionary) => Composite::Dictionary(dictionary, role),
            Object::Stream(stream) => Composite::Stream(stream),
            scalar => {
                let untagged = untagged(key, scalar);
                if untagged.is_some() {
                    self.ignore("tags of font subsets".to_owned(), value::show(scalar));
                }
                let scalar = untagged.as_ref().unwrap_or(scalar);
                let mut encoded = Vec::new();
                value::encode(scalar, &mut encoded);
                return self.line(node, Some(key), &encoded, &value::show(scalar));
            }
        };
        let address = match composite {
            Composite::Array(items) => address(items),
            Composite::Dictionary(dictionary, _) => address(dictionary),
            Composite::Stream(stream) => address(stream),
            Composite::Page(_) => return Ok(()),
        };
        if let Some(&met) = self.met.get(&address) {
            let mut encoded = b"=".to_vec();
            encoded.extend_from_slice(&self.form.nodes[met].path);
            let shown = format!("the same as {}", self.form.path(met));
            return self.line(node, Some(key), &encoded, &shown);
        }
        let above = &self.form.nodes[node];
        let kind = kind(above, key, &composite);
        let (number, page) = (id.map(|id| id.0).or(above.object), above.page);
        let new = self.node(Some(node), key, number, page, kind);
        self.met.insert(address, new);
        self.line(new, None, value::show(object).as_bytes(), &value::show(object))?;
        self.queue.push_back((new, composite));
        Ok(())
    }

    /// An array of nothing but values is one value.
    fn plain(&self, items: &'a [Object]) -> Result<Option<(Vec<u8>, String)>, NotAPdf> {
        let (mut encoded, mut shown) = (vec![b'['], Vec::new());
        for item in items {
            let (_, item) = self.loaded.resolve(item)?;
            if !value::is_plain(item) {
                return Ok(None);
            }
            value::encode(item, &mut encoded);
            if shown.len() < 32 {
                shown.push(value::show(item));
            }
        }
        let more = if items.len() > shown.len() { " …" } else { "" };
        Ok(Some((encoded, value::clip(&format!("[{}{more}]", shown.join(" "))))))
    }

    fn root(
        &mut self,
        key: &str,
        object: Option<u32>,
        page: Option<u32>,
        kind: DifferenceKind,
    ) -> Result<usize, NotAPdf> {
        let node = self.node(None, key, object, page, kind);
        self.line(node, None, b"root", "present")?;
        Ok(node)
    }

    fn node(
        &mut self,
        parent: Option<usize>,
        key: &str,
        object: Option<u32>,
        page: Option<u32>,
        kind: DifferenceKind,
    ) -> usize {
        let path = below(parent.map_or(&[0; 16], |parent| &self.form.nodes[parent].path), key);
        self.form.nodes.push(CanonicalNode { parent, key: key.into(), path, object, page, kind });
        self.form.nodes.len() - 1
    }

    fn line(&mut self, node: usize, key: Option<&str>, value: &[u8], shown: &str) -> Result<(), NotAPdf> {
        if self.form.lines.len() == MOST_LINES {
            return Err(NotAPdf::new(format!("has more than {MOST_LINES} values")));
        }
        let above = self.form.nodes[node].path;
        let path = key.map_or(above, |key| below(&above, key));
        let (key, value) = (key.map(Into::into), digest(value));
        self.form.lines.push(CanonicalLine { node, key, path, value, shown: shown.into() });
        Ok(())
    }

    fn ignore(&mut self, name: String, value: String) {
        let known = self.form.ignored.entry(name).or_default();
        known.push('\n');
        known.push_str(&value);
    }
}

fn kind(above: &CanonicalNode, key: &str, composite: &Composite<'_>) -> DifferenceKind {
    let dictionary = match composite {
        Composite::Dictionary(dictionary, _) => Some(*dictionary),
        Composite::Stream(stream) => Some(&stream.dict),
        Composite::Array(_) | Composite::Page(_) => None,
    };
    let subtype = dictionary.and_then(|d| d.get(b"Subtype").and_then(Object::as_name).ok());
    let is_image = subtype == Some(b"Image".as_slice());
    match key {
        _ if is_image => DifferenceKind::Image,
        "/Contents" if above.parent.is_none() && above.page.is_some() => DifferenceKind::Content,
        "/Font" => DifferenceKind::Font,
        "/Metadata" => DifferenceKind::Metadata,
        _ => above.kind,
    }
}

/// Whether a stream that is no page's content holds instructions: a form or a tiling pattern.
fn draws(dictionary: &Dictionary) -> bool {
    let is =
        |key: &[u8], wanted: &[u8]| dictionary.get(key).and_then(Object::as_name).is_ok_and(|n| n == wanted);
    is(b"Subtype", b"Form")
        || dictionary.get(b"PatternType").and_then(Object::as_i64).is_ok_and(|kind| kind == 1)
}

/// The length of a font subset's tag, six capital letters and a plus sign (ISO 32000-1, 9.6.4).
const TAG: usize = 7;

fn is_tag(bytes: &[u8]) -> bool {
    bytes.len() == TAG && bytes[..6].iter().all(u8::is_ascii_uppercase) && bytes[6] == b'+'
}

/// A font's name without the tag of its subset, which is chosen freely.
fn untagged(key: &str, value: &Object) -> Option<Object> {
    let name = value.as_name().ok().filter(|_| matches!(key, "/BaseFont" | "/FontName"))?;
    name.get(..TAG).filter(|tag| is_tag(tag)).map(|_| Object::Name(name[TAG..].to_vec()))
}

/// A font program without such tags in the names that it holds.
fn without_tags(program: &[u8]) -> Vec<u8> {
    let mut program = program.to_vec();
    for at in 0..program.len().saturating_sub(TAG) {
        if is_tag(&program[at..at + TAG]) && program[at + TAG].is_ascii_alphabetic() {
            program[at..at + TAG - 1].fill(b'A');
        }
    }
    program
}

fn address<T: ?Sized>(thing: &T) -> usize {
    std::ptr::from_ref(thing).cast::<()>().addr()
}

fn below(path: &PathHash, key: &str) -> PathHash {
    let whole = digest_parts([path.as_slice(), key.as_bytes()]);
    std::array::from_fn(|i| whole[i])
}

fn sorted(dictionary: &Dictionary) -> Vec<(&[u8], &Object)> {
    let mut entries: Vec<_> = dictionary.iter().map(|(key, value)| (key.as_slice(), value)).collect();
    entries.sort_by_key(|(key, _)| *key);
    entries
}

/// A key for paths: bytes that are no UTF-8 are spelt out, so that two names never become one.
fn name(key: &[u8]) -> String {
    match std::str::from_utf8(key) {
        Ok(text) => format!("/{text}"),
        Err(_) => format!("/#{}", key.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tag_of_a_subset_is_six_capitals_and_a_plus_before_a_name() {
        assert!(is_tag(b"ABCDEF+"));
        for other in [&b"ABCDEf+"[..], b"ABCDEF-", b"ABCDEF", b"ABCDEF+X"] {
            assert!(!is_tag(other));
        }
        assert_eq!(without_tags(b"..QWERTZ+DejaVu"), b"..AAAAAA+DejaVu");
        for untouched in [&b"QWERTZ+"[..], b"QWERTZ+1", b"QWERTz+Deja", b"short"] {
            assert_eq!(without_tags(untouched), untouched);
        }
    }

    #[test]
    fn forms_and_tiling_patterns_draw() {
        let of = |key: &str, value: Object| {
            let mut dictionary = Dictionary::new();
            dictionary.set(key, value);
            draws(&dictionary)
        };
        assert!(of("Subtype", Object::Name(b"Form".to_vec())) && of("PatternType", Object::Integer(1)));
        assert!(!of("Subtype", Object::Name(b"Image".to_vec())) && !of("PatternType", Object::Integer(2)));
        assert!(!draws(&Dictionary::new()));
    }
}
