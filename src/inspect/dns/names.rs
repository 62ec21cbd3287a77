//! From the numbers of a DNS message to the names that Zeek's `dns.log` prints for them.
//!
//! Knows no message; a number without a name is printed with its value, as Zeek does.

use std::borrow::Cow;

/// The name of a query or record type, `query-NNN` where there is none.
pub fn qtype_name(qtype: u16) -> Cow<'static, str> {
    named(TYPES, qtype, "query-")
}

/// The name of a query type in a NetBIOS name service flow (port 137), where 33 is NBSTAT
/// (RFC 1002, 4.2.1.2) and not SRV.
pub fn netbios_qtype_name(qtype: u16) -> Cow<'static, str> {
    match qtype {
        33 => Cow::Borrowed("NBSTAT"),
        _ => qtype_name(qtype),
    }
}

/// The name of a class, `qclass-NNN` where there is none.
pub fn qclass_name(qclass: u16) -> Cow<'static, str> {
    named(CLASSES, qclass, "qclass-")
}

/// The name of a response code, `rcode-NNN` where there is none.
pub fn rcode_name(rcode: u16) -> Cow<'static, str> {
    named(RCODES, rcode, "rcode-")
}

/// The name of an operation code, `opcode-NNN` where there is none.
pub fn opcode_name(opcode: u8) -> Cow<'static, str> {
    named(OPCODES, u16::from(opcode), "opcode-")
}

/// The name of an operation code in a NetBIOS name service flow (RFC 1002, 4.2.1.1),
/// `netbios-opcode-NNN` where there is none.
pub fn netbios_opcode_name(opcode: u8) -> Cow<'static, str> {
    named(NETBIOS_OPCODES, u16::from(opcode), "netbios-opcode-")
}

