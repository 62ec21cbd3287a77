//! From a filter expression of tcpdump to which frames pass.
//!
//! libpcap compiles it, once for each link type that is seen; the programs run here. An expression
//! that names a host is looked up in DNS when it is compiled, as in tcpdump. One program a link
//! type is kept.

use super::CaptureError;
use crate::packet::frame::{Frame, LinkType};
use ::pcap::{BpfProgram, Capture, Linktype};
use std::collections::BTreeMap;

/// An expression is good if it compiles for one of these; some are about 802.11 or tunnels only.
const TRIED: [LinkType; 4] = [
    LinkType::ETHERNET,
    LinkType::IEEE802_11_RADIO,
    LinkType::LINUX_SLL,
    LinkType::RAW,
];

/// Longest frame that is filled up to its length on the wire, see [`Filter::matches`].
const FILLED_BYTES_MAX: usize = 262_144;

/// A compiled filter.
pub struct Filter {
    expression: String,
    programs: BTreeMap<LinkType, Option<Program>>,
    filled: Vec<u8>,
}

struct Program {
    code: BpfProgram,
    /// Whether it asks for the frame's length (`len`, `less`, `greater`).
    asks_length: bool,
}

impl Filter {
    /// Compiles an expression of pcap-filter(7) for Ethernet; for other link types when they are
    /// seen.
    ///
    /// # Errors
    /// [`CaptureError::Filter`] for one that compiles for no common link type.
    pub fn compile(expression: &str) -> Result<Filter, CaptureError> {
        let mut complaint = None;
        for link in TRIED {
            match Program::compile(expression, link) {
                Ok(program) => {
                    return Ok(Filter {
                        expression: expression.to_owned(),
                        programs: BTreeMap::from([(link, Some(program))]),
                        filled: Vec::new(),
                    });
                }
                Err(error) => complaint = complaint.or(Some(error)),
            }
        }
        Err(CaptureError::Filter {
            expression: expression.to_owned(),
            what: complaint.map_or(String::new(), |error| error.to_string()),
        })
    }

    /// Whether a frame passes. One of a link type that the expression makes no sense for does not,
    /// which is told once.
    ///
    /// A program sees the captured bytes. One that asks for the length is to see that on the wire,
    /// so for it a frame that was cut is filled up with zeros: `greater 1000` holds whatever the
    /// snaplen was.
    pub fn matches(&mut self, frame: &Frame<'_>) -> bool {
        let expression = &self.expression;
        let program = self.programs.entry(frame.link).or_insert_with(|| {
            let program = Program::compile(expression, frame.link);
            program
                .inspect_err(|error| {
                    let link = frame.link;
                    tracing::warn!("no frame of link type {link} passes the filter: {error}");
                })
                .ok()
        });
        let Some(program) = program else {
            return false;
        };
        let wire_len = (frame.wire_len as usize).min(FILLED_BYTES_MAX);
        if !program.asks_length || wire_len <= frame.bytes.len() {
            return program.code.filter(frame.bytes);
        }
        self.filled.clear();
        self.filled.extend_from_slice(frame.bytes);
        self.filled.resize(wire_len, 0);
        program.code.filter(&self.filled)
    }
}

impl Program {
    fn compile(expression: &str, link: LinkType) -> Result<Program, ::pcap::Error> {
        /// BPF_LD|BPF_W|BPF_LEN and BPF_LDX|BPF_W|BPF_LEN; an instruction is printed with its code
        /// first.
        const LOADS_OF_LENGTH: [&str; 2] = ["128", "129"];
        let code = Capture::dead(Linktype(dlt(link)))?.compile(expression, true)?;
        let asks_length = code.get_instructions().iter().any(|instruction| {
            let printed = instruction.to_string();
            let code = printed.split(' ').next().unwrap_or_default();
            LOADS_OF_LENGTH.contains(&code)
        });
        Ok(Program { code, asks_length })
    }
}

