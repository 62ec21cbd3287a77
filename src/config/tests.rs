use super::*;
use crate::detect::catalogue::Category;
use crate::limits::Limits;
use serde_json::Value;
use std::net::IpAddr;

const SHIPPED: &str = include_str!("../../deploy/tapir.toml");

fn parse(text: &str) -> Result<File, ConfigError> {
    File::from_text(Path::new("site.toml"), text.into())
}

fn resolve(text: &str) -> Result<Settings, ConfigError> {
    parse(text).and_then(File::resolve)
}

/// The shipped file with its examples switched on.
fn with_examples() -> String {
    let line = |line: &'static str| match line.strip_prefix('#') {
        Some(example) if example.starts_with(|c: char| c == '[' || c.is_ascii_lowercase()) => {
            example
        }
        _ => line,
    };
    SHIPPED.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Paths of every key in `value`; of an array of tables those of its first table.
fn keys(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            let path = format!("{path}.{key}");
            keys(value, &path, found);
            found.push(path);
        }),
        Value::Array(items) => items
            .iter()
            .take(1)
            .for_each(|item| keys(item, path, found)),
        _ => {}
    }
}

#[test]
fn the_shipped_file_says_the_defaults() {
    let mut shipped = parse(SHIPPED).unwrap();
    // But for the appliance's folder, without which nothing is kept.
    assert_eq!(
        shipped.sensor.state_dir.take(),
        Some("/var/lib/tapir".into())
    );
    assert_eq!(shipped, File::default());
}

#[test]
fn the_shipped_file_names_every_key() {
    let text = with_examples();
    let file = parse(&text).unwrap();
    assert_eq!(
        (
            file.role.len(),
            file.an1190.hostname_pattern.len(),
            file.allow.len()
        ),
        (1, 1, 1)
    );
    assert_eq!((file.schedule.len(), file.approved.len()), (1, 1));
    let (mut known, mut written) = (Vec::new(), Vec::new());
    keys(&serde_json::to_value(&file).unwrap(), "", &mut known);
    let table: toml::Table = toml::from_str(&text).unwrap();
    keys(&serde_json::to_value(table).unwrap(), "", &mut written);
    known.sort();
    written.sort();
    assert_eq!(written, known);
    // A schedule is for a role or for hosts; the file shows both.
    let hosts = text.find("hosts = [\"10.1.0.7/32\"]").unwrap();
    let (before, after) = text.split_at(hosts);
    let (_, after) = after.split_once('\n').unwrap();
    assert!(resolve(&text).is_err());
    let schedules = resolve(&format!("{before}{after}"))
        .unwrap()
        .detect
        .rules()
        .schedules
        .clone();
    assert_eq!(&*schedules.0[0].owner, "it-operations");
}

#[test]
fn every_limit_has_the_core_default() {
    assert_eq!(resolve("").unwrap().limits, Limits::DEFAULT);
    let limits = resolve("[limits]\ntcp_reset_s = 0.25\nflows_max = 64")
        .unwrap()
        .limits;
    assert_eq!(
        (limits.tcp_reset, limits.flows_max),
        (Span::from_millis(250), 64)
    );
}

#[test]
fn hosts_of_the_site_belong_to_their_role_or_to_none_in_particular() {
    let text = r#"
        [network]
        local_networks = ["10.0.0.0/8"]
        [[role]]
        name = "servers"
        kind = "server"
        networks = ["10.1.0.0/16", "192.0.2.0/24"]
        [[role]]
        name = "everything"
        networks = ["10.0.0.0/8"]
    "#;
    let settings = resolve(text).unwrap();
    let role = |addr: &str| {
        let addr: IpAddr = addr.parse().unwrap();
        settings
            .detect
            .role_of(addr)
            .map(|role| (&*role.name, role.kind))
    };
    assert_eq!(role("10.1.2.3"), Some(("servers", RoleKind::Server)));
    assert_eq!(role("192.0.2.1"), Some(("servers", RoleKind::Server)));
    assert_eq!(
        role("10.2.2.3"),
        Some(("everything", RoleKind::Unspecified))
    );
    assert_eq!(role("192.0.3.1"), None);
    let settings = resolve("").unwrap();
    let name = settings
        .detect
        .role_of("fe80::1".parse().unwrap())
        .map(|role| &*role.name);
    assert_eq!(name, Some(UNASSIGNED));
}

#[test]
fn patterns_add_to_the_catalogue() {
    let text = r#"
        [[an1190.hostname_pattern]]
        service = "mattermost"
        category = "chat"
        patterns = ["*.chat.example.com"]
    "#;
    let settings = resolve(text).unwrap();
    let catalogue = settings.detect.catalogue();
    let found = catalogue.lookup(b"eu.chat.example.com").unwrap();
    assert_eq!(
        (&*found.service.id, found.service.category),
        ("mattermost", Category::Chat)
    );
    assert!(catalogue.lookup(b"hooks.slack.com").is_some());
}