/// Looks `number` up in a table sorted by number.
fn named(table: &[(u16, &'static str)], number: u16, prefix: &str) -> Cow<'static, str> {
    match table.binary_search_by_key(&number, |&(key, _)| key) {
        Ok(index) => table
            .get(index)
            .map_or(Cow::Borrowed(""), |&(_, name)| Cow::Borrowed(name)),
        Err(_) => Cow::Owned(format!("{prefix}{number}")),
    }
}

/// IANA's "Resource Record (RR) TYPEs", in Zeek's spelling.
const TYPES: &[(u16, &str)] = &[
    (1, "A"),
    (2, "NS"),
    (3, "MD"),
    (4, "MF"),
    (5, "CNAME"),
    (6, "SOA"),
    (7, "MB"),
    (8, "MG"),
    (9, "MR"),
    (10, "NULL"),
    (11, "WKS"),
    (12, "PTR"),
    (13, "HINFO"),
    (14, "MINFO"),
    (15, "MX"),
    (16, "TXT"),
    (17, "RP"),
    (18, "AFSDB"),
    (19, "X25"),
    (20, "ISDN"),
    (21, "RT"),
    (22, "NSAP"),
    (23, "NSAP-PTR"),
    (24, "SIG"),
    (25, "KEY"),
    (26, "PX"),
    (27, "GPOS"),
    (28, "AAAA"),
    (29, "LOC"),
    (30, "NXT"),
    (31, "EID"),
    (32, "NIMLOC"),
    (33, "SRV"),
    (34, "ATMA"),
    (35, "NAPTR"),
    (36, "KX"),
    (37, "CERT"),
    (38, "A6"),
    (39, "DNAME"),
    (40, "SINK"),
    (41, "OPT"),
    (42, "APL"),
    (43, "DS"),
    (44, "SSHFP"),
    (45, "IPSECKEY"),
    (46, "RRSIG"),
    (47, "NSEC"),
    (48, "DNSKEY"),
    (49, "DHCID"),
    (50, "NSEC3"),
    (51, "NSEC3PARAM"),
    (52, "TLSA"),
    (53, "SMIMEA"),
    (55, "HIP"),
    (56, "NINFO"),
    (57, "RKEY"),
    (58, "TALINK"),
    (59, "CDS"),
    (60, "CDNSKEY"),
    (61, "OPENPGPKEY"),
    (62, "CSYNC"),
    (63, "ZONEMD"),
    (64, "SVCB"),
    (65, "HTTPS"),
    (99, "SPF"),
    (100, "UINFO"),
    (101, "UID"),
    (102, "GID"),
    (103, "UNSPEC"),
    (104, "NID"),
    (105, "L32"),
    (106, "L64"),
    (107, "LP"),
    (108, "EUI48"),
    (109, "EUI64"),
    (249, "TKEY"),
    (250, "TSIG"),
    (251, "IXFR"),
    (252, "AXFR"),
    (253, "MAILB"),
    (254, "MAILA"),
    (255, "*"),
    (256, "URI"),
    (257, "CAA"),
    (32768, "TA"),
    (32769, "DLV"),
    (65281, "WINS"),
    (65282, "WINS-R"),
    (65422, "XPF"),
    (65521, "INTEGRITY"),
];

/// IANA's "DNS CLASSes", in Zeek's spelling.
const CLASSES: &[(u16, &str)] = &[
    (1, "C_INTERNET"),
    (2, "C_CSNET"),
    (3, "C_CHAOS"),
    (4, "C_HESIOD"),
    (254, "C_NONE"),
    (255, "C_ANY"),
];

/// IANA's "DNS RCODEs", in Zeek's spelling; 16 is EDNS's meaning, TSIG's is 3842 there.
const RCODES: &[(u16, &str)] = &[
    (0, "NOERROR"),
    (1, "FORMERR"),
    (2, "SERVFAIL"),
    (3, "NXDOMAIN"),
    (4, "NOTIMP"),
    (5, "REFUSED"),
    (6, "YXDOMAIN"),
    (7, "YXRRSET"),
    (8, "NXRRSet"),
    (9, "NOTAUTH"),
    (10, "NOTZONE"),
    (11, "unassigned-11"),
    (12, "unassigned-12"),
    (13, "unassigned-13"),
    (14, "unassigned-14"),
    (15, "unassigned-15"),
    (16, "BADVERS"),
    (17, "BADKEY"),
    (18, "BADTIME"),
    (19, "BADMODE"),
    (20, "BADNAME"),
    (21, "BADALG"),
    (22, "BADTRUNC"),
    (23, "BADCOOKIE"),
    (3842, "BADSIG"),
];

/// IANA's "DNS OpCodes", in Zeek's spelling.
const OPCODES: &[(u16, &str)] = &[
    (0, "query"),
    (1, "iquery"),
    (2, "server-status"),
    (4, "notify"),
    (5, "dynamic-update"),
    (6, "dso"),
];

/// RFC 1002, 4.2.1.1, in Zeek's spelling.
const NETBIOS_OPCODES: &[(u16, &str)] = &[
    (0, "netbios-query"),
    (5, "netbios-registration"),
    (6, "netbios-release"),
    (7, "netbios-wack"),
    (8, "netbios-refresh"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted_so_that_every_entry_is_found() {
        for table in [TYPES, CLASSES, RCODES, OPCODES, NETBIOS_OPCODES] {
            assert!(table.windows(2).all(|pair| pair[0].0 < pair[1].0));
            for &(number, name) in table {
                assert_eq!(named(table, number, "?"), name);
            }
        }
    }

    #[test]
    fn numbers_without_a_name_show_their_value() {
        assert_eq!(qtype_name(65534), "query-65534");
        assert_eq!(qclass_name(0x8001), "qclass-32769");
        assert_eq!(rcode_name(24), "rcode-24");
        assert_eq!(opcode_name(3), "opcode-3");
        assert_eq!(netbios_opcode_name(1), "netbios-opcode-1");
    }

    #[test]
    fn type_33_is_nbstat_in_the_netbios_name_service() {
        assert_eq!(netbios_qtype_name(33), "NBSTAT");
        assert_eq!(qtype_name(33), "SRV");
        assert_eq!(netbios_qtype_name(32), "NIMLOC");
    }
}
