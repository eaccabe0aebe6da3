//! Dumps and copies of files.

use super::{
    Case,
    kit::{Kit, cut, flip, option},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The last line of a plain dump.
pub(super) const COMPLETE: &str = "-- PostgreSQL database dump complete\n";

pub async fn cases(kit: &Kit) -> Vec<Case> {
    let dumps = Dumps::make(kit).await;
    tokio::task::block_in_place(|| {
        let mut all = sound(kit, &dumps);
        all.extend(damaged_archives(kit));
        all.extend(damaged_scripts(kit, &dumps.text));
        all.extend(incomplete(kit));
        all.extend(damaged_files(kit));
        all
    })
}

/// What the site's `pg_dump` wrote: `ok.dump`, `ok.dir`, `ok.tar`, `ok.sql`.
struct Dumps {
    text: String,
}

impl Dumps {
    async fn make(kit: &Kit) -> Self {
        let access = kit.access().await;
        tokio::task::block_in_place(|| {
            let dump = |name: &str, options: &[&str]| {
                let mut all = vec!["--no-owner".to_owned(), format!("--file={}", kit.path(name).display())];
                all.extend(options.iter().map(|option| (*option).to_owned()));
                kit.client(&access, "pg_dump", &all);
            };
            dump("ok.dump", &["--format=custom"]);
            dump("ok.dir", &["--format=directory"]);
            dump("ok.tar", &["--format=tar"]);
            dump("ok.sql", &["--format=plain"]);
            dump("clean.sql", &["--format=plain", "--clean", "--create"]);
            dump("no-photos.dump", &["--format=custom", "--exclude-table=photos"]);
            dump("no-rows.dump", &["--format=custom", "--exclude-table-data=photos"]);
            dump("uncompressed.dump", &["--format=custom", "--compress=0"]);
            let all = ["--no-role-passwords".to_owned(), format!("--file={}", kit.path("all.sql").display())];
            kit.client(&access, "pg_dumpall", &all);
            Self { text: fs::read_to_string(kit.path("ok.sql")).unwrap() }
        })
    }
}

fn dump(path: &Path) -> Vec<String> {
    option("dump", path)
}

fn sound(kit: &Kit, dumps: &Dumps) -> Vec<Case> {
    let packed = |name: &str, tool: &str| {
        let bytes = fs::read(kit.path("ok.sql")).unwrap();
        let bytes = match tool {
            "zstd" => zstd::encode_all(&bytes[..], 1).unwrap(),
            _ => Command::new("gzip").arg("-c").arg(kit.path("ok.sql")).output().unwrap().stdout,
        };
        kit.write(name, &bytes)
    };
    let folder = kit.path("dir.tar.gz");
    let tar = Command::new("tar").arg("-czf").arg(&folder).arg("-C").arg(kit.path("")).arg("ok.dir").status();
    assert!(tar.unwrap().success());
    let text = &dumps.text;
    let policy = text.replace(
        COMPLETE,
        &format!(
            "ALTER TABLE public.photos ENABLE ROW LEVEL SECURITY;\nALTER TABLE public.photos FORCE ROW LEVEL SECURITY;\n\
             CREATE POLICY p ON public.photos TO nobody_here USING (false);\n{COMPLETE}"
        ),
    );
    let tarball = kit.path("files.tar.gz");
    let tar = Command::new("tar").arg("-czf").arg(&tarball).arg("-C").arg(kit.path("")).arg("files").status();
    assert!(tar.unwrap().success());
    let with_tarball = [dump(&kit.path("ok.dump")), option("assets", &tarball)].concat();
    [
        ("custom format", dump(&kit.path("ok.dump"))),
        ("directory format", dump(&kit.path("ok.dir"))),
        ("directory format, in a tarball", dump(&folder)),
        ("tar format", dump(&kit.path("ok.tar"))),
        ("plain format", dump(&kit.path("ok.sql"))),
        ("plain format, gzip", dump(&packed("ok.sql.gz", "gzip"))),
        ("plain format, zstd", dump(&packed("ok.sql.zst", "zstd"))),
        ("plain format with `--clean --create`", dump(&kit.path("clean.sql"))),
        ("`pg_dumpall`", dump(&kit.path("all.sql"))),
        (
            "plain format, byte order mark",
            dump(&kit.write("bom.sql", &[b"\xef\xbb\xbf", text.as_bytes()].concat())),
        ),
        ("plain format, CRLF", dump(&kit.write("crlf.sql", text.replace('\n', "\r\n").as_bytes()))),
        ("forced row security for a role that is missing", dump(&kit.write("policy.sql", policy.as_bytes()))),
        ("custom format, files in a tarball", with_tarball),
    ]
    .map(|(format, options)| Case::sound(format, options))
    .into()
}

fn damaged_archives(kit: &Kit) -> Vec<Case> {
    let changed = |from: &str, to: &str, change: &dyn Fn(&Path)| -> PathBuf {
        let path = kit.copy(from, to);
        change(&path);
        path
    };
    let largest = |folder: &Path| {
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let data = files.filter(|path| !path.ends_with("toc.dat"));
        data.max_by_key(|path| path.metadata().unwrap().len()).unwrap()
    };
    let middle = |path: &Path| flip(path, fs::metadata(path).unwrap().len() as usize / 2);
    let digest = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        let at = bytes.windows(6).position(|six| six == b"p3.jpg").unwrap();
        let mut bytes = bytes;
        bytes[at + 20] = if bytes[at + 20] == b'0' { b'1' } else { b'0' };
        fs::write(path, bytes).unwrap();
    };
    let end = |path: &Path| {
        let bytes = fs::read(path).unwrap();
        fs::write(path, &bytes[..bytes.len() - 1024]).unwrap();
    };
    let cases: [(&str, &str, PathBuf, &str); 10] = [
        ("cut at 60 %", "custom format", changed("ok.dump", "cut.dump", &|p| cut(p, 0.6)), "pg_restore"),
        ("a byte changed", "custom format", changed("ok.dump", "flip.dump", &middle), "pg_restore"),
        (
            "a byte of a value changed",
            "custom format, not compressed",
            changed("uncompressed.dump", "value.dump", &digest),
            "",
        ),
        (
            "the file of a table missing",
            "directory format",
            changed("ok.dir", "gone.dir", &|p| fs::remove_file(largest(p)).unwrap()),
            "pg_restore",
        ),
        (
            "the file of a table cut",
            "directory format",
            changed("ok.dir", "cut.dir", &|p| cut(&largest(p), 0.5)),
            "pg_restore",
        ),
        (
            "its table of contents missing",
            "directory format",
            changed("ok.dir", "toc.dir", &|p| fs::remove_file(p.join("toc.dat")).unwrap()),
            "without toc.dat",
        ),
        (
            "cut at 60 %",
            "tar format",
            changed("ok.tar", "cut.tar", &|p| cut(p, 0.6)),
            "the tar file is cut off",
        ),
        ("its end missing", "tar format", changed("ok.tar", "end.tar", &end), "the tar file is cut off"),
        ("empty", "a file", kit.write("empty.dump", b""), "it is empty"),
        (
            "an error page of a store",
            "a file",
            kit.write("page.dump", b"<Error>AccessDenied</Error>"),
            "not a dump",
        ),
    ];
    cases
        .into_iter()
        .map(|(damage, format, path, says)| Case::damaged(damage, format, dump(&path), 1, says))
        .collect()
}