#[test]
fn an_error_names_the_file_the_line_and_what_to_do() {
    let pattern = |service: &str, pattern: &str| {
        format!(
            "\n[[an1190.hostname_pattern]]\nservice = \"{service}\"\ncategory = \"chat\"\n\
             patterns = [\n  \"a.example.com\",\n  \"{pattern}\",\n]\n"
        )
    };
    let role = |network: &str| {
        let role = |name| format!("[[role]]\nname = \"{name}\"\nnetworks = [\"{network}\"]\n");
        role("a") + &role("b")
    };
    for (text, line, part) in [
        ("[sensor]\nsede = 1\n".to_owned(), 2, "unknown field `sede`"),
        ("[sensor]\n\nseed = \"x\"\n".to_owned(), 3, "invalid type"),
        (
            "[sensor\n".to_owned(),
            1,
            "deploy/tapir.toml shows every key",
        ),
        ("[limits]\nflows_max = 63\n".to_owned(), 2, "at least 64"),
        ("[limits]\ntcp_close_s = 0\n".to_owned(), 2, "out of range"),
        (
            "[limits]\ntcp_close_s = nan\n".to_owned(),
            2,
            "out of range",
        ),
        ("[tiers]\nlow = 17\n".to_owned(), 2, "ascend"),
        (
            "[network]\nlocal_networks = [\"10.1.0.0/8\"]\n".to_owned(),
            2,
            "write 10.0.0.0/8",
        ),
        (
            "[network]\nlocal_networks = [\"10.1.0.0\"]\n".to_owned(),
            2,
            "deploy/tapir.toml",
        ),
        (role("10.1.0.0/16"), 6, "is in role `a` too"),
        (
            "[[role]]\nname = \"unassigned\"\nnetworks = []\n".to_owned(),
            2,
            "`unassigned`",
        ),
        (pattern("x", "*.co.uk"), 7, "is a public suffix"),
        (pattern("x", "*"), 7, "is no host name"),
        (
            pattern("dropbox", "b.example.com"),
            3,
            "one category: storage",
        ),
    ] {
        let error = resolve(&text).expect_err(&text).to_string();
        assert!(error.starts_with(&format!("site.toml:{line}: ")), "{error}");
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = File::load(Path::new("/nonexistent/tapir.toml"))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("/nonexistent/tapir.toml: cannot be read"),
        "{error}"
    );
}

#[test]
fn settings_that_judge_differently_have_different_hashes() {
    let hash = |text: &str| resolve(text).unwrap().detect.config_hash().to_owned();
    assert_eq!(hash(""), hash(SHIPPED));
    assert_ne!(hash(""), hash("[tiers]\nlow = 11"));
    assert_ne!(
        hash(""),
        hash("[an1190.request_frequency]\nexchanges_min = 3")
    );
}

const ALLOW: &str = r#"
[[allow]]
id = "a"
host = "10.0.0.1"
domain = "*.Hooks.example.com"
owner = "ops"
ticket = "T-1"
reason = "notices"
created = "2026-01-01"
expires = "2026-06-30"
"#;

#[test]
fn an_allow_entry_names_whose_calls_of_what_are_allowed_and_until_when() {
    let settings = resolve(ALLOW).unwrap();
    let [entry] = settings.detect.allow() else {
        panic!("one entry")
    };
    assert_eq!(&*entry.domain, "hooks.example.com");
    let day = |at: crate::time::Timestamp| at.as_nanos() / 86_400_000_000_000;
    assert_eq!((day(entry.created), day(entry.expires)), (20_454, 20_634));
    let plain = resolve("").unwrap();
    assert_ne!(plain.detect.config_hash(), settings.detect.config_hash());
    let leap = ALLOW
        .replace("2026-01-01", "2028-02-29")
        .replace("2026-06-30", "2028-03-01");
    let leap = resolve(&leap).unwrap();
    let days = leap
        .detect
        .allow()
        .iter()
        .map(|entry| day(entry.expires) - day(entry.created));
    assert_eq!(days.collect::<Vec<_>>(), [1]);
}

