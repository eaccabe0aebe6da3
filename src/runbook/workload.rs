//! Writers under load: tasks that write through the API, or by the profile's commands, while a backup runs,
//! each to assets of its own, by choices that depend on the load's seed and the writer's number alone. They
//! record what they did and the answers, and judge nothing.

mod command;
mod picture;

use crate::{
    base::{
        clock,
        digest::Digest,
        error::Error,
        ids::{ObjectKey, TemplateKey},
        sync::MutexExt,
    },
    model::{
        workload::{Load, PREFIX, WriteAnswer, Written},
        write::WriteKind,
    },
    runbook::seed::{self, Call},
    site::{Site, Source},
    system::engine::{AssetRecord, CallError, Engine, UploadRequest},
};
use rand::{Rng, RngExt as _, rngs::StdRng};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{sync::watch, task::JoinSet, time::MissedTickBehavior};

/// No wait for writes takes longer, unless the engine is stuck.
const PATIENCE: Duration = Duration::from_secs(60);

/// The same for writes by commands, each of which may start an interpreter.
const PATIENCE_WITH_COMMANDS: Duration = Duration::from_secs(300);

/// The last request of each writer has its own limit, which is a little shorter.
const END: Duration = Duration::from_secs(90);

const MEDIA_TYPE: &str = "image/png";

/// Writers that write, until they are stopped; dropped, they end where they are.
pub struct Writing {
    load: Load,
    record: Arc<Record>,
    patience: Duration,
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

/// What writers write to beside assets of their own, as far as the mix wants it.
#[derive(Clone, Debug, Default)]
pub struct WriterTargets {
    /// The template whose labels they move.
    pub labelled: TemplateKey,
    /// Its versions, oldest first.
    pub versions: Vec<String>,
    /// The batch job that they have done.
    pub batch: Option<Call>,
}

/// What all writers of a load have in common.
struct Record {
    began: Instant,
    writes: Mutex<Vec<Written>>,
    /// How many were answered; the channel wakes those who wait for more.
    answered: watch::Sender<usize>,
}

impl Record {
    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn add(&self, write: Written) {
        self.writes.lock_unpoisoned().push(write);
        self.answered.send_modify(|count| *count += 1);
    }

    fn writes(&self) -> Vec<Written> {
        self.writes.lock_unpoisoned().clone()
    }
}

impl Writing {
    /// Starts the writers. `began` is when the load's clock stands at 0.
    pub fn start(site: &Site<Source>, load: Load, reach: WriterTargets, began: Instant) -> Self {
        let record = Arc::new(Record { began, writes: Mutex::default(), answered: watch::channel(0).0 });
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for writer in 0..load.writers {
            let (site, record, stopped) = (site.clone(), Arc::clone(&record), stopped.clone());
            let mut writer = Writer::new(load, writer, reach.clone());
            tasks.spawn(async move { writer.write(&site, &record, stopped).await });
        }
        let patience = if site.has_api() { PATIENCE } else { PATIENCE_WITH_COMMANDS };
        Self { load, record, patience, tasks, stop }
    }

    /// Waits until the writes so far are such.
    ///
    /// # Errors
    /// They don't become so: nothing is acknowledged any more.
    pub async fn until(&self, what: &str, enough: impl Fn(&[Written]) -> bool) -> Result<(), Error> {
        let mut answered = self.record.answered.subscribe();
        let waited = async {
            while !enough(&self.record.writes()) {
                if answered.changed().await.is_err() {
                    return;
                }
            }
        };
        if tokio::time::timeout(self.patience, waited).await.is_ok() {
            return Ok(());
        }
        let writes = self.record.writes();
        let acknowledged = writes.iter().filter(|w| w.is_acknowledged()).count();
        let error = Error::environment(format!("{what} were not seen within {} s", self.patience.as_secs()))
            .cause(format!("{} writes were answered, {acknowledged} of them acknowledged", writes.len()));
        let refused = writes.iter().rev().find_map(|w| match &w.answer {
            WriteAnswer::Acknowledged => None,
            WriteAnswer::Refused { why } | WriteAnswer::Unanswered { why } => Some(why.clone()),
        });
        Err(refused.into_iter().fold(error, |error, why| error.cause(format!("last: {why}"))))
    }

    /// Waits for so many more acknowledged writes.
    pub async fn until_more(&self, count: u32) -> Result<(), Error> {
        let acknowledged = |writes: &[Written]| writes.iter().filter(|w| w.is_acknowledged()).count();
        let wanted = acknowledged(&self.record.writes()) + count as usize;
        self.until(&format!("{count} more acknowledged writes"), |writes| acknowledged(writes) >= wanted)
            .await
    }

    /// Waits until every operation of the mix was acknowledged once.
    pub async fn until_begun(&self) -> Result<(), Error> {
        let mix = self.load.mix;
        self.until("acknowledged writes of every kind", |writes| {
            let is = |operation| writes.iter().any(|w| w.is_acknowledged() && w.operation == operation);
            mix.parts().all(|(operation, _)| is(operation))
        })
        .await
    }

