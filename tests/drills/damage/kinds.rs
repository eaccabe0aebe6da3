//! Three more inputs of each kind that a test of an existing backup has once judged wrongly. They take minutes, and
//! the table in docs/restore-test.md is written by a command that the document names.

mod contents;
mod limits;

use super::{
    Case,
    compared::without,
    kit::{DATABASE, Kit, option},
    logical::COMPLETE,
    physical::Made,
};
use std::{fmt::Write as _, fs, path::Path, process::Command};

/// The inputs, collected.
struct Inputs<'a> {
    kit: &'a Kit,
    cases: Vec<Case>,
    /// The site's plain dump.
    text: String,
}

/// All inputs. The server of the kit is stopped afterwards.
pub(super) async fn cases(kit: &Kit) -> Vec<Case> {
    let mut inputs = Inputs { kit, cases: Vec::new(), text: String::new() };
    inputs.dump(DATABASE, "ok.dump", &["--format=custom"]).await;
    inputs.dump(DATABASE, "ok.tar", &["--format=tar"]).await;
    inputs.dump(DATABASE, "ok.dir", &["--format=directory"]).await;
    inputs.dump(DATABASE, "ok.sql", &["--format=plain"]).await;
    inputs.text = fs::read_to_string(kit.path("ok.sql")).unwrap();
    kit.references(&kit.path("ok.dump")).await;
    inputs.nothing_to_prove().await;
    inputs.cut_scripts().await;
    inputs.left_out().await;
    inputs.large().await;
    inputs.newer();
    inputs.headers();
    inputs.roles().await;
    inputs.subscriptions().await;
    inputs.imported().await;
    inputs.old().await;
    inputs.profiles();
    inputs.slow().await;
    inputs.endless();
    inputs.not_in_the_manifest();
    inputs.bombs();
    inputs.ledgers();
    let made = Made::make(kit).await;
    let twice = kit.text("select pg_relation_filepath('notes_twice')").await;
    let file = kit.text("select pg_relation_filepath('photos_file_key')").await;
    kit.stop().await;
    inputs.indexes(&made, &twice, &file);
    inputs.cases
}

