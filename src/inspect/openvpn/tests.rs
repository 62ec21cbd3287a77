use super::*;
use crate::inspect::tls::tests::{Script, tls12_script};
use crate::limits::Limits;
use crate::observe::TlsSession;
use crate::time::Timestamp;
use Side::{Originator, Responder};
use proptest::prelude::*;

/// A packet with `auth` bytes of authentication.
fn packet(opcode: u8, auth: usize, acks: u8, number: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![opcode << 3];
    bytes.extend([1; 8]);
    bytes.extend(vec![0xaa; auth]);
    bytes.push(acks);
    bytes.extend(vec![0; 4 * usize::from(acks)]);
    if acks > 0 {
        bytes.extend([2; 8]);
    }
    bytes.extend(number.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A TLS session in packets of `size` bytes.
fn tunnelled(auth: usize, size: usize) -> Script {
    let mut script = vec![
        (Originator, packet(7, auth, 0, 0, &[])),
        (Responder, packet(8, auth, 1, 0, &[])),
    ];
    let mut numbers = [0; 2];
    for (side, bytes) in tls12_script() {
        for piece in bytes.chunks(size) {
            let number = &mut numbers[side.index()];
            *number += 1;
            script.push((side, packet(4, auth, 1, *number, piece)));
        }
        script.push((side, packet(5, auth, 1, 0, &[])));
    }
    script
}

fn inspect(tcp: bool, script: &Script) -> (Vec<TlsSession>, OpenVpnInspector) {
    let limits = Limits::DEFAULT;
    let context = Context {
        at: Timestamp::MIN,
        limits: &limits,
    };
    let (mut memo, mut found) = (Memo::default(), Vec::new());
    let mut inspector = OpenVpnInspector::default();
    for (side, bytes) in script {
        let side = *side;
        let verdict = match tcp {
            true => {
                let event = StreamEvent::Data { side, bytes };
                inspector.read_stream(context, &mut memo, event, &mut found)
            }
            false => inspector.read_packet(context, &mut memo, side, bytes, &mut found),
        };
        let saved = postcard::to_stdvec(&inspector).unwrap();
        inspector = postcard::from_bytes(&saved).unwrap();
        if verdict != Verdict::More {
            break;
        }
    }
    inspector.finish(context, &mut found);
    let sessions = found.into_iter().filter_map(|found| match found {
        Found::Tls(session) => Some(*session),
        _ => None,
    });
    (sessions.collect(), inspector)
}

fn check(tcp: bool, script: &Script) {
    let (sessions, inspector) = inspect(tcp, script);
    assert!(inspector.is_confirmed() && inspector.is_greeted());
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0].server_name, Some("www.example.org".into()));
    assert!(sessions[0].established);
}

#[test]
fn the_session_is_read_with_and_without_authentication() {
    for auth in AUTH_LENS {
        let script = tunnelled(auth, 100);
        assert!(opens(&script[0].1));
        check(false, &script);
    }
}

#[test]
fn packets_may_come_twice_and_overtake_each_other() {
    let mut script = tunnelled(28, 100);
    let twice: Script = script
        .iter()
        .flat_map(|one| [one.clone(), one.clone()])
        .collect();
    check(false, &twice);
    // Two neighbours of the same flight.
    script.swap(2, 3);
    check(false, &script);
}

#[test]
fn over_tcp_segments_need_not_be_packets() {
    for size in [1, 7, 5000] {
        let mut script = Script::new();
        for (side, packet) in tunnelled(0, 100) {
            let framed = [&(packet.len() as u16).to_be_bytes()[..], &packet].concat();
            script.extend(framed.chunks(size).map(|piece| (side, piece.to_vec())));
        }
        check(true, &script);
    }
}

#[test]
fn what_is_no_reset_does_not_open() {
    let reset = packet(7, 0, 0, 0, &[]);
    let framed = [&[0, 14][..], &reset].concat();
    for (side, first, probe) in [
        (Originator, &framed[..], Probe::Mine),
        (Originator, &framed[..2], Probe::Open),
        (Originator, &framed[..1], Probe::Open),
        (Originator, &[0, 15, 0x38], Probe::NotMine),
        (Responder, &framed, Probe::NotMine),
    ] {
        assert_eq!(OpenVpnInspector::probe(side, first), probe);
    }
    for other in [
        packet(7, 1, 0, 0, &[]),
        packet(7, 0, 0, 1, &[]),
        packet(8, 0, 0, 0, &[]),
        reset[..13].to_vec(),
        Vec::new(),
    ] {
        assert!(!opens(&other), "{other:?}");
        assert!(!inspect(false, &vec![(Originator, other)]).1.is_confirmed());
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        pieces in prop::collection::vec(
            (any::<bool>(), 0u8..12, 0u8..4, 0u32..40, prop::collection::vec(any::<u8>(), 0..80)),
            0..30),
        tcp in any::<bool>(),
        plain in any::<bool>(),
    ) {
        let reset = packet(7, 0, 0, 0, &[]);
        let mut script = vec![(Originator, match tcp {
            true => [&[0, 14][..], &reset].concat(),
            false => reset,
        })];
        for (responder, opcode, acks, number, bytes) in pieces {
            let side = if responder { Responder } else { Originator };
            script.push((side, match plain {
                true => bytes,
                false => packet(opcode, 0, acks, number, &bytes),
            }));
        }
        inspect(tcp, &script);
    }
}
