//! From a hostile row to as much of it as is written.
//!
//! Cuts strings at a byte and lists at an element; what a format makes of them comes after, so
//! escaping may still multiply a string by four (TSV) or six (JSON).

use crate::record::{Bounds, List, Value};

/// What is left of a row's bounds.
pub(super) struct Cut {
    bounds: Bounds,
    bytes_left: usize,
    elements_left: usize,
}

impl Cut {
    /// Nothing of `bounds` is used up yet.
    pub(super) fn new(bounds: Bounds) -> Cut {
        Cut {
            bounds,
            bytes_left: bounds.row_bytes_max,
            elements_left: bounds.row_elements_max,
        }
    }

    /// As much of `text` as may be written.
    pub(super) fn text<'a>(&mut self, text: &'a [u8]) -> &'a [u8] {
        let len = text
            .len()
            .min(self.bounds.text_bytes_max)
            .min(self.bytes_left);
        self.bytes_left -= len;
        text.get(..len).unwrap_or_default()
    }

    /// As many elements of `list` as may be written; each is still to be cut by itself.
    pub(super) fn elements<'a>(
        &mut self,
        list: List<'a>,
    ) -> impl Iterator<Item = Value<'a>> + use<'a> {
        let len = list
            .len()
            .min(self.bounds.elements_max)
            .min(self.elements_left);
        self.elements_left -= len;
        list.elements().take(len)
    }
}
