//! Backups in files: sound in every form, damaged, and made to do harm.

use super::site::{Live, snapshot, tar, test, texts, with_live};
use pulp_drill::model::{check::CheckId, verdict::limit::Limit};
use std::{
    collections::BTreeSet, fs, io::Write as _, os::unix::fs::PermissionsExt as _, path::Path,
    process::Command,
};

#[tokio::test(flavor = "multi_thread")]
async fn local_backups_restore_and_damaged_ones_are_found_out() {
    with_live(false, async |live: &Live| {
        let custom = live.dump("pulp.dump", &["--format=custom"]);
        let plain = live.dump("plain.sql.gz", &["--format=plain", "--compress=6"]);
        let manifest = live.manifest(&custom);
        let tarball = live.text("assets.tar.gz");
        tar(&tarball, &live.assets());
        let renders = live.renders();
        let origin = || snapshot(live.folder.path());
        let before = origin();

        // Everything that was recorded holds.
        let mut all = renders.clone();
        all.extend(texts(&["--manifest", &manifest, "--max-age", "26h", "--max-rto", "1h"]));
        let good = test(&custom, &tarball, &all, &[]);
        assert_eq!((good.exit, good.found()), (Some(0), BTreeSet::new()), "{}{}", good.actual(), good.said);
        use CheckId as C;
        for check in [
            C::Procedure,
            C::Ready,
            C::Render,
            C::Contents,
            C::Sequences,
            C::Reconcile,
            C::ReadBack,
            C::Manifest,
            C::FailClosed,
            C::Untouched,
        ] {
            assert!(good.checked(check), "{check} was not checked: {:?}", good.scenario().checks);
        }
        let rpo = good.scenario().rpo_ms.unwrap();
        assert!(good.scenario().rto_ms.is_some() && rpo > 0 && rpo < 3_600_000, "{rpo}");
        assert!(good.limits().iter().all(|limit| !limit.concerns_existing_backup()), "{:?}", good.limits());

        // Nothing was recorded: it restores, and says what that does not prove.
        let folder = live.assets().display().to_string();
        let bare = test(&plain, &folder, &[], &[]);
        assert_eq!((bare.exit, bare.found()), (Some(0), BTreeSet::new()), "{}{}", bare.actual(), bare.said);
        assert!(bare.limits().contains(&Limit::NoRender), "{:?}", bare.limits());
        assert!(!bare.checked(C::Render) && !bare.checked(C::Contents) && bare.checked(C::Reconcile));
        assert_eq!(before, origin(), "the origin was changed");

        other_forms(live, &folder, &tarball);
        damaged(live, &custom, &manifest, &all).await;
        hostile(live, &custom, &folder).await;
    })
    .await;
}

/// The last line of a plain dump.
const COMPLETE: &str = "-- PostgreSQL database dump complete\n";

/// Sound backups in other forms, each with a damaged neighbour.
fn other_forms(live: &Live, folder: &str, tarball: &str) {
    let plain = fs::read_to_string(live.dump("plain.sql", &["--format=plain"])).unwrap();
    let clean = live.dump("clean.sql", &["--format=plain", "--clean", "--create"]);
    let cluster = format!(
        "-- PostgreSQL database cluster dump\nCREATE ROLE somebody;\n\\connect other\n{COMPLETE}\\connect shop\n{plain}\
         -- PostgreSQL database cluster dump complete\n"
    );
    let unpacked = Command::new("gzip").args(["-dc", tarball]).output().unwrap().stdout;
    let tarball = live.write("assets.tar.zst", &zstd::encode_all(&unpacked[..], 1).unwrap());
    let converted = plain.replace('\n', "\r\n");
    let wrapped = format!("-- nightly\nSET statement_timeout = 0;\n{plain}");
    let policy = plain.replace(
        COMPLETE,
        &format!(
            "ALTER TABLE public.assets ENABLE ROW LEVEL SECURITY;\n\
             ALTER TABLE ONLY public.assets FORCE ROW LEVEL SECURITY;\n\
             CREATE POLICY p ON public.assets TO nobody_knows USING (true);\n{COMPLETE}"
        ),
    );
    for (name, bytes) in [
        ("bom.sql", [b"\xef\xbb\xbf", plain.as_bytes()].concat()),
        ("crlf.sql", converted.into_bytes()),
        ("wrapped.sql", wrapped.into_bytes()),
        ("policy.sql", policy.into_bytes()),
        ("all.sql", cluster.clone().into_bytes()),
        ("all.sql.zst", zstd::encode_all(cluster.as_bytes(), 1).unwrap()),
        ("clean-again.sql", fs::read(clean).unwrap()),
    ] {
        let good = test(&live.write(name, &bytes), &tarball, &[], &[]);
        assert_eq!(
            (good.exit, good.found()),
            (Some(0), BTreeSet::new()),
            "{name}: {}{}",
            good.actual(),
            good.said
        );
        assert!(good.checked(CheckId::Reconcile), "{name}");
    }
    let cut = plain.split("ADD CONSTRAINT").next().unwrap().rsplit_once(";\n").unwrap().0;
    let extension = plain.replace("CREATE TABLE", "CREATE EXTENSION not_here;\nCREATE TABLE");
    for (name, text, exit, says) in [
        ("cut.sql", format!("{cut};\n"), 1, "cut off"),
        ("extension.sql", extension, 3, "not_here"),
        (
            "newer.sql",
            plain.replace("Dumped by pg_dump version 1", "Dumped by pg_dump version 91"),
            3,
            "or newer",
        ),
    ] {
        let red = test(&live.write(name, text.as_bytes()), folder, &[], &[]);
        assert_eq!(red.exit, Some(exit), "{name}: {}", red.said);
        assert!(red.said.contains(says), "{name}: {}", red.said);
    }
}

