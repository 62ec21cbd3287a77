//! From a command line as an agent has it to the one that is kept: short, without secrets.
//!
//! A secret is found by what stands before it: a flag, a key, a header or the scheme of a URL. One
//! that stands alone is not found. Takes too much rather than too little. Linear.

use super::json::{TEXT_BYTES_MAX, clip};
use super::words::program;

/// What stands for a secret.
const HIDDEN: &str = "***";

/// A key with any of these in it has a secret as its value; only letters and digits are compared.
const WITHIN: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "credential",
    "authorization",
    "cookie",
];
/// And so has a key that is one of these, or ends in `pass` or `pwd`.
const WHOLE: &[&str] = &[
    "auth", "sig", "jwt", "bearer", "passin", "passout", "userpwd",
];
/// Schemes of an `Authorization` header: the secret follows.
const SCHEMES: &[&str] = &["bearer", "basic", "digest", "negotiate", "token", "apikey"];
/// Flags with `user:password`.
const USERS: &[&str] = &["-u", "-U", "--user", "--proxy-user"];
/// Programs that take a password right after `-p`.
const PASSWORD_BY_P: &[&str] = &[
    "mysql",
    "mysqldump",
    "mysqladmin",
    "mariadb",
    "7z",
    "7za",
    "7zr",
    "7zz",
    "rar",
    "sshpass",
];
/// Programs that take a password as the word after `-p` or `-P`.
const PASSWORD_AFTER_P: &[&str] = &["zip", "unzip", "sshpass"];

/// The command line that is kept of `text`.
pub(super) fn kept(text: &str) -> Box<str> {
    let bare = without_secrets(clip(text.trim(), TEXT_BYTES_MAX));
    clip(&bare, TEXT_BYTES_MAX).into()
}

/// The command line that is kept of these arguments; none where there are none.
pub fn of_arguments(arguments: &[&str]) -> Option<Box<str>> {
    let mut line = String::new();
    for argument in arguments {
        if line.len() > TEXT_BYTES_MAX {
            break;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        let argument = clip(argument, TEXT_BYTES_MAX);
        let quote = if argument.contains('"') { '\'' } else { '"' };
        let apart = argument.is_empty() || argument.contains(char::is_whitespace);
        match apart {
            true => line.extend([&*quote.to_string(), argument, &*quote.to_string()]),
            false => line.push_str(argument),
        }
    }
    (!line.is_empty()).then(|| kept(&line))
}

/// What the next word is.
#[derive(Clone, Copy, PartialEq)]
enum Next {
    Any,
    /// A secret.
    Secret,
    /// `user:password`.
    User,
}

fn without_secrets(line: &str) -> String {
    let mut out = String::with_capacity(line.len() + 16);
    let first = line
        .trim_start_matches(['"', '\''])
        .split_whitespace()
        .next();
    let program = program(first.unwrap_or_default().trim_end_matches(['"', '\'']));
    let (mut next, mut open) = (Next::Any, None);
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let escaped = rest.strip_prefix('\\').unwrap_or(rest);
        let quote = escaped.chars().next().filter(|c| matches!(c, '"' | '\''));
        // An escaped quote is within what is open, whatever that is.
        let inner = quote != open || escaped.len() < rest.len();
        let opens = next == Next::Secret && inner;
        if let Some(quote) = quote.filter(|_| opens) {
            // A quoted secret, blanks and all.
            let value = escaped.get(1..).unwrap_or_default();
            out.push(quote);
            out.push_str(HIDDEN);
            rest = value
                .find(quote)
                .and_then(|end| value.get(end..))
                .unwrap_or_default();
            out.extend(rest.chars().next());
            rest = rest.get(1..).unwrap_or_default();
            next = Next::Any;
            continue;
        }
        if c.is_whitespace() || matches!(c, '"' | '\'') {
            match open {
                _ if c.is_whitespace() || out.ends_with('\\') => {}
                None => open = Some(c),
                Some(_) if open == Some(c) => open = None,
                Some(_) => {}
            }
            out.push(c);
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
            continue;
        }
        let end = rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        next = one_word(word, next, &program, &mut out);
        rest = after;
        if is_secret(word.trim_end_matches('\\')) && next == Next::Any {
            // `"key": "value"`, maybe with the quotes escaped.
            let colon = after.strip_prefix(['"', '\'']).map(str::trim_start);
            if let Some(value) = colon.and_then(|colon| colon.strip_prefix(':')) {
                out.push_str(after.strip_suffix(value).unwrap_or_default());
                (rest, next) = (value, Next::Secret);
            }
        }
    }
    out
}

