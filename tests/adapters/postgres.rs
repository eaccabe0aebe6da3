//! The database adapter: what is captured must not change by going through PostgreSQL's own dump
//! and restore, and must change by anything else.

use pulp_drill::base::error::Blame;
use pulp_drill::base::ids::TableName;
use pulp_drill::base::process::{Base, RunDir, run};
use pulp_drill::base::redact::Redactor;
use pulp_drill::model::profile::{Condition, PdfRule, Profile, ProfileEntity, StopCommand, TargetApi};
use pulp_drill::model::state::{Database, change};
use pulp_drill::model::write::{ReplaceKeys, StoreOrder, WriteOrder};
use pulp_drill::runbook::provision::processes::{Durability, Places, PostgresServer, discover};
use pulp_drill::system::destroy::Guard;
use pulp_drill::system::postgres::{Access, HeldTable, Postgres, Statements, create_database, drop_database};
use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

/// A schema with all that a dump may trip over.
const NASTY: &str = include_str!("nasty.sql");

pub struct Cluster {
    pub server: PostgresServer,
    redactor: Redactor,
    _run_dir: RunDir,
    pub temp: tempfile::TempDir,
}

impl Cluster {
    pub async fn start() -> Self {
        let temp = tempfile::tempdir().unwrap();
        // PostgreSQL's user must be able to pass.
        std::fs::set_permissions(temp.path(), Permissions::from_mode(0o711)).unwrap();
        let run_dir = RunDir::create(&Base::below(temp.path()).unwrap(), "adapter", false).unwrap();
        let redactor = Redactor::new();
        let bin = discover(&Places::of_machine(), None).await.or_error().unwrap();
        let server = PostgresServer::start(&run_dir, &bin, Durability::Off, &redactor).await.unwrap();
        Self { server, redactor, _run_dir: run_dir, temp }
    }

    pub fn access(&self, database: &str) -> Access {
        Access {
            host: self.server.host.clone(),
            port: self.server.port,
            user: self.server.superuser.clone(),
            password: self.server.password.clone(),
            database: database.to_owned(),
            tls: std::collections::BTreeMap::new(),
        }
    }

    pub async fn database(&self, name: &str) -> Postgres {
        let access = self.access(name);
        create_database(&access.maintenance(), name, &access.user).await.unwrap();
        Postgres::connect(&access).await.unwrap()
    }

    pub async fn connect(&self, database: &str) -> Postgres {
        Postgres::connect(&self.access(database)).await.unwrap()
    }

    /// Runs one of PostgreSQL's programs on a database.
    pub async fn program(&self, name: &str, database: &str, args: &[&str]) {
        let access = self.access(database);
        let mut command = self.server.bin.command(name).args(["-d", &access.url_without_password()]);
        for (name, value) in access.client_env() {
            command = command.env(name, value);
        }
        let ran = run(command.args(args), &self.redactor).await.unwrap();
        ran.or_error(format!("{name} failed")).unwrap();
    }

    pub async fn sql(&self, database: &str, sql: &str) {
        self.program("psql", database, &["-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", sql]).await;
    }

    /// Dumps and restores into a new database, as the runbook does.
    async fn round_trip(&self, from: &str, to: &str) -> Postgres {
        let file = self.temp.path().join(format!("{to}.dump"));
        let file = file.to_str().unwrap();
        self.program("pg_dump", from, &["--format=custom", "--no-owner", "--no-privileges", "-f", file])
            .await;
        let postgres = self.database(to).await;
        self.program("pg_restore", to, &["--no-owner", "--no-privileges", "--exit-on-error", file]).await;
        postgres
    }
}