/// Damage that only a look at the restored stores shows.
async fn damaged(live: &Live, custom: &str, manifest: &str, all: &[String]) {
    let copy = live.path("damaged");
    assert!(Command::new("cp").arg("-a").arg(live.assets()).arg(&copy).status().unwrap().success());
    let mut keys: Vec<(&str, &str)> =
        live.put.known.assets.iter().map(|(name, asset)| (name.as_str(), asset.key.as_str())).collect();
    keys.sort_unstable();
    let (flipped, gone) = (keys[0], keys[1]);
    let mut bytes = fs::read(copy.join(flipped.1)).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(copy.join(flipped.1), bytes).unwrap();
    fs::remove_file(copy.join(gone.1)).unwrap();
    let file = Path::new(manifest).join("manifest.json");
    let mut recorded: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    recorded["tables"]["tenants"]["rows"] = 99.into();
    recorded["templates"][0]["currentVersion"] = "9.9.9".into();
    recorded["dbDumpSha256"] = "0".repeat(64).into();
    fs::write(&file, recorded.to_string()).unwrap();
    let mut options = all.to_vec();
    let place = |name: &str| all.iter().position(|option| option == name).unwrap();
    options[place("--max-age") + 1] = "1s".to_owned();
    // The same limit as a budget in a file; what is given on the command line stands.
    let budgets = live.path("budgets.yaml");
    fs::write(&budgets, "rto: 1ms\nrpo: 90d\n").unwrap();
    let at = place("--max-rto");
    options.splice(at..at + 2, ["--budgets".to_owned(), budgets.display().to_string()]);
    let red = test(custom, &copy.display().to_string(), &options, &[]);
    assert_eq!(red.exit, Some(1), "{}", red.said);
    let found = red.found();
    let row = |name: &str| format!("assets/{name}");
    let template = recorded["templates"][0]["key"].as_str().unwrap();
    for expected in [
        format!("wrong content: {}", row(flipped.0)),
        format!("missing binary: {}", row(gone.0)),
        "row lost: tenants".to_owned(),
        format!("manifest drift: {template}"),
        "manifest drift: dump".to_owned(),
        "backup too old: restore-test".to_owned(),
        "recovery too slow: restore-test".to_owned(),
    ] {
        assert!(found.contains(&expected), "{expected} is not among {found:#?}");
    }
}

/// Backups that are none, or that somebody else made.
async fn hostile(live: &Live, custom: &str, folder: &str) {
    let proof = live.path("escaped");
    // Also the user that PostgreSQL runs as could write there, if it were let.
    fs::set_permissions(live.folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let whole = fs::read(custom).unwrap();
    let order = format!(
        "-- PostgreSQL database dump\ncreate table t (id int);\n\\! touch {}\n{COMPLETE}",
        proof.display()
    );
    let program = format!(
        "-- PostgreSQL database dump\ncreate table t (id int);\ncopy t to program 'touch {}';\n{COMPLETE}",
        proof.display()
    );
    for (name, bytes, step, says) in [
        ("short.dump", &whole[..whole.len() / 2], "restore database", "pg_restore"),
        ("empty.dump", &b""[..], "fetch dump", "it is empty"),
        ("page.dump", &b"<html>not found</html>"[..], "fetch dump", "not a dump of PostgreSQL"),
        ("order.sql", order.as_bytes(), "restore database", "restricted"),
        ("program.sql", program.as_bytes(), "restore database", "external program"),
    ] {
        let red = test(&live.write(name, bytes), folder, &[], &[]);
        let found = BTreeSet::from([format!("restore failed: {step}")]);
        assert_eq!((red.exit, red.found()), (Some(1), found), "{name}: {}{}", red.actual(), red.said);
        assert!(red.actual().contains(says), "{name}: {}", red.actual());
        assert!(!proof.exists(), "{name} ran a program");
    }
    let climbing = live.path("climbing.tar");
    let mut builder = Vec::new();
    let mut header = vec![0_u8; 512];
    header[..10].copy_from_slice(b"../escaped");
    header[124..136].copy_from_slice(b"00000000000\0");
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    builder.write_all(&header).unwrap();
    builder.write_all(&[0; 1024]).unwrap();
    fs::write(&climbing, builder).unwrap();
    fs::create_dir(live.path("nothing")).unwrap();
    for (assets, says) in
        [(climbing, "it leads out of the folder"), (live.path("nothing"), "there is no binary at")]
    {
        let red = test(custom, &assets.display().to_string(), &[], &[]);
        let found = BTreeSet::from(["restore failed: fetch objects".to_owned()]);
        assert_eq!((red.exit, red.found()), (Some(1), found), "{}{}", red.actual(), red.said);
        assert!(red.actual().contains(says), "{}", red.actual());
    }
}
