use super::*;
use proptest::prelude::*;

fn roles() -> BTreeSet<HostRole> {
    BTreeSet::from([HostRole::Api])
}

fn object(catalogue: &Catalogue, name: &str) -> Option<String> {
    catalogue
        .lookup(name.as_bytes())
        .map(|found| found.object(name.as_bytes()))
}

#[test]
fn the_shipped_catalogue_knows_the_services_that_the_analytic_names() {
    let catalogue = Catalogue::shipped();
    for (name, service, category) in [
        ("discord.com", "discord", Category::Chat),
        ("gateway.discord.gg", "discord", Category::Chat),
        ("HOOKS.Slack.com.", "slack", Category::Chat),
        ("content.dropboxapi.com", "dropbox", Category::Storage),
        ("graph.microsoft.com", "microsoft-graph", Category::Api),
        ("eu.graph.microsoft.com", "microsoft-graph", Category::Api),
        ("pastebin.com", "pastebin", Category::Paste),
    ] {
        let found = catalogue.lookup(name.as_bytes()).expect(name);
        assert_eq!(
            (&*found.service.id, found.service.category),
            (service, category),
            "{name}"
        );
    }
    for name in [
        "example.com",
        "notslack.com",
        "slack.com.example.com",
        "com",
        "",
        ".",
    ] {
        assert_eq!(catalogue.lookup(name.as_bytes()), None, "{name}");
    }
}

#[test]
fn an_exact_name_wins_over_a_suffix_and_a_longer_suffix_over_a_shorter() {
    let catalogue = Catalogue::shipped();
    let hooks = catalogue.lookup(b"hooks.slack.com").unwrap();
    assert!(hooks.does(HostRole::Webhook) && !hooks.does(HostRole::Web));
    assert_eq!(
        catalogue.lookup(b"x.hooks.slack.com").unwrap().pattern,
        "slack.com"
    );
    assert_eq!(
        catalogue.lookup(b"b.s3.amazonaws.com").unwrap().pattern,
        "s3.amazonaws.com"
    );
    assert_eq!(
        catalogue.lookup(b"b.ec2.amazonaws.com").unwrap().pattern,
        "amazonaws.com"
    );
}

#[test]
fn customers_below_a_shared_suffix_are_told_apart() {
    let catalogue = Catalogue::shipped();
    for (name, expected) in [
        ("a.b.workers.dev", "cloudflare-workers:b.workers.dev"),
        ("workers.dev", "cloudflare-workers"),
        ("acme.sharepoint.com", "onedrive:acme.sharepoint.com"),
        ("x.acme.sharepoint.com", "onedrive:acme.sharepoint.com"),
        ("d111.cloudfront.net", "aws-hosting"),
        ("api.slack.com", "slack"),
    ] {
        assert_eq!(
            object(&catalogue, name).as_deref(),
            Some(expected),
            "{name}"
        );
    }
}

#[test]
fn a_star_means_the_name_and_everything_below() {
    let mut catalogue = Catalogue::empty();
    catalogue
        .add("chatter", Category::Chat, &roles(), "*.Chatter.example")
        .unwrap();
    catalogue
        .add("chatter", Category::Chat, &roles(), "one.example.net")
        .unwrap();
    for name in ["chatter.example", "a.b.chatter.example", "one.example.net"] {
        assert_eq!(
            object(&catalogue, name).as_deref(),
            Some("chatter"),
            "{name}"
        );
    }
    assert_eq!(object(&catalogue, "two.one.example.net"), None);
}

#[test]
fn a_pattern_that_would_match_names_of_many_owners_is_refused() {
    let mut catalogue = Catalogue::empty();
    for pattern in ["*.co.uk", "co.uk", "*.github.io", "*.workers.dev"] {
        let refused = catalogue.add("x", Category::Chat, &roles(), pattern);
        assert_eq!(refused, Err(PatternError::PublicSuffix), "{pattern}");
    }
    for pattern in [
        "",
        "*",
        "com",
        "*.com",
        "*.*.a.com",
        "a..b",
        "a b.com",
        "https://a.com/",
    ] {
        let refused = catalogue.add("x", Category::Chat, &roles(), pattern);
        assert_eq!(refused, Err(PatternError::NoName), "{pattern}");
    }
}

proptest! {
    #[test]
    fn any_name_can_be_looked_up(name in proptest::collection::vec(any::<u8>(), 0..300)) {
        let catalogue = Catalogue::shipped();
        if let Some(found) = catalogue.lookup(&name) {
            prop_assert!(!found.object(&name).is_empty());
        }
    }
}
