//! Rows and a listing, both in the byte order of their keys, as one stream. Nothing but a page of each is
//! held. A side that comes out of order is an error: the other's entries would seem to be missing.

use crate::{
    base::{error::Error, ids::ObjectKey},
    model::reference::ObjectReference,
    reconcile::{
        pace::Pace,
        pages::{PacedPages, Pages},
        prefetch::Prefetch,
    },
    system::{
        objects::{ListedObject, view::ViewPages},
        postgres::PointerPages,
    },
};
use std::{collections::VecDeque, sync::Arc};

/// An entry of either side.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a few at a time, in a stream")]
pub enum Joined {
    /// A row with the object that it refers to, or the first of those below a prefix, if there is one.
    Row(ObjectReference, Option<ListedObject>),
    /// An object, after its rows, and whether there was one.
    Object {
        /// The object.
        object: ListedObject,
        /// Whether a row points at it.
        referenced: bool,
    },
}

impl Joined {
    /// The object key.
    pub fn key(&self) -> &ObjectKey {
        match self {
            Self::Row(pointer, _) => &pointer.key,
            Self::Object { object, .. } => &object.key,
        }
    }
}

/// One side: the entries of the present page.
struct Ordered<P: Pages> {
    pages: P,
    entries: VecDeque<P::Entry>,
    last: Option<ObjectKey>,
    ended: bool,
    name: &'static str,
}

impl<P: Pages> Ordered<P> {
    fn new(pages: P, name: &'static str) -> Self {
        Self { pages, entries: VecDeque::new(), last: None, ended: false, name }
    }

    /// Makes the next entry available, if there is one.
    async fn fill(&mut self) -> Result<(), Error> {
        if !self.entries.is_empty() || self.ended {
            return Ok(());
        }
        let page = self.pages.page().await?;
        self.ended = page.is_empty();
        for entry in &page {
            let key = P::key(entry);
            if self.last.as_ref().is_some_and(|last| last > key) {
                return Err(Error::environment(format!(
                    "{} are not in the byte order of their keys",
                    self.name
                ))
                .cause(format!("{key:?} comes after a greater key"))
                .hint("some stores list in another order: they can't be reconciled as a stream"));
            }
            if self.last.as_ref() != Some(key) {
                self.last = Some(key.clone());
            }
        }
        self.entries = page.into();
        Ok(())
    }

    fn peek(&self) -> Option<&ObjectKey> {
        self.entries.front().map(P::key)
    }
}

/// The merged stream.
pub struct Join<R: Pages<Entry = ObjectReference>, O: Pages<Entry = ListedObject>> {
    rows: Ordered<R>,
    objects: Ordered<O>,
    /// Whether a row refers to the next object.
    referenced: bool,
    /// The prefixes that rows refer to, as far as the next key may begin with them.
    prefixes: Vec<ObjectKey>,
}

impl Join<Prefetch<PointerPages>, Prefetch<PacedPages>> {
    /// Rows with a listing, both read ahead.
    pub fn new(rows: PointerPages, objects: ViewPages, pace: Arc<Pace>) -> Self {
        Self::of(Prefetch::new(rows), Prefetch::new(PacedPages::new(objects, pace)))
    }
}

impl<R: Pages<Entry = ObjectReference>, O: Pages<Entry = ListedObject>> Join<R, O> {
    /// Two sides.
    pub fn of(rows: R, objects: O) -> Self {
        Self {
            rows: Ordered::new(rows, "rows"),
            objects: Ordered::new(objects, "the objects of the listing"),
            referenced: false,
            prefixes: Vec::new(),
        }
    }

