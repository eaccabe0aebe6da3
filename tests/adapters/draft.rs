//! `pulp-drill init`: drafts of profiles from schemas as applications have them, and their comparison with
//! the stores. The schemas of Rails Active Storage, Supabase Storage, Strapi and MLflow follow their public
//! documentation.

use crate::postgres::Cluster;
use pulp_drill::{
    draft,
    model::profile::Profile,
    scenario::profile::read_profile,
    system::{objects::origin::Origin, postgres::Postgres},
};
use std::{fmt::Write as _, path::Path, time::Instant};

/// Ten files, each with other bytes.
fn content(number: usize) -> Vec<u8> {
    format!("content {number} ").repeat(number * 40).into_bytes()
}

fn put(folder: &Path, key: &str, bytes: &[u8]) {
    let file = folder.join(key);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, bytes).unwrap();
}

struct Stores {
    cluster: Cluster,
    objects: tempfile::TempDir,
}

impl Stores {
    async fn of(sql: &str) -> Self {
        let cluster = Cluster::start().await;
        cluster.database("app").await.close().await;
        cluster.sql("app", sql).await;
        Self { cluster, objects: tempfile::tempdir().unwrap() }
    }

    async fn postgres(&self) -> Postgres {
        self.cluster.connect("app").await
    }

    /// The entities of the draft, and its comparison with the stores.
    async fn draft(&self) -> (String, String) {
        let postgres = self.postgres().await;
        let origin = Origin::local(self.objects.path()).unwrap();
        let items = draft::objects(&origin).await.unwrap();
        let drafted = draft::draft(&postgres, &origin, &items).await.unwrap();
        let yaml = draft::to_yaml(&drafted, "app", None);
        let profile = parsed(&yaml);
        let fit = draft::check(&profile, &postgres, &origin, &items).await.unwrap();
        postgres.close().await;
        assert_eq!(fit.misfits(), [""; 0], "{yaml}");
        let entities = yaml.split_once("entities:\n").unwrap().1.split("\n\n").next().unwrap();
        (entities.to_owned(), fit.to_string())
    }
}

fn parsed(yaml: &str) -> Profile {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("draft.yaml");
    std::fs::write(&file, yaml).unwrap();
    read_profile(file.to_str().unwrap())
        .unwrap_or_else(|mistakes| panic!("{}\n{yaml}", mistakes.render(false, 100)))
}