/// Writes a word without what is secret in it; gives what the word after it is.
fn one_word(word: &str, next: Next, program: &str, out: &mut String) -> Next {
    let lower = word.to_ascii_lowercase();
    let is_flag = word.starts_with('-') && word.len() > 1;
    match next {
        Next::Secret if SCHEMES.contains(&lower.as_str()) => {
            out.push_str(word);
            return Next::Secret;
        }
        Next::Secret if !is_flag => {
            out.push_str(HIDDEN);
            // The cookies of a header are told apart by semicolons.
            return if word.ends_with(';') {
                Next::Secret
            } else {
                Next::Any
            };
        }
        Next::User if !is_flag => {
            hide_after(word, word.find([':', '%']), out);
            return Next::Any;
        }
        _ => {}
    }
    if USERS.contains(&word) {
        out.push_str(word);
        return Next::User;
    }
    if PASSWORD_AFTER_P.contains(&program) && matches!(word, "-p" | "-P") {
        out.push_str(word);
        return Next::Secret;
    }
    let attached = ["-p", "-hp"].iter().find(|flag| word.starts_with(**flag));
    if let Some(flag) = attached.filter(|_| PASSWORD_BY_P.contains(&program)) {
        hide_after(word, Some(flag.len() - 1), out);
        return Next::Any;
    }
    if word.starts_with("-u") && word.contains(':') && !word.contains('=') {
        hide_after(word, word.find(':'), out);
        return Next::Any;
    }
    pairs(&without_userinfo(word), out).unwrap_or_else(|| {
        let flag = is_flag || SCHEMES.first().is_some_and(|bearer| lower == *bearer);
        let named = flag && is_secret(word) && !lower.starts_with("--no-");
        if named && !lower.ends_with("-stdin") {
            Next::Secret
        } else {
            Next::Any
        }
    })
}

/// Writes `word` up to and with the byte at `at`, and hides what follows.
fn hide_after(word: &str, at: Option<usize>, out: &mut String) {
    match at.and_then(|at| word.split_at_checked(at + 1)) {
        Some((before, secret)) => {
            out.push_str(before);
            if !secret.is_empty() {
                out.push_str(HIDDEN);
            }
        }
        None => out.push_str(word),
    }
}

