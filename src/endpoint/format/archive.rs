//! From a file's name, its first bytes or a program's arguments to the kind of archive.
//!
//! Opens no file. Documents that are zip files inside are no archives. Constant in the length of a
//! path, linear in that of a command line, which is bounded.

use super::words::{program, words};
use crate::endpoint::report::{Archive, ArchiveBasis};

/// Endings and what they stand for. The outermost layer counts: `.tar.gz` is gzip.
const ENDINGS: &[(&str, &str)] = &[
    ("tar", "tar"),
    ("gz", "gzip"),
    ("tgz", "gzip"),
    ("taz", "gzip"),
    ("bz2", "bzip2"),
    ("tbz", "bzip2"),
    ("tbz2", "bzip2"),
    ("xz", "xz"),
    ("txz", "xz"),
    ("lzma", "lzma"),
    ("zst", "zstd"),
    ("tzst", "zstd"),
    ("lz4", "lz4"),
    ("zip", "zip"),
    ("zipx", "zip"),
    ("7z", "7z"),
    ("rar", "rar"),
    ("xar", "xar"),
    ("dmg", "dmg"),
    ("sparseimage", "dmg"),
    ("aar", "aar"),
    ("cab", "cab"),
    ("cpio", "cpio"),
    ("z", "compress"),
];
/// First bytes and what they stand for.
const MAGIC: &[(&[u8], &str)] = &[
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"xar!", "xar"),
    (b"AA01", "aar"),
    (b"MSCF", "cab"),
];
/// Where a tar archive says so, and how.
const TAR_AT: usize = 257;
/// Documents and programs that are zip files inside.
const CONTAINERS: &[&str] = &[
    "docx", "xlsx", "pptx", "odt", "ods", "odp", "epub", "jar", "apk", "ipa", "vsdx", "whl",
];

/// The kind that a file of this name has.
pub(super) fn of_name(path: &str) -> Option<&'static str> {
    let ending = ending(path)?;
    let found = ENDINGS.iter().find(|(known, _)| *known == ending);
    found.map(|(_, kind)| *kind)
}

/// The kind that a file of this name with these first bytes has.
pub(super) fn of_magic(path: &str, bytes: &[u8]) -> Option<&'static str> {
    if ending(path).is_some_and(|ending| CONTAINERS.contains(&ending.as_str())) {
        return None;
    }
    let tar = bytes
        .get(TAR_AT..)
        .is_some_and(|at| at.starts_with(b"ustar"));
    let found = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic));
    found.map(|(_, kind)| *kind).or(tar.then_some("tar"))
}

/// That a file of this name, with these first bytes, is an archive.
pub fn of_file(path: &str, begin: &[u8]) -> Option<Archive> {
    let by_magic = of_magic(path, begin).map(|kind| (kind, ArchiveBasis::Magic));
    let found = by_magic.or(of_name(path).map(|kind| (kind, ArchiveBasis::Extension)));
    found.map(|(kind, basis)| Archive {
        kind: kind.into(),
        basis,
    })
}

fn ending(path: &str) -> Option<String> {
    let name = path.rsplit(['/', '\\']).next()?;
    let (stem, ending) = name.rsplit_once('.')?;
    (!stem.is_empty() && ending.len() <= 11).then(|| ending.to_ascii_lowercase())
}

/// An archive that a program makes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Made {
    /// Where; `-` is its standard output.
    pub path: String,
    pub kind: &'static str,
}

/// The archive that a command makes; none where it makes none.
pub(super) fn of_command(line: &str) -> Option<Made> {
    let words = words(line);
    let (first, arguments) = words.split_first()?;
    match program(first).as_str() {
        "tar" | "bsdtar" | "gtar" | "gnutar" => tar(arguments, "tar"),
        "xar" => tar(arguments, "xar"),
        "jar" => tar(arguments, "zip"),
        "zip" => zip(arguments),
        "7z" | "7za" | "7zr" | "7zz" => adding(arguments, "7z", ".7z"),
        "rar" => adding(arguments, "rar", ".rar"),
        "gzip" | "pigz" => packed(arguments, "gzip", ".gz"),
        "bzip2" | "pbzip2" => packed(arguments, "bzip2", ".bz2"),
        "xz" | "pxz" => packed(arguments, "xz", ".xz"),
        "zstd" => packed(arguments, "zstd", ".zst"),
        "lz4" => packed(arguments, "lz4", ".lz4"),
        "compress" => packed(arguments, "compress", ".Z"),
        "ditto" => ditto(arguments),
        "hdiutil" => hdiutil(arguments),
        "aa" | "yaa" => apple_archive(arguments),
        _ => None,
    }
}

