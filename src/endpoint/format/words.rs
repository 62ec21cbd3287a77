//! From a command line to its words.
//!
//! Quotes hold a word together; nothing is expanded, as a shell would. Linear.

/// The words of a command line; quotes hold one together.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut open, mut begun) = (String::new(), None, false);
    for c in line.chars() {
        match c {
            _ if open == Some(c) => open = None,
            '"' | '\'' if open.is_none() => (open, begun) = (Some(c), true),
            _ if c.is_whitespace() && open.is_none() => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            _ => {
                word.push(c);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

/// The last part of a program's path, in lower case, without `.exe`.
pub(super) fn program(path: &str) -> String {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let name = name.to_ascii_lowercase();
    name.strip_suffix(".exe").map(str::to_owned).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_a_word_together_and_a_program_has_neither_path_nor_ending() {
        let line = "tar -cf \"my docs.tar\" \"\" 'a\"b c'";
        let words = words(line);
        assert_eq!(words, ["tar", "-cf", "my docs.tar", "", "a\"b c"]);
        for path in ["/usr/bin/Tar", "C:\\Tools\\TAR.exe", "tar"] {
            assert_eq!(program(path), "tar");
        }
    }
}
