//! From a segment's flags to the states of both sides, and from those to Zeek's `conn_state`.

use super::{Attempt, Endpoint, Patience, State, TcpFlow};
use crate::net::Side;
use crate::observe::ConnState;
use crate::packet::{Tcp, TcpFlags};
use crate::time::Timestamp;
use crate::weird::{Weird, Weirds};

impl TcpFlow {
    /// Zeek's `conn_state`; the decision table of Zeek's `conn` script.
    pub fn conn_state(&self, history: &str) -> ConnState {
        use State::{Closed, Established, Inactive, Partial, Reset, SynAckSent, SynSent};
        let [originator, responder] = &self.sides;
        let inactive = |side: &Endpoint| matches!(side.state, Inactive | Partial);
        match (originator.state, responder.state) {
            (SynSent | SynAckSent, Reset) => ConnState::Rej,
            (Reset, Reset) if originator.is_empty() && responder.is_empty() => ConnState::Rej,
            (_, Reset) if inactive(originator) => ConnState::Rstrh,
            (_, Reset) => ConnState::Rstr,
            (Reset, _) if inactive(responder) => match is_syn_then_reset(history) {
                true => ConnState::Rstos0,
                false => ConnState::Oth,
            },
            (Reset, _) => ConnState::Rsto,
            (Closed, Closed) => ConnState::Sf,
            (Closed, _) if inactive(responder) => ConnState::Sh,
            (Closed, _) => ConnState::S2,
            (_, Closed) if inactive(originator) => ConnState::Shr,
            (_, Closed) => ConnState::S3,
            (SynSent, Inactive) => ConnState::S0,
            (Established, Established) => ConnState::S1,
            _ => ConnState::Oth,
        }
    }

    pub(super) fn transition(
        &mut self,
        at: Timestamp,
        side: Side,
        tcp: &Tcp,
        len: u32,
        advanced: bool,
        weirds: &mut Weirds,
    ) {
        let peer = self.side(side.peer()).state;
        match self.side(side).state {
            State::Inactive => self.leave_inactive(at, side, tcp, peer, weirds),
            State::SynSent | State::SynAckSent => {
                self.note_opening(side, tcp, weirds);
                self.resynchronise(side, tcp, weirds);
                let syn = tcp.flags.syn;
                self.attempt = self.attempt.map(|attempt| attempt.continued(at, syn));
                if len > 0 && !tcp.flags.syn && !tcp.flags.rst {
                    weirds.push(Weird::DataBeforeEstablished);
                }
                self.close(side, tcp);
            }
            State::Established | State::Partial => {
                if tcp.flags.syn && !self.side(side).is_empty() {
                    weirds.push(Weird::SynInsideConnection);
                }
                let partial = self.side(side).state == State::Partial;
                if partial && peer == State::Inactive && tcp.flags.syn && !tcp.flags.ack {
                    weirds.push(Weird::SynAfterPartial);
                }
                self.resynchronise(side, tcp, weirds);
                self.close(side, tcp);
            }
            State::Closed => {
                if tcp.flags.syn {
                    weirds.push(Weird::SynAfterClose);
                }
                if tcp.flags.fin && advanced {
                    weirds.push(Weird::FinAdvancedLastSeq);
                }
                // A FIN exchange that was seen stays one; only an open peer makes it a reset.
                if tcp.flags.rst && peer != State::Closed {
                    self.side_mut(side).enter(State::Reset);
                }
            }
            State::Reset => {
                if tcp.flags.syn {
                    weirds.push(Weird::SynAfterReset);
                } else if tcp.flags.fin {
                    weirds.push(Weird::FinAfterReset);
                } else if len > 0 && !tcp.flags.rst {
                    weirds.push(Weird::DataAfterReset);
                }
            }
        }
        let ended = |side: &Endpoint| side.state == State::Closed;
        let reset = self.sides.iter().any(|side| side.state == State::Reset);
        if reset || self.sides.iter().all(ended) {
            let repeats = tcp.flags.fin || len > 0;
            self.closed = match self.closed {
                Some(closed) if repeats => Some(closed.repeated(at)),
                Some(closed) => Some(closed),
                None => Some(Patience::since(at)),
            };
        }
    }

