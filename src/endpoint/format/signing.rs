//! From what macOS agents say of a program's code signature to who signed it.
//!
//! Verifies nothing: the kernel did. Constant.

use super::json::Json;
use crate::endpoint::report::{Signature, SignatureState};

/// Flags of a code directory (XNU, `cs_blobs.h`).
const VALID: u32 = 1;
const AD_HOC: u32 = 2;
const SIGNED: u32 = 0x2000_0000;

/// What the kernel's flags say.
pub(super) fn state(flags: Option<u32>) -> SignatureState {
    match flags {
        None => SignatureState::Unknown,
        Some(flags) if flags & (SIGNED | AD_HOC) == 0 => SignatureState::Unsigned,
        Some(flags) if flags & VALID == 0 => SignatureState::Broken,
        Some(flags) if flags & AD_HOC != 0 => SignatureState::AdHoc,
        Some(_) => SignatureState::Signed,
    }
}

/// The signature of a macOS program; none where nothing is said of it.
pub(super) fn signature(
    state: SignatureState,
    [signing_id, team_id, platform]: [Json<'_>; 3],
    cdhash: Option<Box<str>>,
) -> Option<Signature> {
    let named = team_id.text().is_some() || platform.flag() == Some(true);
    let signature = Signature {
        // An agent that leaves the flags out has checked the signature that it names.
        state: match state {
            SignatureState::Unknown if named => SignatureState::Signed,
            _ => state,
        },
        signing_id: signing_id.name(),
        team_id: team_id.name(),
        platform: platform.flag().unwrap_or(false),
        cdhash,
    };
    (signature != Signature::default()).then_some(signature)
}

/// Bytes of a cdhash.
pub(super) const CDHASH_BYTES: usize = 20;
