//! From a segment to what is odd about it alone: flags, options, numbers, window.
//!
//! It changes no state that other parts read; what is odd about the order of segments is for
//! `states`.

use super::{JUMP_MAX, State, TcpFlow};
use crate::net::Side;
use crate::packet::Tcp;
use crate::weird::{Weird, Weirds};
use serde::{Deserialize, Serialize};

/// The largest shift of a window (RFC 7323 section 2.3).
const SCALE_MAX: u8 = 14;

/// What a side last said that it would take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Window {
    scale: u8,
    /// Its segment's sequence and acknowledgement number, and the window in bytes.
    offered: Option<(u32, u32, u32)>,
}

impl Window {
    /// Takes a segment's window; says whether it takes back what was offered before.
    fn note(&mut self, tcp: &Tcp) -> bool {
        if tcp.flags.syn {
            self.scale = tcp.scale.unwrap_or(0).min(SCALE_MAX);
            return false;
        }
        if tcp.flags.rst || !tcp.flags.ack {
            return false;
        }
        let window = u32::from(tcp.window) << self.scale;
        let Some((seq, ack, before)) = self.offered.replace((tcp.seq, tcp.ack, window)) else {
            return false;
        };
        let newer = |now: u32, then: u32| now.wrapping_sub(then) as i32 >= 0;
        if !newer(tcp.seq, seq) || !newer(tcp.ack, ack) {
            self.offered = Some((seq, ack, before));
            return false;
        }
        let edge = tcp.ack.wrapping_add(window);
        let advance = i64::from(edge.wrapping_sub(ack.wrapping_add(before)) as i32);
        // A scaled window is told in steps: less than one is no recision.
        let slop = if self.scale == 0 { 0 } else { 1 << self.scale };
        advance + slop < 0
    }
}

impl TcpFlow {
    pub(super) fn note_oddities(
        &mut self,
        side: Side,
        tcp: &Tcp,
        len: u32,
        relative: i64,
        weirds: &mut Weirds,
    ) {
        let flags = tcp.flags;
        if flags.syn {
            note_syn(tcp, len, weirds);
        }
        let (state, peer) = (self.side(side).state, self.side(side.peer()));
        if relative < 0 && !flags.rst && !flags.syn {
            weirds.push(Weird::TcpSeqUnderflow);
        }
        if flags.ack && !flags.rst && !flags.syn {
            if peer.state == State::Inactive && !flags.fin {
                if matches!(
                    state,
                    State::SynSent | State::SynAckSent | State::Established
                ) {
                    weirds.push(Weird::PossibleSplitRouting);
                }
            } else if peer.start.is_some() && peer.relative(tcp.ack) < 0 {
                weirds.push(Weird::TcpAckUnderflow);
            }
        }
        if self.side_mut(side).window.note(tcp) {
            weirds.push(Weird::WindowRecision);
        }
    }

    /// Whether a RST lies so far from all that its side sent that its receiver would not take it
    /// (RFC 5961 section 3.2), while the flow is open. A sequence number of 0 is a sloppy sender's,
    /// and is believed.
    pub(super) fn is_blind_reset(&self, side: Side, tcp: &Tcp, relative: i64) -> bool {
        let endpoint = self.side(side);
        let open = |state| matches!(state, State::Established);
        tcp.flags.rst
            && tcp.seq != 0
            && open(endpoint.state)
            && open(self.side(side.peer()).state)
            && (relative - endpoint.last as i64).abs() > JUMP_MAX
    }
}

fn note_syn(tcp: &Tcp, len: u32, weirds: &mut Weirds) {
    if tcp.flags.rst {
        weirds.push(Weird::Christmas);
    }
    if tcp.flags.urg {
        weirds.push(Weird::BaroqueSyn);
    }
    if len > 0 {
        weirds.push(Weird::SynWithData);
    }
    if tcp.bad_options {
        weirds.push(Weird::CorruptTcpOptions);
    }
    if let Some(scale) = tcp.scale.filter(|scale| *scale > SCALE_MAX) {
        weirds.push_with(Weird::TcpScaleRange, scale.to_string());
    }
}
