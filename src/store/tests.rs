use super::*;

fn version() -> Version {
    Version {
        program: "1.2.3".into(),
        shape: 4,
        seed: 5,
        config_hash: "c".into(),
    }
}

fn saved(number: u8) -> Saved {
    Saved {
        steering: vec![number; 100],
        shards: (0..64).map(|shard| vec![number; shard * 10]).collect(),
        detector: vec![number; 100_000 + usize::from(number) * CHUNK_BYTES],
    }
}

/// What the folder gives, and what is said of it.
fn reopen(dir: &Path, version: Version) -> (Option<Saved>, Option<String>) {
    let opened = Store::open(dir, version).unwrap();
    (opened.saved, opened.note)
}

fn aside(dir: &Path) -> usize {
    let names = fs::read_dir(dir).unwrap();
    let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
    let is_aside = |name: &std::ffi::OsString| name.to_string_lossy().starts_with(ASIDE);
    names.map(name).filter(is_aside).count()
}

#[test]
fn what_is_saved_last_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("made");
    let opened = Store::open(&dir, version()).unwrap();
    assert!(opened.saved.is_none() && opened.note.is_none());
    opened.store.save(&saved(1)).unwrap();
    opened.store.save(&saved(2)).unwrap();
    drop(opened);
    assert_eq!(reopen(&dir, version()), (Some(saved(2)), None));
    assert_eq!(aside(&dir), 0);
}

#[test]
fn nothing_saved_is_no_fault() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path(), version()).unwrap());
    assert_eq!(reopen(dir.path(), version()), (None, None));
    fs::write(dir.path().join(FILE), "").unwrap();
    assert_eq!(reopen(dir.path(), version()), (None, None));
}

#[test]
fn a_state_of_another_version_or_seed_is_set_aside_and_named() {
    for (other, said) in [
        (
            Version {
                program: "2.0.0".into(),
                ..version()
            },
            "tapir 1.2.3 (shape 4)",
        ),
        (
            Version {
                shape: 9,
                ..version()
            },
            "shape 9",
        ),
        (
            Version {
                seed: 9,
                ..version()
            },
            "sensor.seed",
        ),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        Store::open(dir, version())
            .unwrap()
            .store
            .save(&saved(1))
            .unwrap();
        let (found, note) = reopen(dir, other.clone());
        let note = note.unwrap();
        assert!(
            found.is_none() && note.contains(said) && note.contains("set aside"),
            "{note}"
        );
        assert_eq!(aside(dir), 1);
        // From then on it is this version's.
        assert_eq!(reopen(dir, other), (None, None));
        fs::rename(dir.join("state.aside-1.redb"), dir.join(FILE)).unwrap();
        assert_eq!(
            reopen(dir, version()).0,
            Some(saved(1)),
            "nothing of it was lost"
        );
    }
}

#[test]
fn another_configuration_is_told_and_the_state_is_used() {
    let dir = tempfile::tempdir().unwrap();
    Store::open(dir.path(), version())
        .unwrap()
        .store
        .save(&saved(1))
        .unwrap();
    let other = Version {
        config_hash: "d".into(),
        ..version()
    };
    let (found, note) = reopen(dir.path(), other);
    assert_eq!(found, Some(saved(1)));
    assert!(note.unwrap().contains("another configuration"));
}

#[test]
fn a_damaged_file_is_set_aside_whatever_is_damaged() {
    let whole = tempfile::tempdir().unwrap();
    Store::open(whole.path(), version())
        .unwrap()
        .store
        .save(&saved(1))
        .unwrap();
    let bytes = fs::read(whole.path().join(FILE)).unwrap();
    let damage = |at: usize, len: usize| {
        let mut bytes = bytes.clone();
        let end = (at + len).min(bytes.len());
        bytes[at..end].iter_mut().for_each(|byte| *byte ^= 0x5a);
        bytes
    };
    let mut cases = vec![
        b"no database".to_vec(),
        vec![0; 4096],
        bytes[..bytes.len() / 2].to_vec(),
    ];
    cases.extend((0..24).map(|n| damage(n * bytes.len() / 24, 4096)));
    let mut used = 0;
    for (number, case) in cases.into_iter().enumerate() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), case).unwrap();
        let (found, note) = reopen(dir.path(), version());
        match found {
            // The damage hit what is free.
            Some(found) => {
                used += 1;
                assert!(found == saved(1), "case {number}: what is used is whole");
            }
            None => assert!(
                note.is_none() || aside(dir.path()) == 1,
                "case {number}: {note:?}"
            ),
        }
        Store::open(dir.path(), version())
            .unwrap()
            .store
            .save(&saved(2))
            .unwrap();
        assert_eq!(
            reopen(dir.path(), version()).0,
            Some(saved(2)),
            "case {number} goes on"
        );
    }
    assert!(used < 27, "some damage hits");
}

#[test]
fn a_state_that_another_process_has_open_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let opened = Store::open(dir.path(), version()).unwrap();
    let error = Store::open(dir.path(), version()).err().unwrap();
    assert!(error.to_string().contains("another process"), "{error}");
    assert_eq!(aside(dir.path()), 0);
    drop(opened);
}