    /// The next entry; none at the end.
    pub async fn next(&mut self) -> Result<Option<Joined>, Error> {
        self.rows.fill().await?;
        self.objects.fill().await?;
        let object_first = match (self.rows.peek(), self.objects.peek()) {
            (None, None) => return Ok(None),
            (None, Some(_)) => true,
            (Some(_), None) => false,
            (Some(row), Some(object)) => object < row,
        };
        if object_first {
            let Some(object) = self.objects.entries.pop_front() else { return Ok(None) };
            let below = |prefix: &ObjectKey| object.key.as_str().starts_with(prefix.as_str());
            let referenced = std::mem::take(&mut self.referenced) || self.prefixes.iter().any(below);
            return Ok(Some(Joined::Object { object, referenced }));
        }
        let Some(row) = self.rows.entries.pop_front() else { return Ok(None) };
        let object = self.objects.entries.front().filter(|object| row.includes(&object.key)).cloned();
        if row.is_prefix {
            self.prefixes
                .retain(|prefix| row.key.as_str().starts_with(prefix.as_str()) && *prefix != row.key);
            self.prefixes.push(row.key.clone());
        } else {
            self.referenced |= object.is_some();
        }
        Ok(Some(Joined::Row(row, object)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::TableName;
    use crate::model::profile::BinaryStore;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    struct Given<T>(VecDeque<Vec<T>>);

    impl Pages for Given<ObjectReference> {
        type Entry = ObjectReference;

        fn key(entry: &ObjectReference) -> &ObjectKey {
            &entry.key
        }

        async fn page(&mut self) -> Result<Vec<ObjectReference>, Error> {
            Ok(self.0.pop_front().unwrap_or_default())
        }
    }

    impl Pages for Given<ListedObject> {
        type Entry = ListedObject;

        fn key(entry: &ListedObject) -> &ObjectKey {
            &entry.key
        }

        async fn page(&mut self) -> Result<Vec<ListedObject>, Error> {
            Ok(self.0.pop_front().unwrap_or_default())
        }
    }

    fn in_pages<T: Clone>(all: &[T], size: usize) -> Given<T> {
        Given(all.chunks(size).map(<[T]>::to_vec).collect())
    }

    fn row(key: &str) -> ObjectReference {
        ObjectReference {
            binary: 0,
            table: TableName::new("assets"),
            row: key.to_owned(),
            name: key.to_owned(),
            store: BinaryStore::Assets,
            key: key.into(),
            is_prefix: false,
            size: None,
            media_type: None,
            checksums: BTreeMap::new(),
            unreadable: Vec::new(),
            is_deleted: false,
            is_derived: false,
        }
    }

    fn object(key: &str) -> ListedObject {
        ListedObject { key: key.into(), size: 1, modified: None }
    }

    fn all(rows: &[ObjectReference], objects: &[ListedObject], page: usize) -> Result<Vec<Joined>, Error> {
        let mut join = Join::of(in_pages(rows, page), in_pages(objects, page));
        futures::executor::block_on(async {
            let mut all = Vec::new();
            while let Some(joined) = join.next().await? {
                all.push(joined);
            }
            Ok(all)
        })
    }

    proptest! {
        #[test]
        fn the_merge_equals_the_join_of_maps(
            mut rows in prop::collection::vec("[a-c]{1,3}", 0..30),
            objects in prop::collection::btree_set("[a-c]{1,3}", 0..30),
            page in 1_usize..7,
        ) {
            rows.sort();
            let listed: Vec<ListedObject> = objects.iter().map(|key| object(key)).collect();
            let pointers: Vec<ObjectReference> = rows.iter().map(|key| row(key)).collect();
            let joined = all(&pointers, &listed, page).unwrap();
            let wanted: BTreeSet<&String> = rows.iter().collect();
            let mut seen: BTreeMap<String, usize> = BTreeMap::new();
            let mut listed_again = Vec::new();
            for entry in joined {
                match entry {
                    Joined::Row(row, object) => {
                        prop_assert_eq!(object.is_some(), objects.contains(row.key.as_str()));
                        *seen.entry(row.key.to_string()).or_default() += 1;
                    }
                    Joined::Object { object, referenced } => {
                        prop_assert_eq!(referenced, wanted.contains(&object.key.to_string()));
                        listed_again.push(object.key.to_string());
                    }
                }
            }
            prop_assert_eq!(listed_again, objects.iter().cloned().collect::<Vec<_>>());
            for key in &rows {
                prop_assert_eq!(seen[key], rows.iter().filter(|other| *other == key).count());
            }
        }
    }

    #[test]
    fn a_listing_that_is_not_sorted_is_refused() {
        let error = all(&[row("a"), row("b")], &[object("b"), object("a")], 2).unwrap_err();
        assert!(error.to_string().contains("not in the byte order"), "{error}");
        let error = all(&[row("b"), row("a")], &[object("a")], 1).unwrap_err();
        assert!(error.to_string().contains("rows are not"), "{error}");
    }

    #[test]
    fn a_prefix_refers_to_all_objects_below_it() {
        let prefix = |key| ObjectReference { is_prefix: true, ..row(key) };
        let rows = [row("a"), prefix("b/"), prefix("b/c/"), row("b/c/2"), prefix("x/")];
        let objects = ["a", "b", "b/1", "b/c/1", "b/c/2", "b/d", "c"].map(object);
        let joined = all(&rows, &objects, 2).unwrap();
        let (mut without, mut orphans) = (Vec::new(), Vec::new());
        for entry in &joined {
            match entry {
                Joined::Row(row, None) => without.push(row.key.as_str()),
                Joined::Object { object, referenced: false } => orphans.push(object.key.as_str()),
                Joined::Row(_, Some(_)) | Joined::Object { .. } => {}
            }
        }
        assert_eq!((without, orphans), (vec!["x/"], vec!["b", "c"]));
    }
}
