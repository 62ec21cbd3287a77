use super::*;

fn supported_version() -> Vec<u8> {
    extension(43, &[3, 4])
}

fn key_share(group: u16) -> Vec<u8> {
    extension(
        51,
        &[&group.to_be_bytes()[..], &vector(2, &[1; 32])].concat(),
    )
}

/// A TLS 1.3 exchange with these extensions beside the usual ones.
fn tls13_script(client: &[Vec<u8>], server: &[Vec<u8>]) -> Script {
    let hello = client_hello(&[5; 32], &[0x1301], client);
    let answer = [&[supported_version(), key_share(29)], server].concat();
    let answer = server_hello([9; 32], &[5; 32], 0x1301, &answer);
    let flight = [
        handshake(2, &answer),
        record(20, &[1]),
        record(23, &[0xee; 900]),
    ];
    let finish = [record(20, &[1]), record(23, &[0xee; 60])];
    vec![
        (Originator, handshake(1, &hello)),
        (Responder, flight.concat()),
        (Originator, finish.concat()),
    ]
}

#[test]
fn a_tls12_session_is_told_once_and_after_its_certificates() {
    let outcome = inspect(&tls12_script());
    assert_eq!(outcome.order, "cs");
    assert_eq!(outcome.verdict, Some(Verdict::Done));
    let session = outcome.session();
    assert_eq!(session.at, Timestamp::from_nanos(0));
    assert_eq!(session.version, Some(0x0303));
    assert_eq!(session.cipher, Some(0xc02f));
    assert_eq!(session.curve, Some(29));
    assert_eq!(session.server_name, Some("www.example.org".into()));
    assert_eq!(session.next_protocol, Some("h2".into()));
    assert_eq!(session.client_alpn, ["h2", "http/1.1"].map(BString::from));
    assert_eq!(&*session.history, "CsxknGIti");
    assert!(session.established);
    assert!(!session.resumed);
    assert_eq!(session.last_alert, None);
    assert_eq!(session.subject, Some("CN=example.org".into()));
    assert_eq!(session.issuer, Some("CN=Test CA".into()));
    assert_eq!(session.sni_matches_cert, Some(true));
    assert_eq!(session.client_cert_chain_fps, Some(vec![]));
    let certificate = &outcome.certificates[0];
    assert_eq!(
        session.cert_chain_fps,
        Some(vec![certificate.fingerprint.clone()])
    );
    assert!(certificate.host_cert && !certificate.client_cert);
    assert!(session.ja3.is_some() && session.ja3s.is_some() && session.hello.is_some());
    assert!(session.ja4.as_ref().unwrap().starts_with("t12d0206h2_"));
}

#[test]
fn a_tls13_session_is_established_by_encrypted_data_of_both() {
    let outcome = inspect(&tls13_script(&[server_name(b"x.test")], &[]));
    let session = outcome.session();
    assert_eq!(&*session.history, "CsiI");
    assert!(session.established);
    assert!(
        !session.resumed,
        "the echo of the session id means nothing in TLS 1.3"
    );
    assert_eq!(session.version, Some(0x0304));
    assert_eq!(session.curve, Some(29));
    assert_eq!(session.cert_chain_fps, None);
    assert_eq!(session.sni_matches_cert, None);
}

#[test]
fn tls13_needs_no_cipher_change() {
    let mut script = tls13_script(&[], &[]);
    let change = record(20, &[1]);
    for (_, bytes) in &mut script {
        if let Some(at) = bytes.windows(6).position(|window| window == change) {
            bytes.drain(at..at + 6);
        }
    }
    let outcome = inspect(&script);
    assert_eq!(&*outcome.session().history, "Cs");
    assert!(outcome.session().established);
}

#[test]
fn an_accepted_pre_shared_key_is_a_resumption() {
    let key = extension(41, &[0, 0]);
    let both = inspect(&tls13_script(
        std::slice::from_ref(&key),
        std::slice::from_ref(&key),
    ));
    assert!(both.session().resumed);
    let offered = inspect(&tls13_script(&[key], &[]));
    assert!(!offered.session().resumed);
}

#[test]
fn an_echoed_session_id_is_a_resumption_before_tls13() {
    let cases = [
        (vec![8; 32], vec![8; 32], true),
        (vec![8; 32], vec![9; 32], false),
        (vec![0; 32], vec![0; 32], false),
        (vec![], vec![], false),
    ];
    for (offered, chosen, expected) in cases {
        let script = vec![
            (Originator, handshake(1, &client_hello(&offered, &[5], &[]))),
            (
                Responder,
                handshake(2, &server_hello([9; 32], &chosen, 5, &[])),
            ),
        ];
        assert_eq!(inspect(&script).session().resumed, expected);
    }
}

#[test]
fn a_ticket_without_a_key_exchange_is_a_resumption() {
    let cases = [
        (vec![1, 2, 3], false, true),
        (vec![], false, false),
        (vec![1], true, false),
    ];
    for (ticket, exchange, expected) in cases {
        let hello = client_hello(&[], &[5], &[extension(35, &ticket)]);
        let exchange = if exchange {
            handshake(16, &[1])
        } else {
            vec![]
        };
        let script = vec![
            (Originator, handshake(1, &hello)),
            (Responder, handshake(2, &server_hello([9; 32], &[], 5, &[]))),
            (
                Responder,
                [record(20, &[1]), record(22, &[0xee; 40])].concat(),
            ),
            (
                Originator,
                [exchange, record(20, &[1]), record(22, &[0xee; 40])].concat(),
            ),
        ];
        let outcome = inspect(&script);
        assert!(outcome.session().established);
        assert_eq!(outcome.session().resumed, expected);
    }
}