pub fn profile() -> Profile {
    Profile {
        folder: ".".into(),
        name: "test".to_owned(),
        api: TargetApi::None,
        entities: BTreeMap::new(),
        ignore_tables: Vec::new(),
        ignore_objects: Vec::new(),
        missing_binary: None,
        pdf: PdfRule::default(),
        write_order_env: None,
        write_order: WriteOrder {
            upload: StoreOrder::BinaryFirst,
            replace: StoreOrder::BinaryFirst,
            replace_keys: ReplaceKeys::InPlace,
            delete: StoreOrder::RowFirst,
            batch: StoreOrder::BinaryFirst,
        },
        migrate: Vec::new(),
        start: Vec::new(),
        ready: None,
        fresh_rows: BTreeMap::new(),
        stop: StopCommand::default(),
        seed: Vec::new(),
        write: None,
        needs: Vec::new(),
        env: BTreeMap::new(),
        migrate_by_half: Vec::new(),
        previous_release: None,
        assertions: BTreeMap::new(),
        file_mode: None,
    }
}

fn same(left: &Database, right: &Database) {
    let parts = change(&left.catalog.parts, &right.catalog.parts);
    let was: Vec<_> = parts.set.keys().map(|name| left.catalog.parts.get(name)).collect();
    assert!(parts.set.is_empty() && parts.gone.is_empty(), "before {was:#?}, after {parts:#?}");
    assert_eq!(left.sequences, right.sequences);
    assert_eq!(left.tables.keys().collect::<Vec<_>>(), right.tables.keys().collect::<Vec<_>>());
    for (name, table) in &left.tables {
        assert_eq!(table, &right.tables[name], "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_capture_is_the_same_after_dump_and_restore_and_not_after_anything_else() {
    let cluster = Cluster::start().await;
    let (name, other) = ("pulp-engine \"x\"'y", "restored");
    let source = cluster.database(name).await;
    cluster.sql(name, NASTY).await;
    let before = source.capture(&profile(), None).await.unwrap();
    what_is_in_it(&before);
    // Other settings of the database must not change a byte.
    cluster.sql("postgres", "alter role all set intervalstyle = 'postgres_verbose'").await;
    let restored = cluster.round_trip(name, other).await;
    cluster.sql("postgres", "alter database restored set bytea_output = 'escape'").await;
    cluster.sql("postgres", "alter database restored set extra_float_digits = -5").await;
    cluster.sql("postgres", "alter database restored set datestyle = 'German'").await;
    restored.close().await;
    let restored = Postgres::connect(&cluster.access(other)).await.unwrap();
    for as_of in [None, Some(&before)] {
        let mut after = restored.capture(&profile(), as_of).await.unwrap();
        let settings = ["bytea_output", "DateStyle", "extra_float_digits"];
        let told = |name: &str| after.catalog.parts.remove(&format!("setting {name}")).is_some();
        assert!(settings.map(told).iter().all(|told| *told));
        same(&before, &after);
    }
    every_change_shows(&restored).await;
    restored.close().await;
    source.close().await;
    cluster.server.stop().await;
}

/// The nasty schema is there, so that the comparison compares something.
fn what_is_in_it(database: &Database) {
    let rows = |table: &str| database.tables[&TableName::from(table)].rows.len();
    assert_eq!(
        (rows("all_types"), rows("twice"), rows("\"we\"\"ird.one\""), rows("other.Assets")),
        (4, 5, 2, 1)
    );
    assert_eq!((rows("log_2025"), rows("log_rest"), rows("nothing")), (2, 1, 2));
    assert!(!database.tables.contains_key(&TableName::from("log")));
    let twice = &database.tables[&TableName::from("twice")];
    assert_eq!(twice.rows.keys().filter(|key| key.ends_with(" #3")).count(), 1);
    let types = &database.tables[&TableName::from("all_types")];
    assert_eq!(types.rows.keys().next().unwrap(), "[1, \"a'b\"]");
    assert_eq!(types.rows.get("[1, \"a'b\"]").unwrap().json.value()["f"], "NaN");
    assert!(types.rows.get("[4, \"big\"]").unwrap().json.is_null());
    let sequence = |name: &str| &database.sequences[name];
    let behind = sequence("behind_id_seq");
    assert_eq!((behind.next, behind.reached), (1, Some(50)));
    assert_eq!(behind.feeds, Some((TableName::from("behind"), "id".to_owned())));
    let down = sequence("down");
    assert_eq!((down.next, down.increment, down.reached), (-4, -2, Some(-2)));
    assert_eq!((sequence("fresh").next, sequence("fresh").feeds.clone()), (7, None));
    let identity = sequence("ident_id_seq");
    assert_eq!((identity.next, identity.reached), (12, Some(11)));
    let part = |name: &str| {
        let found = database.catalog.parts.get(name);
        found.unwrap_or_else(|| panic!("no {name} in {:#?}", database.catalog.parts.keys())).1.as_str()
    };
    assert_eq!(part("column ident.id"), "integer not null generated always as identity");
    assert!(part("column all_types.gen").contains("generated always as"));
    assert!(part("column all_types.c").contains("collate \"C\""));
    assert!(part("constraint child.late").ends_with("NOT VALID"));
    assert!(part("rows of matview mv") == "populated" && part("rows of matview mv0") == "not populated");
    assert!(part("trigger child.off").ends_with("; disabled"));
    assert!(part("policy child.own").contains("using ("));
    assert!(part("table child").contains("row security enabled; row security forced"));
    assert!(part("type mood").starts_with("enum 'sad', 'o''k'"));
    assert!(part("function twice_of(integer)").contains("select $1 * 2"));
    assert!(part("index child_note_idx").contains("WHERE"));
    assert_eq!(database.catalog.parts["index child_note_idx"].0, Some(TableName::from("child")));
}

/// Each statement must show, and only in its place.
async fn every_change_shows(postgres: &Postgres) {
    let changes = [
        ("update all_types set f = f4 where id = 3", "row all_types"),
        ("update all_types set j = '{\"a\": 1,  \"a\":2}' where id = 1", "row all_types"),
        ("update all_types set t = null where t = ''", "row all_types"),
        ("delete from twice where ctid = (select min(ctid) from twice where a = 1)", "row twice"),
        ("insert into nothing default values", "row nothing"),
        ("alter table child validate constraint late", "part constraint child.late"),
        ("alter table child enable trigger off", "part trigger child.off"),
        ("alter table child no force row level security", "part table child"),
        ("alter table ident disable trigger all", "part constraint child.child_parent_fkey"),
        ("create collation sorted (provider = icu, locale = 'de')", ""),
        (
            "update pg_collation set collversion = 'older' where collname = 'sorted'",
            "part outdated collation public.sorted",
        ),
        ("alter table child alter note drop not null", "part column child.note"),
        ("alter type mood add value 'new'", "part type mood"),
        ("drop index child_note_idx", "part index child_note_idx"),
        ("refresh materialized view mv0", "part rows of matview mv0"),
        ("select setval('fresh', 100)", "sequence fresh"),
        ("comment on column child.note is null", "part comment on table column public.child.note"),
        ("drop statistics child_notes", "part statistics child_notes"),
        (
            "alter database restored set default_transaction_read_only = off",
            "part setting default_transaction_read_only",
        ),
        (
            "create or replace function twice_of(int) returns int language sql as 'select $1 * 3'",
            "part function twice_of(integer)",
        ),
    ];
    let mut last = postgres.capture(&profile(), None).await.unwrap();
    for (sql, wanted) in changes {
        postgres.execute(sql, &[]).await.unwrap();
        let now = postgres.capture(&profile(), None).await.unwrap();
        assert_eq!(differences(&last, &now).join("\n"), wanted, "{sql}");
        last = now;
    }
}

fn differences(left: &Database, right: &Database) -> Vec<String> {
    let mut found = Vec::new();
    for (name, table) in &left.tables {
        if right.tables.get(name) != Some(table) {
            found.push(format!("row {name}"));
        }
    }
    let parts = change(&left.catalog.parts, &right.catalog.parts);
    found.extend(parts.set.into_keys().chain(parts.gone).map(|name| format!("part {name}")));
    let sequences = change(&left.sequences, &right.sequences);
    found.extend(sequences.set.into_keys().map(|name| format!("sequence {name}")));
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_profile_and_the_past_say_what_is_read() {
    let cluster = Cluster::start().await;
    let postgres = cluster.database("app").await;
    cluster
        .sql(
            "app",
            "
        create table asset (id uuid primary key, name text, seen timestamptz, gone int);
        create table scratch (id serial primary key);
        insert into asset values ('00000000-0000-0000-0000-000000000001', 'x', now(), 1);
    ",
        )
        .await;
    let entity = ProfileEntity {
        table: TableName::from("asset"),
        label: Vec::new(),
        definition: None,
        volatile: vec!["seen".to_owned()],
        only: Condition::default(),
        except: Condition::default(),
        soft_deleted: None,
        binaries: Vec::new(),
        next_run: None,
        at_start: Vec::new(),
    };
    let profile = Profile {
        ignore_tables: vec![TableName::from("scratch")],
        entities: BTreeMap::from([("asset".to_owned(), entity)]),
        ..profile()
    };
    let before = postgres.capture(&profile, None).await.unwrap();
    assert_eq!(before.tables.keys().map(TableName::as_str).collect::<Vec<_>>(), ["asset"]);
    assert!(before.sequences.is_empty());
    let asset = TableName::from("asset");
    assert_eq!(before.tables[&asset].columns, ["id", "name", "gone"]);

    // Another role is told what it may not do.
    cluster.sql("app", "create role reader login password 'r'; grant select on asset to reader").await;
    let reader = Access { user: "reader".to_owned(), password: "r".to_owned(), ..cluster.access("app") };
    let reader = Postgres::connect(&reader).await.unwrap();
    let as_reader = reader.capture(&profile, None).await.unwrap();
    reader.close().await;
    let lacking: Vec<_> = change(&before.catalog.parts, &as_reader.catalog.parts).set.into_iter().collect();
    let lacks = |table: &str, what: &str| {
        let name = format!("privilege lacking on {table}");
        (name, (Some(TableName::from(table.trim_end_matches("_id_seq"))), what.to_owned()))
    };
    assert_eq!(lacking[0], lacks("asset", "delete, insert, update"));
    assert_eq!(lacking[1], lacks("scratch", "delete, insert, select, update"));
    assert_eq!(lacking[2].0, "privilege lacking on scratch_id_seq");

    // What a migration adds is left out; the volatile column may change; the lost key is still known.
    cluster
        .sql(
            "app",
            "alter table asset add more int default 7; update asset set seen = null;
        alter table asset drop constraint asset_pkey; create table later (id int)",
        )
        .await;
    let after = postgres.capture(&profile, Some(&before)).await.unwrap();
    assert_eq!(after.tables[&asset], before.tables[&asset]);
    assert!(after.tables.contains_key(&TableName::from("later")));

    // A column that is gone is neither the value that was there nor null.
    cluster.sql("app", "update asset set gone = null").await;
    let null = postgres.capture(&profile, Some(&before)).await.unwrap();
    cluster.sql("app", "alter table asset drop gone").await;
    let absent = postgres.capture(&profile, Some(&before)).await.unwrap();
    assert_eq!(absent.tables[&asset].columns, ["id", "name"]);
    let digest = |database: &Database| database.tables[&asset].rows.values().next().unwrap().digest;
    assert!(digest(&before) != digest(&null) && digest(&null) != digest(&absent));
    assert_eq!(absent.tables[&asset].rows.len(), 1);

    queries(&postgres).await;
    postgres.close().await;
    let maintenance = cluster.access("app").maintenance();
    let _still_connected = Postgres::connect(&cluster.access("app")).await.unwrap();
    drop_database(Guard::own().database(&maintenance.with_database("app")).await.unwrap()).await.unwrap();
    drop_database(Guard::own().database(&maintenance.with_database("app")).await.unwrap()).await.unwrap();
    let gone = Postgres::connect(&cluster.access("app")).await.unwrap_err();
    assert_eq!(gone.blame, Blame::Environment);
    let text = gone.to_string();
    assert!(text.contains("does not exist") && !text.contains(&cluster.server.password), "{text}");
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_moment_is_read_whole_or_not_at_all() {
    let cluster = Cluster::start().await;
    let postgres = cluster.database("app").await;
    cluster.sql("app", "create table a (id serial primary key); create table z (id serial primary key);
        create table large as select n from generate_series(1, 20001) n;
        create table secret (id int primary key); alter table secret enable row level security;
        create role reader login password 'reader-password'; grant select on all tables in schema public to reader")
        .await;
    let writer = postgres.clone();
    let writing = tokio::spawn(async move {
        loop {
            let both = "with one as (insert into a default values) insert into z default values";
            writer.execute(both, &[]).await.unwrap();
        }
    });
    let mut counts = Vec::new();
    for _ in 0..10 {
        let database = postgres.capture(&profile(), None).await.unwrap();
        let count = |name: &str| database.tables[&TableName::from(name)].rows.len();
        assert_eq!(count("a"), count("z"));
        counts.push(count("a"));
        let large = &database.tables[&TableName::from("large")];
        assert_eq!(large.rows.len(), 20_001);
        assert!(large.rows.values().all(|row| row.json.value()["n"].is_u64()));
    }
    writing.abort();
    assert!(counts[0] < counts[9], "nobody wrote");

    // Rows that row security hides must not be taken for rows that are not there.
    let access =
        Access { user: "reader".into(), password: "reader-password".into(), ..cluster.access("app") };
    let reader = Postgres::connect(&access).await.unwrap();
    let error = reader.capture(&profile(), None).await.unwrap_err().to_string();
    assert!(error.contains("row-level security"), "{error}");
    cluster.server.stop().await;
}

async fn queries(postgres: &Postgres) {
    let sql = "select to_jsonb(a) from asset a where id = $1::uuid and name = $2";
    let rows = postgres.rows(sql, &["00000000-0000-0000-0000-000000000001", "x"]).await.unwrap();
    assert_eq!(rows[0]["name"], "x");
    let touched = postgres.execute("update asset set name = $1", &["y'; drop table asset"]).await.unwrap();
    assert_eq!(touched, 1);
    let error = postgres.execute("update nowhere set x = 1", &[]).await.unwrap_err().to_string();
    assert!(error.contains("update nowhere") && error.contains("does not exist"), "{error}");
    assert_eq!(postgres.setting("fsync").await.unwrap(), "off");
    assert!(postgres.version().await.unwrap().starts_with(|c: char| c.is_ascii_digit()));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_about_at_once() {
    let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let access = Access::parse(&format!("postgresql://u:very-secret@127.0.0.1:{port}/d")).unwrap();
    let started = std::time::Instant::now();
    let text = Postgres::connect(&access).await.unwrap_err().to_string();
    assert!(started.elapsed().as_secs() < 3);
    assert!(text.contains(&format!("can't connect to postgresql://u@127.0.0.1:{port}/d")), "{text}");
    assert!(text.contains("refused") && text.contains("hint:") && !text.contains("very-secret"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_table_makes_writes_wait_and_lets_a_dump_pass() {
    let cluster = Cluster::start().await;
    let postgres = cluster.database("held").await;
    let access = cluster.access("held");
    cluster
        .sql("held", "create table assets (id int primary key); create schema s; create table s.\"A\" ()")
        .await;
    let limit = std::time::Duration::from_secs(20);
    let table = TableName::from("assets");
    let mut held = HeldTable::hold(&access, &table, Statements::Writes).await.unwrap();
    assert_eq!(held.waiting().await.unwrap(), 0);
    let insert = postgres.execute("insert into assets values (1)", &[]);
    tokio::pin!(insert);
    tokio::select! {
        done = &mut insert => panic!("it did not wait: {done:?}"),
        reached = tokio::time::timeout(limit, held.reached()) => reached.unwrap().unwrap(),
    }
    assert_eq!(held.waiting().await.unwrap(), 1);
    // Neither a read nor pg_dump waits, though a write stands in the queue before them.
    let copy = tokio::time::timeout(limit, cluster.round_trip("held", "held_copy")).await.unwrap();
    let count = "select to_json(count(*)) from assets";
    assert_eq!(copy.rows(count, &[]).await.unwrap(), [0]);
    held.release().await.unwrap();
    assert_eq!(tokio::time::timeout(limit, insert).await.unwrap().unwrap(), 1);
    assert_eq!(postgres.rows(count, &[]).await.unwrap(), [1]);

    let mut all = HeldTable::hold(&access, &table, Statements::All).await.unwrap();
    let read = postgres.rows(count, &[]);
    tokio::pin!(read);
    tokio::select! {
        done = &mut read => panic!("it did not wait: {done:?}"),
        reached = tokio::time::timeout(limit, all.reached()) => reached.unwrap().unwrap(),
    }
    drop(all);
    assert_eq!(tokio::time::timeout(limit, read).await.unwrap().unwrap(), [1]);

    // Whoever waits when it is broken off writes nothing, as if it had died.
    let mut held = HeldTable::hold(&access, &table, Statements::Writes).await.unwrap();
    let died = postgres.execute("insert into assets values (2)", &[]);
    tokio::pin!(died);
    tokio::select! {
        done = &mut died => panic!("it did not wait: {done:?}"),
        reached = tokio::time::timeout(limit, held.reached()) => reached.unwrap().unwrap(),
    }
    held.break_off().await.unwrap();
    assert!(tokio::time::timeout(limit, died).await.unwrap().is_err());
    let postgres = Postgres::connect(&access).await.unwrap();
    assert_eq!(postgres.rows(count, &[]).await.unwrap(), [1]);

    let other = HeldTable::hold(&access, &TableName::from("s.A"), Statements::Writes).await.unwrap();
    other.release().await.unwrap();
    let error = HeldTable::hold(&access, &TableName::from("nowhere"), Statements::Writes).await.unwrap_err();
    assert!(error.to_string().contains("can't hold the table nowhere"), "{error}");
}

#[tokio::test]
async fn an_index_that_lacks_a_row_is_reported_and_nothing_is_left_behind() {
    let cluster = Cluster::start().await;
    let postgres = cluster.database("integrity").await;
    let kept =
        "n int primary key, name text, words text[], json jsonb, text tsvector, at point, span int4range";
    let rows = |from: u32, to: u32| {
        format!(
            "insert into kept select n, 'name ' || n, array[n::text], jsonb_build_object('n', n), \
             to_tsvector('simple', 'it''s number ' || n), point(n, n), int4range(n, n + 2) \
             from generate_series({from}, {to}) n"
        )
    };
    let kinds = [
        ("kept_at", "gist (at)"),
        ("kept_brin", "brin (n)"),
        ("kept_expression", "gist (int4range(n, n + 1)) where n > 0"),
        ("kept_hash", "hash (name)"),
        ("kept_json", "gin (json jsonb_path_ops)"),
        ("kept_prefix", "spgist (name)"),
        ("kept_span", "gist (span)"),
        ("kept_text", "gin (text)"),
        ("kept_words", "gin (words)"),
    ];
    let indexes = kinds.map(|(name, of)| format!("create index {name} on kept using {of}"));
    for sql in [format!("create table kept ({kept})"), rows(1, 9)].iter().chain(&indexes) {
        postgres.execute(sql, &[]).await.unwrap();
    }
    let whole = postgres.integrity().await.unwrap().unwrap();
    assert!(whole.checked >= 2 && whole.indexes.is_empty() && whole.tables.is_empty(), "{whole:?}");
    let ready =
        |value: &str| format!("update pg_index set indisready = {value} where indrelid = 'kept'::regclass");
    for sql in [ready("false"), rows(1010, 1010), ready("true")] {
        postgres.execute(&sql, &[]).await.unwrap();
    }
    let damaged = postgres.integrity().await.unwrap().unwrap();
    let names: Vec<&str> = damaged.indexes.iter().map(|(name, _)| name.as_str()).collect();
    let wanted: Vec<&str> = kinds.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, [&wanted[..5], &["kept_pkey"], &wanted[5..]].concat(), "{damaged:?}");
    assert_eq!(damaged.indexes[3].1, "1 of 10 rows that were looked up are not found by it");
    let valid = "select count(*)::text from pg_index where not indisvalid";
    assert_eq!(postgres.texts(valid).await.unwrap(), ["0"], "indexes are left invalid");
    let left = postgres.texts("select extname::text from pg_extension where extname = 'amcheck'").await;
    assert!(left.unwrap().is_empty(), "the extension is still there");
    cluster.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_tables_are_compared_on_the_server_and_read_only_where_they_differ() {
    let cluster = Cluster::start().await;
    let postgres = cluster.database("large").await;
    let columns = "id bigint, name text, at timestamptz, score float8, raw bytea, tags text[], odd money";
    let value = "'name ' || i, '2026-01-01'::timestamptz + i * interval '1 s', i / 7.0, \
                 convert_to(i::text, 'UTF8'), array['a,b', null, i::text], i::money";
    for sql in [
        format!("create table keyed ({columns}, primary key (id))"),
        format!("insert into keyed select i, {value} from generate_series(1, 25000) i"),
        format!("create table keyless ({columns})"),
        // Every row twice.
        format!(
            "insert into keyless select i / 2, {value} from generate_series(1, 25000) i, generate_series(1, 2)"
        ),
        format!("create table parted ({columns}) partition by range (id)"),
        "create table part_1 partition of parted for values from (0) to (24000)".to_owned(),
        "create table part_2 partition of parted default".to_owned(),
        format!("insert into parted select i, {value} from generate_series(1, 25000) i"),
    ] {
        postgres.execute(&sql, &[]).await.unwrap();
    }
    let before = postgres.capture(&profile(), None).await.unwrap();
    let is_large = |name: &str| before.tables[&TableName::from(name)].on_server.is_some();
    assert_eq!(["keyed", "keyless", "part_1", "part_2"].map(is_large), [true, true, true, false]);

    // Other settings, another order on disk and another order of columns are no difference.
    let restored = cluster.round_trip("large", "large_restored").await;
    for sql in [
        "alter database large_restored set datestyle = 'German'",
        "alter database large_restored set timezone = 'Asia/Tokyo'",
        "alter database large_restored set extra_float_digits = 0",
        "alter database large_restored set bytea_output = 'escape'",
        "alter database large_restored set search_path = 'pg_catalog'",
        "update keyed set name = name where id % 3 = 0",
    ] {
        restored.execute(sql, &[]).await.unwrap();
    }
    restored.close().await;
    let restored = Postgres::connect(&cluster.access("large_restored")).await.unwrap();
    let after = restored.capture(&profile(), Some(&before)).await.unwrap();
    for (name, table) in &before.tables {
        assert_eq!(table, &after.tables[name], "{name}");
        let shared = after.tables[name].rows.is_one_with(&table.rows);
        assert_eq!(shared, table.on_server.is_some(), "{name}");
    }

    let changes = [
        ("keyed", "update public.keyed set name = 'other' where id = 12345", 1),
        ("keyed", "update public.keyed set raw = null where id = 777", 1),
        ("keyed", "update public.keyed set id = 30000 where id = 1", 2),
        // One duplicate less, and one row in place of another: the count stays the same.
        (
            "keyless",
            "delete from public.keyless where ctid = (select min(ctid) from public.keyless where id = 9)",
            1,
        ),
        ("part_1", "delete from public.parted where id = 5", 1),
    ];
    let mut last = before;
    for (name, sql, differing) in changes {
        restored.execute(sql, &[]).await.unwrap();
        let now = restored.capture(&profile(), Some(&last)).await.unwrap();
        let name = TableName::from(name);
        let changed = last.tables[&name].rows.differences(&now.tables[&name].rows);
        assert_eq!(changed.count(), differing, "{sql}");
        last = now;
    }
}
