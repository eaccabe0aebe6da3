//! Writers under load: tasks that write through the API while a backup runs, each to assets of its own,
//! by choices that depend on the load's seed and the writer's number alone. They write down what they
//! did and what they were answered, and judge nothing.

mod picture;

use crate::{
    base::{clock, digest::Digest, ids::ObjectKey, trouble::Trouble},
    model::load::{Answer, Load, Operation, PREFIX, Written},
    site::{Site, Source},
    system::engine::{AssetRecord, CallError, Engine, Upload},
};
use rand::{Rng, RngExt as _, rngs::StdRng};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{sync::watch, task::JoinSet, time::MissedTickBehavior};

/// No wait for writes takes longer, unless the engine is stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// The last request of each writer has its own limit, which is a little shorter.
const END: Duration = Duration::from_secs(90);

const MEDIA_TYPE: &str = "image/png";

/// Writers that write, until they are stopped; dropped, they end where they are.
pub struct Writing {
    load: Load,
    record: Arc<Record>,
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

/// What all writers of a load have in common.
struct Record {
    began: Instant,
    writes: Mutex<Vec<Written>>,
    /// How many were answered: whoever waits is told.
    answered: watch::Sender<usize>,
}

impl Record {
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn add(&self, write: Written) {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner).push(write);
        self.answered.send_modify(|count| *count += 1);
    }

    fn writes(&self) -> Vec<Written> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Writing {
    /// Starts the writers. `began` is when the load's clock stands at 0.
    pub fn start(site: &Site<Source>, load: Load, began: Instant) -> Self {
        let record = Arc::new(Record { began, writes: Mutex::default(), answered: watch::channel(0).0 });
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for writer in 0..load.writers {
            let (site, record, stopped) = (site.clone(), Arc::clone(&record), stopped.clone());
            tasks.spawn(async move { Writer::new(load, writer).write(&site, &record, stopped).await });
        }
        Self { load, record, tasks, stop }
    }

    /// Waits until the writes so far are such.
    ///
    /// # Errors
    /// They don't become so: nothing is acknowledged any more.
    pub async fn until(&self, what: &str, enough: impl Fn(&[Written]) -> bool) -> Result<(), Trouble> {
        let mut answered = self.record.answered.subscribe();
        let waited = async {
            while !enough(&self.record.writes()) {
                if answered.changed().await.is_err() {
                    return;
                }
            }
        };
        if tokio::time::timeout(PATIENCE, waited).await.is_ok() {
            return Ok(());
        }
        let writes = self.record.writes();
        let acknowledged = writes.iter().filter(|w| w.is_acknowledged()).count();
        let trouble = Trouble::environment(format!("{what} were not seen within {} s", PATIENCE.as_secs()))
            .cause(format!("{} writes were answered, {acknowledged} of them acknowledged", writes.len()));
        let refused = writes.iter().rev().find_map(|w| match &w.answer {
            Answer::Acknowledged => None,
            Answer::Refused { why } | Answer::Unanswered { why } => Some(why.clone()),
        });
        Err(refused.into_iter().fold(trouble, |trouble, why| trouble.cause(format!("last: {why}"))))
    }

    /// Waits for so many more acknowledged writes.
    pub async fn until_more(&self, count: u32) -> Result<(), Trouble> {
        let acknowledged = |writes: &[Written]| writes.iter().filter(|w| w.is_acknowledged()).count();
        let wanted = acknowledged(&self.record.writes()) + count as usize;
        self.until(&format!("{count} more acknowledged writes"), |writes| acknowledged(writes) >= wanted)
            .await
    }

    /// Waits until every operation of the mix was acknowledged once.
    pub async fn until_begun(&self) -> Result<(), Trouble> {
        let mix = self.load.mix;
        self.until("acknowledged writes of every kind", |writes| {
            let is = |operation| writes.iter().any(|w| w.is_acknowledged() && w.operation == operation);
            mix.parts().all(|(operation, _)| is(operation))
        })
        .await
    }

    /// Waits until a write was acknowledged that began after this moment.
    pub async fn until_after(&self, moment: u64) -> Result<(), Trouble> {
        self.until("acknowledged writes after the backup", |writes| {
            writes.iter().any(|w| w.is_acknowledged() && w.begun > moment)
        })
        .await
    }

    /// What was written until now.
    pub fn so_far(&self) -> Vec<Written> {
        self.record.writes()
    }

    /// Lets every writer finish what it does, and gives all that was written.
    ///
    /// # Errors
    /// A writer does not come to an end, or died.
    pub async fn stop(mut self) -> Result<Vec<Written>, Trouble> {
        self.stop.send_replace(true);
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                ended.map_err(|error| Trouble::harness("a writer died").because(&error))?;
            }
            Ok::<_, Trouble>(())
        };
        match tokio::time::timeout(END, all).await {
            Ok(ended) => ended?,
            Err(_) => {
                let text = format!("a writer's last request has no end after {} s", END.as_secs());
                return Err(Trouble::environment(text));
            }
        }
        Ok(self.record.writes())
    }
}

/// An asset of a writer.
struct Own {
    name: String,
    id: String,
}

/// One writer.
struct Writer {
    load: Load,
    number: u8,
    chance: StdRng,
    own: Vec<Own>,
    sent: u32,
}

/// What a writer is going to send.
struct Order {
    operation: Operation,
    /// Which of its assets, for all but uploads.
    at: usize,
    bytes: Vec<u8>,
}

