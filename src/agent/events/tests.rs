use super::*;

/// The answer to a request, by Linux 6.18.
const ANSWER: &str = "\
     4c000000030000006a0200000000000001000000010000006a02000001000000280000000000000000000000\
     c751671be42f0000000000000000000000000000000000000000000000000000\
";

/// Process 9893 started process 9935.
const FORK: &str = "\
     4c00000003000000f46d0700000000000100000001000000f46d070000000000280000000100000001000000\
     0bdff0038e500000a5260000a5260000cf260000cf2600000000000000000000\
";

/// Process 6336 became another program.
const EXEC: &str = "\
     4c000000030000006c0200000000000001000000010000006c02000000000000280000000200000000000000\
     e483831be42f0000c0180000c018000000000000000000000000000000000000\
";

/// And ended.
const EXIT: &str = "\
     4c000000030000006d0200000000000001000000010000006d02000000000000280000000000008000000000\
     32d78f1be42f0000c0180000c018000000000000110000009718000097180000\
";

fn datagram(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex.chars().filter_map(|c| c.to_digit(16)).collect();
    let pairs = digits.chunks_exact(2);
    pairs.map(|pair| (pair[0] << 4 | pair[1]) as u8).collect()
}

#[test]
fn a_process_is_told_with_its_moment() {
    assert_eq!(read(&datagram(ANSWER)), Some(Said::Answer(0)));
    let fork = Said::Event(Event {
        pid: 9935,
        happened: Happened::Fork { parent: 9893 },
        at: 0x508e_03f0_df0b,
    });
    assert_eq!(read(&datagram(FORK)), Some(fork));
    let event = |happened, at| {
        Some(Said::Event(Event {
            pid: 6336,
            happened,
            at,
        }))
    };
    let exec = event(Happened::Exec, 0x2fe4_1b83_83e4);
    assert_eq!(read(&datagram(EXEC)), exec);
    let exit = event(Happened::Exit, 0x2fe4_1b8f_d732);
    assert_eq!(read(&datagram(EXIT)), exit);
}

#[test]
fn threads_and_other_events_are_left_out() {
    for (event, at) in [(EXIT, 52), (FORK, 60)] {
        let mut thread = datagram(event);
        thread[at] ^= 1;
        assert_eq!(read(&thread), Some(Said::Other));
    }
    let mut renamed = datagram(EXEC);
    renamed[37] = 2;
    renamed[36] = 0;
    assert_eq!(read(&renamed), Some(Said::Other));
    for length in 0..60 {
        assert_eq!(read(&datagram(EXEC)[..length]), None);
    }
}

#[test]
fn the_request_is_as_long_as_it_says() {
    let request = request();
    assert_eq!(request.len(), 40);
    assert_eq!(request.first().copied(), Some(40u8));
}