    /// Waits until a write was acknowledged that began after this moment.
    pub async fn until_after(&self, moment: u64) -> Result<(), Error> {
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
    pub async fn stop(mut self) -> Result<Vec<Written>, Error> {
        self.stop.send_replace(true);
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                ended.map_err(|error| Error::harness("a writer died").because(&error))?;
            }
            Ok::<_, Error>(())
        };
        match tokio::time::timeout(END, all).await {
            Ok(ended) => ended?,
            Err(_) => {
                let text = format!("a writer's last request has no end after {} s", END.as_secs());
                return Err(Error::environment(text));
            }
        }
        Ok(self.record.writes())
    }
}

/// An asset of a writer.
struct Own {
    name: String,
    id: String,
    key: ObjectKey,
}

/// One writer.
struct Writer {
    load: Load,
    number: u8,
    reach: WriterTargets,
    chance: StdRng,
    own: Vec<Own>,
    sent: u32,
    /// How often it has moved its label.
    moved: usize,
}

/// What a writer is going to send.
struct Order {
    operation: WriteKind,
    /// Which of its assets, for all but uploads.
    at: usize,
    bytes: Vec<u8>,
}

impl Writer {
    fn new(load: Load, number: u8, reach: WriterTargets) -> Self {
        let chance = clock::choices(load.seed, &format!("writer {number}"));
        Self { load, number, reach, chance, own: Vec::new(), sent: 0, moved: 0 }
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
            // Nothing is written while the engine is stopped.
            let api = match (site.has_api(), site.engine.exists()) {
                (false, false) => None,
                (_, _) => match site.engine.api().await {
                    Ok(api) => Some(api),
                    Err(_) => continue,
                },
            };
            let order = self.choose();
            let (number, begun) = (self.sent, record.now());
            self.sent += 1;
            let sent = match api.filter(|_| site.has_api()) {
                Some(api) => self.send(&api, order, number).await,
                None => self.run_command(site, order, number).await,
            };
            record.add(self.written(sent, number, begun, record.now()));
        }
    }

    /// The next write: depends on nothing but the writes before it.
    fn choose(&mut self) -> Order {
        let mut chosen = self.chance.random_range(0..self.load.mix.sum().max(1));
        let mut operation = WriteKind::Upload;
        for (candidate, part) in self.load.mix.parts() {
            operation = candidate;
            match chosen.checked_sub(u32::from(part)) {
                Some(rest) => chosen = rest,
                None => break,
            }
        }
        if self.own.is_empty()
            && matches!(operation, WriteKind::Replace | WriteKind::Delete | WriteKind::Copy)
        {
            operation = WriteKind::Upload;
        }
        let at = self.chance.random_range(0..self.own.len().max(1));
        let mut pixels = [0; picture::PIXELS];
        self.chance.fill_bytes(&mut pixels);
        Order { operation, at, bytes: picture::png(&pixels) }
    }

    async fn send(&mut self, api: &Engine, order: Order, number: u32) -> Sent {
        match order.operation {
            WriteKind::Label => self.move_label(api).await,
            WriteKind::Batch => self.run_batch(api, number).await,
            WriteKind::Copy => self.copy(api, order, number).await,
            WriteKind::Upload | WriteKind::Replace | WriteKind::Delete => {
                self.write_asset(api, order, number).await
            }
        }
    }

    /// Records a write. What was acknowledged becomes the writer's.
    fn written(&mut self, sent: Sent, number: u32, begun: u64, answered: u64) -> Written {
        let Sent { operation, name, id, sha256, answer } = sent;
        let (id, key, answer) = match answer {
            Ok(Some(Stored { id, key })) => {
                self.own.push(Own { name: name.clone(), id: id.clone(), key: key.clone() });
                (Some(id), Some(key), WriteAnswer::Acknowledged)
            }
            Ok(None) => (id, None, WriteAnswer::Acknowledged),
            Err(answer) => (id, None, answer),
        };
        let writer = self.number;
        Written { writer, number, operation, name, id, key, sha256, begun, answered, answer }
    }

    /// A name that nothing else has.
    fn name(&self, number: u32, ending: &str) -> String {
        format!("{PREFIX}{}-{}-{number}{ending}", self.load.seed, self.number)
    }

    async fn write_asset(&mut self, api: &Engine, order: Order, number: u32) -> Sent {
        let Order { operation, at, bytes } = order;
        // Whatever is answered: only what was acknowledged stays the writer's.
        let asset = (operation != WriteKind::Upload).then(|| self.own.swap_remove(at));
        let name = asset.as_ref().map_or_else(|| self.name(number, ".png"), |asset| asset.name.clone());
        let id = asset.map(|asset| asset.id);
        let sha256 = (operation != WriteKind::Delete).then(|| Digest::of(&bytes));
        let answer = match (operation, &id) {
            (WriteKind::Delete, Some(id)) => api.delete_asset(id, true).await.map(|()| None),
            (WriteKind::Replace, Some(id)) => {
                api.replace(id, &name, &bytes, MEDIA_TYPE).await.map(|made| Some(made.into()))
            }
            _ => upload(api, &name, bytes).await.map(|made| Some(made.into())),
        };
        Sent { operation, name, id, sha256, answer: answer.map_err(refused) }
    }

    /// The upload of what is downloaded of an asset.
    async fn copy(&mut self, api: &Engine, order: Order, number: u32) -> Sent {
        let name = self.name(number, ".png");
        let failed = |sha256, answer| Sent {
            operation: WriteKind::Copy,
            name: name.clone(),
            id: None,
            sha256,
            answer: Err(answer),
        };
        let got = match api.binary(self.own[order.at].key.as_str()).await {
            Ok(got) if got.is_success() && got.whole => got,
            // Nothing was written yet.
            Ok(got) => {
                return failed(None, WriteAnswer::Refused { why: format!("no binary: {}", got.status) });
            }
            Err(why) => return failed(None, WriteAnswer::Refused { why: why.to_string() }),
        };
        let sha256 = Some(Digest::of(&got.body));
        match upload(api, &name, got.body).await {
            Ok(made) => Sent { answer: Ok(Some(made.into())), ..failed(sha256, WriteAnswer::Acknowledged) },
            Err(error) => failed(sha256, refused(error)),
        }
    }

    /// The writer has one label, which goes through the versions in turn.
    async fn move_label(&mut self, api: &Engine) -> Sent {
        let WriterTargets { labelled, versions, .. } = &self.reach;
        let name = format!("{PREFIX}{}-{}", self.load.seed, self.number);
        let version = versions[self.moved % versions.len()].clone();
        self.moved += 1;
        let answer = api.put_label(labelled.as_str(), &name, &version).await;
        let answer = answer.map(|()| None).map_err(refused);
        Sent { operation: WriteKind::Label, name, id: None, sha256: Some(Digest::of(version)), answer }
    }

    async fn run_batch(&mut self, api: &Engine, number: u32) -> Sent {
        let name = self.name(number, "");
        let sent = |id, answer| Sent { operation: WriteKind::Batch, name, id, sha256: None, answer };
        let Some(Call::Batch { template, data }) = &self.reach.batch else {
            return sent(
                None,
                Err(WriteAnswer::Refused { why: "there is no template to render".to_owned() }),
            );
        };
        let job = match api.submit_batch(&[seed::batch_item(template, data)]).await {
            Ok(accepted) => accepted.job_id,
            Err(error) => return sent(None, Err(refused(error))),
        };
        let done = seed::finished(api, job.clone(), template, PATIENCE).await;
        let answer = done.map(|_| None).map_err(|why| WriteAnswer::Unanswered { why: why.to_string() });
        sent(Some(job), answer)
    }
}

