//! A folder of WAL-G: its format, written from a base backup. It is read by WAL-G where that is installed, and
//! otherwise by a stand-in that does what is called of it.

use super::{
    Case,
    kit::{DATABASE, Kit, cut, flip, option},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The folder, and what is in it.
pub(super) struct WalG {
    path: PathBuf,
    /// The name of its backup.
    backup: String,
    /// After the backup, before the last rows.
    between: String,
    /// The segments from the start of the backup on.
    segments: Vec<String>,
}

/// The folder for `PATH` with what takes the place of WAL-G where that is not installed.
pub(super) fn programs(kit: &Kit) -> PathBuf {
    kit.path("programs")
}

impl WalG {
    /// Backs the site up. Afterwards it has the same rows, and more WAL.
    pub(super) async fn make(kit: &Kit) -> Self {
        fs::create_dir(programs(kit)).unwrap();
        if !Command::new("wal-g").arg("--version").output().is_ok_and(|ran| ran.status.success()) {
            println!("there is no wal-g: a stand-in reads its folder");
            fs::copy("tests/fixtures/wal-g", programs(kit).join("wal-g")).unwrap();
        }
        let (path, tar, files) = (kit.path("wal-g"), kit.path("wal-g-tar"), kit.path("wal-g-files"));
        let access = kit.access().await;
        let take = [format!("--pgdata={}", tar.display()), "--format=tar".to_owned()];
        let take = [&take[..], &["--wal-method=none", "--checkpoint=fast"].map(str::to_owned)].concat();
        tokio::task::block_in_place(|| kit.client(&access, "pg_basebackup", &take));
        let ended = kit.text("select to_json(now())#>>'{}'").await;
        let switch = "select pg_walfile_name(pg_switch_wal())";
        kit.notes(50_001..=50_010).await;
        let between = kit.text("select now()::text").await;
        kit.notes(50_011..=50_020).await;
        kit.text(switch).await;
        kit.sql(DATABASE, &["delete from notes where id > 50000"]).await;
        let last = kit.text(switch).await;
        let archive = kit.server.archive();
        let archived = || archive.join(&last).is_file().then_some(());
        pulp_drill::base::process::until(archived).await;

        fs::create_dir(&files).unwrap();
        run_tar(&["-xf", &tar.join("base.tar").display().to_string(), "-C", &files.display().to_string()]);
        let label = fs::read_to_string(files.join("backup_label")).unwrap();
        let start = label.split_once("(file ").unwrap().1[..24].to_owned();
        let backup = format!("base_{start}");
        let (bases, wal) = (path.join("basebackups_005"), path.join("wal_005"));
        let parts = bases.join(&backup).join("tar_partitions");
        fs::create_dir_all(&parts).unwrap();
        fs::create_dir(&wal).unwrap();
        // As WAL-G does: the control file comes last.
        let part = |name: &str, what: &[&str]| {
            let (to, from) = (parts.join(name).display().to_string(), files.display().to_string());
            run_tar(&[&["-cf", &to, "-C", &from], what].concat());
        };
        part("part_001.tar", &["--exclude=./global/pg_control", "."]);
        part("pg_control.tar", &["global/pg_control"]);
        let version = kit.text("select current_setting('server_version_num')").await;
        let sentinel = format!(
            r#"{{"LSN":0,"PgVersion":{version},"FinishLSN":0,"UncompressedSize":40000000,"Version":2,"StartTime":"{ended}","FinishTime":"{ended}","Spec":null}}"#
        );
        fs::write(bases.join(format!("{backup}_backup_stop_sentinel.json")), &sentinel).unwrap();
        let metadata = format!(
            r#"{{"start_time":"{ended}","finish_time":"{ended}","date_fmt":"%Y-%m-%dT%H:%M:%S.%fZ","pg_version":{version},"uncompressed_size":40000000}}"#
        );
        fs::write(bases.join(&backup).join("metadata.json"), metadata).unwrap();
        fs::write(bases.join(&backup).join("files_metadata.json"), "{}").unwrap();
        let names = fs::read_dir(&archive).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
        let mut segments: Vec<String> =
            names.filter(|name| name.len() == 24 && *name >= start && *name <= last).collect();
        segments.sort();
        assert!(segments.len() >= 3, "{segments:?}");
        for name in &segments {
            fs::copy(archive.join(name), wal.join(name)).unwrap();
        }
        Self { path, backup, between, segments }
    }

    pub(super) fn cases(&self, kit: &Kit) -> Vec<Case> {
        const WAL_G: &str = "WAL-G";
        let mut number = 0;
        let mut changed = |change: &dyn Fn(&Path)| {
            number += 1;
            let path = kit.copy("wal-g", &format!("wal-g-{number}"));
            change(&path);
            option("wal-g", &path)
        };
        let to = |time: &str| {
            [&option("wal-g", &self.path)[..], &["--target-time".to_owned(), time.to_owned()]].concat()
        };
        let bases = |path: &Path| path.join("basebackups_005");
        let part = |path: &Path| bases(path).join(&self.backup).join("tar_partitions/part_001.tar");
        let sentinel = |path: &Path| bases(path).join(format!("{}_backup_stop_sentinel.json", self.backup));
        let middle = |path: &Path| path.join("wal_005").join(&self.segments[1]);
        let spaces = |path: &Path| {
            let text = fs::read_to_string(sentinel(path)).unwrap();
            let spec = r#""Spec":{"base_prefix":"/","tablespaces":["16399"]}"#;
            fs::write(sentinel(path), text.replace(r#""Spec":null"#, spec)).unwrap();
        };
        let empty = |path: &Path| {
            fs::remove_dir_all(path.join("wal_005")).unwrap();
            fs::create_dir(path.join("wal_005")).unwrap();
        };
        let damaged = [
            ("its tarball cut", changed(&|p| cut(&part(p), 0.6)), 1, "WAL-G cannot fetch the backup"),
            ("its tarball missing", changed(&|p| fs::remove_file(part(p)).unwrap()), 1, "WAL-G cannot fetch"),
            ("a byte of a page changed", changed(&|p| Self::flip_page(&part(p))), 1, "checksum"),
            ("its WAL missing", changed(&empty), 1, "wal-g wal-verify integrity"),
            ("a segment missing", changed(&|p| fs::remove_file(middle(p)).unwrap()), 1, "is missing"),
            ("a segment cut", changed(&|p| cut(&middle(p), 0.5)), 1, "WAL segment"),
            ("a byte of a record changed", changed(&|p| flip(&middle(p), 400)), 1, "a record is damaged"),
            (
                "no backup is complete",
                changed(&|p| fs::remove_file(sentinel(p)).unwrap()),
                1,
                "has no backup",
            ),
            ("the backup has tablespaces", changed(&spaces), 3, "--restore-spec"),
            ("a target before all backups", to("2020-01-01T00:00:00Z"), 1, "ended before"),
            ("a target after the WAL", to("2099-01-01T00:00:00Z"), 1, "ends before the target time"),
        ];
        let sound =
            [("WAL-G", option("wal-g", &self.path)), ("WAL-G, to a time before the end", to(&self.between))];
        let sound = sound.into_iter().map(|(format, options)| Case::sound(format, options));
        let damaged = damaged
            .into_iter()
            .map(|(damage, options, exit, says)| Case::damaged(damage, WAL_G, options, exit, says));
        sound.chain(damaged).collect()
    }

    /// Changes a byte of the table of photos in the tarball.
    fn flip_page(part: &Path) {
        let bytes = fs::read(part).unwrap();
        let name = b"p12.jpg";
        let at = bytes.windows(name.len()).position(|window| window == name).unwrap();
        flip(part, at);
    }
}

/// Runs tar.
fn run_tar(args: &[&str]) {
    let ran = Command::new("tar").args(args).status();
    assert!(ran.unwrap().success(), "tar {args:?}");
}