#[tokio::test(flavor = "multi_thread")]
async fn two_file_columns_with_a_prefix_and_blank_values() {
    let mut sql = "create table photos_photo (id serial primary key, title text, image text not null, \
        licence text not null, image_bytes bigint, image_sha1 text, views int default 7);"
        .to_owned();
    let stores = Stores::of("select 1").await;
    for number in 1..=10 {
        let (bytes, licence) =
            (content(number), if number < 4 { format!("licences/{number}.txt") } else { String::new() });
        put(stores.objects.path(), &format!("media/images/{number} ü%'.png"), &bytes);
        if number < 4 {
            put(stores.objects.path(), &format!("media/{licence}"), b"x");
        }
        let sha1 = sha1_of(&bytes);
        let _ = write!(
            sql,
            "insert into photos_photo (title, image, licence, image_bytes, image_sha1) values \
            ('photo {number}', 'images/{number} ü%''.png', '{licence}', {}, '{sha1}');",
            bytes.len()
        );
    }
    put(stores.objects.path(), "thumbs/1.png", b"t");
    for number in 1..=3 {
        put(stores.objects.path(), &format!("media/images/{number} ü%'__small.png"), b"t");
    }
    stores.cluster.sql("app", &sql).await;
    let (entities, fit) = stores.draft().await;
    insta::assert_snapshot!(format!("{entities}\n---\n{fit}"), @r##"
      photos photo:
        table: photos_photo
        label: [title]
        binary:
          - { key: "media/${image}", size: image_bytes, sha1: image_sha1 }
          - { key: "media/${licence}" }
    ---
    photos photo: photos_photo, key media/${image}: 10 of 10 references have their object
      size: 10 of 10 are right
      SHA-1: 5 of 5 are right
    photos photo: photos_photo, key media/${licence}: 3 of 3 references have their object
    4 of 17 objects have no row, for example media/images/1 ü%'__small.png, media/images/2 ü%'__small.png, media/images/3 ü%'__small.png
      3 fit "media/images/*__*" and seem to be made of others
    "##);

    // A dump in place of the database gives the same.
    let folder = tempfile::tempdir().unwrap();
    let dump = folder.path().join("app.dump").display().to_string();
    stores.cluster.program("pg_dump", "app", &["--format=custom", "--file", &dump]).await;
    let mut init = tokio::process::Command::new(env!("CARGO_BIN_EXE_pulp-drill"));
    let done =
        init.args(["init", "--dump", &dump, "--objects"]).arg(stores.objects.path()).output().await.unwrap();
    let (profile, stderr) =
        (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap());
    assert!(done.status.success(), "{stderr}");
    let without_evidence = |yaml: &str| {
        yaml.lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .map(ToOwned::to_owned)
            .collect::<Vec<_>>()
    };
    let of_dump = without_evidence(profile.split_once("entities:\n").unwrap().1);
    assert!(of_dump.starts_with(&without_evidence(&entities)), "{profile}");
    assert!(profile.contains("\nignore-objects: [\"media/images/*__*\"]\n"), "{profile}");
    assert!(profile.contains("\n# ignore-objects: [\"media/images/*__*\", thumbs/]\n"), "{profile}");
    parsed(&profile);
}

fn sha1_of(bytes: &[u8]) -> String {
    use pulp_drill::base::checksum::{ChecksumAlgorithm, Checksums};
    Checksums::of(bytes, &[ChecksumAlgorithm::Sha1].into()).0[&ChecksumAlgorithm::Sha1][0].clone()
}

fn base64_md5_of(bytes: &[u8]) -> String {
    use base64::Engine as _;
    use pulp_drill::base::checksum::{ChecksumAlgorithm, Checksums};
    let hex = Checksums::of(bytes, &[ChecksumAlgorithm::Md5].into()).0[&ChecksumAlgorithm::Md5][0].clone();
    let bytes: Vec<u8> =
        (0..16).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect();
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn composed_keys_json_and_base64() {
    let stores = Stores::of(
        "create table active_storage_blobs (id serial primary key, key text unique, filename text, content_type text, \
            byte_size bigint, checksum text, service_name text);
         create schema storage;
         create table storage.objects (id serial primary key, bucket_id text, name text, version text, metadata jsonb);
         create table files (id serial primary key, name text, hash text, ext text, mime text, size numeric(10,2), \
            url text, formats jsonb);
         create table runs (run_uuid text primary key, artifact_uri text);",
    )
    .await;
    let mut sql = String::new();
    let folder = stores.objects.path();
    for number in 1..=6 {
        let bytes = content(number);
        put(folder, &format!("blob{number}key"), &bytes);
        let _ = write!(
            sql,
            "insert into active_storage_blobs (key, filename, content_type, byte_size, checksum, service_name) \
            values ('blob{number}key', '{number}.png', 'image/png', {}, '{}', 'amazon');",
            bytes.len(),
            base64_md5_of(&bytes)
        );
        put(folder, &format!("tenant/avatars/me/{number}.png/v-{number}"), &bytes);
        let _ = write!(
            sql,
            "insert into storage.objects (bucket_id, name, version, metadata) values \
            ('avatars', 'me/{number}.png', 'v-{number}', '{{\"size\": {}, \"mimetype\": \"image/png\"}}');",
            bytes.len()
        );
        put(folder, &format!("hash_{number}.png"), &bytes);
        put(folder, &format!("small_hash_{number}.png"), b"small");
        let kilobytes = (f64::from(u32::try_from(bytes.len()).unwrap()) / 10.0).round() / 100.0;
        let _ = write!(
            sql,
            "insert into files (name, hash, ext, mime, size, url, formats) values ('{number}', 'hash_{number}', \
            '.png', 'image/png', {kilobytes}, 'https://cdn.example/gone/hash_{number}.png', \
            '{{\"small\": {{\"hash\": \"small_hash_{number}\", \"ext\": \".png\", \"sizeInBytes\": 5}}}}');"
        );
        put(folder, &format!("artifacts/1/run{number}/artifacts/model/a.bin"), &bytes);
        put(folder, &format!("artifacts/1/run{number}/artifacts/b.txt"), &bytes);
        let _ = write!(
            sql,
            "insert into runs values ('run{number}', 'mlflow-artifacts:/1/run{number}/artifacts');"
        );
    }
    stores.cluster.sql("app", &sql).await;
    let (entities, fit) = stores.draft().await;
    insta::assert_snapshot!(format!("{entities}\n---\n{fit}"), @r##"
      active storage blobs:
        table: active_storage_blobs
        label: [filename]
        binary:
          key: key
          size: byte_size
          media-type: content_type
          md5: checksum
      files:
        table: files
        label: [name]
        binary:
          - { key: "${hash}${ext}", size: { column: size, unit: kB, decimals: 2 }, media-type: mime }
          - { key: "${each.hash}${each.ext}", each: formats, size: each.sizeInBytes }
      runs:
        table: runs
        label: [artifact_uri]
        binary:
          key: "artifacts/${artifact_uri|url}/*"
      objects:
        table: storage.objects
        label: [name]
        binary:
          key: "tenant/${bucket_id}/${name}/${version}"
          size: metadata.size
          media-type: metadata.mimetype
    ---
    active storage blobs: active_storage_blobs, key key: 6 of 6 references have their object
      size: 6 of 6 are right
      MD5: 5 of 5 are right
    files: files, key ${hash}${ext}: 6 of 6 references have their object
      size: 6 of 6 are right
    files: files, key ${each.hash}${each.ext}: 6 of 6 references have their object
      size: 6 of 6 are right
    objects: storage.objects, key tenant/${bucket_id}/${name}/${version}: 6 of 6 references have their object
      size: 6 of 6 are right
    runs: runs, key artifacts/${artifact_uri|url}/*: 6 of 6 references have their object
    0 of 36 objects have no row
    "##);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_only_read_is_enough_and_ten_thousand_rows_take_seconds() {
    let stores = Stores::of(
        "create table files (id serial primary key, object_key text, bytes bigint);
         create table secret (key text);
         insert into files (object_key, bytes) select 'objects/' || n || '.bin', 3 from generate_series(1, 10000) n;
         create role reader login password 'r'; grant select on files to reader;",
    )
    .await;
    for number in 1..=10_000 {
        put(stores.objects.path(), &format!("objects/{number}.bin"), b"abc");
    }
    let mut access = stores.postgres().await.access().clone();
    (access.user, access.password) = ("reader".to_owned(), "r".to_owned());
    let reader = Postgres::connect(&access).await.unwrap();
    let origin = Origin::local(stores.objects.path()).unwrap();
    let began = Instant::now();
    let items = draft::objects(&origin).await.unwrap();
    let drafted = draft::draft(&reader, &origin, &items).await.unwrap();
    let profile = parsed(&draft::to_yaml(&drafted, "app", None));
    let fit = draft::check(&profile, &reader, &origin, &items).await.unwrap();
    let took = began.elapsed().as_secs();
    reader.close().await;
    assert!(fit.to_string().contains("10,000 of 10,000 references have their object"), "{fit}");
    assert!(took < 30, "{took} s in a debug build");

    let wrong =
        parsed(&draft::to_yaml(&drafted, "app", None).replace("key: object_key", "key: media/${object_key}"));
    let postgres = stores.postgres().await;
    let fit = draft::check(&wrong, &postgres, &origin, &items).await.unwrap();
    assert_eq!(fit.misfits().len(), 1, "{fit}");
    let empty = tempfile::tempdir().unwrap();
    let nothing = Origin::local(empty.path()).unwrap();
    let error = draft::draft(&postgres, &nothing, &[]).await.err().unwrap().to_string();
    postgres.close().await;
    assert!(error.contains("no column contains keys of these objects"), "{error}");
}