fn damaged_scripts(kit: &Kit, text: &str) -> Vec<Case> {
    let after_statement = &text[..text.find("ALTER TABLE ONLY public.notes\n    ADD CONSTRAINT").unwrap()];
    let in_rows = &text[..text.find("COPY public.notes").unwrap() + 500];
    let gzip = Command::new("gzip").arg("-c").arg(kit.path("ok.sql")).output().unwrap().stdout;
    let with =
        |line: &str| text.replace("CREATE TABLE public.notes", &format!("{line}\nCREATE TABLE public.notes"));
    let newer = text.replace("-- Dumped by pg_dump version 1", "-- Dumped by pg_dump version 91");
    type Script = (&'static str, &'static str, &'static str, Vec<u8>, i32, &'static str);
    let cases: [Script; 8] = [
        ("cut between two statements", "plain format", "cut.sql", after_statement.into(), 1, "cut off"),
        ("cut in the rows of a table", "plain format", "rows.sql", in_rows.into(), 1, "cut off"),
        ("cut stream", "plain format, gzip", "cut.sql.gz", gzip[..gzip.len() - 9].into(), 1, "cut"),
        (
            "a shell command in it",
            "plain format",
            "shell.sql",
            with("\\! touch escaped").into(),
            1,
            "restricted",
        ),
        (
            "a program for COPY in it",
            "plain format",
            "copy.sql",
            with("COPY public.photos TO PROGRAM 'true';").into(),
            1,
            "external program",
        ),
        (
            "an extension that is not installed",
            "plain format",
            "extension.sql",
            with("CREATE EXTENSION not_here;").into(),
            3,
            "not_here",
        ),
        ("made by a newer PostgreSQL", "plain format", "newer.sql", newer.into(), 3, "or newer"),
        (
            "UTF-16",
            "plain format",
            "utf16.sql",
            text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            1,
            "not a dump",
        ),
    ];
    let case = |(damage, format, name, bytes, exit, says): (_, _, &str, Vec<u8>, _, _)| {
        Case::damaged(damage, format, dump(&kit.write(name, &bytes)), exit, says)
    };
    cases.into_iter().map(case).collect()
}

