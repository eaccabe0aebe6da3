//! Any bytes as input of `untrusted_input::profile`.
#![no_main]

#[path = "../../tests/support/untrusted_input.rs"]
#[expect(dead_code, reason = "the other targets use the rest")]
mod untrusted_input;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| untrusted_input::profile(bytes));
