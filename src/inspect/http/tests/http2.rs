use super::super::hpack::Decoder;
use super::super::http2::Http2Inspector;
use super::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, len @ ..] = (payload.len() as u32).to_be_bytes();
    let stream = stream.to_be_bytes();
    [&len[..], &[kind, flags], &stream, payload].concat()
}

/// A field block with a literal for every field.
fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0x40);
        for text in [name, value] {
            block.push(text.len() as u8);
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

fn request(stream: u32, path: &str, flags: u8) -> Vec<u8> {
    let fields = [
        (":method", "GET"),
        (":path", path),
        (":authority", "h"),
        ("user-agent", "a"),
    ];
    frame(1, 4 | flags, stream, &block(&fields))
}

fn response(stream: u32, status: &str, flags: u8) -> Vec<u8> {
    frame(1, 4 | flags, stream, &block(&[(":status", status)]))
}

/// Plays pieces of at most `size` bytes, saved and restored between any two.
fn told(steps: &[(Side, Vec<u8>)], size: usize) -> (Vec<String>, Vec<Weird>, Verdict) {
    let (mut inspector, mut found) = (Http2Inspector::default(), Vec::new());
    let mut verdict = Verdict::More;
    for (side, bytes) in steps {
        for bytes in bytes.chunks(size) {
            let event = StreamEvent::Data { side: *side, bytes };
            if verdict == Verdict::More {
                verdict = inspector.handle_stream(at(&Limits::DEFAULT), event, &mut found);
            }
            let saved = postcard::to_stdvec(&inspector).unwrap();
            inspector = postcard::from_bytes(&saved).unwrap();
        }
    }
    inspector.finish(at(&Limits::DEFAULT), &mut found);
    let (mut transactions, mut weirds) = (Vec::new(), Vec::new());
    for found in found {
        match found {
            Found::Http(transaction) => transactions.push(summary(&transaction)),
            Found::Weird(weird, _) => weirds.push(weird),
            other => panic!("HTTP/2 found {other:?}"),
        }
    }
    (transactions, weirds, verdict)
}

#[test]
fn streams_are_transactions() {
    let steps = [
        (O, [PREFACE, &frame(4, 0, 0, &[])].concat()),
        (O, [request(1, "/a", 1), request(3, "/b", 0)].concat()),
        (O, frame(0, 1 | 8, 3, b"\x02bodyxx")),
        (
            R,
            [frame(4, 0, 0, &[0, 3, 0, 0, 0, 9]), response(3, "200", 0)].concat(),
        ),
        (
            R,
            [
                response(1, "404", 1),
                frame(0, 0, 3, b"abc"),
                frame(0, 1, 3, b"de"),
            ]
            .concat(),
        ),
    ];
    for size in [1, 7, usize::MAX] {
        let (transactions, weirds, _) = told(&steps, size);
        assert_eq!(
            transactions,
            ["1 GET /a 404 0/0", "2 GET /b 200 4/5"],
            "{size}"
        );
        assert_eq!(weirds, []);
    }
}

#[test]
fn a_field_block_may_be_continued_and_padded() {
    let fields = block(&[(":method", "PUT"), (":path", "/long")]);
    let (first, rest) = fields.split_at(5);
    let padded = [&[3, 0, 0, 0, 0, 9][..], first, &[0; 3]].concat();
    let steps = [
        (
            O,
            [
                PREFACE,
                &frame(1, 8 | 32, 1, &padded),
                &frame(9, 4, 1, rest),
            ]
            .concat(),
        ),
        (R, frame(3, 0, 1, &[0; 4])),
    ];
    assert_eq!(told(&steps, usize::MAX).0, ["1 PUT /long - 0/0"]);
}

#[test]
fn what_is_no_preface_and_no_field_block_is_refused() {
    assert_eq!(
        told(&[(O, b"PRI * HTTP/2.0\r\n\r\nXX".to_vec())], 1).2,
        Verdict::NotMine
    );
    for bad in [
        &[0x80][..],
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        &[0x40, 9],
        &[0xbe],
    ] {
        let steps = [(O, [PREFACE, &frame(1, 4, 1, bad)].concat())];
        let (transactions, weirds, _) = told(&steps, usize::MAX);
        assert_eq!(
            (transactions.len(), weirds),
            (0, vec![Weird::HttpBadRequest]),
            "{bad:?}"
        );
    }
}

#[test]
fn a_field_block_that_unfolds_beyond_the_bound_is_refused() {
    let mut decoder = Decoder::default();
    let long = "v".repeat(100);
    let first = block(&[("n", &long)]);
    assert!(decoder.decode(&first, 1 << 16, |_, _| {}).is_some());
    let mut unfolded = 0;
    let bomb = vec![0xbe; 50_000];
    let told = decoder.decode(&bomb, 1 << 16, |name, value| {
        unfolded += name.len() + value.len()
    });
    assert!(told.is_none() && unfolded < 1 << 16);
}

#[test]
fn the_dynamic_table_is_that_of_the_rfc() {
    // RFC 7541, appendix C.4: three requests with Huffman codes.
    let blocks = [
        "828684418cf1e3c2e5f23a6ba0ab90f4ff",
        "828684be5886a8eb10649cbf",
        "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    ];
    let mut decoder = Decoder::default();
    let mut last = Vec::new();
    for hex in blocks {
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
        let block: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
        last.clear();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut put =
            |name: &[u8], value: &[u8]| last.push(format!("{}={}", text(name), text(value)));
        decoder.decode(&block, 1 << 16, &mut put).unwrap();
    }
    let expected = [
        ":method=GET",
        ":scheme=https",
        ":path=/index.html",
        ":authority=www.example.com",
        "custom-key=custom-value",
    ];
    assert_eq!(last, expected);
}

#[test]
fn the_first_bytes_tell_http2_from_others() {
    for (side, first, expected) in [
        (O, &b"PRI"[..], Probe::Open),
        (O, PREFACE, Probe::Mine),
        (O, b"PRINT /", Probe::NotMine),
        (R, &[0, 0, 6, 4, 0], Probe::Open),
        (R, &[0, 0, 6, 4, 0, 0, 0, 0, 0], Probe::Mine),
        (R, &[0, 0, 7, 4, 0, 0, 0, 0, 0], Probe::NotMine),
    ] {
        assert_eq!(Http2Inspector::probe(side, first), expected, "{first:?}");
    }
}

proptest! {
    #[test]
    fn no_frames_panic_and_pieces_change_nothing(
        frames in vec(
            (0u8..10, any::<u8>(), 0u32..4, vec(any::<u8>(), 0..30), any::<bool>()),
            0..8,
        ),
        size in 1usize..20,
    ) {
        let mut steps = vec![(O, PREFACE.to_vec()), (O, request(1, "/", 0))];
        for (kind, flags, stream, payload, to) in frames {
            steps.push((if to { O } else { R }, frame(kind, flags, stream, &payload)));
        }
        prop_assert_eq!(told(&steps, size), told(&steps, usize::MAX));
    }
}