/// An archive at `path`, of the kind that its name says, else `kind`.
fn made(path: &str, kind: &'static str) -> Option<Made> {
    Some(Made {
        path: path.to_owned(),
        kind: of_name(path).unwrap_or(kind),
    })
}

/// As [`made`], with the ending that a program adds to a name without one.
fn ended(path: &str, kind: &'static str, end: &str) -> Option<Made> {
    match path == "-" || ending(path).is_some() {
        true => made(path, kind),
        false => made(&format!("{path}{end}"), kind),
    }
}

fn is_flag(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-')
}

/// The word after the flag.
fn after<'a>(arguments: &'a [String], flag: &str) -> Option<&'a str> {
    let mut words = arguments.iter().skip_while(|word| *word != flag);
    words.nth(1).map(String::as_str)
}

/// `tar czf A`, `tar -c -f A`, `tar --create --file=A`; without a file its standard output.
fn tar(arguments: &[String], kind: &'static str) -> Option<Made> {
    let (mut makes, mut file, mut awaited) = (false, None, false);
    for (at, word) in arguments.iter().enumerate() {
        if std::mem::take(&mut awaited) {
            file = Some(word.as_str());
            continue;
        }
        if let Some(long) = word.strip_prefix("--") {
            makes |= matches!(long, "create" | "append" | "update");
            file = long.strip_prefix("file=").or(file);
            awaited = long == "file";
            continue;
        }
        let Some(letters) = word.strip_prefix('-').or((at == 0).then_some(word)) else {
            continue;
        };
        // What follows `f` within the word is the file, as what follows `C` is a folder.
        let flags = letters.find(['f', 'C', 'I', 'T', 'X']);
        let (flags, value) = letters.split_at(flags.unwrap_or(letters.len()));
        makes |= flags.contains(['c', 'r', 'u']);
        match value.strip_prefix('f') {
            Some("") => awaited = true,
            // The old style has all letters first: `tar cfz A`.
            Some(more) if at == 0 && !is_flag(word) => {
                makes |= more.contains(['c', 'r', 'u']);
                awaited = true;
            }
            Some(path) => file = Some(path),
            None => {}
        }
    }
    makes.then(|| made(file.unwrap_or("-"), kind)).flatten()
}

/// `zip -r A files`.
fn zip(arguments: &[String]) -> Option<Made> {
    const WITH_VALUE: &[&str] = &["-P", "-b", "-t", "-tt", "-n", "-s", "-O", "--password"];
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        if WITH_VALUE.contains(&word.as_str()) {
            words.next();
        } else if !is_flag(word) {
            return ended(word, "zip", ".zip");
        }
    }
    None
}

/// `7z a A files`.
fn adding(arguments: &[String], kind: &'static str, end: &str) -> Option<Made> {
    let (command, rest) = arguments.split_first()?;
    if !matches!(command.as_str(), "a" | "u" | "m") {
        return None;
    }
    let (kind, end) = match rest.iter().any(|word| word == "-tzip") {
        true => ("zip", ".zip"),
        false => (kind, end),
    };
    let file = rest.iter().find(|word| !is_flag(word))?;
    ended(file, kind, end)
}

/// `gzip A` makes `A.gz`.
fn packed(arguments: &[String], kind: &'static str, end: &str) -> Option<Made> {
    let has = |long: &str, letters: &[char]| {
        arguments.iter().any(|word| match word.strip_prefix("--") {
            Some(name) => name == long,
            None => is_flag(word) && word.contains(letters),
        })
    };
    if has("decompress", &['d']) || has("list", &['l']) || has("test", &['t']) {
        return None;
    }
    if let Some(file) = after(arguments, "-o") {
        return made(file, kind);
    }
    let file = arguments.iter().find(|word| !is_flag(word));
    match file.filter(|_| !has("stdout", &['c'])) {
        Some(file) => made(&format!("{file}{end}"), kind),
        None => made("-", kind),
    }
}

