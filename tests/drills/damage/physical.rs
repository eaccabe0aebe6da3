//! Base backups and archived WAL.

use super::{
    Case,
    kit::{DATABASE, Kit, cut, flip, option},
    repository::Repository,
    wal_g::WalG,
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The cases, and whether every program for them is installed.
pub struct Physical {
    pub cases: Vec<Case>,
    pub complete: bool,
}

pub async fn cases(kit: &Kit) -> Physical {
    // Before the tablespace, which WAL-G would fetch into the folder of the source.
    let wal_g = WalG::make(kit).await;
    let made = Made::make(kit).await;
    let other = other_segments(kit, &made).await;
    let repository = Repository::make(kit).await;
    kit.stop().await;
    tokio::task::block_in_place(|| {
        let mut cases = sound(kit, &made);
        cases.extend(damaged_files(kit, &made));
        cases.extend(damaged_wal(kit, &made, &other));
        cases.extend(targets(kit, &made));
        let complete = repository.is_some();
        cases.extend(repository.iter().flat_map(|repository| repository.cases(kit, &made)));
        cases.extend(wal_g.cases(kit));
        Physical { cases, complete }
    })
}

/// What was made of the site: base backups `first`, `plain` and `base-tar`, and where things are in them.
pub(super) struct Made {
    /// After the base backups, before the last photo.
    between: String,
    /// The files of relations, below the data directory.
    pub(super) photos: String,
    pub(super) photos_index: String,
    pub(super) notes_index: String,
    /// The folder of archived WAL, and its segments from the last base backup on.
    archive: PathBuf,
    segments: Vec<String>,
}

impl Made {
    pub(super) async fn make(kit: &Kit) -> Self {
        let file = |name: &str| format!("select pg_relation_filepath('{name}')");
        let (photos, photos_index) = (kit.text(&file("photos")).await, kit.text(&file("photos_pkey")).await);
        let notes_index = kit.text(&file("notes_pkey")).await;
        let tablespace = kit.server.home().join("space");
        fs::create_dir(&tablespace).unwrap();
        kit.server.give(&tablespace).unwrap();
        let space = format!("create tablespace space location '{}'", tablespace.display());
        kit.sql(DATABASE, &[&space, "create table far (id int primary key) tablespace space"]).await;
        let access = kit.access().await;
        let take = |name: &str, options: &[String]| {
            let mut all =
                vec![format!("--pgdata={}", kit.path(name).display()), "--checkpoint=fast".to_owned()];
            all.push(format!(
                "--tablespace-mapping={}={}",
                tablespace.display(),
                kit.path(name).join("far").display()
            ));
            all.extend_from_slice(options);
            tokio::task::block_in_place(|| kit.client(&access, "pg_basebackup", &all));
        };
        let streamed = "--wal-method=stream".to_owned();
        take("first", std::slice::from_ref(&streamed));
        kit.notes(1_001..=4_000).await;
        take("plain", std::slice::from_ref(&streamed));
        take("without-wal", &["--wal-method=none".to_owned()]);
        let tar = [format!("--pgdata={}", kit.path("base-tar").display()), "--checkpoint=fast".to_owned()];
        let tar = [&tar[..], &["--format=tar".to_owned(), "--gzip".to_owned(), streamed]].concat();
        tokio::task::block_in_place(|| kit.client(&access, "pg_basebackup", &tar));
        let first = kit.text("select pg_walfile_name(pg_switch_wal())").await;
        kit.notes(4_001..=20_000).await;
        let between = kit.text("select now()::text").await;
        kit.photo(13).await;
        let last = kit.text("select pg_walfile_name(pg_switch_wal())").await;
        let archived = || kit.server.archive().join(&last).is_file().then_some(());
        pulp_drill::base::process::until(archived).await;
        let archive = kit.server.archive();
        let names = fs::read_dir(&archive).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut segments: Vec<String> = names.filter(|name| name.len() == 24 && *name >= first).collect();
        segments.sort();
        assert!(segments.len() >= 3, "{segments:?}");
        // The server that goes on must not change what is tested.
        let archive = kit.path("archive");
        let copied = Command::new("cp").arg("-a").args([&kit.server.archive(), &archive]).status();
        assert!(copied.unwrap().success());
        Self { between, photos, photos_index, notes_index, archive, segments }
    }

    /// A changed copy of the plain base backup.
    pub(super) fn base(&self, kit: &Kit, name: &str, change: impl FnOnce(&Path)) -> Vec<String> {
        let path = kit.copy("plain", name);
        change(&path);
        option("physical", &path)
    }

    /// The plain base backup with a changed copy of the archive.
    fn wal(&self, kit: &Kit, name: &str, change: impl FnOnce(&Path)) -> Vec<String> {
        let path = kit.path(name);
        assert!(Command::new("cp").arg("-a").args([&self.archive, &path]).status().unwrap().success());
        change(&path);
        [option("physical", &kit.path("plain")), option("wal", &path)].concat()
    }
}

/// The archive of another cluster.
async fn other_segments(kit: &Kit, made: &Made) -> PathBuf {
    let other = kit.other_server().await;
    let connection =
        pulp_drill::system::postgres::Postgres::connect(&other.access("postgres").await).await.unwrap();
    // Segments with the same names.
    let wanted = made.segments.last().unwrap();
    loop {
        let last = connection.texts("select pg_walfile_name(pg_switch_wal())").await.unwrap().remove(0);
        connection.texts("select pg_create_restore_point('again')::text").await.unwrap();
        if last >= *wanted {
            let archived = || other.archive().join(&last).is_file().then_some(());
            pulp_drill::base::process::until(archived).await;
            break;
        }
    }
    connection.close().await;
    other.stop().await;
    other.archive()
}

fn sound(kit: &Kit, made: &Made) -> Vec<Case> {
    let base = option("physical", &kit.path("plain"));
    let archive = option("wal", &made.archive);
    let settings = made.base(kit, "settings", |path| {
        fs::remove_file(path.join("backup_manifest")).unwrap();
        let hostile = "archive_mode = on\narchive_command = 'touch /tmp/pulp-drill-escaped'\n\
                       shared_preload_libraries = 'not_here'\nlisten_addresses = '*'\nport = 1\nssl = on\n\
                       ssl_cert_file = '/nowhere/server.crt'\ninclude = '/nowhere/more.conf'\n\
                       data_directory = '/nowhere/data'\nhba_file = '/nowhere/pg_hba.conf'\n\
                       shared_buffers = '900GB'\nhuge_pages = on\nlog_directory = '/nowhere/log'\n\
                       logging_collector = on\nexternal_pid_file = '/nowhere/pid'\n\
                       restore_command = 'touch /tmp/pulp-drill-escaped'\nprimary_conninfo = 'host=127.0.0.1 port=1'\n";
        fs::write(path.join("postgresql.conf"), hostile).unwrap();
        fs::write(path.join("postgresql.auto.conf"), hostile).unwrap();
        fs::write(path.join("standby.signal"), "").unwrap();
    });
    let stopped = kit.path("stopped");
    // A server that was stopped in order.
    let data = fs::read_dir(kit.server.home()).unwrap().map(|entry| entry.unwrap().path());
    let data = data.into_iter().find(|path| path.join("PG_VERSION").is_file()).unwrap();
    assert!(Command::new("cp").arg("-a").args([&data, &stopped]).status().unwrap().success());
    let target = ["--target-time".to_owned(), made.between.clone()];
    vec![
        Case::sound("base backup, plain format", base.clone()),
        Case::sound("base backup, tar format", option("physical", &kit.path("base-tar"))),
        Case::sound("base backup and archived WAL", [base.clone(), archive.clone()].concat()),
        Case::sound(
            "base backup without WAL, and archived WAL",
            [option("physical", &kit.path("without-wal")), archive.clone()].concat(),
        ),
        Case::sound("base backup and archived WAL, to a time", [&base[..], &archive, &target].concat()),
        Case::sound("base backup with settings of another machine", settings),
        Case::sound("copy of a stopped server", option("physical", &stopped)),
    ]
}

fn damaged_files(kit: &Kit, made: &Made) -> Vec<Case> {
    const BASE: &str = "base backup";
    let bare = |path: &Path| fs::remove_file(path.join("backup_manifest")).unwrap();
    let mut number = 0;
    let mut base = |change: &dyn Fn(&Path)| {
        number += 1;
        made.base(kit, &format!("damaged-{number}"), change)
    };
    let tuple = |path: &Path| flip(&path.join(&made.photos), 8_192 - 40);
    let lost_tablespace = |path: &Path| {
        let link = fs::read_dir(path.join("pg_tblspc")).unwrap().next().unwrap().unwrap().path();
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink("/nowhere/space", link).unwrap();
    };
    let older = |path: &Path, file: &str| {
        fs::copy(kit.path("first").join(file), path.join(file)).unwrap();
    };
    let rest = [
        ("a byte of a page changed", base(&tuple), "backup_manifest"),
        ("a byte of a page changed, no manifest", base(&|p| (bare(p), tuple(p)).0), "checksum"),
        (
            "the file of a table missing, no manifest",
            base(&|p| (bare(p), fs::remove_file(p.join(&made.photos)).unwrap()).0),
            "photos",
        ),
        (
            "the file of an index missing, no manifest",
            base(&|p| (bare(p), fs::remove_file(p.join(&made.photos_index)).unwrap()).0),
            "photos_pkey",
        ),
        (
            "an index of an older backup, no manifest",
            base(&|p| (bare(p), older(p, &made.notes_index)).0),
            "notes_pkey",
        ),
        (
            "a file missing",
            base(&|p| fs::remove_file(p.join("global/pg_filenode.map")).unwrap()),
            "backup_manifest",
        ),
        ("the manifest changed", base(&|p| flip(&p.join("backup_manifest"), 300)), "backup_manifest"),
        ("the manifest of another backup", base(&|p| older(p, "backup_manifest")), "backup_manifest"),
        (
            "pg_control changed, no manifest",
            base(&|p| (bare(p), flip(&p.join("global/pg_control"), 40)).0),
            "pg_control",
        ),
        (
            "backup_label missing, no manifest",
            base(&|p| (bare(p), fs::remove_file(p.join("backup_label")).unwrap()).0),
            "no backup_label",
        ),
        ("the folder of a tablespace missing", base(&lost_tablespace), "which is not there"),
    ];
    let rest = rest.into_iter().map(|(damage, options, says)| Case::damaged(damage, BASE, options, 1, says));
    let nothing = kit.path("no-base-backup");
    fs::create_dir(&nothing).unwrap();
    let tar = |name: &str, change: &dyn Fn(&Path)| {
        let path = kit.copy("base-tar", name);
        change(&path);
        option("physical", &path)
    };
    let files =
        fs::read_dir(kit.path("base-tar")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    let space = files.into_iter().find(|name| name.starts_with(|c: char| c.is_ascii_digit())).unwrap();
    let tars = [
        ("cut at 60 %", tar("tar-1", &|p| cut(&p.join("base.tar.gz"), 0.6)), "tarball"),
        (
            "the tarball of its WAL missing",
            tar("tar-2", &|p| fs::remove_file(p.join("pg_wal.tar.gz")).unwrap()),
            "begins with is missing",
        ),
        (
            "the tarball of a tablespace missing",
            tar("tar-3", &|p| fs::remove_file(p.join(&space)).unwrap()),
            "tablespace",
        ),
    ];
    let tars = tars
        .map(|(damage, options, says)| Case::damaged(damage, "base backup, tar format", options, 1, says));
    let nothing = Case::damaged("empty", "a folder", option("physical", &nothing), 1, "is not a base backup");
    rest.chain(tars).chain([nothing]).collect()
}

fn damaged_wal(kit: &Kit, made: &Made, other: &Path) -> Vec<Case> {
    let middle = &made.segments[made.segments.len() / 2];
    let mut number = 0;
    let mut wal = |change: &dyn Fn(&Path)| {
        number += 1;
        made.wal(kit, &format!("wal-{number}"), change)
    };
    let alone = made.base(kit, "no-wal", |p| {
        for entry in fs::read_dir(p.join("pg_wal")).unwrap() {
            drop(fs::remove_file(entry.unwrap().path()));
        }
    });
    let short = made.base(kit, "short-wal", |p| {
        let files = fs::read_dir(p.join("pg_wal")).unwrap().map(|entry| entry.unwrap().path());
        cut(&files.into_iter().find(|path| path.is_file()).unwrap(), 0.5);
    });
    let foreign = |folder: &Path| {
        fs::copy(other.join(middle), folder.join(middle)).unwrap();
    };
    vec![
        Case::damaged("its WAL missing", "base backup", alone, 1, "begins with is missing"),
        Case::damaged("its WAL cut", "base backup", short, 1, "bytes instead of"),
        Case::damaged(
            "a segment missing",
            "archived WAL",
            wal(&|f| fs::remove_file(f.join(middle)).unwrap()),
            1,
            "is missing",
        ),
        Case::damaged(
            "a segment cut",
            "archived WAL",
            wal(&|f| cut(&f.join(middle), 0.5)),
            1,
            "bytes instead of",
        ),
        Case::damaged(
            "a byte of a record changed",
            "archived WAL",
            wal(&|f| flip(&f.join(middle), 400_000)),
            1,
            "a record is damaged",
        ),
        Case::damaged("a segment of another cluster", "archived WAL", wal(&foreign), 1, "of another cluster"),
        Case::damaged(
            "a segment under the name of another",
            "archived WAL",
            wal(&|f| drop(fs::copy(f.join(&made.segments[0]), f.join(middle)))),
            1,
            "is damaged",
        ),
    ]
}

fn targets(kit: &Kit, made: &Made) -> Vec<Case> {
    let base = [option("physical", &kit.path("plain")), option("wal", &made.archive)].concat();
    let to = |time: &str| [&base[..], &["--target-time".to_owned(), time.to_owned()]].concat();
    let alone =
        [&option("physical", &kit.path("plain"))[..], &["--target-time".to_owned(), made.between.clone()]];
    vec![
        Case::damaged(
            "a target before the backup",
            "archived WAL",
            to("2020-01-01T00:00:00Z"),
            1,
            "is before the backup",
        ),
        Case::damaged(
            "a target after the WAL",
            "archived WAL",
            to("2099-01-01T00:00:00Z"),
            1,
            "ends before the target time",
        ),
        Case::damaged(
            "a target after the WAL",
            "base backup",
            alone.concat(),
            1,
            "ends before the target time",
        ),
    ]
}
