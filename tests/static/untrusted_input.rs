//! Input that others may have written, mutated: readers return an error or a result and do not panic.
//! The seeds are the corpora of the fuzz targets (`fuzz/`), which run the same entry points unbounded.

use crate::support::untrusted_input;
use proptest::prelude::*;
use std::{
    fs,
    time::{Duration, Instant},
};

/// Longer than any reader needs for so small an input on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);

/// A change of the bytes: where (as a share of the length), how many are removed, what is inserted.
type Change = (f64, usize, Vec<u8>);

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let inserted = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..6),
        // A length or a count at its limits.
        prop::sample::select(vec![
            b"\xff\xff\xff\xff".to_vec(),
            b"99999999999".to_vec(),
            b"-1".to_vec(),
            vec![0; 512]
        ]),
    ];
    proptest::collection::vec((0.0..1.0, 0_usize..40, inserted), 0..6)
}

/// The files of a target's corpus.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let files = fs::read_dir(format!("fuzz/corpus/{target}")).expect("a corpus");
    let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("a readable file")).collect()
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for (place, removed, inserted) in changes {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length")]
        let from = (bytes.len() as f64 * place) as usize;
        let to = bytes.len().min(from + removed);
        bytes.splice(from..to, inserted.iter().copied());
    }
    bytes
}

macro_rules! targets {
    ($($target:ident)*) => {
        /// The names of all targets.
        const TARGETS: &[&str] = &[$(stringify!($target)),*];

        proptest! {
            #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
            $(
                #[test]
                fn $target(file in any::<prop::sample::Index>(), changes in changes()) {
                    let bytes = changed(file.get(&corpus(stringify!($target))).clone(), &changes);
                    let begun = Instant::now();
                    untrusted_input::$target(&bytes);
                    prop_assert!(begun.elapsed() < LIMIT);
                }
            )*
        }
    };
}
targets! { scenario profile journal pdf tarball envelope dump_header }

#[test]
fn each_corpus_is_read_as_it_is_and_belongs_to_a_fuzz_target() {
    type Entry = fn(&[u8]);
    let calls: [(&str, Entry); 7] = [
        ("scenario", untrusted_input::scenario),
        ("profile", untrusted_input::profile),
        ("journal", untrusted_input::journal),
        ("pdf", untrusted_input::pdf),
        ("tarball", untrusted_input::tarball),
        ("envelope", untrusted_input::envelope),
        ("dump_header", untrusted_input::dump_header),
    ];
    assert_eq!(calls.map(|(name, _)| name), *TARGETS);
    for (name, call) in calls {
        corpus(name).iter().for_each(|bytes| call(bytes));
    }
    let mut targets: Vec<String> = crate::text_files(&["fuzz/fuzz_targets"], &["rs"])
        .iter()
        .filter_map(|path| Some(path.rsplit('/').next()?.trim_end_matches(".rs").to_owned()))
        .collect();
    let mut names = TARGETS.to_vec();
    targets.sort();
    names.sort_unstable();
    assert_eq!(targets, names);
}
