//! From the bytes of a DNS message to what `dns.log` wants of it.
//!
//! Walks the records itself, so that a record it does not know, or a message that is cut short,
//! costs only what cannot be read. Keeps the last question, at most [`ANSWERS_MAX`] answers and
//! [`BINDINGS_MAX`] service bindings, and of the other sections no more than EDNS says.

use super::Dialect;
use super::domain::{Name, Names};
use super::fault::Fault;
use super::names::qtype_name;
use super::rdata::{self, Data, Said, format_bytes};
use super::wire::Reader;
use crate::observe::ServiceBinding;
use bstr::BString;
use std::net::IpAddr;

/// Answers kept of one message: what a log keeps of a vector.
const ANSWERS_MAX: usize = 100;

/// Service bindings kept of one message; the largest CDNs send two.
const BINDINGS_MAX: usize = 16;

/// Announced addresses kept of one message; a host has a few.
const ANNOUNCED_MAX: usize = 16;

/// Questions of one message; more is no DNS (Zeek's `dns_max_queries`).
const QUESTIONS_MAX: u16 = 25;

/// Operation code of a dynamic update (RFC 2136, 1.3).
const UPDATE: u8 = 5;

/// Class NONE (RFC 2136, 1.3) and ANY.
const NONE: u16 = 254;
const ANY: u16 = 255;

/// The first twelve bytes (RFC 1035, 4.1.1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) id: u16,
    pub(super) reply: bool,
    pub(super) opcode: u8,
    pub(super) aa: bool,
    pub(super) tc: bool,
    pub(super) rd: bool,
    pub(super) ra: bool,
    /// The reserved bits, of which two have become AD and CD.
    pub(super) z: u8,
    pub(super) rcode: u8,
    pub(super) questions: u16,
    /// Claimed records of the three sections behind the questions.
    pub(super) records: [u16; 3],
}

impl Header {
    /// The header of `message`; none where it is too short for one.
    pub(super) fn read(message: &[u8]) -> Option<Header> {
        let mut bytes = *message.first_chunk::<12>()?;
        let z = bytes[3] >> 4 & 7;
        // The parser takes no message with the bit that is still reserved.
        bytes[3] &= !0x40;
        let header = dns_parser::Header::parse(&bytes).ok()?;
        let opcode: u16 = header.opcode.into();
        Some(Header {
            id: header.id,
            reply: !header.query,
            opcode: (opcode & 15) as u8,
            aa: header.authoritative,
            tc: header.truncated,
            rd: header.recursion_desired,
            ra: header.recursion_available,
            z,
            rcode: header.response_code.into(),
            questions: header.questions,
            records: [header.answers, header.nameservers, header.additional],
        })
    }

    /// Whether no DNS message has such a header.
    pub(super) fn is_absurd(&self) -> bool {
        self.questions > QUESTIONS_MAX
    }
}

/// A question (RFC 1035, 4.1.2).
#[derive(Debug)]
pub(super) struct Question {
    pub(super) name: BString,
    pub(super) qtype: u16,
    pub(super) qclass: u16,
}

/// What a message says.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) header: Header,
    /// The last question: Zeek lets each replace the one before it.
    pub(super) question: Option<Question>,
    /// Whether it is a dynamic update (RFC 2136), whose sections have other meanings.
    pub(super) update: bool,
    /// Owner of the first record that counts as an answer, where there is one.
    pub(super) owner: Option<BString>,
    pub(super) answers: Vec<BString>,
    pub(super) ttls: Vec<u32>,
    pub(super) addresses: Vec<(IpAddr, u32)>,
    pub(super) bindings: Vec<ServiceBinding>,
    /// Addresses that a multicast answer announces, of all its sections.
    pub(super) announced: Vec<(BString, IpAddr)>,
    /// The upper eight bits of the response code (RFC 6891, 6.1.3).
    pub(super) extended_rcode: u8,
    /// Whether all questions were read.
    pub(super) questions_whole: bool,
    /// Whether the questions and answers are without fault.
    pub(super) answers_whole: bool,
    /// The first thing wrong with it.
    pub(super) fault: Option<Fault>,
}

/// A record (RFC 1035, 4.1.3).
struct Record<'a> {
    owner: Name<'a>,
    class: u16,
    ttl: u32,
    data: Data<'a>,
}

