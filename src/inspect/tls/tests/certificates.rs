use super::*;
use crate::inspect::tls::certificate::{covers, parse};
use proptest::prelude::*;

fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    let len = match body.len() {
        len @ 0..128 => vec![len as u8],
        len @ 128..256 => vec![0x81, len as u8],
        len => vec![0x82, (len >> 8) as u8, len as u8],
    };
    [vec![tag], len, body].concat()
}

fn attribute(oid: &[u8], tag: u8, value: &[u8]) -> Vec<u8> {
    der(0x30, &[&der(6, &[oid]), &der(tag, &[value])])
}

/// A name of one attribute for each relative name.
fn name(attributes: &[Vec<u8>]) -> Vec<u8> {
    let sets: Vec<Vec<u8>> = attributes.iter().map(|a| der(0x31, &[a])).collect();
    der(0x30, &[&sets.concat()])
}

fn common_name(text: &str) -> Vec<u8> {
    name(&[attribute(&[0x55, 4, 3], 12, text.as_bytes())])
}

const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const PRIME256V1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const ECDSA_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];

fn ec_key() -> Vec<u8> {
    let algorithm = der(0x30, &[&der(6, &[EC_PUBLIC_KEY]), &der(6, &[PRIME256V1])]);
    der(0x30, &[&algorithm, &der(3, &[&[0, 4], &[1; 64]])])
}

fn rsa_key(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let algorithm = der(0x30, &[&der(6, &[RSA]), &der(5, &[])]);
    let key = der(0x30, &[&der(2, &[modulus]), &der(2, &[exponent])]);
    der(0x30, &[&algorithm, &der(3, &[&[0], &key])])
}

/// A certificate; nobody checks its signature.
fn certificate(serial: &[u8], subject: &[u8], key: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    let algorithm = der(0x30, &[&der(6, &[ECDSA_SHA256])]);
    let validity = der(
        0x30,
        &[
            &der(23, &[b"200101000000Z"]),
            &der(24, &[b"20500101000000Z"]),
        ],
    );
    let extensions = der(0xa3, &[&der(0x30, &[&extensions.concat()])]);
    let signed = der(
        0x30,
        &[
            &der(0xa0, &[&der(2, &[&[2]])]),
            &der(2, &[serial]),
            &algorithm,
            &common_name("Test CA"),
            &validity,
            subject,
            key,
            &extensions,
        ],
    );
    der(0x30, &[&signed, &algorithm, &der(3, &[&[0, 1, 2, 3]])])
}

fn extension_der(oid: &[u8], value: &[u8]) -> Vec<u8> {
    der(0x30, &[&der(6, &[oid]), &der(4, &[value])])
}

pub fn leaf() -> Vec<u8> {
    let names = der(
        0x30,
        &[
            &der(0x82, &[b"example.org"]),
            &der(0x82, &[b"*.example.org"]),
            &der(0x87, &[&[192, 0, 2, 1]]),
            &der(0x81, &[b"who@example.org"]),
            &der(0x86, &[b"https://example.org/"]),
        ],
    );
    let constraints = der(0x30, &[&der(1, &[&[0xff]]), &der(2, &[&[3]])]);
    let extensions = [
        extension_der(&[0x55, 0x1d, 0x11], &names),
        extension_der(&[0x55, 0x1d, 0x13], &constraints),
    ];
    certificate(
        &[0x0a, 0xbc],
        &common_name("example.org"),
        &ec_key(),
        &extensions,
    )
}

/// The body of a Certificate message.
pub fn list(chain: &[Vec<u8>]) -> Vec<u8> {
    let entries: Vec<u8> = chain.iter().flat_map(|der| vector(3, der)).collect();
    vector(3, &entries)
}

fn parsed(der: &[u8]) -> Certificate {
    parse(Timestamp::MIN, "aa11", der)
        .expect("it parses")
        .certificate
}