/// The word without the user of a URL, and without the end of the address of a web hook, which is
/// its password.
fn without_userinfo(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else {
        return word.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    let mut out = format!("{scheme}://");
    if let Some(user) = user {
        if let Some((name, _)) = user.split_once(':') {
            out.extend([name, ":"]);
        }
        out.extend([HIDDEN, "@"]);
    }
    out.push_str(host);
    let hook = path.contains("/webhooks/") || host.eq_ignore_ascii_case("hooks.slack.com");
    match path.rfind('/').filter(|_| hook) {
        Some(at) => hide_after(path, Some(at), &mut out),
        None => out.push_str(path),
    }
    out
}

/// Writes a word whose parts may be `key=value` or `key:value`, without the value of the first
/// secret key; none, and the word as it is, where no key is secret.
fn pairs(word: &str, out: &mut String) -> Option<Next> {
    let mut begin = 0;
    for (at, byte) in word.bytes().enumerate() {
        match byte {
            b'?' | b'&' | b';' | b',' | b'{' | b'(' => begin = at + 1,
            b'=' | b':' if is_secret(word.get(begin..at).unwrap_or_default()) => {
                let (before, value) = word.split_at_checked(at + 1)?;
                out.push_str(before);
                if value.is_empty() || value == "\\" {
                    out.push_str(value);
                    return Some(Next::Secret);
                }
                out.push_str(HIDDEN);
                let rest = value.find('&').and_then(|end| value.get(end..));
                let last = rest.and_then(|rest| pairs(rest, out));
                return last.or(Some(Next::Any));
            }
            b'=' | b':' => begin = at + 1,
            _ => {}
        }
    }
    out.push_str(word);
    None
}

/// Whether the value of this key is a secret.
fn is_secret(key: &str) -> bool {
    let letters = key.bytes().filter(u8::is_ascii_alphanumeric);
    let key: String = letters
        .map(|b| char::from(b.to_ascii_lowercase()))
        .collect();
    WITHIN.iter().any(|part| key.contains(part))
        || WHOLE.contains(&key.as_str())
        || ["pass", "pwd"].iter().any(|end| key.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::super::words::words;
    use super::*;

    #[test]
    fn what_stands_where_a_secret_does_is_hidden() {
        for (line, kept_line) in [
            ("curl --token abc x", "curl --token *** x"),
            ("curl --password=abc x", "curl --password=*** x"),
            ("curl --password 'a b' x", "curl --password '***' x"),
            ("tool --api-key \"a b\" x", "tool --api-key \"***\" x"),
            ("env DB_PASSWORD=abc tool", "env DB_PASSWORD=*** tool"),
            (
                "AWS_SECRET_ACCESS_KEY='a b' tool",
                "AWS_SECRET_ACCESS_KEY='***' tool",
            ),
            (
                "curl -H \"Authorization: Bearer abc\" x",
                "curl -H \"Authorization: Bearer ***\" x",
            ),
            (
                "curl -H Authorization: Basic abc x",
                "curl -H Authorization: Basic *** x",
            ),
            ("curl -H 'X-Api-Key: abc' x", "curl -H 'X-Api-Key: ***' x"),
            ("curl -H 'Cookie: a=b; c=d'", "curl -H 'Cookie: ***"),
            (
                "curl https://alice:abc@example.com/p",
                "curl https://alice:***@example.com/p",
            ),
            (
                "git clone https://ghp_1@example.com",
                "git clone https://***@example.com",
            ),
            (
                "curl https://example.com/?a=b&token=abc&c=d",
                "curl https://example.com/?a=b&token=***&c=d",
            ),
            ("curl -u alice:abc x", "curl -u alice:*** x"),
            ("curl -ualice:abc x", "curl -ualice:*** x"),
            ("mysql -pabc db", "mysql -p*** db"),
            ("/usr/bin/7z a -pabc x.7z", "/usr/bin/7z a -p*** x.7z"),
            ("zip -P abc x.zip", "zip -P *** x.zip"),
            ("net use /password:abc", "net use /password:***"),
            (
                "curl -d '{\"user\":\"a\",\"password\": \"a b\"}'",
                "curl -d '{\"user\":\"a\",\"password\": \"***\"}'",
            ),
            (
                "curl -d \"{\\\"token\\\":\\\"a b\\\"}\" x",
                "curl -d \"{\\\"token\\\":\"***\"}\" x",
            ),
            (
                "\"curl\" \"--token\" \"a b\" x",
                "\"curl\" \"--token\" \"***\" x",
            ),
            (
                "bash -c \"mysql --password abc\"",
                "bash -c \"mysql --password ***\"",
            ),
            (
                "curl https://example.com/api/webhooks/12/abc",
                "curl https://example.com/api/webhooks/12/***",
            ),
        ] {
            let kept = kept(line);
            match kept_line.strip_suffix("***") {
                Some(begin) => assert!(kept.starts_with(begin), "{kept}"),
                None => assert_eq!(&*kept, kept_line),
            }
            assert!(!kept.contains("abc") && !kept.contains("a b"), "{kept}");
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for line in [
            "tar -czf /srv/secrets.tgz docs",
            "vim passwords.txt",
            "ssh -p 2222 host1",
            "mkdir -p /srv/a",
            "ps -u alice",
            "curl -s https://example.com/token",
            "docker login --password-stdin registry.example.com",
            "sort -u names",
            "tool --no-password now",
            "C:\\Tools\\a.exe \"C:\\Program Files\\b\"",
        ] {
            assert_eq!(&*kept(line), line);
        }
    }

    #[test]
    fn arguments_become_a_line_whose_words_they_are() {
        let arguments = ["tar", "-cf", "my docs.tar", "", "a\"b c"];
        let line = of_arguments(&arguments).expect("there are some");
        assert_eq!(&*line, "tar -cf \"my docs.tar\" \"\" 'a\"b c'");
        assert_eq!(words(&line), arguments);
        assert_eq!(of_arguments(&[]), None);
    }
}