#[test]
fn an_allow_entry_that_is_too_broad_or_has_no_owner_or_no_end_is_refused() {
    for (from, to, why) in [
        (
            "domain = \"*.Hooks.example.com\"",
            "domain = \"co.uk\"",
            "too broad",
        ),
        (
            "domain = \"*.Hooks.example.com\"",
            "domain = \"workers.dev\"",
            "too broad",
        ),
        (
            "domain = \"*.Hooks.example.com\"",
            "domain = \"*\"",
            "too broad",
        ),
        (
            "host = \"10.0.0.1\"",
            "network = \"10.0.0.0/8\"",
            "too broad",
        ),
        (
            "host = \"10.0.0.1\"",
            "network = \"2001:db8::/32\"",
            "too broad",
        ),
        ("host = \"10.0.0.1\"", "role = \"nobody\"", "names no role"),
        ("host = \"10.0.0.1\"", "", "exactly one of"),
        ("host =", "role = \"unassigned\"\nhost =", "exactly one of"),
        ("owner = \"ops\"", "owner = \" \"", "has no owner"),
        ("2026-06-30", "2026-07-01", "within 180 days"),
        ("2026-06-30", "2026-01-01", "within 180 days"),
        ("2026-06-30", "2026-02-29", "is no date"),
        ("2026-06-30", "tomorrow", "is no date"),
    ] {
        let error = resolve(&ALLOW.replace(from, to)).unwrap_err().to_string();
        assert!(
            error.contains(why) && error.starts_with("site.toml:"),
            "{to}: {error}"
        );
    }
    assert!(
        resolve(&ALLOW.repeat(2))
            .unwrap_err()
            .to_string()
            .contains("twice")
    );
    let network = ALLOW.replace("host = \"10.0.0.1\"", "network = \"10.0.0.0/9\"");
    assert!(resolve(&network).is_ok());
}

const SCHEDULE: &str = "[[schedule]]\nid = \"a\"\nowner = \"o\"\nhosts = [\"10.0.0.1/32\"]\n\
                        destinations = [\"x.example.com\"]\nexpires = \"2027-03-31\"\n";

#[test]
fn a_schedule_says_when_by_whom_and_until() {
    let text = format!(
        "{SCHEDULE}from = \"22:30\"\nto = \"02:00\"\nutc_offset = \"-05:30\"\ndays = [\"fri\"]\n\
         period_s = 3600\njitter_s = 60\nexpected = true\n"
    );
    let settings = resolve(&text).unwrap();
    let schedule = settings.detect.rules().schedules.get("a").unwrap();
    assert_eq!((schedule.hours.from_s, schedule.hours.to_s), (81_000, 7200));
    assert_eq!(schedule.hours.offset_s, -19_800);
    assert_eq!(
        schedule.expires_at,
        crate::time::Timestamp::from_parts(1_806_451_200, 0)
    );
    assert_eq!(schedule.beat.unwrap().jitter, Span::from_secs(60));
    assert_ne!(
        settings.detect.config_hash(),
        resolve("").unwrap().detect.config_hash()
    );
}

#[test]
fn a_schedule_that_cannot_be_kept_is_refused_where_it_is_written() {
    let with = |line: &str| format!("{SCHEDULE}{line}\n");
    let instead = |key: &str, line: &str| {
        let lines = SCHEDULE.lines();
        let lines = lines.map(|l| if l.starts_with(key) { line } else { l });
        lines.collect::<Vec<_>>().join("\n")
    };
    for (text, line, part) in [
        (with("from = \"24:00\""), 7, "write 08:30"),
        (with("to = \"8:30\""), 7, "no time of day"),
        (with("utc_offset = \"01:00\""), 7, "write +01:00"),
        (with("utc_offset = \"+15:00\""), 7, "no offset"),
        (with("days = []"), 2, "at least one day"),
        (with("days = [\"monday\"]"), 7, "unknown variant"),
        (with("jitter_s = 5"), 7, "needs a period_s"),
        (with("period_s = 5\njitter_s = 5"), 8, "below period_s"),
        (with("tolerance_s = 0"), 7, "out of range"),
        (with("role = \"unassigned\""), 2, "either `role` or `hosts`"),
        (
            instead("hosts", "role = \"macs\""),
            4,
            "`macs` is none of: unassigned",
        ),
        (instead("hosts", ""), 2, "either `role` or `hosts`"),
        (instead("owner", "owner = \" \""), 3, "has no owner"),
        (
            instead("destinations", "destinations = [\"*.co.uk\"]"),
            5,
            "is a public suffix",
        ),
        (
            instead("destinations", "destinations = []"),
            2,
            "one destination",
        ),
        (
            instead("expires", "expires = \"2027-02-29\""),
            6,
            "write 2027-03-31",
        ),
        (instead("expires", ""), 1, "missing field `expires`"),
        (format!("{SCHEDULE}{SCHEDULE}"), 8, "is there twice"),
        (with("frequency = 1"), 7, "unknown field `frequency`"),
        ("[an1415]\np_max = 0\n".to_owned(), 2, "no probability"),
    ] {
        let error = resolve(&text).expect_err(&text).to_string();
        assert!(error.starts_with(&format!("site.toml:{line}: ")), "{error}");
        assert!(error.contains(part), "{error}");
    }
}