    /// A side that has sent its SYN, and nothing more that counts, goes on.
    fn note_opening(&self, side: Side, tcp: &Tcp, weirds: &mut Weirds) {
        let TcpFlags { syn, ack, fin, .. } = tcp.flags;
        let (state, peer) = (self.side(side).state, self.side(side.peer()).state);
        if syn && ack && side == Side::Originator && state != State::SynAckSent {
            weirds.push(Weird::RepeatedSynWithAck);
        }
        if syn && !ack && side == Side::Responder && state == State::SynAckSent {
            weirds.push(Weird::RepeatedSynReplyWithoutAck);
        }
        if fin && matches!(peer, State::Inactive | State::SynSent) {
            weirds.push(Weird::InappropriateFin);
        }
    }

    fn leave_inactive(
        &mut self,
        at: Timestamp,
        side: Side,
        tcp: &Tcp,
        peer: State,
        weirds: &mut Weirds,
    ) {
        let TcpFlags {
            syn, ack, fin, rst, ..
        } = tcp.flags;
        match side {
            Side::Originator if syn && ack && peer != State::SynSent => {
                weirds.push(Weird::OriginatorSynAck);
            }
            Side::Responder if syn && ack && peer == State::Inactive => {
                weirds.push(Weird::UnsolicitedSynResponse);
            }
            _ if syn && !ack && peer == State::SynSent => weirds.push(Weird::SimultaneousOpen),
            _ => {}
        }
        let next = match (syn, ack) {
            (true, true) if peer == State::SynSent => {
                self.side_mut(side.peer()).enter(State::Established);
                State::Established
            }
            (true, true) => State::SynAckSent,
            (true, false) if matches!(peer, State::SynAckSent | State::SynSent) => {
                self.side_mut(side.peer()).enter(State::Established);
                State::Established
            }
            (true, false) => {
                self.attempt = Some(Attempt::since(at));
                State::SynSent
            }
            (false, _) if peer == State::SynAckSent => {
                self.side_mut(side.peer()).enter(State::Established);
                State::Established
            }
            (false, _) => State::Partial,
        };
        if rst {
            if !syn && peer == State::Inactive {
                weirds.push(Weird::SpontaneousRst);
            }
            self.side_mut(side).enter(State::Reset);
        } else if fin {
            if !syn && peer != State::Partial {
                weirds.push(Weird::SpontaneousFin);
            }
            self.side_mut(side).enter(State::Closed);
        } else {
            self.side_mut(side).enter(next);
        }
    }

    /// A SYN with another sequence number before any payload: the side begins anew.
    fn resynchronise(&mut self, side: Side, tcp: &Tcp, weirds: &mut Weirds) {
        let endpoint = self.side_mut(side);
        if tcp.flags.syn && endpoint.start != Some(tcp.seq) {
            weirds.push(Weird::SynSeqJump);
            if endpoint.is_empty() {
                endpoint.begin(tcp.seq);
                endpoint.last = 1;
            }
        }
    }

    fn close(&mut self, side: Side, tcp: &Tcp) {
        if tcp.flags.rst {
            self.side_mut(side).enter(State::Reset);
        } else if tcp.flags.fin {
            self.side_mut(side).enter(State::Closed);
        }
    }
}

/// `S`, no letter of `HAFGIQ`, then `R`: the originator gave up before anyone answered.
fn is_syn_then_reset(history: &str) -> bool {
    let letters = history.strip_prefix('^').unwrap_or(history);
    let Some(rest) = letters.strip_prefix('S') else {
        return false;
    };
    match rest.find('R') {
        Some(end) => !rest[..end].contains(['H', 'A', 'F', 'G', 'I', 'Q']),
        None => false,
    }
}