impl Writer {
    fn new(load: Load, number: u8) -> Self {
        let chance = clock::choices(load.seed, &format!("writer {number}"));
        Self { load, number, chance, own: Vec::new(), sent: 0 }
    }

    async fn write(&mut self, site: &Site<Source>, record: &Record, mut stopped: watch::Receiver<bool>) {
        let period = Duration::from_secs_f64(f64::from(self.load.writers) / f64::from(self.load.rate));
        // They take turns.
        let first =
            tokio::time::Instant::now() + period * u32::from(self.number) / u32::from(self.load.writers);
        let mut turns = tokio::time::interval_at(first, period);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = turns.tick() => {}
                _ = stopped.wait_for(|stopped| *stopped) => return,
            }
            // While the engine is stopped there is nobody to ask.
            let Ok(api) = site.engine.api().await else { continue };
            let order = self.choose();
            let write = self.send(&api, order, record).await;
            record.add(write);
        }
    }

    /// The next write: depends on nothing but the writes before it.
    fn choose(&mut self) -> Order {
        let mut chosen = self.chance.random_range(0..self.load.mix.sum().max(1));
        let mut operation = Operation::Upload;
        for (candidate, part) in self.load.mix.parts() {
            operation = candidate;
            match chosen.checked_sub(u32::from(part)) {
                Some(rest) => chosen = rest,
                None => break,
            }
        }
        if self.own.is_empty() {
            operation = Operation::Upload;
        }
        let at = self.chance.random_range(0..self.own.len().max(1));
        let mut pixels = [0; picture::PIXELS];
        self.chance.fill_bytes(&mut pixels);
        Order { operation, at, bytes: picture::png(&pixels) }
    }

    async fn send(&mut self, api: &Engine, order: Order, record: &Record) -> Written {
        let Order { operation, at, bytes } = order;
        let number = self.sent;
        self.sent += 1;
        let asset = match operation {
            Operation::Upload => None,
            // Whatever is answered: only what was acknowledged stays the writer's.
            Operation::Replace | Operation::Delete => Some(self.own.swap_remove(at)),
        };
        let name = asset.as_ref().map_or_else(
            || format!("{PREFIX}{}-{}-{number}.png", self.load.seed, self.number),
            |asset| asset.name.clone(),
        );
        let mut id = asset.map(|asset| asset.id);
        let sha256 = (operation != Operation::Delete).then(|| Digest::of(&bytes));
        let begun = record.now();
        let answer = match (operation, &id) {
            (Operation::Delete, Some(id)) => api.delete_asset(id, true).await.map(|()| None),
            (Operation::Replace, Some(id)) => api.replace(id, &name, &bytes, MEDIA_TYPE).await.map(Some),
            (Operation::Upload | Operation::Replace | Operation::Delete, _) => {
                let media_type = MEDIA_TYPE.to_owned();
                let upload = Upload { name: name.clone(), bytes, media_type, ..Upload::default() };
                api.upload(&upload).await.map(Some)
            }
        };
        let answered = record.now();
        let mut key = None;
        let answer = match answer {
            Ok(made) => {
                if let Some(AssetRecord { id: made, filename, .. }) = made {
                    key = Some(ObjectKey::new(filename));
                    self.own.push(Own { name: name.clone(), id: made.clone() });
                    id = Some(made);
                }
                Answer::Acknowledged
            }
            Err(CallError::Unreachable(why)) => Answer::Unanswered { why: why.to_string() },
            Err(refused @ CallError::Refused { status: 200..=299, .. }) => {
                Answer::Unanswered { why: refused.to_string() }
            }
            Err(refused @ CallError::Refused { .. }) => Answer::Refused { why: refused.to_string() },
        };
        let writer = self.number;
        Written { writer, number, operation, name, id, key, sha256, begun, answered, answer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::load::Mix;

    #[test]
    fn choices_depend_on_seed_and_writer_and_follow_the_mix() {
        let mix = Mix { upload: 5, replace: 3, delete: 2 };
        let load = |seed| Load { writers: 2, rate: 1, mix, seed, backups: 1 };
        let orders = |seed, number| {
            let mut writer = Writer::new(load(seed), number);
            writer.own.push(Own { name: "a.png".to_owned(), id: "a".to_owned() });
            (0..1_000).map(|_| writer.choose()).map(|o| (o.operation, o.bytes)).collect::<Vec<_>>()
        };
        let first = orders(7, 0);
        assert_eq!(first, orders(7, 0));
        assert_ne!(first, orders(7, 1));
        assert_ne!(first, orders(8, 0));
        let count = |wanted| first.iter().filter(|(operation, _)| *operation == wanted).count();
        for (operation, part) in mix.parts() {
            assert!(count(operation).abs_diff(usize::from(part) * 100) < 60, "{operation:?}");
        }
        // Contents differ, sizes do not: a wrong content shows by its digest alone.
        assert!(first.iter().all(|(_, bytes)| bytes.len() == first[0].1.len()));
        assert_ne!(first[0].1, first[1].1);
    }

    #[test]
    fn a_writer_without_assets_uploads_one() {
        let mix = Mix { delete: 1, ..Mix::default() };
        let mut writer = Writer::new(Load { writers: 1, rate: 1, mix, seed: 1, backups: 1 }, 0);
        assert_eq!(writer.choose().operation, Operation::Upload);
    }
}
