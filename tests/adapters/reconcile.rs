//! Rows against objects in stores that are in use: what is wrong is found, what is in flight is not, and nothing
//! is written.

use crate::support::{embedded_s3, private_postgres};
use pulp_drill::base::clock::Clock;
use pulp_drill::base::digest::Digest;
use pulp_drill::base::error::Error;
use pulp_drill::base::ids::{BucketName, ObjectKey};
use pulp_drill::model::finding::FindingKind;
use pulp_drill::model::key_range::KeyRange;
use pulp_drill::model::profile::{BinaryStore, Profile};
use pulp_drill::model::state::Metadata;
use pulp_drill::reconcile::{
    Depth, Pace, Position, ReconcileFinding, ReconcileObserver, ReconcileOptions, Reconciliation, Tally,
};
use pulp_drill::scenario::profile::read_profile;
use pulp_drill::system::objects::Bucket;
use pulp_drill::system::objects::view::BucketView;
use pulp_drill::system::postgres::{Access, Pointers, Postgres};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Stores with rows in `assets` that point at objects.
struct Stores {
    s3: embedded_s3::TestStore,
    bucket: Bucket,
    postgres: Postgres,
    reader: Access,
    profile: Profile,
}

#[derive(Default)]
struct Kept(Vec<ReconcileFinding>);

impl ReconcileObserver for Kept {
    fn found(&mut self, finding: &ReconcileFinding) -> Result<(), Error> {
        self.0.push(finding.clone());
        Ok(())
    }

    fn reached(&mut self, _: &Position) -> Result<(), Error> {
        Ok(())
    }

    fn progressed(&mut self, _: &Tally, _: u64) {}
}

impl Stores {
    /// None without PostgreSQL.
    async fn start() -> Option<Self> {
        let url = private_postgres::database().await?;
        let access = Access::parse(&url).unwrap();
        let postgres = Postgres::connect(&access).await.unwrap();
        let role = format!("reader-{}", access.database);
        for sql in [
            "create table assets (id serial primary key, original_name text, filename text, \
             size_bytes bigint, content_hash text, mime_type text)",
            &format!("create role \"{role}\" login password 'p'"),
            &format!("grant select on assets to \"{role}\""),
        ] {
            postgres.execute(sql, &[]).await.unwrap();
        }
        let s3 = embedded_s3::start().await;
        let bucket = s3.bucket("assets").await;
        let reader = Access { user: role, password: "p".to_owned(), ..access };
        let mut profile = read_profile("pulp-engine").unwrap();
        profile.entities.retain(|name, _| name == "asset");
        profile.ignore_objects = vec!["ignored/".to_owned()];
        Some(Self { s3, bucket, postgres, reader, profile })
    }

    async fn put(&self, key: &str, bytes: &str) {
        self.bucket.put(&key.into(), bytes.as_bytes().to_vec(), &Metadata::default()).await.unwrap();
    }

    async fn insert(&self, key: &str, bytes: &str) {
        let sql = "insert into assets (original_name, filename, size_bytes, content_hash) \
                   values ($1, $2, $3::bigint, $4)";
        let (size, digest) = (bytes.len().to_string(), Digest::of(bytes).to_string());
        let name = format!("name of {key}");
        self.postgres.execute(sql, &[&name, key, &size, &digest]).await.unwrap();
    }

    async fn reconcile(
        &self,
        depth: Depth,
        settle: Duration,
        from: Option<Position>,
    ) -> (Result<Tally, Error>, Vec<(FindingKind, String)>) {
        self.reconcile_range(depth, settle, &KeyRange::default(), from).await
    }

