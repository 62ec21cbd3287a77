//! From an interface to frames as they come, with the kernel's timestamps, through libpcap.
//!
//! It never asks for immediate mode: that takes TPACKET_V3 away, and with it nearly all of the
//! buffer (measured: 8 MiB lost 9,891 of 10,019 frames, none with V3). What is not read in time the
//! kernel drops and counts.

use super::{CaptureError, LiveStats, Next};
use crate::packet::frame::{Frame, LinkType};
use crate::time::Timestamp;
use ::pcap::{Active, Capture, Error, Precision, Stat};
use std::time::Duration;

/// The kernel hands over a block that is not full after this.
const BLOCK_TIMEOUT_MS: i32 = 100;

/// How long to wait when there was nothing; 12.5 MB of 10 Gbit/s. With V3 libpcap itself would wait
/// until there is a frame, and a sensor has other things to do on a silent interface.
const PAUSE: Duration = Duration::from_millis(10);

/// An interface that is captured from, in promiscuous mode.
pub struct Live {
    interface: String,
    capture: Capture<Active>,
    link: LinkType,
    counted: LiveStats,
    last: Stat,
}

impl Live {
    /// Opens an interface (`any` for all of them). `filter` runs in the kernel; a frame is cut
    /// after `snaplen` bytes; the kernel's buffer has `buffer_bytes`.
    ///
    /// # Errors
    /// [`CaptureError::Interface`] where there is no such interface or it may not be captured from,
    /// [`CaptureError::Filter`] where the expression does not compile for its link type.
    pub fn open(
        interface: &str,
        filter: Option<&str>,
        snaplen: u32,
        buffer_bytes: u32,
    ) -> Result<Live, CaptureError> {
        let failed = |error: Error| CaptureError::Interface {
            interface: interface.to_owned(),
            what: error.to_string(),
        };
        let mut capture = Capture::from_device(interface)
            .map_err(failed)?
            // All interfaces at once have no such mode, and libpcap's word of warning is taken for
            // an error.
            .promisc(interface != "any")
            .precision(Precision::Nano)
            .timeout(BLOCK_TIMEOUT_MS)
            .snaplen(i32::try_from(snaplen).unwrap_or(i32::MAX))
            .buffer_size(i32::try_from(buffer_bytes).unwrap_or(i32::MAX))
            .open()
            .map_err(failed)?;
        if let Some(expression) = filter {
            capture
                .filter(expression, true)
                .map_err(|error| CaptureError::Filter {
                    expression: expression.to_owned(),
                    what: error.to_string(),
                })?;
        }
        let capture = capture.setnonblock().map_err(failed)?;
        Ok(Live {
            interface: interface.to_owned(),
            link: link_type(capture.get_datalink().0),
            capture,
            counted: LiveStats::default(),
            last: Stat {
                received: 0,
                dropped: 0,
                if_dropped: 0,
            },
        })
    }

    /// The next frame, which lives until the one after is asked for, or that there is none now,
    /// after waiting for 10 ms.
    ///
    /// # Errors
    /// [`CaptureError::Interface`] where it went away or down.
    pub fn next_frame(&mut self) -> Result<Next<'_>, CaptureError> {
        match self.capture.next_packet() {
            Ok(packet) => Ok(Next::Frame(Frame {
                // With nanoseconds asked for, that is what the field holds.
                at: Timestamp::from_parts(
                    packet.header.ts.tv_sec,
                    u32::try_from(packet.header.ts.tv_usec).unwrap_or(0),
                ),
                link: self.link,
                bytes: packet.data,
                wire_len: packet.header.len,
            })),
            Err(Error::TimeoutExpired) => {
                std::thread::sleep(PAUSE);
                Ok(Next::Timeout)
            }
            Err(error) => Err(interface_error(&self.interface, &error)),
        }
    }

    /// What was counted since [`Live::open`]. libpcap counts in 32 bits, which wrap after 5 minutes
    /// of 14 million frames a second: ask at least once a minute.
    ///
    /// # Errors
    /// [`CaptureError::Interface`] where the system does not say.
    pub fn stats(&mut self) -> Result<LiveStats, CaptureError> {
        let now = self
            .capture
            .stats()
            .map_err(|error| interface_error(&self.interface, &error))?;
        self.counted = add_counts(self.counted, self.last, now);
        self.last = now;
        Ok(self.counted)
    }

    /// The link type of every frame.
    pub fn link(&self) -> LinkType {
        self.link
    }
}

