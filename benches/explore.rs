//! Explored interleavings per second on one core, and the effect of the reduction.
//! `cargo bench --bench explore`; without optimisation: `cargo bench --profile dev --bench explore`.

use pulp_drill::model::write::WritePath;
use pulp_drill::window::{Limits, Question, WindowTable};
use std::time::{Duration, Instant};

/// The documented minimum for an optimised build.
const MINIMUM: u64 = 100_000;

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
        let (mut rounds, mut explored) = (0_u32, 0);
        let begun = Instant::now();
        let table = loop {
            let table = WindowTable::explore(&question);
            rounds += 1;
            explored += table.explored;
            if begun.elapsed() > Duration::from_secs(1) {
                break table;
            }
        };
        let rate = explored as f64 / begun.elapsed().as_secs_f64();
        println!(
            "{writes} writes, {mode}: {} interleavings, {} explored (1 in {:.1}); {rate:.0} per second, \
             {:.1} times {MINIMUM}; {rounds} rounds",
            table.interleavings,
            table.explored,
            table.interleavings as f64 / table.explored as f64,
            rate / MINIMUM as f64,
        );
    }
}