    async fn reconcile_range(
        &self,
        depth: Depth,
        settle: Duration,
        range: &KeyRange,
        from: Option<Position>,
    ) -> (Result<Tally, Error>, Vec<(FindingKind, String)>) {
        let rows = Pointers::connect(&self.reader, &self.profile, BinaryStore::Assets).await.unwrap();
        let objects = BucketView::new(&self.s3.access, None, &BucketName::from("assets"), "");
        let options = ReconcileOptions { depth, settle, grace: Duration::ZERO };
        let (pace, clock, mut kept) = (Arc::new(Pace::new(None)), Clock::system(), Kept::default());
        let work = Reconciliation::new(&rows, &objects, &options, &pace, &clock);
        let done = work.run(range, from, &mut kept).await;
        let found = kept.0.into_iter().map(|finding| (finding.kind, finding.key.to_string())).collect();
        (done, found)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_difference_is_found_by_a_role_that_may_only_read_and_nothing_is_written() {
    let Some(stores) = Stores::start().await else { return };
    // Keys whose order depends on the collation, and one that two rows share.
    for key in ["B", "a", "ä/1", "a b", "shared", "Z'\\x", "_", "damaged"] {
        stores.put(key, key).await;
        stores.insert(key, key).await;
    }
    stores.insert("shared", "shared").await;
    let (clean, none) = stores.reconcile(Depth::Full, Duration::ZERO, None).await;
    let clean = clean.unwrap();
    assert_eq!((none, clean.rows, clean.objects, clean.matched, clean.verified), (Vec::new(), 9, 8, 9, 8));

    stores.put("damaged", "dbmaged").await;
    stores.insert("missing", "x").await;
    // Without a key there is no reference.
    stores.insert("", "x").await;
    stores.put("short", "x").await;
    stores.insert("short", "xx").await;
    stores.put("orphan", "x").await;
    stores.put("ignored/1", "x").await;
    stores.put("folder/", "").await;
    let before = (stores.bucket.inventory("", &Default::default()).await.unwrap(), written(&stores).await);
    let (tally, mut found) = stores.reconcile(Depth::Full, Duration::ZERO, None).await;
    found.sort();
    let wanted = [
        (FindingKind::MissingBinary, "missing"),
        (FindingKind::WrongSize, "short"),
        (FindingKind::WrongContent, "damaged"),
        (FindingKind::OrphanBinary, "orphan"),
    ];
    let mut wanted: Vec<_> = wanted.map(|(kind, key)| (kind, key.to_owned())).to_vec();
    wanted.sort();
    assert_eq!(found, wanted);
    let tally = tally.unwrap();
    assert_eq!((tally.matched, tally.complete, tally.cleared), (9, true, 0));
    assert_eq!(
        (stores.bucket.inventory("", &Default::default()).await.unwrap(), written(&stores).await),
        before
    );

    // By the listing alone a wrong byte is not found, and a position is continued behind its key.
    let from = Position { after: ObjectKey::from("missing"), tally: Tally::default() };
    let (tally, found) = stores.reconcile(Depth::Listing, Duration::ZERO, Some(from)).await;
    assert_eq!(
        found,
        [(FindingKind::OrphanBinary, "orphan".to_owned()), (FindingKind::WrongSize, "short".to_owned())]
    );
    assert_eq!(tally.unwrap().rows, 4);
}

/// What the table holds.
#[tokio::test(flavor = "multi_thread")]
async fn ranges_of_keys_find_together_what_one_run_finds() {
    let Some(mut stores) = Stores::start().await else { return };
    let sql = "create table albums (id serial primary key, folder text)";
    stores.postgres.execute(sql, &[]).await.unwrap();
    stores
        .postgres
        .execute(&format!("grant select on albums to \"{}\"", stores.reader.user), &[])
        .await
        .unwrap();
    let profile = "name: albums\napi: none\nentities:\n  album: {table: albums, binary: {key: '${folder}*'}}\n\
                   write-order: {upload: binary-first, replace: binary-first, delete: row-first}\n\
                   migrate: [\"true\"]\nseed: [\"true\"]\n";
    let file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    std::fs::write(file.path(), profile).unwrap();
    let albums = read_profile(&file.path().display().to_string()).unwrap();
    stores.profile.entities.extend(albums.entities);
    for n in 0..40 {
        let key = format!("k/{n:02}");
        if n % 7 != 0 {
            stores.put(&key, &key).await;
        }
        if n % 5 != 0 {
            stores.insert(&key, if n == 33 { "K/33" } else { &key }).await;
        }
    }
    // Prefixes with objects in one range, in several and in none.
    for n in 0..10 {
        stores.put(&format!("k/2/{n}"), "x").await;
        stores.put(&format!("z/{n}"), "x").await;
    }
    for folder in ["k/2/", "k/3/", "z/"] {
        stores.postgres.execute("insert into albums (folder) values ($1)", &[folder]).await.unwrap();
    }
    let (whole, mut found) = stores.reconcile(Depth::Full, Duration::ZERO, None).await;
    let whole = whole.unwrap();
    assert_eq!(found.len(), 5 + 6 + 1, "{found:?}");
    found.sort();

    let rows = Pointers::connect(&stores.reader, &stores.profile, BinaryStore::Assets).await.unwrap();
    for wanted in [2, 5, 16] {
        let ranges = KeyRange::between(rows.quantiles(wanted.try_into().unwrap()).await.unwrap());
        assert_eq!(ranges.len(), wanted as usize);
        let (mut sum, mut together) = (Tally::default(), Vec::new());
        for range in &ranges {
            let (part, found) = stores.reconcile_range(Depth::Full, Duration::ZERO, range, None).await;
            let part = part.unwrap();
            assert!(part.complete);
            sum = Tally {
                rows: sum.rows + part.rows,
                objects: sum.objects + part.objects,
                matched: sum.matched + part.matched,
                verified: sum.verified + part.verified,
                cleared: sum.cleared + part.cleared,
                ..sum
            };
            together.extend(found);
        }
        together.sort();
        assert_eq!(together, found, "{wanted} ranges");
        assert_eq!(
            (sum.rows, sum.objects, sum.matched, sum.verified, sum.cleared),
            (whole.rows, whole.objects, whole.matched, whole.verified, whole.cleared)
        );
    }
}

async fn written(stores: &Stores) -> String {
    let sql = "select string_agg(a::text, ',' order by id) from assets a";
    stores.postgres.texts(sql).await.unwrap().concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_refuses_writes_of_the_connection() {
    let Some(stores) = Stores::start().await else { return };
    // The owner may write: only the connection does not.
    let postgres = Postgres::connect_read_only(stores.postgres.access()).await.unwrap();
    let refused = postgres.execute("delete from assets", &[]).await.unwrap_err().to_string();
    assert!(refused.contains("read-only transaction"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_in_flight_raise_no_alarm() {
    let Some(stores) = Stores::start().await else { return };
    for n in 0..300 {
        stores.put(&format!("still-{n:03}"), "x").await;
        stores.insert(&format!("still-{n:03}"), "x").await;
    }
    let stores = Arc::new(stores);
    let stop = Arc::new(AtomicBool::new(false));
    let pause = || tokio::time::sleep(Duration::from_millis(100));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let (stores, stop) = (Arc::clone(&stores), Arc::clone(&stop));
            tokio::spawn(async move {
                for n in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return n;
                    }
                    let key = format!("moving-{writer}-{}", n % 5);
                    stores.put(&key, "old").await;
                    pause().await;
                    stores.insert(&key, "old").await;
                    pause().await;
                    // A replacement in place, object first.
                    stores.put(&key, "newer").await;
                    pause().await;
                    let update = "update assets set size_bytes = 5, content_hash = $1 where filename = $2";
                    let digest = Digest::of("newer").to_string();
                    stores.postgres.execute(update, &[&digest, &key]).await.unwrap();
                    pause().await;
                    stores.postgres.execute("delete from assets where filename = $1", &[&key]).await.unwrap();
                    pause().await;
                    stores.bucket.delete(&key.as_str().into()).await.unwrap();
                }
                0
            })
        })
        .collect();
    for depth in [Depth::Listing, Depth::Full, Depth::Listing] {
        let (tally, found) = stores.reconcile(depth, Duration::from_secs(1), None).await;
        assert_eq!(found, []);
        assert!(tally.unwrap().matched >= 300);
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        assert!(writer.await.unwrap() > 0);
    }
}
