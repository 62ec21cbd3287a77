//! From what is wrong with a DNS message to the weird that says so.

use crate::inspect::Found;
use crate::weird::Weird;

/// What is wrong with a message; the details are Zeek's names where Zeek has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Fewer than the header's twelve bytes.
    HeaderShort,
    /// More questions than any resolver asks: no DNS.
    QuestionsTooMany,
    /// The message ends within a question.
    QuestionShort,
    /// The message ends within the fixed part of a record.
    RecordShort,
    /// A record claims more data than the message has.
    DataShort,
    /// A name runs past the bytes that it may use.
    NamePastEnd,
    /// A compression pointer that does not point before all it came from.
    PointerForward,
    /// More compression pointers in a name than [`super::domain::HOPS_MAX`].
    PointersTooMany,
    /// A label length with a reserved type (RFC 6891, 5).
    LabelType,
    /// More than 255 bytes (RFC 1035, 2.3.4).
    NameTooLong,
    /// The message's names cost more than its length accounts for.
    NamesTooCostly,
    /// The data of a record does not have the form of its type.
    DataForm,
    /// A string of a TXT record runs past the record.
    TextPastEnd,
    /// An SVCB or HTTPS record's parts do not add up.
    ServiceBinding,
    /// An EDNS option runs past its record.
    EdnsOption,
}

impl Fault {
    /// What to say beside the weird's name.
    pub(super) fn detail(self) -> &'static str {
        match self {
            Fault::HeaderShort => "DNS_truncated_len_lt_hdr_len",
            Fault::QuestionsTooMany => "DNS_Conn_count_too_large",
            Fault::QuestionShort => "DNS_truncated_quest_too_short",
            Fault::RecordShort => "DNS_truncated_ans_too_short",
            Fault::DataShort => "DNS_truncated_RR_rdlength_lt_len",
            Fault::NamePastEnd => "DNS_label_len_gt_pkt",
            Fault::PointerForward => "DNS_label_forward_compress_offset",
            Fault::PointersTooMany => "DNS_name_pointers_too_many",
            Fault::LabelType => "DNS_label_too_long",
            Fault::NameTooLong => "DNS_NAME_too_long",
            Fault::NamesTooCostly => "DNS_names_too_costly",
            Fault::DataForm => "DNS_RR_bad_length",
            Fault::TextPastEnd => "DNS_TXT_char_str_past_rdlen",
            Fault::ServiceBinding => "",
            Fault::EdnsOption => "EDNS_truncated_option",
        }
    }

    /// Whether a message that was cut short shows this fault without any fault of its sender.
    pub(super) fn is_truncation(self) -> bool {
        matches!(
            self,
            Fault::HeaderShort
                | Fault::QuestionShort
                | Fault::RecordShort
                | Fault::DataShort
                | Fault::NamePastEnd
        )
    }

    /// The weird to report.
    pub(super) fn found(self) -> Found {
        let weird = match self {
            Fault::ServiceBinding => Weird::DnsSvcbWrongLength,
            _ => Weird::DnsMalformed,
        };
        Found::Weird(weird, self.detail().into())
    }
}
