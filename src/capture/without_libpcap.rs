//! From requests that need libpcap to an error that says so, where the feature `libpcap` is off.

use super::{CaptureError, LiveStats, Next};
use crate::packet::frame::Frame;

/// A filter, of which there is none without libpcap.
#[derive(Debug)]
pub enum Filter {}

impl Filter {
    /// Cannot compile an expression.
    ///
    /// # Errors
    /// Always [`CaptureError::NotBuilt`].
    pub fn compile(_expression: &str) -> Result<Filter, CaptureError> {
        Err(CaptureError::NotBuilt { what: "a filter" })
    }

    /// Whether a frame passes.
    pub fn matches(&mut self, _frame: &Frame<'_>) -> bool {
        match *self {}
    }
}

/// A live capture, of which there is none without libpcap.
#[derive(Debug)]
pub enum Live {}

impl Live {
    /// Cannot open an interface.
    ///
    /// # Errors
    /// Always [`CaptureError::NotBuilt`].
    pub fn open(
        _interface: &str,
        _filter: Option<&str>,
        _snaplen: u32,
        _buffer_bytes: u32,
    ) -> Result<Live, CaptureError> {
        Err(CaptureError::NotBuilt {
            what: "live capture",
        })
    }

    /// The next frame.
    ///
    /// # Errors
    /// None: there is no such value.
    pub fn next_frame(&mut self) -> Result<Next<'_>, CaptureError> {
        match *self {}
    }

    /// What was counted.
    ///
    /// # Errors
    /// None: there is no such value.
    pub fn stats(&mut self) -> Result<LiveStats, CaptureError> {
        match *self {}
    }
}
