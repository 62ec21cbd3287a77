//! Every input that fuzzing kept still holds, and so do our captures cut into inputs.
//!
//! The targets are `tests/fuzz/targets`; with `FUZZ_SEEDS=folder` the inputs made of our captures
//! are written there, for `make fuzz` to begin with.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)] // A test.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[path = "fuzz/bodies/mod.rs"]
mod bodies;
mod captures;
#[path = "fuzz/seeds.rs"]
mod seeds;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

#[test]
fn every_input_that_was_kept_holds() {
    let corpus = captures::top().join("tests/fuzz/corpus");
    for (target, body) in bodies::TARGETS {
        let mut files: Vec<_> = fs::read_dir(corpus.join(target))
            .expect("every target has a corpus")
            .map(|file| file.expect("a directory entry").path())
            .collect();
        files.sort();
        assert!(!files.is_empty(), "{target} has a corpus");
        for file in files {
            let bytes = fs::read(&file).expect("an input can be read");
            holds(*body, &file, &bytes);
        }
    }
}

#[test]
fn our_captures_hold_as_inputs() {
    let folder = std::env::var_os("FUZZ_SEEDS");
    for (target, body) in bodies::TARGETS {
        let seeds = seeds::of(target);
        assert!(!seeds.is_empty(), "{target} has seeds");
        for (number, bytes) in seeds.iter().enumerate() {
            let name = format!("{target}/seed-{number:03}");
            if let Some(folder) = &folder {
                let file = Path::new(folder).join(&name);
                fs::create_dir_all(file.parent().expect("a folder")).expect("it can be made");
                fs::write(&file, bytes).expect("it can be written");
            }
            holds(*body, Path::new(&name), bytes);
        }
    }
}

/// Says which input it was that failed.
fn holds(body: fn(&[u8]), name: &Path, bytes: &[u8]) {
    let run = catch_unwind(AssertUnwindSafe(|| body(bytes)));
    assert!(run.is_ok(), "{} fails", name.display());
}