/// A write that was sent, and its answer.
struct Sent {
    operation: WriteKind,
    name: String,
    id: Option<String>,
    sha256: Option<Digest>,
    answer: Result<Option<Stored>, WriteAnswer>,
}

/// Where a binary is after a write.
struct Stored {
    id: String,
    key: ObjectKey,
}

impl From<AssetRecord> for Stored {
    fn from(record: AssetRecord) -> Self {
        Self { id: record.id, key: ObjectKey::new(record.filename) }
    }
}

async fn upload(api: &Engine, name: &str, bytes: Vec<u8>) -> Result<AssetRecord, CallError> {
    let media_type = MEDIA_TYPE.to_owned();
    api.upload(&UploadRequest { name: name.to_owned(), bytes, media_type, ..UploadRequest::default() }).await
}

/// What an error means for the write.
fn refused(error: CallError) -> WriteAnswer {
    match error {
        CallError::Unreachable(why) => WriteAnswer::Unanswered { why: why.to_string() },
        CallError::Refused { status: 200..=299, .. } => WriteAnswer::Unanswered { why: error.to_string() },
        CallError::Refused { .. } => WriteAnswer::Refused { why: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::workload::Mix;

    #[test]
    fn choices_depend_on_seed_and_writer_and_follow_the_mix() {
        let mix = Mix { upload: 4, replace: 2, delete: 1, copy: 1, label: 1, batch: 1 };
        let load = |seed| Load { writers: 2, rate: 1, mix, seed, backups: 1 };
        let orders = |seed, number| {
            let mut writer = Writer::new(load(seed), number, WriterTargets::default());
            let (name, id, key) = ("a.png".to_owned(), "a".to_owned(), "a".into());
            writer.own.push(Own { name, id, key });
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
        let first = |mix| {
            let load = Load { writers: 1, rate: 1, mix, seed: 1, backups: 1 };
            Writer::new(load, 0, WriterTargets::default()).choose().operation
        };
        for operation in WriteKind::ALL {
            let mut mix = Mix::default();
            *match operation {
                WriteKind::Upload => &mut mix.upload,
                WriteKind::Replace => &mut mix.replace,
                WriteKind::Delete => &mut mix.delete,
                WriteKind::Copy => &mut mix.copy,
                WriteKind::Label => &mut mix.label,
                WriteKind::Batch => &mut mix.batch,
            } = 1;
            let needs_none = matches!(operation, WriteKind::Label | WriteKind::Batch);
            assert_eq!(first(mix), if needs_none { operation } else { WriteKind::Upload }, "{operation:?}");
        }
    }
}