/// What the records of a section are to Zeek.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Answer,
    Prerequisite,
    Update,
    /// Authority and additional records, which no log shows.
    Other,
}

/// Reads `bytes` as far as they go; none where they are too short for a header.
pub(super) fn read(bytes: &[u8], dialect: Dialect) -> Option<Message> {
    let header = Header::read(bytes)?;
    let update = header.opcode == UPDATE && !dialect.netbios;
    let message = Message {
        header,
        question: None,
        update,
        owner: None,
        answers: Vec::new(),
        ttls: Vec::new(),
        addresses: Vec::new(),
        bindings: Vec::new(),
        announced: Vec::new(),
        extended_rcode: 0,
        questions_whole: false,
        answers_whole: false,
        fault: None,
    };
    let names = Names::new(bytes, dialect.netbios);
    let mut walk = Walk {
        names,
        at: 12,
        dialect,
        message,
    };
    if let Err(fault) = walk.sections() {
        walk.message.fault.get_or_insert(fault);
    }
    Some(walk.message)
}

/// A message on its way to being read.
struct Walk<'a> {
    names: Names<'a>,
    /// Offset of what is read next.
    at: usize,
    dialect: Dialect,
    message: Message,
}

impl<'a> Walk<'a> {
    /// Reads everything behind the header; an error is where the walk cannot go on.
    fn sections(&mut self) -> Result<(), Fault> {
        let header = self.message.header;
        if header.is_absurd() {
            return Err(Fault::QuestionsTooMany);
        }
        for _ in 0..header.questions {
            self.question()?;
        }
        self.message.questions_whole = true;
        let sections = match self.message.update {
            true => [Section::Prerequisite, Section::Update, Section::Other],
            false => [Section::Answer, Section::Other, Section::Other],
        };
        for (index, (section, count)) in sections.into_iter().zip(header.records).enumerate() {
            for _ in 0..count {
                let record = self.record()?;
                if let Err(fault) = self.take(section, &record) {
                    self.message.fault.get_or_insert(fault);
                }
            }
            if index == 0 {
                self.message.answers_whole = self.message.fault.is_none();
            }
        }
        Ok(())
    }

    /// Reads the next question.
    fn question(&mut self) -> Result<(), Fault> {
        let bytes = self.names.message();
        let name = self.names.read(self.at, bytes.len())?;
        let mut reader = Reader::new(bytes.get(name.end..).unwrap_or_default());
        let (qtype, qclass) = reader.u16().zip(reader.u16()).ok_or(Fault::QuestionShort)?;
        self.at = name.end.saturating_add(4);
        self.message.question = Some(Question {
            name: name.text(),
            qtype,
            qclass,
        });
        Ok(())
    }