#[test]
fn after_a_retry_the_second_hellos_are_read_and_the_first_fingerprinted() {
    let first = client_hello(&[5; 32], &[0x1301], &[]);
    let second = client_hello(&[5; 32], &[0x1301], &[server_name(b"late.test")]);
    let retry = [supported_version(), extension(51, &[0, 24])];
    let script = vec![
        (Originator, handshake(1, &first)),
        (
            Responder,
            [
                handshake(2, &server_hello(RETRY, &[5; 32], 0x1301, &retry)),
                record(20, &[1]),
            ]
            .concat(),
        ),
        (
            Originator,
            [record(20, &[1]), handshake(1, &second)].concat(),
        ),
    ];
    let only_retry = inspect(&script);
    assert_eq!(&*only_retry.session().history, "CjiIC");
    assert!(!only_retry.session().established);
    assert_eq!(only_retry.session().curve, Some(24));
    let mut whole = script;
    let answer = server_hello(
        [9; 32],
        &[5; 32],
        0x1301,
        &[supported_version(), key_share(24)],
    );
    whole.push((
        Responder,
        [handshake(2, &answer), record(23, &[0xee; 90])].concat(),
    ));
    whole.push((Originator, record(23, &[0xee; 90])));
    let outcome = inspect(&whole);
    let session = outcome.session();
    assert_eq!(&*session.history, "CjiICs");
    assert!(session.established);
    assert_eq!(session.server_name, Some("late.test".into()));
    let alone = inspect(&vec![(Originator, handshake(1, &first))]);
    assert_eq!(session.ja3, alone.session().ja3);
    assert_eq!(session.ja3s, only_retry.session().ja3s);
}

#[test]
fn an_alert_in_clear_is_the_last_word() {
    let script = vec![
        (Originator, handshake(1, &usual_client_hello())),
        (Responder, record(21, &[2, 40])),
    ];
    let outcome = inspect(&script);
    let session = outcome.session();
    assert_eq!(session.last_alert, Some(40));
    assert_eq!(&*session.history, "Cl");
    assert!(!session.established);
    assert_eq!(session.version, None);
}

#[test]
fn an_encrypted_alert_is_not_read() {
    let mut script = tls12_script();
    script.truncate(2);
    script.push((
        Originator,
        [record(20, &[1]), record(21, &[2, 40])].concat(),
    ));
    assert_eq!(inspect(&script).session().last_alert, None);
}

#[test]
fn an_sslv2_hello_may_lead_to_tls() {
    let body = [&[1, 3, 1][..], &[0, 3, 0, 0, 0, 16], &[0, 0, 5], &[7; 16]].concat();
    let hello = [&[0x80, body.len() as u8][..], &body].concat();
    let mut script = vec![
        (Originator, hello.clone()),
        (Responder, handshake(2, &server_hello([9; 32], &[], 5, &[]))),
    ];
    let outcome = inspect(&script);
    assert_eq!(&*outcome.session().history, "Cs");
    assert_eq!(outcome.session().version, Some(0x0303));
    assert_eq!(outcome.session().ja3, None);
    // Or it is answered in kind.
    script[1].1 = [&[0x80, 11, 4, 0, 1, 0, 2][..], &[0; 6]].concat();
    let outcome = inspect(&script);
    assert_eq!(outcome.verdict, Some(Verdict::Done));
    assert_eq!(outcome.session().version, Some(0x0002));
    assert_eq!(TlsInspector::probe(Originator, &hello), Probe::Mine);
    assert_eq!(TlsInspector::probe(Responder, &script[1].1), Probe::Mine);
}

#[test]
fn a_client_that_was_called_flips_the_direction() {
    let flipped: Script = tls12_script()
        .into_iter()
        .map(|(side, bytes)| (side.peer(), bytes))
        .collect();
    let outcome = inspect(&flipped);
    assert_eq!(&*outcome.session().history, "^CsxknGIti");
    assert!(!outcome.certificates[0].client_cert);
}

#[test]
fn a_client_certificate_stands_apart() {
    let mut script = tls12_script();
    let list = certificates::list(&[certificates::leaf()]);
    script[2].1.splice(0..0, handshake(11, &list));
    let outcome = inspect(&script);
    assert_eq!(outcome.certificates.len(), 2);
    assert!(outcome.certificates[1].client_cert && outcome.certificates[1].host_cert);
    let session = outcome.session();
    assert_eq!(session.client_cert_chain_fps.as_ref().unwrap().len(), 1);
    assert_eq!(&*session.history, "CsxknXGIti");
}

#[test]
fn a_server_name_that_no_certificate_covers_is_told() {
    let mut script = tls12_script();
    let hello = client_hello(&[], &[0xc02f], &[server_name(b"other.test")]);
    script[0].1 = handshake(1, &hello);
    assert_eq!(inspect(&script).session().sni_matches_cert, Some(false));
}

#[test]
fn history_has_an_end() {
    let hellos = handshake(0, &[]).repeat(1000);
    let script = vec![(Responder, hellos)];
    assert_eq!(&*inspect(&script).session().history, "h".repeat(100));
}