impl Inputs<'_> {
    fn add(
        &mut self,
        kind: &'static str,
        input: &'static str,
        options: Vec<String>,
        exit: i32,
        says: &'static str,
    ) {
        self.cases.push(Case::damaged(kind, input, options, exit, says));
    }

    /// A dump of a database of the kit's server.
    async fn dump(&self, database: &str, name: &str, options: &[&str]) -> Vec<String> {
        let access = self.kit.server.access(database).await;
        let mut all = vec![format!("--file={}", self.kit.path(name).display())];
        all.extend(options.iter().map(|option| (*option).to_owned()));
        tokio::task::block_in_place(|| self.kit.client(&access, "pg_dump", &all));
        option("dump", &self.kit.path(name))
    }

    /// A dump of the site after these statements, which the others do not see.
    async fn changed(&self, name: &str, statements: &[&str], options: &[&str]) -> Vec<String> {
        let database = name.split('.').next().unwrap();
        self.kit.sql("postgres", &[&format!("create database {database} template {DATABASE}")]).await;
        self.kit.sql(database, statements).await;
        self.dump(database, name, options).await
    }

    fn script(&self, name: &str, text: &str) -> Vec<String> {
        option("dump", &self.kit.write(name, text.as_bytes()))
    }

    /// The plain dump with something before its last line.
    fn with_end(&self, name: &str, more: &str) -> Vec<String> {
        self.script(name, &self.text.replace(COMPLETE, &format!("{more}\n{COMPLETE}")))
    }

    fn reference(&self, name: &str) -> Vec<String> {
        let file = if name == "ledger" { "ledger.jsonl" } else { "manifest" };
        option(name, &self.kit.path(file))
    }

    async fn nothing_to_prove(&mut self) {
        const KIND: &str = "nothing to prove";
        let none = self.dump(DATABASE, "none.dir", &["--format=directory", "--exclude-table-data=*.*"]).await;
        self.add(KIND, "directory format without any row", none, 3, "");
        let photos =
            self.dump(DATABASE, "notes.dump", &["--format=custom", "--exclude-table-data=photos"]).await;
        self.add(KIND, "1,000 rows, none of which points at an object", photos, 3, "");
        let migrations = [
            "truncate photos, notes, \"Back Office\".\"Day Book\", visits, places, towns",
            "create table schema_migrations (version text primary key, inserted_at timestamptz default now())",
            "insert into schema_migrations values ('1'), ('2')",
        ];
        let only = self.changed("onlymigrations.sql", &migrations, &["--format=plain"]).await;
        self.add(KIND, "plain format with rows of a migrations table only", only, 3, "");
    }

    async fn cut_scripts(&mut self) {
        const KIND: &str = "truncated plain dump";
        let text = self.text.clone();
        let rows = text.rfind("\\.\n").unwrap() + 3;
        let options = self.script("cut-rows.sql", &text[..rows]);
        self.add(KIND, "cut after the rows of the last table", options, 1, "cut off");
        let options = self.script("cut-end.sql", &text[..text.find(COMPLETE).unwrap()]);
        self.add(KIND, "cut before its last line", options, 1, "cut off");
        let packed = zstd::encode_all(&text.as_bytes()[..rows], 1).unwrap();
        let options = option("dump", &self.kit.write("cut-whole.sql.zst", &packed));
        self.add(KIND, "cut, in a complete zstd stream", options, 1, "cut off");
        let access = self.kit.access().await;
        let path = self.kit.path("all.sql");
        let all = ["--no-role-passwords".to_owned(), format!("--file={}", path.display())];
        tokio::task::block_in_place(|| self.kit.client(&access, "pg_dumpall", &all));
        let all = fs::read_to_string(path).unwrap();
        let within = all.find("COPY public.notes").unwrap() + 2_000;
        let options = self.script("cut-all.sql", &all[..within]);
        self.add(KIND, "`pg_dumpall`, cut in the rows of a table", options, 1, "cut off");
    }

    async fn left_out(&mut self) {
        const KIND: &str = "missing data or table";
        let (ledger, manifest) = (self.reference("ledger"), self.reference("manifest"));
        let text = self.text.clone();
        let schema = self
            .dump(DATABASE, "schema.dump", &["--format=custom", "--exclude-schema=\"Back Office\""])
            .await;
        self.add(
            KIND,
            "a schema left out, with `--ledger`",
            [&schema[..], &ledger].concat(),
            1,
            "no such table",
        );
        let blobs = self.dump(DATABASE, "blobs.tar", &["--format=tar", "--no-blobs"]).await;
        self.add(
            KIND,
            "large objects left out, with `--ledger`",
            [&blobs[..], &ledger].concat(),
            1,
            "large objects",
        );
        let view = self.script("view.sql", &without(&text, "REFRESH MATERIALIZED VIEW"));
        let input = "a materialised view not refreshed, with `--manifest`";
        self.add(KIND, input, [&view[..], &manifest].concat(), 1, "rows of matview per_day");
        let changed = text.replacen("SELECT count(*) AS notes", "SELECT (count(*) + 1) AS notes", 1);
        assert_ne!(changed, text);
        let view = self.script("other-view.sql", &changed);
        self.add(
            KIND,
            "another query of a view, with `--ledger`",
            [&view[..], &ledger].concat(),
            1,
            "view many",
        );
        let row = self.script("row.sql", &text.replacen("1\thill\n", "", 1));
        self.add(
            KIND,
            "the only row of a table missing, with `--manifest`",
            [&row[..], &manifest].concat(),
            1,
            "row lost",
        );
    }

    async fn large(&mut self) {
        const KIND: &str = "table size";
        let rows = ["insert into notes select n, 'note ' || n from generate_series(2000, 42000) n"];
        let many = self.changed("many.dump", &rows, &["--format=custom"]).await;
        self.add(KIND, "40,000 more rows", many, 0, "");
        let wide = ["insert into notes values (2000, repeat('wide ', 1000000))"];
        let wide = self.changed("wide.sql", &wide, &["--format=plain"]).await;
        self.add(KIND, "a row of 5 MB", wide, 0, "");
        let photos =
            ["alter table photos add preview text", "update photos set preview = repeat('pixel', 30000)"];
        let photos = self.changed("previews.tar", &photos, &["--format=tar"]).await;
        self.add(KIND, "rows of 150 KB that point at objects", photos, 0, "");
        let keyless =
            ["create table hits (at int)", "insert into hits select n % 7 from generate_series(1, 60000) n"];
        let keyless = self.changed("keyless.dump", &keyless, &["--format=custom"]).await;
        self.add(KIND, "60,000 rows without a key, most of them equal", keyless, 0, "");
    }

    fn newer(&mut self) {
        const KIND: &str = "newer dump";
        let own = format!("{}.", self.kit.programs.version.major);
        let newer = |path: &Path| {
            let mut bytes = fs::read(path).unwrap();
            let ours = own.as_bytes();
            // The versions of the server and of pg_dump are in the head of the table of contents.
            let at: Vec<usize> = (0..800).filter(|at| bytes[*at..].starts_with(ours)).collect();
            assert!(!at.is_empty());
            at.iter().for_each(|at| bytes[*at..at + 2].copy_from_slice(b"99"));
            fs::write(path, bytes).unwrap();
        };
        let custom = self.kit.copy("ok.dump", "newer.dump");
        newer(&custom);
        self.add(KIND, "custom format", option("dump", &custom), 3, "99");
        let folder = self.kit.copy("ok.dir", "newer.dir");
        newer(&folder.join("toc.dat"));
        self.add(KIND, "directory format", option("dump", &folder), 3, "99");
        let text = self.text.replace("by pg_dump version 1", "by pg_dump version 91");
        let packed = zstd::encode_all(text.as_bytes(), 1).unwrap();
        let options = option("dump", &self.kit.write("newer.sql.zst", &packed));
        self.add(KIND, "plain format, zstd", options, 3, "or newer");
    }

    fn headers(&mut self) {
        const KIND: &str = "header";
        let text = self.text.clone();
        let options = self.script("bom-crlf.sql", &format!("\u{feff}{}", text.replace('\n', "\r\n")));
        self.add(KIND, "byte order mark and CRLF", options, 0, "");
        let before =
            "\u{feff}\n\n-- nightly backup of the shop\n/* by cron */\nSET statement_timeout = 0;\n\n";
        let options = self.script("bom-comment.sql", &format!("{before}{text}"));
        self.add(KIND, "byte order mark, blank lines, comments and settings", options, 0, "");
        let restored = self.kit.path("from-archive.sql");
        let program = self.kit.programs.program("pg_restore");
        let made = Command::new(program).arg("--file").args([&restored, &self.kit.path("ok.dump")]).status();
        assert!(made.unwrap().success());
        self.add(KIND, "a script that `pg_restore --file` wrote", option("dump", &restored), 0, "");
    }
}

/// The command that writes the table.
pub(super) fn head() -> String {
    let mut head = String::new();
    writeln!(head, "| kind | input | verdict (exit code) | level | findings |").unwrap();
    writeln!(head, "|---|---|---|---|---|").unwrap();
    head
}
