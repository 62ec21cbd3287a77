//! From a line to the cells of the columns that are wanted, whatever the line is written in.

use super::header::Header;
use super::{Kind, json};
use crate::record;
use bstr::{BString, ByteSlice};

/// Columns of a log that are looked at.
pub const COLUMNS: usize = 1024;
/// Elements of a set or vector that are read: what Zeek writes of a certificate's names.
const ELEMENTS_MAX: usize = 500;

/// What a row says in a column.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Cell {
    /// Nothing.
    #[default]
    Unset,
    /// Text as TSV writes it: with escapes, and a list in one.
    Raw(Vec<u8>),
    /// Text.
    Text(Vec<u8>),
    /// A list.
    List(Vec<Vec<u8>>),
}

/// The cells of the wanted columns of one row, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cells {
    cells: Vec<Cell>,
    set_separator: Vec<u8>,
    empty: Vec<u8>,
}

impl Cells {
    /// The cells of a row of TSV.
    pub fn of_tsv(kind: Kind, header: &Header, line: &[u8]) -> Result<Cells, String> {
        let Some(slots) = &header.slots else {
            return Err("no usable #fields line is before it".into());
        };
        let mut cells = vec![Cell::Unset; kind.wanted().len()];
        let mut values = 0;
        for (index, value) in split(line, &header.separator).enumerate() {
            values = index + 1;
            let slot = slots.get(index).copied().flatten();
            if let Some(cell) = slot.and_then(|slot| cells.get_mut(slot))
                && value != header.unset
            {
                *cell = Cell::Raw(value.to_vec());
            }
        }
        if values != slots.len() {
            return Err(format!("{values} values for {} columns", slots.len()));
        }
        Ok(Cells {
            cells,
            set_separator: header.set_separator.clone(),
            empty: header.empty.clone(),
        })
    }

    /// The cells of a row of JSON, and the keys that are not known.
    pub fn of_json(kind: Kind, line: &[u8]) -> Result<(Cells, Vec<String>), String> {
        let (cells, unknown) = json::cells(kind, line)?;
        let cells = Cells {
            cells,
            ..Cells::default()
        };
        Ok((cells, unknown))
    }

    /// The text of a column; none where it is unset.
    pub fn text(&self, slot: usize) -> Option<BString> {
        match self.cells.get(slot)? {
            Cell::Unset => None,
            Cell::Raw(raw) if *raw == self.empty => Some(BString::default()),
            Cell::Raw(raw) => Some(unescape(raw).into()),
            Cell::Text(text) => Some(text.as_slice().into()),
            Cell::List(list) => Some(list.first()?.as_slice().into()),
        }
    }

    /// The elements of a column; none where it is unset.
    pub fn list(&self, slot: usize) -> Option<Vec<BString>> {
        Some(match self.cells.get(slot)? {
            Cell::Unset => return None,
            Cell::Raw(raw) if *raw == self.empty => Vec::new(),
            Cell::Raw(raw) => {
                let elements = split(raw, &self.set_separator).take(ELEMENTS_MAX);
                elements.map(|element| unescape(element).into()).collect()
            }
            Cell::Text(text) => vec![text.as_slice().into()],
            Cell::List(list) => {
                let elements = list.iter().take(ELEMENTS_MAX);
                elements.map(|element| element.as_slice().into()).collect()
            }
        })
    }
}

impl Kind {
    /// Which wanted column `name` is.
    pub fn slot(self, name: &[u8]) -> Option<usize> {
        let is = |wanted: &&str| {
            let wanted = wanted.as_bytes();
            // Exports that allow no dots in names write `id_orig_h`.
            let same = |(a, b): (&u8, &u8)| a == b || (*a == b'.' && *b == b'_');
            wanted.len() == name.len() && wanted.iter().zip(name).all(same)
        };
        self.wanted().iter().position(is)
    }

    /// Whether Zeek, its usual scripts, or we write such a column: it is left unread in silence.
    pub fn knows(self, name: &[u8]) -> bool {
        let schema = match self {
            Kind::X509 => &record::x509::SCHEMA,
            Kind::Dns => &record::dns::SCHEMA,
            Kind::Quic => &record::quic::SCHEMA,
            Kind::Ssl => &record::ssl::SCHEMA,
            Kind::Http => &record::http::SCHEMA,
            Kind::Profile => &record::profile::SCHEMA,
            Kind::Conn => &record::conn::SCHEMA,
        };
        let ours = schema
            .columns
            .iter()
            .any(|column| column.name.as_bytes() == name);
        ours || self.slot(name).is_some() || USUAL.iter().any(|usual| usual.as_bytes() == name)
    }
}

/// Columns that older versions and widespread scripts of Zeek, or those who ship its logs, add.
const USUAL: &[&str] = &[
    "_node_name",
    "_path",
    "_system_name",
    "_write_ts",
    "auth_answers",
    "addl_answers",
    "cert_chain_fuids",
    "cert_chain",
    "client_cert_chain",
    "client_cert_chain_fuids",
    "client_issuer",
    "client_issuer_subject",
    "client_subject",
    "detailed-label",
    "detailed_label",
    "failed_service",
    "host_cert",
    "id",
    "issuer",
    "issuer_subject",
    "ja4",
    "ja4s",
    "ja4h",
    "ja4d",
    "ja4l",
    "ja4x",
    "ja4ssh",
    "ja4t",
    "ja4ts",
    "label",
    "logcert",
    "notary.first_seen",
    "ocsp_status",
    "orig_cc",
    "original_query",
    "post_body",
    "resp_cc",
    "speculative_service",
    "subject",
    "tunnel_parents",
    "validation_code",
    "validation_status",
];

/// `bytes` cut at each `separator`.
pub fn split<'a>(bytes: &'a [u8], separator: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let whole = separator.is_empty().then_some(bytes);
    let parts = (!separator.is_empty()).then(|| bytes.split_str(separator));
    whole.into_iter().chain(parts.into_iter().flatten())
}

/// Text without Zeek's escapes: `\xhh` is a byte, `\\` a backslash.
pub fn unescape(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let escaped = match (first, after) {
            (b'\\', [b'\\', after @ ..]) => Some((b'\\', after)),
            (b'\\', [b'x', high, low, after @ ..]) => digit(*high)
                .zip(digit(*low))
                .map(|(high, low)| (high << 4 | low, after)),
            _ => None,
        };
        let (byte, after) = escaped.unwrap_or((*first, after));
        plain.push(byte);
        rest = after;
    }
    plain
}

fn digit(byte: u8) -> Option<u8> {
    let digit = char::from(byte).to_digit(16)?;
    u8::try_from(digit).ok()
}