/// Adds what was counted between two readings of counters that wrap.
fn add_counts(counted: LiveStats, last: Stat, now: Stat) -> LiveStats {
    let since = |now: u32, last: u32| u64::from(now.wrapping_sub(last));
    LiveStats {
        received: counted.received + since(now.received, last.received),
        dropped: counted.dropped + since(now.dropped, last.dropped),
        if_dropped: counted.if_dropped + since(now.if_dropped, last.if_dropped),
    }
}

/// The registry's number for what libpcap on Linux calls a link type.
fn link_type(dlt: i32) -> LinkType {
    match dlt {
        12 => LinkType::RAW,
        number => LinkType(u16::try_from(number).unwrap_or(u16::MAX)),
    }
}

fn interface_error(interface: &str, error: &Error) -> CaptureError {
    CaptureError::Interface {
        interface: interface.to_owned(),
        what: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{LIVE_BUFFER_BYTES_DEFAULT, SNAPLEN_DEFAULT};
    use std::net::UdpSocket;
    use std::time::{Instant, SystemTime, UNIX_EPOCH};

    fn open(filter: &str) -> Option<Live> {
        let buffer = LIVE_BUFFER_BYTES_DEFAULT / 16;
        match Live::open("lo", Some(filter), SNAPLEN_DEFAULT, buffer) {
            Ok(live) => Some(live),
            Err(CaptureError::Interface { what, .. }) => {
                eprintln!("skipped, may not capture on lo: {what}");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn frames_on_loopback_arrive_with_their_time_and_are_counted() {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let to = socket.local_addr().expect("its address");
        let Some(mut live) = open(&format!("udp dst port {}", to.port())) else {
            return;
        };
        let before = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970");
        for number in 0..50_u8 {
            socket.send_to(&[number; 100], to).expect("sent");
        }
        let patience = Instant::now();
        let (mut heard, mut timeouts) = (Vec::new(), 0);
        // Until all are there, and then until there is nothing.
        while patience.elapsed() < Duration::from_secs(10) && (heard.len() < 50 || timeouts == 0) {
            match live.next_frame().expect("the interface stays") {
                Next::Frame(frame) => {
                    assert_eq!(frame.link, LinkType::ETHERNET);
                    assert_eq!((frame.bytes.len(), frame.wire_len), (142, 142));
                    let since = frame.at.as_nanos() - before.as_nanos() as i64;
                    assert!((-1_000_000_000..60_000_000_000).contains(&since), "{since}");
                    heard.push(frame.bytes[141]);
                    timeouts = 0;
                }
                Next::Timeout => timeouts += 1,
            }
        }
        assert_eq!(heard, (0..50).collect::<Vec<u8>>());
        let stats = live.stats().expect("counters");
        assert!(stats.received >= 50 && stats.dropped == 0, "{stats:?}");
        assert_eq!(live.stats().expect("counters"), stats);
    }

    #[test]
    fn what_cannot_be_opened_is_told_by_name() {
        let error = Live::open("no-such-if0", None, 65_535, 1 << 20).err();
        let error = error.expect("there is no such interface");
        assert_eq!(error.exit_code(), 1);
        assert!(
            error.to_string().starts_with("interface no-such-if0: "),
            "{error}"
        );
        if open("udp").is_some() {
            let error = Live::open("lo", Some("udp prot 5"), 65_535, 1 << 20).err();
            assert_eq!(error.expect("a bad filter").exit_code(), 2);
        }
    }

    #[test]
    fn counters_that_wrap_go_on() {
        let stat = |received, dropped, if_dropped| Stat {
            received,
            dropped,
            if_dropped,
        };
        let counted = add_counts(LiveStats::default(), stat(0, 0, 0), stat(u32::MAX, 5, 0));
        let counted = add_counts(counted, stat(u32::MAX, 5, 0), stat(9, 6, 1));
        let expected = LiveStats {
            received: u64::from(u32::MAX) + 10,
            dropped: 6,
            if_dropped: 1,
        };
        assert_eq!(counted, expected);
    }
}
