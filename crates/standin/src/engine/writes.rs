//! In which order writes touch the two stores: which first, and whether other content comes under
//! the key that the row has or under a new one. `PULP_STANDIN_WRITES` sets it; without it the stand-in
//! does what Pulp Engine documents (uploads) or what affects readers least.

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};
use tokio::task::JoinSet;
use uuid::Uuid;

/// The store that a write touches first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    Binary,
    Row,
}

/// How a binary is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Replace {
    pub(crate) first: First,
    /// Copy-on-write: the old object is removed after the answer, and no earlier binary is kept.
    pub(crate) new_key: bool,
}

impl Replace {
    /// Where keys change: the asset that a storage key is or was of, by the id at its beginning.
    pub(crate) fn moved(self, key: &str) -> Option<Uuid> {
        let (id, _) = key.split_at_checked(36).filter(|(_, rest)| self.new_key && rest.starts_with('-'))?;
        id.parse().ok()
    }
}

/// The order of each kind of write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Writes {
    pub(crate) upload: First,
    pub(crate) replace: Replace,
    pub(crate) delete: First,
    /// The end of a batch job whose results have a store of their own.
    pub(crate) batch: First,
}

impl Default for Writes {
    fn default() -> Self {
        Self {
            upload: First::Binary,
            replace: Replace { first: First::Binary, new_key: false },
            delete: First::Row,
            batch: First::Binary,
        }
    }
}

/// The values of `replace`.
const REPLACES: [(&str, Replace); 4] = [
    ("binary-first", Replace { first: First::Binary, new_key: false }),
    ("row-first", Replace { first: First::Row, new_key: false }),
    ("new-key", Replace { first: First::Binary, new_key: true }),
    ("new-key-row-first", Replace { first: First::Row, new_key: true }),
];

/// `upload=row-first,replace=new-key`: what is not named keeps its default.
impl FromStr for Writes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut writes = Self::default();
        let mut named = BTreeSet::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (write, order) =
                part.split_once('=').ok_or_else(|| format!("`{part}` is no `write=order`"))?;
            if !named.insert(write) {
                return Err(format!("`{write}` stands there twice"));
            }
            match write {
                "upload" => writes.upload = first(write, order)?,
                "replace" => writes.replace = replace(order)?,
                "delete" => writes.delete = first(write, order)?,
                "batch" => writes.batch = first(write, order)?,
                _ => return Err(format!("there is no write `{write}`: upload, replace, delete or batch")),
            }
        }
        Ok(writes)
    }
}

fn first(write: &str, order: &str) -> Result<First, String> {
    match order {
        "binary-first" => Ok(First::Binary),
        "row-first" => Ok(First::Row),
        _ => Err(format!("`{write}` is `binary-first` or `row-first`, not `{order}`")),
    }
}

fn replace(order: &str) -> Result<Replace, String> {
    let found = REPLACES.iter().find(|(name, _)| *name == order).map(|(_, replace)| *replace);
    found.ok_or_else(|| {
        let names = REPLACES.map(|(name, _)| format!("`{name}`"));
        format!("`replace` is {}, not `{order}`", names.join(" or "))
    })
}

impl First {
    /// Both parts of a write, one after the other; where the first fails, the second is not begun.
    pub(crate) async fn of<E>(
        self,
        binary: impl Future<Output = Result<(), E>>,
        row: impl Future<Output = Result<(), E>>,
    ) -> Result<(), E> {
        match self {
            Self::Binary => {
                binary.await?;
                row.await
            }
            Self::Row => {
                row.await?;
                binary.await
            }
        }
    }
}

/// Writers of one asset take turns, from the first store that they touch to the last: a row that is
/// committed first blocks nobody any more.
#[derive(Default)]
pub(crate) struct Turns(Mutex<HashMap<Uuid, Weak<Turn<()>>>>);