/// `ditto -c -k folder A`.
fn ditto(arguments: &[String]) -> Option<Made> {
    let has = |letter| {
        arguments
            .iter()
            .any(|word| is_flag(word) && word.contains(letter))
    };
    let short = arguments
        .iter()
        .any(|word| word.starts_with("-c") && !word.contains("--"));
    let kind = if has('k') { "zip" } else { "cpio" };
    let last = arguments.last().filter(|word| short && !is_flag(word))?;
    made(last, kind)
}

/// `hdiutil create -srcfolder folder A`.
fn hdiutil(arguments: &[String]) -> Option<Made> {
    let (command, rest) = arguments.split_first()?;
    if command != "create" && command != "makehybrid" {
        return None;
    }
    let named = rest.iter().find(|word| of_name(word) == Some("dmg"));
    ended(named.or(rest.last())?, "dmg", ".dmg")
}

/// `aa archive -d folder -o A`.
fn apple_archive(arguments: &[String]) -> Option<Made> {
    let (command, rest) = arguments.split_first()?;
    let makes = command == "archive" || command == "a";
    made(after(rest, "-o").filter(|_| makes)?, "aar")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_say_which_archive_is_made() {
        for (line, path, kind) in [
            ("tar czf a.tgz docs", "a.tgz", "gzip"),
            ("tar -cf /srv/p.tar payroll.xlsx", "/srv/p.tar", "tar"),
            ("tar cfz a.tar.gz docs", "a.tar.gz", "gzip"),
            ("tar -c -f out docs", "out", "tar"),
            ("tar --create --file=a.tar.xz docs", "a.tar.xz", "xz"),
            ("tar -C /etc -czf- hosts", "-", "tar"),
            ("tar cz docs", "-", "tar"),
            ("bsdtar -cf 'my docs.zip' docs", "my docs.zip", "zip"),
            ("zip -r -P x docs Documents", "docs.zip", "zip"),
            ("7z a -px out ../docs", "out.7z", "7z"),
            ("C:\\Tools\\7z.exe a -tzip out docs", "out.zip", "zip"),
            ("rar a x.rar docs", "x.rar", "rar"),
            ("gzip -9 a.txt", "a.txt.gz", "gzip"),
            ("gzip -c a.txt", "-", "gzip"),
            ("zstd a.tar -o b.zst", "b.zst", "zstd"),
            (
                "ditto -c -k --sequesterRsrc docs docs.zip",
                "docs.zip",
                "zip",
            ),
            (
                "hdiutil create -srcfolder docs out.dmg -quiet",
                "out.dmg",
                "dmg",
            ),
            ("hdiutil create -srcfolder docs out", "out.dmg", "dmg"),
            ("aa archive -d docs -o docs.aar", "docs.aar", "aar"),
        ] {
            let made = of_command(line).expect(line);
            assert_eq!((made.path.as_str(), made.kind), (path, kind), "{line}");
        }
    }

    #[test]
    fn who_reads_an_archive_makes_none() {
        for line in [
            "tar -xzf a.tgz",
            "tar tf a.tar",
            "tar -xf a.tar -C create",
            "gzip -d a.gz",
            "gunzip a.gz",
            "7z x a.7z",
            "unzip a.zip",
            "ditto docs copy",
            "hdiutil attach a.dmg",
            "aa extract -i a.aar",
            "curl https://example.com/a.zip",
            "",
        ] {
            assert_eq!(of_command(line), None, "{line}");
        }
    }

    #[test]
    fn first_bytes_count_but_for_documents() {
        assert_eq!(of_magic("/srv/a", b"PK\x03\x04x"), Some("zip"));
        assert_eq!(of_magic("/srv/a.docx", b"PK\x03\x04x"), None);
        let tar = [&[0; TAR_AT], &b"ustar"[..]].concat();
        assert_eq!(of_magic("/srv/a", &tar), Some("tar"));
        assert_eq!(of_magic("/srv/a", b"text"), None);
        assert_eq!(of_name("/srv/.zip"), None);
        assert_eq!(of_name("C:\\a\\B.ZIP"), Some("zip"));
    }
}