/// What libpcap on Linux calls a link type: a handful of files' numbers differ from its own.
fn dlt(link: LinkType) -> i32 {
    match link {
        LinkType::ATM_RFC1483 => 11,
        LinkType::RAW | LinkType::RAW_BSD | LinkType::RAW_OPENBSD => 12,
        LinkType(102) => 15,
        LinkType(103) => 16,
        LinkType::ATM_CLIP => 19,
        LinkType(number) => i32::from(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    /// An IPv4 datagram from 10.0.0.1 to 10.0.0.2, UDP from port 4000 to 53.
    const DATAGRAM: [u8; 28] = [
        0x45, 0, 0, 28, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x0f, 0xa0, 0, 53, 0,
        8, 0, 0,
    ];

    fn ethernet() -> Vec<u8> {
        [&[0; 12][..], &[8, 0], &DATAGRAM].concat()
    }

    fn frame(link: LinkType, bytes: &[u8], wire_len: u32) -> Frame<'_> {
        Frame {
            at: Timestamp::from_nanos(0),
            link,
            bytes,
            wire_len,
        }
    }

    fn passes(expression: &str, link: LinkType, bytes: &[u8]) -> bool {
        let mut filter = Filter::compile(expression).expect("a good expression");
        filter.matches(&frame(link, bytes, bytes.len() as u32))
    }

    #[test]
    fn an_expression_is_compiled_for_each_link_type() {
        let ethernet = ethernet();
        for (expression, expected) in [
            ("udp port 53", true),
            ("src host 10.0.0.1", true),
            ("tcp", false),
            ("", true),
        ] {
            assert_eq!(passes(expression, LinkType::ETHERNET, &ethernet), expected);
            for link in [LinkType::RAW, LinkType::RAW_BSD, LinkType::IPV4] {
                assert_eq!(passes(expression, link, &DATAGRAM), expected, "{link}");
            }
        }
    }

    #[test]
    fn one_filter_serves_a_file_of_several_link_types() {
        let mut filter = Filter::compile("udp port 53").expect("a good expression");
        let ethernet = ethernet();
        for _ in 0..3 {
            assert!(filter.matches(&frame(LinkType::ETHERNET, &ethernet, 42)));
            assert!(filter.matches(&frame(LinkType::RAW, &DATAGRAM, 28)));
            assert!(!filter.matches(&frame(LinkType(65_000), &DATAGRAM, 28)));
        }
        assert_eq!(filter.programs.len(), 3);
    }

    #[test]
    fn an_expression_for_another_link_type_than_ethernet_is_good() {
        let mut filter = Filter::compile("wlan type mgt").expect("good for 802.11");
        let ethernet = ethernet();
        assert!(!filter.matches(&frame(LinkType::ETHERNET, &ethernet, 42)));
    }

    #[test]
    fn a_bad_expression_is_told_with_what_is_wrong() {
        for expression in ["tcp prot 80", "port 99999999", "((", "nul\0byte"] {
            let error = Filter::compile(expression)
                .err()
                .expect("no good expression");
            assert_eq!(error.exit_code(), 2);
            assert!(
                error
                    .to_string()
                    .starts_with(&format!("filter `{expression}`: "))
            );
        }
    }

    #[test]
    fn a_length_is_that_on_the_wire_even_where_the_frame_was_cut() {
        let ethernet = ethernet();
        let mut filter = Filter::compile("greater 1000 and udp port 53").expect("good");
        assert!(filter.matches(&frame(LinkType::ETHERNET, &ethernet, 1_400)));
        assert!(!filter.matches(&frame(LinkType::ETHERNET, &ethernet, 42)));
        assert!(filter.matches(&frame(LinkType::ETHERNET, &ethernet, u32::MAX)));
        assert!(!filter.matches(&frame(LinkType::ETHERNET, &[], 0)));
    }
}