#[test]
fn a_certificate_says_what_the_log_wants() {
    let certificate = parsed(&leaf());
    assert_eq!(certificate.version, 3);
    assert_eq!(&*certificate.serial, "0ABC");
    assert_eq!(certificate.subject, "CN=example.org");
    assert_eq!(certificate.issuer, "CN=Test CA");
    assert_eq!(
        certificate.not_valid_before,
        Timestamp::from_parts(1_577_836_800, 0)
    );
    assert_eq!(
        certificate.not_valid_after,
        Timestamp::from_parts(2_524_608_000, 0)
    );
    assert_eq!(&*certificate.key_alg, "id-ecPublicKey");
    assert_eq!(&*certificate.sig_alg, "ecdsa-with-SHA256");
    assert_eq!(certificate.key_type.as_deref(), Some("ecdsa"));
    assert_eq!(certificate.key_length, Some(256));
    assert_eq!(certificate.curve.as_deref(), Some("prime256v1"));
    let names = certificate.san_dns.unwrap();
    assert_eq!(names, ["example.org", "*.example.org"].map(BString::from));
    assert_eq!(
        certificate.san_ip.unwrap(),
        ["192.0.2.1".parse::<std::net::IpAddr>().unwrap()]
    );
    assert_eq!(
        certificate.san_email.unwrap(),
        [BString::from("who@example.org")]
    );
    assert_eq!(
        certificate.san_uri.unwrap(),
        [BString::from("https://example.org/")]
    );
    assert_eq!(
        (certificate.ca, certificate.path_len),
        (Some(true), Some(3))
    );
}

#[test]
fn rsa_keys_tell_bits_and_exponent() {
    let mut modulus = vec![0, 0x80];
    modulus.extend([1; 255]);
    let subject = common_name("x");
    let certificate = parsed(&certificate(
        &[1],
        &subject,
        &rsa_key(&modulus, &[1, 0, 1]),
        &[],
    ));
    assert_eq!(certificate.key_type.as_deref(), Some("rsa"));
    assert_eq!(&*certificate.key_alg, "rsaEncryption");
    assert_eq!(certificate.key_length, Some(2048));
    assert_eq!(certificate.exponent.as_deref(), Some("65537"));
    assert_eq!(certificate.san_dns, None);
    assert_eq!(certificate.ca, None);
}

#[test]
fn serial_numbers_are_printed_as_openssl_does() {
    let cases: [(&[u8], &str); 5] = [
        (&[0], "00"),
        (&[1], "01"),
        (&[0, 0xff, 0x01], "FF01"),
        (&[0xff], "-01"),
        (&[0xfe, 0xff], "-0101"),
    ];
    for (serial, expected) in cases {
        let der = certificate(serial, &common_name("x"), &ec_key(), &[]);
        assert_eq!(&*parsed(&der).serial, expected);
    }
}

#[test]
fn names_are_printed_last_part_first_and_escaped() {
    let cases: [(Vec<u8>, &str); 8] = [
        (
            name(&[
                attribute(&[0x55, 4, 6], 19, b"DE"),
                attribute(&[0x55, 4, 10], 12, b"A, \"B\" + C;<D>\\"),
                attribute(&[0x55, 4, 3], 12, b"x"),
            ]),
            r#"CN=x,O=A\, \"B\" \+ C\;\<D\>\\,C=DE"#,
        ),
        (common_name("#a "), r"CN=\#a\ "),
        (common_name(" a #"), r"CN=\ a #"),
        (common_name("é\n"), r"CN=\C3\A9\0A"),
        // T61String is read as Latin-1, BMPString as UTF-16.
        (name(&[attribute(&[0x55, 4, 3], 20, b"\xe9")]), r"CN=\C3\A9"),
        (
            name(&[attribute(&[0x55, 4, 3], 30, b"\x00a\x00\xe9")]),
            r"CN=a\C3\A9",
        ),
        // An unknown attribute and an unknown type of value are dumped.
        (name(&[attribute(&[0x2a, 3], 12, b"ab")]), "1.2.3=#0C026162"),
        (name(&[attribute(&[0x55, 4, 3], 4, b"ab")]), "CN=#04026162"),
    ];
    for (subject, expected) in cases {
        let certificate = parsed(&certificate(&[1], &subject, &ec_key(), &[]));
        assert_eq!(certificate.subject, expected);
    }
    let pair = [
        attribute(&[0x55, 4, 3], 12, b"x"),
        attribute(&[0x55, 4, 11], 12, b"y"),
    ];
    let joined = der(0x30, &[&der(0x31, &[&pair.concat()])]);
    let certificate = parsed(&certificate(&[1], &joined, &ec_key(), &[]));
    assert_eq!(certificate.subject, "OU=y+CN=x");
}

