//! What the listener answers to bytes of a connection, without a socket.

use std::net::IpAddr;
use tapir::intake::Intake;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex, split};

/// Who is at the other end: where, and name and serial number of its certificate.
pub type Peer = (IpAddr, Option<(String, String)>);

/// Says `bytes`, and gives all that is answered.
pub async fn exchange(intake: &Intake, bytes: &[u8], (addr, certificate): Peer) -> Vec<u8> {
    let (mine, theirs) = duplex(64 << 10);
    let (mut answers, mut questions) = split(mine);
    let say = async {
        // Who is answered early may be heard no further.
        let _ = questions.write_all(bytes).await;
        let _ = questions.shutdown().await;
    };
    let answer = async {
        let _ = intake.answer(theirs, addr, certificate).await;
    };
    let mut said = Vec::new();
    let hear = async {
        let _ = answers.read_to_end(&mut said).await;
    };
    tokio::join!(say, answer, hear);
    said
}