/// Dumps of which a part was never made.
fn incomplete(kit: &Kit) -> Vec<Case> {
    let case = |damage, name: &str, exit, says| {
        Case::damaged(damage, "custom format", dump(&kit.path(name)), exit, says)
    };
    vec![
        case("a table of the profile left out", "no-photos.dump", 3, "there is no table photos"),
        case("the rows of a table left out", "no-rows.dump", 3, ""),
    ]
}

fn damaged_files(kit: &Kit) -> Vec<Case> {
    let folder = |name: &str, change: &dyn Fn(&Path)| {
        let path = kit.copy("files", name);
        change(&path);
        path
    };
    let tarball = |name: &str, keep: f64| {
        let path = kit.copy("files.tar.gz", name);
        cut(&path, keep);
        path
    };
    let file = |folder: &Path| folder.join("p5.jpg");
    let linked = |folder: &Path| std::os::unix::fs::symlink("/etc/hostname", folder.join("p99.jpg")).unwrap();
    let swap = |folder: &Path| {
        let (a, b) = (folder.join("p1.jpg"), folder.join("p2.jpg"));
        let (of_a, of_b) = (fs::read(&a).unwrap(), fs::read(&b).unwrap());
        fs::write(a, of_b).unwrap();
        fs::write(b, of_a).unwrap();
    };
    let empty = kit.path("nothing");
    fs::create_dir(&empty).unwrap();
    let cases: [(&str, &str, PathBuf, i32, &str); 9] = [
        (
            "a file missing",
            "folder",
            folder("missing", &|f| fs::remove_file(file(f)).unwrap()),
            1,
            "missing binary",
        ),
        ("a file empty", "folder", folder("zero", &|f| fs::write(file(f), "").unwrap()), 1, ""),
        ("a file cut", "folder", folder("cut", &|f| cut(&file(f), 0.5)), 1, ""),
        ("a bit of a file changed", "folder", folder("flip", &|f| flip(&file(f), 3)), 1, "wrong content"),
        ("two files swapped", "folder", folder("swap", &swap), 1, "wrong content"),
        ("no file at all", "folder", empty, 1, "there is no binary"),
        ("a link that leads out", "folder", folder("link", &linked), 1, "it is a link"),
        ("cut at 60 %", "tarball", tarball("cut.tar.gz", 0.6), 1, "tarball"),
        (
            "a file without a row",
            "folder",
            folder("more", &|f| fs::write(f.join("extra.jpg"), "x").unwrap()),
            0,
            "",
        ),
    ];
    let case = |(damage, format, path, exit, says): (_, _, PathBuf, _, _)| {
        let options = [dump(&kit.path("ok.dump")), option("assets", &path)].concat();
        Case::damaged(damage, format, options, exit, says)
    };
    cases.into_iter().map(case).collect()
}
