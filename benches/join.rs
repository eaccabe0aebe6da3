//! Entries of a join of rows with a listing per second on one core, without stores.
//! `cargo bench --bench join`.

use pulp_drill::base::error::Error;
use pulp_drill::base::ids::{ObjectKey, TableName};
use pulp_drill::model::profile::{BinaryStore, SizeRange};
use pulp_drill::model::reference::ObjectReference;
use pulp_drill::reconcile::{Join, Joined, Pages};
use pulp_drill::system::objects::ListedObject;
use std::collections::BTreeMap;
use std::time::Instant;

/// Entries of each side.
const ENTRIES: usize = 1_000_000;

/// Entries of a page, as S3 gives them.
const PAGE: usize = 1_000;

struct Given<T>(std::vec::IntoIter<Vec<T>>);

impl<T: Clone> Given<T> {
    fn new(all: &[T]) -> Self {
        Self(all.chunks(PAGE).map(<[T]>::to_vec).collect::<Vec<_>>().into_iter())
    }
}

impl Pages for Given<ObjectReference> {
    type Entry = ObjectReference;

    fn key(entry: &ObjectReference) -> &ObjectKey {
        &entry.key
    }

    async fn page(&mut self) -> Result<Vec<ObjectReference>, Error> {
        Ok(self.0.next().unwrap_or_default())
    }
}

impl Pages for Given<ListedObject> {
    type Entry = ListedObject;

    fn key(entry: &ListedObject) -> &ObjectKey {
        &entry.key
    }

    async fn page(&mut self) -> Result<Vec<ListedObject>, Error> {
        Ok(self.0.next().unwrap_or_default())
    }
}

fn row(n: usize) -> ObjectReference {
    ObjectReference {
        binary: 0,
        table: TableName::new("assets"),
        row: n.to_string(),
        name: format!("photo {n}"),
        store: BinaryStore::Assets,
        key: ObjectKey::new(format!("assets/{n:09}.png")),
        is_prefix: false,
        size: Some(SizeRange { least: 1, greatest: 1 }),
        media_type: None,
        checksums: BTreeMap::new(),
        unreadable: Vec::new(),
        is_deleted: false,
        is_derived: false,
    }
}

fn main() {
    let rows: Vec<_> = (0..ENTRIES).map(row).collect();
    let objects: Vec<_> =
        rows.iter().map(|row| ListedObject { key: row.key.clone(), size: 1, modified: None }).collect();
    let mut join = Join::of(Given::new(&rows), Given::new(&objects));
    let begun = Instant::now();
    let matched = futures::executor::block_on(async {
        let mut matched = 0;
        while let Some(joined) = join.next().await.expect("pages in order") {
            matched += usize::from(matches!(joined, Joined::Row(_, Some(_))));
        }
        matched
    });
    assert_eq!(matched, ENTRIES);
    let seconds = begun.elapsed().as_secs_f64();
    println!(
        "{ENTRIES} rows and {ENTRIES} objects: {:.0} entries per second",
        2.0 * ENTRIES as f64 / seconds
    );
}
