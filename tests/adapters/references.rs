//! References from rows to objects: the query and the rules on rows in memory give the same, on every kind
//! of column and relation.

use crate::postgres::{Cluster, profile};
use pulp_drill::model::{
    profile::{Profile, ProfileEntity},
    reference::{ObjectReference, references},
};
use std::collections::{BTreeMap, BTreeSet};

const SCHEMA: &str = r#"
    create schema media;
    create table media."Photo Files" (id serial primary key, "File" text, ext text, size numeric(10,2),
        hash bytea, sha text, kind text, "deletedAt" bigint default 0, url text, meta jsonb, tags text[],
        texts text, uid uuid, "a.b" text);
    insert into media."Photo Files" ("File", ext, size, hash, sha, kind, "deletedAt", url, meta, tags, texts, uid, "a.b")
    values
        ('2024/a b.png', '.png', 12.30, '\x25f9e794323b453885f5181f1b624d0b', 'SHA256:00', 'image', 0,
            'https://cdn.example/b%20ucket/x/%C3%A4%25.png?v=1', '{"k": {"small": {"u": "s.png", "n": 1}, "big": {"u": "b.png", "n": 2.50}}, "n": 7}',
            '{one,two}', '[{"f": ["p", "q"]}, {"f": []}, {"g": 1}]', '6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'dot'),
        ('', null, null, null, '', 'image', 5, '', '{}', '{}', '[]', null, ''),
        (null, '', null, null, null, 'other', null, null, null, null, null, null, null),
        ('ünï/''q"\.tar.gz', '', 0, '', 'x', null, 1, '/media/no scheme', '{"k": ["l1", {"u": "l2"}], "n": null}',
            array['a/b', null, 'ä'], '{}', null, '%41'),
        ('100%25', 'X', 3, null, null, 'Image', 0, 's3://bucket/dir/key#frag', 'null', null, '"text"', null, null);
    create table parts (id int, name text, day date, primary key (id, day)) partition by range (day);
    create table parts_1 partition of parts for values from ('2024-01-01') to ('2025-01-01');
    create table parts_2 partition of parts for values from ('2025-01-01') to ('2026-01-01');
    insert into parts values (1, 'p1', '2024-05-05'), (2, 'p2', '2025-05-05');
    create view recent as select id, name from parts where id > 1;
    create table bare (name text);
    insert into bare values ('n1'), ('n1'), ('n2');
"#;

/// Entities with one binary each.
fn with(entities: &[&str]) -> Profile {
    let entities = entities.iter().enumerate().map(|(number, yaml)| {
        let entity: ProfileEntity = serde_saphyr::from_str(yaml).unwrap_or_else(|e| panic!("{yaml}: {e}"));
        (format!("entity {number}"), entity)
    });
    Profile { entities: entities.collect(), ..profile() }
}

const PHOTOS: &str = "table: 'media.Photo Files', label: [File, id]";

fn photos() -> Vec<String> {
    let keys = [
        "key: File, size: size, md5: hash, sha256: sha",
        "key: 'media/${File}', size: {column: size, unit: kB, decimals: 2}",
        "key: '${File|stem}${ext?}'",
        "key: '${File}${ext}'",
        "key: '${File|name|lower}'",
        "key: '${url|url}'",
        "key: '${url|url|drop:1}'",
        "key: '${url|url|drop:9|strip:media/}x'",
        "key: '${File|slice:0:3}/${File|slice:3|remove:-}'",
        "key: '${meta.n}-${id}'",
        "each: meta.k, key: '${each.u}', size: each.n",
        "each: meta.k, key: '${each}'",
        "each: tags, key: '${ext?}/${each}'",
        "each: texts.*.f, key: 'f/${each}'",
        "each: texts, key: '${each}'",
        "key: '${uid|remove:-}/*'",
        "key: '${\"a.b\"}'",
        "key: '${meta}'",
        "key: '${texts.0.f.1}'",
    ];
    let of = |key: &str, more: &str| format!("{{{PHOTOS}{more}, binary: {{{key}}}}}");
    let mut all: Vec<String> = keys.iter().map(|key| of(key, "")).collect();
    all.push(of("key: id", ", where: {kind: [image, null]}"));
    all.push(of("key: id", ", where: {kind: Image}, where-not: {ext: X}"));
    all.push(of("key: id", ", where-not: {deletedAt: [0, null]}, soft-deleted: deletedAt"));
    all.push(of("key: id", ", where-not: {meta.n: null}, soft-deleted: kind"));
    all
}

/// Those of a database by both ways, in one order.
async fn both(cluster: &Cluster, profile: &Profile) -> [Vec<ObjectReference>; 2] {
    let postgres = cluster.connect("app").await;
    let mut read = Vec::new();
    let missing = postgres.references(profile, |reference| read.push(reference)).await.unwrap();
    assert_eq!(missing, [""; 0]);
    let keys: Vec<&[u8]> = read.iter().map(|reference| reference.key.0.as_bytes()).collect();
    assert!(keys.is_sorted(), "{keys:?}");
    let database = postgres.capture(profile, None).await.unwrap();
    let in_memory: Vec<ObjectReference> = references(profile, &database).collect();
    postgres.close().await;
    [read, in_memory].map(|mut all| {
        // JSON in memory does not keep the zeros at the end of a number.
        for (_, value) in all.iter_mut().flat_map(|reference| &mut reference.unreadable) {
            *value = value.trim_end_matches('0').to_owned();
        }
        all.sort_by_key(|reference| (reference.key.clone(), reference.row.clone(), format!("{reference:?}")));
        all
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_query_and_the_rules_in_memory_agree() {
    let cluster = Cluster::start().await;
    cluster.database("app").await.close().await;
    cluster.sql("app", SCHEMA).await;
    let mut empty = BTreeSet::new();
    for entity in photos() {
        let profile = with(&[&entity]);
        let [read, in_memory] = both(&cluster, &profile).await;
        assert_eq!(read, in_memory, "{entity}");
        if read.is_empty() {
            empty.insert(entity);
        }
    }
    assert_eq!(empty.len(), 3, "{empty:#?}");
    let all: Vec<String> = photos();
    let profile = with(&all.iter().map(String::as_str).collect::<Vec<_>>());
    let [read, in_memory] = both(&cluster, &profile).await;
    assert_eq!(read.len(), in_memory.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn views_and_partitioned_tables_have_references_and_missing_columns_are_named() {
    let cluster = Cluster::start().await;
    cluster.database("app").await.close().await;
    cluster.sql("app", SCHEMA).await;
    let profile = with(&["{table: parts, label: [name], binary: {key: name}}"]);
    let [read, in_memory] = both(&cluster, &profile).await;
    assert_eq!((&read, read.len()), (&in_memory, 2));
    let profile =
        with(&["{table: recent, label: [name], binary: {key: name}}", "{table: bare, binary: {key: name}}"]);
    let [read, in_memory] = both(&cluster, &profile).await;
    let keys = |all: &[ObjectReference]| all.iter().map(|r| r.key.0.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&read), ["n1", "n1", "n2", "p2"]);
    assert_eq!(keys(&read), keys(&in_memory));

    let profile = with(&[
        "{table: nowhere, binary: {key: name}}",
        "{table: bare, label: [title], binary: {key: name, size: bytes}}",
        "{table: parts, binary: {key: '${name}${ext}'}}",
    ]);
    let postgres = cluster.connect("app").await;
    let mut found = BTreeMap::new();
    let missing = postgres.references(&profile, |r| *found.entry(r.table.0.clone()).or_insert(0) += 1).await;
    assert_eq!(
        missing.unwrap(),
        [
            "bare has no column bytes",
            "bare has no column title",
            "parts has no column ext",
            "there is no table nowhere"
        ]
    );
    assert_eq!(found, BTreeMap::from([("bare".to_owned(), 3)]));
    cluster.sql("app", "create table broken (name text); insert into broken values ('{not JSON')").await;
    let wrong = with(&["{table: broken, binary: {key: '${name.x}'}}"]);
    let error = postgres.references(&wrong, |_| ()).await.unwrap_err().to_string();
    assert!(error.contains("json"), "{error}");
}
