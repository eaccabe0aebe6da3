//! The page tree as a list of pages with what they inherit. How the tree is built (its depth, which
//! level an inherited entry stands on) is layout and is ignored; its counts must be correct.

use crate::{load::Loaded, types::NotAPdf};
use lopdf::{Dictionary, Object, ObjectId};
use std::collections::HashSet;

/// Entries that a page takes from its ancestors (ISO 32000-1, table 30).
pub(crate) const INHERITABLE: [&str; 4] = ["CropBox", "MediaBox", "Resources", "Rotate"];

type Inherited<'a> = [Option<&'a Object>; INHERITABLE.len()];

/// One page.
pub(crate) struct Leaf<'a> {
    /// Its object.
    pub(crate) id: Option<ObjectId>,
    /// Its own entries.
    pub(crate) own: &'a Dictionary,
    /// The inheritable ones, its own or its nearest ancestor's.
    pub(crate) inherited: Inherited<'a>,
}

/// The pages in order.
pub(crate) struct PageTree<'a> {
    /// At least one.
    pub(crate) leaves: Vec<Leaf<'a>>,
    /// The tree's inner nodes, the root first.
    pub(crate) inner: Vec<(Option<ObjectId>, &'a Dictionary)>,
}

struct Frame<'a> {
    node: &'a Dictionary,
    id: Option<ObjectId>,
    kids: std::slice::Iter<'a, Object>,
    inherited: Inherited<'a>,
    leaves_before: usize,
}

impl<'a> PageTree<'a> {
    /// Walks the tree without recursion.
    pub(crate) fn of(loaded: &'a Loaded) -> Result<Self, NotAPdf> {
        let root = loaded.dictionary(&loaded.document.trailer, "Root")?;
        let (_, catalog) = root.ok_or_else(|| NotAPdf::new("has no catalog"))?;
        let pages = loaded.dictionary(catalog, "Pages")?;
        let (id, pages) = pages.ok_or_else(|| NotAPdf::new("has no page tree"))?;
        let mut tree = Self { leaves: Vec::new(), inner: Vec::new() };
        let mut visited = HashSet::from([std::ptr::from_ref(pages)]);
        let mut stack = vec![tree.open(loaded, id, pages, Inherited::default())?];
        while let Some(frame) = stack.last_mut() {
            let Some(kid) = frame.kids.next() else {
                tree.close(loaded, frame)?;
                stack.pop();
                continue;
            };
            let (id, kid) = loaded.resolve(kid)?;
            let kid = kid.as_dict().map_err(|_| broken(frame.id, "has a kid that is no dictionary"))?;
            if !visited.insert(std::ptr::from_ref(kid)) {
                return Err(broken(id, "is in it twice, or in a circle"));
            }
            let inherited = inherit(kid, frame.inherited);
            if kid.has(b"Kids") {
                stack.push(tree.open(loaded, id, kid, inherited)?);
            } else if kid.has_type(b"Pages") {
                return Err(broken(id, "has no kids"));
            } else {
                tree.leaves.push(Leaf { id, own: kid, inherited });
            }
        }
        if tree.leaves.is_empty() {
            return Err(NotAPdf::new("has no pages"));
        }
        Ok(tree)
    }

    fn open(
        &mut self,
        loaded: &'a Loaded,
        id: Option<ObjectId>,
        node: &'a Dictionary,
        inherited: Inherited<'a>,
    ) -> Result<Frame<'a>, NotAPdf> {
        let kids = node.get(b"Kids").map_err(|_| broken(id, "has no kids"))?;
        let kids =
            loaded.resolve(kids)?.1.as_array().map_err(|_| broken(id, "has kids that are no array"))?;
        self.inner.push((id, node));
        Ok(Frame {
            node,
            id,
            kids: kids.iter(),
            inherited: inherit(node, inherited),
            leaves_before: self.leaves.len(),
        })
    }

    fn close(&self, loaded: &Loaded, frame: &Frame<'_>) -> Result<(), NotAPdf> {
        let found = self.leaves.len() - frame.leaves_before;
        let declared = frame.node.get(b"Count").map_err(|_| broken(frame.id, "has no count"))?;
        let declared = loaded
            .resolve(declared)?
            .1
            .as_i64()
            .map_err(|_| broken(frame.id, "has a count that is no integer"))?;
        if i64::try_from(found) == Ok(declared) {
            return Ok(());
        }
        Err(broken(frame.id, &format!("declares {declared} pages and contains {found}")))
    }
}

fn inherit<'a>(node: &'a Dictionary, from: Inherited<'a>) -> Inherited<'a> {
    let mut inherited = from;
    for (slot, key) in inherited.iter_mut().zip(INHERITABLE) {
        if let Ok(value) = node.get(key.as_bytes()) {
            *slot = Some(value);
        }
    }
    inherited
}

fn broken(id: Option<ObjectId>, how: &str) -> NotAPdf {
    match id {
        Some(id) => NotAPdf::new(format!("page tree is broken: object {} {how}", id.0)),
        None => NotAPdf::new(format!("page tree is broken: a node {how}")),
    }
}
