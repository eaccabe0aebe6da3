//! How many interleavings the model goes through in a second on one core, and how much the reduction
//! saves. `cargo bench --bench explore`; built without optimisation too: `cargo bench --profile dev`.

use pulp_drill::model::write::WritePath;
use pulp_drill::window::{Limits, Question, WindowTable};
use std::time::{Duration, Instant};

/// What is promised for an optimised build.
const PROMISED: u64 = 100_000;

fn main() {
    let mode = if cfg!(debug_assertions) { "unoptimised" } else { "optimised" };
    for writes in 1..=3 {
        let question = Question {
            paths: WritePath::all(),
            writes,
            grace: 0,
            results: true,
            limits: Limits { bound: 100_000, seed: 0 },
            parts: WritePath::parts,
        };
        let (mut rounds, mut looked_at) = (0_u32, 0);
        let begun = Instant::now();
        let table = loop {
            let table = WindowTable::explore(&question);
            rounds += 1;
            looked_at += table.looked_at;
            if begun.elapsed() > Duration::from_secs(1) {
                break table;
            }
        };
        let rate = looked_at as f64 / begun.elapsed().as_secs_f64();
        println!(
            "{writes} writes, {mode}: {} interleavings, {} looked at (1 in {:.1}); {rate:.0} a second, \
             {:.1} times {PROMISED}; {rounds} rounds",
            table.interleavings,
            table.looked_at,
            table.interleavings as f64 / table.looked_at as f64,
            rate / PROMISED as f64,
        );
    }
}
