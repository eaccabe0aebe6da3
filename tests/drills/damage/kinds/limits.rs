//! Restores that take long or never end, files that unpack to more than a disk holds, references that do not cover
//! everything or are forged, and indexes that do not match their tables.

use super::{
    super::{
        kit::{DATABASE, cut, option},
        physical::Made,
    },
    Inputs,
};
use std::{
    fs,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

impl Inputs<'_> {
    pub(super) async fn slow(&mut self) {
        const KIND: &str = "slow restore";
        let options = self.with_end("sleep.sql", "SELECT pg_catalog.pg_sleep(70);");
        self.add(KIND, "a statement of 70 s in plain format", options, 0, "");
        let slow = |name: &str| {
            format!(
                "create function slow(int) returns int language plpgsql immutable as \
                 $$begin if current_database() <> '{name}' and $1 = 1 then perform pg_sleep(70); end if; return $1; end$$"
            )
        };
        let index = [&slow("slow_index")[..], "create index slow_notes on notes (slow(id))"];
        let index = self.changed("slow_index.dump", &index, &["--format=custom"]).await;
        self.add(KIND, "an index of 70 s in custom format", index, 0, "");
        let check = [&slow("slow_check")[..], "alter table photos add constraint slow check (slow(id) > 0)"];
        let check = self.changed("slow_check.dir", &check, &["--format=directory"]).await;
        self.add(KIND, "a constraint of 70 s in directory format", check, 0, "");
    }

    pub(super) fn endless(&mut self) {
        const KIND: &str = "endless restore";
        for (name, keep, input) in [
            ("end-30.tar", 0.3, "tar format, cut at 30 %, with an end"),
            ("end-75.tar", 0.75, "tar format, cut at 75 %, with an end"),
            ("end-50.tar", 0.5, "tar format, cut at 50 %, with an end"),
        ] {
            let path = self.kit.copy("ok.tar", name);
            cut(&path, keep);
            let mut bytes = fs::read(&path).unwrap();
            bytes.truncate(bytes.len() / 512 * 512);
            bytes.extend([0; 1024]);
            fs::write(&path, bytes).unwrap();
            self.add(KIND, input, option("dump", &path), 1, "");
        }
    }

    pub(super) fn not_in_the_manifest(&mut self) {
        let recorded = fs::read_to_string(self.kit.path("manifest/manifest.json")).unwrap();
        let text = self.text.clone();
        for (number, (table, input)) in
            [("notes", "1,000 rows"), ("places", "one row"), ("Back Office.Day Book", "a name with a blank")]
                .into_iter()
                .enumerate()
        {
            let mut manifest: serde_json::Value = serde_json::from_str(&recorded).unwrap();
            let tables = manifest["tables"].as_object_mut().unwrap();
            let name = tables.keys().find(|name| name.replace('"', "") == table).unwrap().clone();
            tables.remove(&name);
            let manifest = self.kit.write(&format!("partly-{number}.json"), manifest.to_string().as_bytes());
            let copy = format!(
                "COPY {} (",
                if table.contains(' ') {
                    "\"Back Office\".\"Day Book\"".to_owned()
                } else {
                    format!("public.{table}")
                }
            );
            let at = text.find(&copy).unwrap();
            let from = at + text[at..].find('\n').unwrap() + 1;
            let to = from + text[from..].find("\\.\n").unwrap();
            let options =
                self.script(&format!("partly-{number}.sql"), &format!("{}{}", &text[..from], &text[to..]));
            self.add(
                "manifest",
                input,
                [options, option("manifest", &manifest)].concat(),
                0,
                "not in the reference",
            );
        }
    }

    pub(super) fn bombs(&mut self) {
        const KIND: &str = "decompression";
        let sparse = self.kit.path("sparse");
        fs::create_dir(&sparse).unwrap();
        fs::File::create(sparse.join("p1.jpg")).unwrap().set_len(1 << 40).unwrap();
        let tarball = |name: &str, options: &[&str]| -> PathBuf {
            let path = self.kit.path(name);
            let mut command = Command::new("tar");
            command.args(options).arg("--sparse").arg("-cf").arg(&path).arg("-C").arg(&sparse).arg("p1.jpg");
            assert!(command.status().unwrap().success());
            path
        };
        let dump = option("dump", &self.kit.path("ok.dump"));
        let gzip = tarball("sparse.tar.gz", &["--gzip"]);
        let posix = tarball("sparse.tar.zst", &["--zstd", "--format=posix"]);
        let zeros = zstd::encode_all(std::io::repeat(0).take(1 << 30), 1).unwrap();
        let mut head = zstd::encode_all(self.text.as_bytes(), 1).unwrap();
        (0..64).for_each(|_| head.write_all(&zeros).unwrap());
        let script = self.kit.write("zeros.sql.zst", &head);
        let with = |path: &Path| [&dump[..], &option("assets", path)].concat();
        let (gzip, posix) = (with(&gzip), with(&posix));
        self.add(KIND, "a sparse file of 1 TiB in a tarball, gzip", gzip, 1, "");
        self.add(KIND, "a sparse file of 1 TiB in a tarball, POSIX, zstd", posix, 1, "");
        self.add(KIND, "64 GiB of zeros after a plain dump, zstd", option("dump", &script), 1, "");
    }

    pub(super) fn ledgers(&mut self) {
        const KIND: &str = "ledger";
        let text = fs::read_to_string(self.kit.path("ledger.jsonl")).unwrap();
        let fewer = text.replacen("\"notes\":1000", "\"notes\":1", 1);
        assert_ne!(fewer, text);
        let digest = |text: &str, name: &str| {
            let digest = pulp_drill::base::digest::Digest::of(text.as_bytes());
            let digits = digest.to_string();
            format!("{}  {name}\n", digits.trim_start_matches("sha256:"))
        };
        let dump = option("dump", &self.kit.path("ok.dump"));
        for (name, input, text, sealed) in [
            ("ledger-1.jsonl", "fewer rows in its line", fewer.clone(), digest(&text, "ledger-1.jsonl")),
            (
                "ledger-2.jsonl",
                "fewer rows in its line, and its digest made anew",
                fewer.clone(),
                digest(&fewer, "ledger-2.jsonl"),
            ),
            ("ledger-3.jsonl", "no line left", String::new(), digest(&text, "ledger-3.jsonl")),
        ] {
            // Beside the folders of the runs.
            let file = self.kit.write(&format!("reports/{name}"), text.as_bytes());
            self.kit.write(&format!("reports/{name}.sha256"), sealed.as_bytes());
            self.add(KIND, input, [&dump[..], &option("ledger", &file)].concat(), 2, "is no reference");
        }
    }

    pub(super) fn indexes(&mut self, made: &Made, twice: &str, file: &str) {
        const KIND: &str = "corrupt index";
        let kit = self.kit;
        let base = |name: &str, change: &dyn Fn(&Path)| {
            let mut options = made.base(kit, name, |path| {
                fs::remove_file(path.join("backup_manifest")).unwrap();
                change(path);
            });
            // The other inputs are databases of the same cluster.
            options.extend(["--database".to_owned(), DATABASE.to_owned()]);
            options
        };
        let older = base("older-index", &|p| {
            fs::copy(kit.path("first").join(twice), p.join(twice)).unwrap();
        });
        self.add(KIND, "an index on an expression, of an older backup", older, 1, "notes_twice");
        let other = base("other-index", &|p| {
            fs::copy(p.join(&made.photos_index), p.join(file)).unwrap();
        });
        self.add(KIND, "the file of another index", other, 1, "photos_file_key");
        let short = base("short-index", &|p| cut(&p.join(&made.notes_index), 0.5));
        self.add(KIND, "an index cut at half", short, 1, "could not read block");
    }
}
