//! From Rust source to its code alone: comments and literals blanked, tests cut off, lines kept.

/// The source without its unit tests: what follows `#[cfg(test)]` and `mod tests {`.
pub fn without_tests(source: &str) -> &str {
    let mut at = 0;
    while let Some(found) = source[at..].find("#[cfg(test)]") {
        let start = at + found;
        let rest = source[start + "#[cfg(test)]".len()..].trim_start();
        if rest.starts_with("mod tests {") {
            return &source[..start];
        }
        at = start + 1;
    }
    source
}

/// The source with every comment, string and character literal replaced by spaces.
///
/// Newlines stay, so a byte's line is the same in both.
pub fn code(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let length = literal(&source[at..], at > 0 && is_word(bytes[at - 1]));
        if length == 0 {
            out.push(if bytes[at].is_ascii() {
                bytes[at]
            } else {
                b' '
            });
            at += 1;
            while !source.is_char_boundary(at) {
                out.push(b' ');
                at += 1;
            }
            continue;
        }
        let end = (at + length).min(bytes.len());
        out.extend(
            bytes[at..end]
                .iter()
                .map(|b| if *b == b'\n' { b'\n' } else { b' ' }),
        );
        at = end;
    }
    String::from_utf8(out).expect("ASCII alone was kept")
}

/// Length of the comment or literal that `rest` begins with; 0 when it begins with neither.
fn literal(rest: &str, within_word: bool) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    if rest.starts_with('"') {
        return string(rest);
    }
    if rest.starts_with('\'') {
        return character(rest);
    }
    let raw = rest
        .strip_prefix("br")
        .or(rest.strip_prefix('r'))
        .filter(|_| !within_word);
    raw.map_or(0, |after| raw_string(rest.len() - after.len(), after))
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        match here {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// A character literal, and not a lifetime: the second quote is where one character ends.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => rest[3.min(rest.len())..]
            .find('\'')
            .map_or(0, |end| 3 + end + 1),
        Some(_) => match chars.next() {
            Some((at, '\'')) => at + 1,
            _ => 0,
        },
        None => 0,
    }
}

fn raw_string(prefix: usize, after: &str) -> usize {
    let hashes = after.bytes().take_while(|b| *b == b'#').count();
    if after.as_bytes().get(hashes) != Some(&b'"') {
        return 0;
    }
    let close = format!("\"{}", "#".repeat(hashes));
    let body = hashes + 1;
    let end = after[body..]
        .find(&close)
        .map_or(after.len(), |end| body + end + close.len());
    prefix + end
}

/// Whether a byte may stand in a name.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The line, counted from 1, that byte `at` stands in.
pub fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at]
        .iter()
        .filter(|b| **b == b'\n')
        .count()
        + 1
}

/// Where `word` stands by itself, not as a part of a longer name.
pub fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    let ends_in_word = word.bytes().last().is_some_and(is_word);
    code.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |at| {
            let before = at.checked_sub(1).is_some_and(|i| is_word(bytes[i]));
            let after = bytes.get(at + word.len()).is_some_and(|b| is_word(*b));
            !(before || ends_in_word && after)
        })
}

/// The first names after `root::`, with their places: `root::a::b` is a; `root::{a, b::c}` is a and
/// b.
pub fn first_names<'a>(code: &'a str, root: &'a str) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    for at in words(code, root) {
        let start = at + root.len();
        if code[start..].starts_with('{') {
            group(code, start + 1, &mut found);
        } else {
            found.push((start, name_at(code, start)));
        }
    }
    found
}

fn group<'a>(code: &'a str, start: usize, found: &mut Vec<(usize, &'a str)>) {
    let (mut depth, mut fresh) = (0, true);
    for (at, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => return,
            b'}' => depth -= 1,
            b',' if depth == 0 => fresh = true,
            _ if fresh && is_word(byte) => {
                found.push((at, name_at(code, at)));
                fresh = false;
            }
            _ => {}
        }
    }
}

fn name_at(code: &str, start: usize) -> &str {
    let length = code.as_bytes()[start..]
        .iter()
        .take_while(|b| is_word(**b))
        .count();
    &code[start..start + length]
}
