//! The canonical form: a document as lines of *path = value*, in the order in which a walk from the
//! trailer meets them, pages first. A path is made of dictionary keys and array indices, so object
//! numbers, direct or indirect writing, cross-reference form and compression leave no trace, and one
//! change in a dictionary does not move the lines of its neighbours. What is met a second time is a
//! line that names the path of the first, which is how cycles end. Unreferenced objects are not met.

pub(crate) mod walk;

use crate::{
    digest::{Digest, digest_parts},
    types::DifferenceKind,
};
use std::collections::BTreeMap;

/// Identifies a path across documents.
pub(crate) type PathHash = [u8; 16];

/// A document in canonical form.
#[derive(Default)]
pub(crate) struct Canonical {
    /// The dictionaries, arrays and streams met.
    pub(crate) nodes: Vec<CanonicalNode>,
    /// All that counts.
    pub(crate) lines: Vec<CanonicalLine>,
    /// What does not count: its name and its value.
    pub(crate) ignored: BTreeMap<String, String>,
    /// How many pages.
    pub(crate) pages: u32,
}

/// A dictionary, array or stream.
pub(crate) struct CanonicalNode {
    /// The node that led to it; `None` for a page, the catalog and Info.
    pub(crate) parent: Option<usize>,
    /// The key or index in the parent.
    pub(crate) key: Box<str>,
    /// Its path.
    pub(crate) path: PathHash,
    /// Its object number, or that of the object that contains it.
    pub(crate) object: Option<u32>,
    /// The page it was met on.
    pub(crate) page: Option<u32>,
    /// What sort of thing it belongs to.
    pub(crate) kind: DifferenceKind,
}

/// One value of a document.
pub(crate) struct CanonicalLine {
    /// The node that contains it.
    pub(crate) node: usize,
    /// The key of the value in the node; `None` for what the node is.
    pub(crate) key: Option<Box<str>>,
    /// Its path.
    pub(crate) path: PathHash,
    /// The digest of the whole value.
    pub(crate) value: Digest,
    /// The value for people.
    pub(crate) shown: Box<str>,
}

impl Canonical {
    /// The digest of all lines.
    pub(crate) fn digest(&self) -> Digest {
        digest_parts(self.lines.iter().flat_map(|line| [line.path.as_slice(), &line.value]))
    }

    /// A node's path for people; of very deep ones the end.
    pub(crate) fn path(&self, node: usize) -> String {
        let (mut keys, mut next) = (Vec::new(), Some(node));
        while let Some(at) = next {
            if keys.len() == 12 {
                keys.push("…");
                break;
            }
            keys.push(&self.nodes[at].key);
            next = self.nodes[at].parent;
        }
        keys.reverse();
        keys.join(" ")
    }
}
