#![no_main]
#[path = "../bodies/mod.rs"]
mod bodies;

use bodies::records;
use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|bytes: &[u8]| bodies::run("sensor", bytes));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    records::mutate(
        data,
        size,
        max_size,
        seed,
        fuzzer_mutate,
        bodies::sensor::mend,
    )
});