impl Turns {
    /// Waits for an asset's turn, which lasts as long as what it gives.
    pub(crate) async fn of(&self, asset: Uuid) -> OwnedMutexGuard<()> {
        self.turn(asset).lock_owned().await
    }

    fn turn(&self, asset: Uuid) -> Arc<Turn<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = turns.get(&asset).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::new(Turn::new(()));
        turns.insert(asset, Arc::downgrade(&turn));
        turn
    }
}

/// Work that continues after an answer: a stop waits for it, a kill loses it.
#[derive(Default)]
pub(crate) struct Afterwards(Mutex<JoinSet<()>>);

impl Afterwards {
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while all.try_join_next().is_some() {}
        all.spawn(work);
    }

    /// Waits until nothing is left to do.
    pub(crate) async fn finish(&self) {
        let all = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        all.join_all().await;
    }
}

#[cfg(test)]
mod tests {
    use super::{Afterwards, First, Replace, Turns, Writes};
    use std::sync::{Arc, Mutex};
    use uuid::Uuid;

    #[test]
    fn what_is_not_named_stays_as_it_is() {
        let read = |text: &str| text.parse::<Writes>().expect("valid");
        assert_eq!(read(""), Writes::default());
        assert_eq!(read("upload=row-first"), Writes { upload: First::Row, ..Writes::default() });
        let replace = Replace { first: First::Row, new_key: true };
        let all = Writes { upload: First::Row, replace, delete: First::Binary, batch: First::Row };
        assert_eq!(
            read("upload=row-first, replace=new-key-row-first,delete=binary-first,batch=row-first"),
            all
        );
        assert_eq!(read("replace=new-key").replace, Replace { first: First::Binary, new_key: true });
        assert_eq!(read("replace=row-first").replace, Replace { first: First::Row, new_key: false });
    }

    #[test]
    fn a_mistake_is_told_with_what_can_stand_there() {
        for (text, says) in [
            ("upload", "`upload` is no `write=order`"),
            ("copy=row-first", "there is no write `copy`"),
            ("upload=new-key", "`upload` is `binary-first` or `row-first`, not `new-key`"),
            ("replace=in-place", "`new-key-row-first`, not `in-place`"),
            ("delete=row-first,delete=row-first", "`delete` stands there twice"),
        ] {
            let message = text.parse::<Writes>().expect_err("refused");
            assert!(message.contains(says), "{message}");
        }
    }

    #[tokio::test]
    async fn a_write_stops_at_the_store_that_fails() {
        let done = Mutex::new(Vec::new());
        let part = |name: &'static str, well: bool| {
            let done = &done;
            async move {
                done.lock().expect("alone").push(name);
                if well { Ok(()) } else { Err(name) }
            }
        };
        assert_eq!(First::Binary.of(part("binary", true), part("row", true)).await, Ok(()));
        assert_eq!(First::Row.of(part("binary", true), part("row", false)).await, Err("row"));
        assert_eq!(First::Binary.of(part("binary", false), part("row", true)).await, Err("binary"));
        assert_eq!(*done.lock().expect("alone"), ["binary", "row", "row", "binary"]);
    }

    #[tokio::test]
    async fn writers_of_one_asset_take_turns_and_others_do_not_wait() {
        let (turns, asset) = (Turns::default(), Uuid::now_v7());
        let held = turns.of(asset).await;
        let _other = turns.of(Uuid::now_v7()).await;
        assert!(turns.turn(asset).try_lock_owned().is_err());
        drop(held);
        assert!(turns.turn(asset).try_lock_owned().is_ok());
    }

    #[tokio::test]
    async fn what_is_left_to_do_is_waited_for() {
        let (afterwards, done) = (Afterwards::default(), Arc::new(Mutex::new(0)));
        for _ in 0..3 {
            let done = done.clone();
            afterwards.spawn(async move {
                tokio::task::yield_now().await;
                *done.lock().expect("alone") += 1;
            });
        }
        afterwards.finish().await;
        assert_eq!(*done.lock().expect("alone"), 3);
    }
}
