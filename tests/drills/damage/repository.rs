//! A repository of pgBackRest.

use super::{
    Case,
    kit::{DATABASE, Kit, flip, option},
    physical::Made,
};
use std::{
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Command,
};

/// A repository of pgBackRest, of the same site.
pub(super) struct Repository {
    path: PathBuf,
    /// After the first backup, before the last rows.
    between: String,
}

impl Repository {
    /// Nothing where pgBackRest is not installed.
    pub(super) async fn make(kit: &Kit) -> Option<Self> {
        if !Command::new("pgbackrest").arg("version").output().is_ok_and(|ran| ran.status.success()) {
            println!("skipped: there is no pgbackrest");
            return None;
        }
        let home = kit.server.home().to_owned();
        let path = home.join("repository");
        for name in ["repository", "log", "lock", "spool"] {
            fs::create_dir(home.join(name)).unwrap();
            kit.server.give(&home.join(name)).unwrap();
        }
        let access = kit.access().await;
        let conf = home.join("pgbackrest.conf");
        let at = |name: &str| home.join(name).display().to_string();
        let text = format!(
            "[global]\nrepo1-path={}\nlog-path={}\nlock-path={}\nspool-path={}\nstart-fast=y\n\
             [shop]\npg1-path={}\npg1-host-user=\npg1-port={}\npg1-socket-path={}\npg1-user={}\n",
            path.display(),
            at("log"),
            at("lock"),
            at("spool"),
            kit.server.data_dir().await.display(),
            access.port,
            home.join("s").display(),
            access.user
        );
        fs::write(&conf, text.replace("pg1-host-user=\n", "")).unwrap();
        kit.server.give(&conf).unwrap();
        let push = format!("pgbackrest --config={} --stanza=shop archive-push %p", conf.display());
        let push = format!("alter system set archive_command = '{push}'");
        kit.sql(DATABASE, &[&push, "select pg_reload_conf()"]).await;
        let run = |job: &str, kind: &str| {
            let mut command = Command::new("pgbackrest");
            command.arg(format!("--config={}", conf.display())).args(["--stanza=shop", job]).current_dir("/");
            command.args((!kind.is_empty()).then_some(kind));
            command.env("PGPASSWORD", &access.password);
            if let Some(user) = kit.server.user() {
                command.uid(user.uid).gid(user.gid);
            }
            let ran = tokio::task::block_in_place(|| command.output().unwrap());
            let said = String::from_utf8_lossy(&ran.stdout).into_owned();
            assert!(ran.status.success(), "{job}: {said}{}", String::from_utf8_lossy(&ran.stderr));
        };
        run("stanza-create", "");
        run("backup", "--type=full");
        kit.notes(20_001..=20_100).await;
        let between = kit.text("select now()::text").await;
        kit.notes(20_101..=20_200).await;
        run("backup", "--type=incr");
        kit.notes(20_201..=20_300).await;
        run("check", "");
        Some(Self { path, between })
    }

    pub(super) fn cases(&self, kit: &Kit, made: &Made) -> Vec<Case> {
        const PGBACKREST: &str = "pgBackRest";
        let with = |path: &Path| {
            [option("pgbackrest", path), vec!["--stanza".to_owned(), "shop".to_owned()]].concat()
        };
        let changed = |name: &str, change: &dyn Fn(&Path)| {
            let path = kit.path(name);
            assert!(Command::new("cp").arg("-a").args([&self.path, &path]).status().unwrap().success());
            change(&path);
            with(&path)
        };
        let files = |folder: &Path| -> Vec<PathBuf> {
            let found = Command::new("find").arg(folder).args(["-type", "f"]).output().unwrap();
            let mut all: Vec<PathBuf> =
                String::from_utf8(found.stdout).unwrap().lines().map(PathBuf::from).collect();
            all.sort();
            all
        };
        let wal = |p: &Path| {
            let all = files(&p.join("archive/shop"));
            all.into_iter().filter(|path| path.extension().is_some_and(|end| end == "gz")).collect::<Vec<_>>()
        };
        let relation = |p: &Path| {
            let name = format!("{}.gz", made.photos.rsplit('/').next().unwrap());
            files(&p.join("backup/shop")).into_iter().find(|path| path.ends_with(&name)).unwrap()
        };
        let to =
            |time: &str| [&with(&self.path)[..], &["--target-time".to_owned(), time.to_owned()]].concat();
        vec![
            Case::sound("pgBackRest, an incremental backup", with(&self.path)),
            Case::sound("pgBackRest, to a time before it", to(&self.between)),
            Case::damaged(
                "a file of a table changed",
                PGBACKREST,
                changed("repository-1", &|p| {
                    let path = relation(p);
                    flip(&path, fs::metadata(&path).unwrap().len() as usize / 2);
                }),
                1,
                "pgBackRest cannot restore",
            ),
            Case::damaged(
                "a file of a table missing",
                PGBACKREST,
                changed("repository-2", &|p| fs::remove_file(relation(p)).unwrap()),
                1,
                "pgBackRest cannot restore",
            ),
            Case::damaged(
                "its WAL missing",
                PGBACKREST,
                changed("repository-3", &|p| {
                    wal(p).iter().for_each(|path| fs::remove_file(path).unwrap());
                }),
                1,
                "begins with is missing",
            ),
            Case::damaged(
                "a target before all backups",
                PGBACKREST,
                to("2020-01-01T00:00:00Z"),
                1,
                "ended before",
            ),
        ]
    }
}
