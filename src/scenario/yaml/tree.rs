//! YAML as a tree in which every key and value knows its place. The parser is `granit-parser`;
//! here its events are stacked up, and what these files have no use for is refused: aliases (with
//! them goes every "billion laughs"), tags, several documents, keys that are no text, deep nesting.

use crate::scenario::{diagnose::Mistake, source::SourcePosition};
use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span};
use std::collections::HashSet;

/// Deeper than any file of ours, and shallow enough to walk by recursion.
const DEEPEST: usize = 32;

/// A value and its place. The place of a list or mapping ends with its first line.
#[derive(Debug)]
pub struct YamlNode {
    /// Where it stands.
    pub place: SourcePosition,
    /// What it is.
    pub data: Data,
}

/// What a value is.
#[derive(Debug)]
pub enum Data {
    /// A word, number or text.
    Scalar {
        /// Its text, unescaped.
        text: String,
        /// Whether it stands without quotes, so that it can be a number, a switch or nothing.
        plain: bool,
    },
    /// A list.
    List(Vec<YamlNode>),
    /// Keys with values, in the file's order, each key once.
    Map(Vec<(Key, YamlNode)>),
}

/// A key and its place.
#[derive(Debug)]
pub struct Key {
    /// Its text.
    pub text: String,
    /// Where it stands.
    pub place: SourcePosition,
}

/// A collection that is not closed yet.
enum Open {
    List {
        place: SourcePosition,
        items: Vec<YamlNode>,
    },
    Map {
        place: SourcePosition,
        entries: Vec<(Key, YamlNode)>,
        seen: HashSet<String>,
        key: Option<Option<Key>>,
    },
}

/// Builds the tree of a file's only document. `None` where the text is no YAML, or is empty: then
/// a mistake says so. With other mistakes the tree is whole, and the reader goes on.
pub fn build(text: &str, mistakes: &mut Vec<Mistake>) -> Option<YamlNode> {
    let options = granit_parser::options! {
        emit_comments: false,
        emit_unresolved_aliases: true,
        flow_nesting_limit: DEEPEST,
        block_nesting_limit: DEEPEST,
    };
    let mut builder = Builder { text, open: Vec::new(), root: None, documents: 0, mistakes };
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => {
                if !builder.take(event, &span) {
                    break;
                }
            }
            Err(error) => {
                let marker = error.marker();
                let start = marker.byte_offset().unwrap_or(text.len());
                let place =
                    SourcePosition { line: marker.line(), column: marker.col() + 1, start, end: start };
                builder.mistakes.push(no_yaml(place, &error));
                return None;
            }
        }
    }
    let root = builder.root.filter(|root| !root.is_nothing());
    if root.is_none() {
        mistakes.push(Mistake::somewhere("the file is empty"));
    }
    root
}

impl YamlNode {
    /// Whether there is no value: `title:`, `~` or `null`.
    pub fn is_nothing(&self) -> bool {
        match &self.data {
            Data::Scalar { text, plain } => {
                *plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL")
            }
            Data::List(_) | Data::Map(_) => false,
        }
    }
}

fn no_yaml(place: SourcePosition, error: &ScanError) -> Mistake {
    let info = error.info();
    let mistake = Mistake::at(place, format!("not valid YAML: {info}")).label("the YAML parser stopped here");
    if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
        return mistake.help(format!("nothing here needs more than {DEEPEST} levels"));
    }
    if info.contains("tab") { mistake.help("indent with spaces") } else { mistake }
}

struct Builder<'a> {
    text: &'a str,
    open: Vec<Open>,
    root: Option<YamlNode>,
    documents: usize,
    mistakes: &'a mut Vec<Mistake>,
}

impl Builder<'_> {
    /// Takes the next event; false when the rest is not to be read.
    fn take(&mut self, event: Event<'_>, span: &Span) -> bool {
        let place = self.place(span);
        if let Some(tag) = span.tag_span() {
            let message = "tags are not used in these files";
            self.mistakes.push(Mistake::at(self.place(&tag), message).label("a YAML tag").help("remove it"));
        }
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    let mistake = Mistake::at(place, "a second YAML document in one file");
                    self.mistakes.push(mistake.label("it begins here").help("one file, one scenario"));
                    return false;
                }
            }
            Event::Scalar(text, style, ..) => {
                let (text, plain) = (text.into_owned(), style == ScalarStyle::Plain);
                self.put(YamlNode { place, data: Data::Scalar { text, plain } });
            }
            Event::Alias(_) | Event::UnresolvedAlias(_) => {
                let mistake = Mistake::at(place, "aliases are not used in these files");
                self.mistakes.push(mistake.label("a YAML alias").help("write the value out"));
                self.put(YamlNode { place, data: Data::Scalar { text: "alias".to_owned(), plain: true } });
            }
            Event::SequenceStart(..) => self.open.push(Open::List { place, items: Vec::new() }),
            Event::MappingStart(..) => {
                self.open.push(Open::Map { place, entries: Vec::new(), seen: HashSet::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(&place),
            _ => {}
        }
        true
    }

    /// Puts a finished value where it belongs.
    fn put(&mut self, node: YamlNode) {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, seen, key, .. }) => match key.take() {
                Some(Some(key)) => entries.push((key, node)),
                // The value of a key that was refused.
                Some(None) => {}
                None => *key = Some(new_key(node, seen, self.mistakes)),
            },
        }
    }

    fn close(&mut self, end: &SourcePosition) {
        let node = match self.open.pop() {
            Some(Open::List { place, items }) => {
                YamlNode { place: self.first_line(place, end.end), data: Data::List(items) }
            }
            Some(Open::Map { place, entries, .. }) => {
                YamlNode { place: self.first_line(place, end.end), data: Data::Map(entries) }
            }
            None => return,
        };
        self.put(node);
    }

    fn place(&self, span: &Span) -> SourcePosition {
        let start = span.start.byte_offset().unwrap_or(0);
        let end = span.end.byte_offset().unwrap_or(start);
        let place =
            SourcePosition { line: span.start.line(), column: span.start.col() + 1, start, end: start };
        self.first_line(place, end)
    }

    /// The place up to `end`, but no further than its first line.
    fn first_line(&self, place: SourcePosition, end: usize) -> SourcePosition {
        let all = self.text.get(place.start..end.max(place.start)).unwrap_or_default();
        let line = all.lines().next().unwrap_or_default();
        let comment = line.find(" #").filter(|_| all.contains('\n')).unwrap_or(line.len());
        SourcePosition { end: place.start + line[..comment].trim_end().len(), ..place }
    }
}

/// A key that is text and new in its mapping.
fn new_key(node: YamlNode, seen: &mut HashSet<String>, mistakes: &mut Vec<Mistake>) -> Option<Key> {
    let YamlNode { place, data } = node;
    let Data::Scalar { text, .. } = data else {
        mistakes.push(Mistake::at(place, "a key must be text").label("this is a list or a mapping"));
        return None;
    };
    if !seen.insert(text.clone()) {
        let message = format!("the key `{text}` appears twice");
        mistakes.push(Mistake::at(place, message).label("a duplicate key").help("remove one of the two"));
        return None;
    }
    Some(Key { text, place })
}