    /// Reads the next record up to its end, whatever its type.
    fn record(&mut self) -> Result<Record<'a>, Fault> {
        let bytes = self.names.message();
        let owner = self.names.read(self.at, bytes.len())?;
        let mut reader = Reader::new(bytes.get(owner.end..).unwrap_or_default());
        let kind = reader.u16().zip(reader.u16());
        let rest = reader.u32().zip(reader.u16());
        let ((rtype, class), (ttl, length)) = kind.zip(rest).ok_or(Fault::RecordShort)?;
        let start = owner.end.saturating_add(10);
        let end = start.saturating_add(usize::from(length));
        let data = bytes.get(start..end).ok_or(Fault::DataShort)?;
        self.at = end;
        let netbios = self.dialect.netbios;
        Ok(Record {
            owner,
            class,
            ttl,
            data: Data {
                rtype,
                start,
                end,
                bytes: data,
                netbios,
            },
        })
    }

    /// Takes what `dns.log` wants of a record.
    fn take(&mut self, section: Section, record: &Record<'a>) -> Result<(), Fault> {
        if record.data.rtype == 41 && section == Section::Other {
            self.message.extended_rcode = (record.ttl >> 24) as u8;
            return options(record.data.bytes);
        }
        self.announce(record);
        if section == Section::Other || !self.message.header.reply {
            // What an inquirer claims is no answer.
            return Ok(());
        }
        let service_binding = matches!(record.data.rtype, 64 | 65);
        if self.message.answers.len() >= ANSWERS_MAX
            || service_binding && self.message.bindings.len() >= BINDINGS_MAX
        {
            // Texts that nobody keeps are not made: names are cheap to pass over, not to print.
            return Ok(());
        }
        if let Some(text) = update_text(section, record) {
            self.answer(record, Some(text));
            return Ok(());
        }
        let said = rdata::read(&mut self.names, record.data, || record.owner.text())?;
        match said {
            Said::Nothing => {}
            Said::Silence => self.answer(record, None),
            Said::Text(text) => {
                let text = (!text.is_empty()).then_some(text);
                self.answer(record, text.map(|text| added(section, text)));
            }
            Said::Address(address) => {
                let mut text: BString = address.to_string().into();
                if self.message.update {
                    let kind = qtype_name(record.data.rtype);
                    let owner = record.owner.text();
                    text = format_bytes(&[kind.as_bytes(), b" ", &owner, b" ", &text]);
                } else {
                    self.message.addresses.push((address, record.ttl));
                }
                self.answer(record, Some(added(section, text)));
            }
            Said::Binding(binding) => self.message.bindings.push(binding),
        }
        Ok(())
    }

    /// Keeps the address of a host that tells everybody.
    fn announce(&mut self, record: &Record<'_>) {
        let listens = self.dialect.multicast && self.message.header.reply;
        if !listens || self.message.announced.len() >= ANNOUNCED_MAX {
            return;
        }
        let addr = match record.data.rtype {
            1 => <[u8; 4]>::try_from(record.data.bytes)
                .ok()
                .map(IpAddr::from),
            28 => <[u8; 16]>::try_from(record.data.bytes)
                .ok()
                .map(IpAddr::from),
            _ => None,
        };
        if let Some(addr) = addr {
            self.message.announced.push((record.owner.text(), addr));
        }
    }

    /// Counts a record as an answer, and keeps its text.
    fn answer(&mut self, record: &Record<'_>, text: Option<BString>) {
        self.message
            .owner
            .get_or_insert_with(|| record.owner.text());
        if let Some(text) = text {
            self.message.answers.push(text);
            self.message.ttls.push(record.ttl);
        }
    }
}

/// Marks what a dynamic update adds.
fn added(section: Section, text: BString) -> BString {
    match section {
        Section::Update => format_bytes(&[b"add: ", &text]),
        _ => text,
    }
}

/// What a prerequisite asks for (RFC 2136, 2.4) or an update deletes (2.5), in Zeek's words; none
/// for records that are read as answers are.
fn update_text(section: Section, record: &Record<'_>) -> Option<BString> {
    if !matches!(section, Section::Prerequisite | Section::Update) {
        return None;
    }
    let name = record.owner.text();
    let kind = qtype_name(record.data.rtype);
    let kind = kind.as_bytes();
    let any_type = record.data.rtype == ANY;
    let text = match (section, record.class) {
        (Section::Prerequisite, NONE) if any_type => format_bytes(&[b"pre: NameNotInUse ", &name]),
        (Section::Prerequisite, ANY) if any_type => format_bytes(&[b"pre: NameInUse ", &name]),
        (Section::Prerequisite, NONE) => format_bytes(&[b"pre: NoRRSet ", kind, b" ", &name]),
        (Section::Prerequisite, _) => format_bytes(&[b"pre: RRSetExists ", kind, b" ", &name]),
        (Section::Update, ANY) if any_type => format_bytes(&[b"del: RRSet * ", &name]),
        (Section::Update, NONE) => format_bytes(&[b"del: RR ", kind, b" ", &name]),
        (Section::Update, ANY) => format_bytes(&[b"del: RRSet ", kind]),
        _ => return None,
    };
    Some(text)
}

/// Walks the options of an EDNS record (RFC 6891, 6.1.2), of which none is kept.
fn options(data: &[u8]) -> Result<(), Fault> {
    let mut reader = Reader::new(data);
    while !reader.is_empty() {
        let length = reader
            .u16()
            .and_then(|_| reader.u16())
            .ok_or(Fault::EdnsOption)?;
        reader.take(usize::from(length)).ok_or(Fault::EdnsOption)?;
    }
    Ok(())
}