#[test]
fn a_name_is_covered_exactly_or_by_one_label() {
    let cases = [
        ("example.org", "EXAMPLE.org", true),
        ("*.example.org", "www.example.org", true),
        ("*.example.org", "WWW.Example.Org", true),
        ("*.example.org", "example.org", false),
        ("*.example.org", "a.b.example.org", false),
        ("*.example.org", ".example.org", false),
        ("*.org", "example.org", false),
        ("example.org", "www.example.org", false),
        ("", "www.example.org", false),
    ];
    for (name, host, expected) in cases {
        assert_eq!(
            covers(&[BString::from(name)], host.as_bytes()),
            expected,
            "{name} {host}"
        );
    }
}

#[test]
fn without_alternative_names_the_common_name_counts() {
    let der = certificate(&[1], &common_name("www.example.org"), &ec_key(), &[]);
    let names = parse(Timestamp::MIN, "aa11", &der).unwrap().names;
    assert_eq!(names, [BString::from("www.example.org")]);
}

#[test]
fn a_broken_certificate_is_counted_and_keeps_its_fingerprint() {
    let mut script = tls12_script();
    script[1].1 = [
        handshake(2, &server_hello([9; 32], &[], 0xc02f, &[])),
        handshake(11, &list(&[vec![1, 2, 3], leaf()])),
    ]
    .concat();
    script.truncate(2);
    let outcome = inspect(&script);
    assert_eq!(outcome.weirds, [Weird::CertificateMalformed]);
    let session = outcome.session();
    assert_eq!(session.cert_chain_fps.as_ref().unwrap().len(), 2);
    assert_eq!(session.subject, None);
    assert_eq!(session.sni_matches_cert, None);
    assert!(!outcome.certificates[0].host_cert);
}

#[test]
fn endless_chains_are_cut() {
    let chain: Vec<Vec<u8>> = (0..1000).map(|_| vec![5]).collect();
    let script = vec![
        (Originator, handshake(1, &usual_client_hello())),
        (Responder, handshake(11, &list(&chain))),
        (Responder, handshake(11, &list(&chain))),
    ];
    let outcome = inspect(&script);
    assert_eq!(outcome.weirds.len(), session::CERTIFICATES_MAX);
}

proptest! {
    #[test]
    fn no_bytes_break_the_certificate_reader(
        at in 0usize..400, value: u8, cut in 0usize..500, noise in proptest::collection::vec(any::<u8>(), 0..99),
    ) {
        let mut der = leaf();
        if let Some(byte) = der.get_mut(at) { *byte = value; }
        der.truncate(cut);
        let _ = parse(Timestamp::MIN, "aa11", &der);
        let _ = parse(Timestamp::MIN, "aa11", &noise);
    }
}

#[test]
fn what_a_memo_knows_is_what_would_be_read() {
    let mut memo = Memo::default();
    let chain: Vec<Vec<u8>> = (0..200)
        .map(|n| certificate(&[1, n], &common_name("a.example"), &ec_key(), &[]))
        .chain([b"none".to_vec(), leaf()])
        .collect();
    for round in 0..3 {
        let at = Timestamp::from_parts(round, 0);
        for der in chain.iter().chain(&chain[180..]) {
            let (fingerprint, known) = memo.certificate(at, der);
            let read = parse(at, &fingerprint, der);
            assert_eq!(
                known.map(|known| (known.certificate, known.names)),
                read.map(|read| (read.certificate, read.names))
            );
        }
    }
    let saved = postcard::to_stdvec(&memo).unwrap();
    assert!(saved.is_empty(), "a memo is no state");
    assert!(postcard::from_bytes::<Memo>(&saved).is_ok());
}
