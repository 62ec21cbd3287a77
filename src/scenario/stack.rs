//! From the name of a TLS client to what its hellos offer.
//!
//! Lists only. Those of curl, wget, Python, Node.js, git and Chromium are as recorded in
//! `pcaps/clients.pcap` and `pcaps/webhook.pcap`; those of Go, Firefox, Apple's URLSession and
//! Windows' Schannel are from their sources and from what their makers document, not recorded.

/// A TLS client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // The names are the programs'.
pub enum Stack {
    Curl,
    Python,
    Node,
    Go,
    Wget,
    Git,
    Chromium,
    Firefox,
    /// URLSession and Safari.
    Apple,
    /// Windows services.
    Schannel,
    /// Electron and other applications that carry Chromium's network stack without its flags.
    Electron,
}

/// What a client's hellos offer.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    pub ciphers: &'static [u16],
    /// In the order in which they are sent.
    pub extensions: &'static [u16],
    pub groups: &'static [u16],
    pub signatures: &'static [u16],
    /// Groups that the hello has keys of.
    pub shares: &'static [u16],
    pub versions: &'static [u16],
    pub point_formats: &'static [u8],
    /// GREASE (RFC 8701) among ciphers, groups, versions, shares, and as first and last extension.
    pub grease: bool,
    /// A random order of extensions in each hello.
    pub shuffled: bool,
    /// The hello is padded to 512 bytes (RFC 7685).
    pub padded: bool,
}

impl Stack {
    /// The name in truth files.
    pub fn name(self) -> &'static str {
        match self {
            Stack::Curl => "curl",
            Stack::Python => "python",
            Stack::Node => "node",
            Stack::Go => "go",
            Stack::Wget => "wget",
            Stack::Git => "git",
            Stack::Chromium => "chromium",
            Stack::Firefox => "firefox",
            Stack::Apple => "apple",
            Stack::Schannel => "schannel",
            Stack::Electron => "electron",
        }
    }

    /// Every client.
    pub const ALL: [Stack; 11] = [
        Stack::Curl,
        Stack::Python,
        Stack::Node,
        Stack::Go,
        Stack::Wget,
        Stack::Git,
        Stack::Chromium,
        Stack::Firefox,
        Stack::Apple,
        Stack::Schannel,
        Stack::Electron,
    ];

    /// What it offers.
    pub fn offer(self) -> &'static Offer {
        match self {
            Stack::Curl => &CURL,
            Stack::Python => &PYTHON,
            Stack::Node => &NODE,
            Stack::Go => &GO,
            Stack::Wget => &WGET,
            Stack::Git => &GIT,
            Stack::Chromium => &CHROMIUM,
            Stack::Firefox => &FIREFOX,
            Stack::Apple => &APPLE,
            Stack::Schannel => &SCHANNEL,
            Stack::Electron => &ELECTRON,
        }
    }
}

const OPENSSL_CIPHERS: &[u16] = &[
    0x1302, 0x1303, 0x1301, 0xc02c, 0xc030, 0x009f, 0xcca9, 0xcca8, 0xccaa, 0xc02b, 0xc02f, 0x009e,
    0xc024, 0xc028, 0x006b, 0xc023, 0xc027, 0x0067, 0xc00a, 0xc014, 0x0039, 0xc009, 0xc013, 0x0033,
    0x009d, 0x009c, 0x003d, 0x003c, 0x0035, 0x002f, 0x00ff,
];
const OPENSSL_GROUPS: &[u16] = &[
    0x001d, 0x0017, 0x001e, 0x0019, 0x0018, 0x0100, 0x0101, 0x0102, 0x0103, 0x0104,
];
const OPENSSL_SIGNATURES: &[u16] = &[
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0809, 0x080a, 0x080b, 0x0804, 0x0805, 0x0806, 0x0401,
    0x0501, 0x0601, 0x0303, 0x0301, 0x0302, 0x0402, 0x0502, 0x0602,
];
const GNUTLS_CIPHERS: &[u16] = &[
    0x1302, 0x1303, 0x1301, 0x1304, 0xc02c, 0xcca9, 0xc0ad, 0xc00a, 0xc02b, 0xc0ac, 0xc009, 0xc030,
    0xcca8, 0xc014, 0xc02f, 0xc013, 0x009d, 0xc09d, 0x0035, 0x009c, 0xc09c, 0x002f, 0x009f, 0xccaa,
    0xc09f, 0x0039, 0x009e, 0xc09e, 0x0033,
];
const GNUTLS_GROUPS: &[u16] = &[
    0x0017, 0x0018, 0x0019, 0x001d, 0x001e, 0x0100, 0x0101, 0x0102, 0x0103, 0x0104,
];
const GNUTLS_SIGNATURES: &[u16] = &[
    0x0401, 0x0809, 0x0804, 0x0403, 0x0807, 0x0501, 0x080a, 0x0805, 0x0503, 0x0808, 0x0601, 0x080b,
    0x0806, 0x0603, 0x0201, 0x0203,
];
const ALL_VERSIONS: &[u16] = &[0x0304, 0x0303, 0x0302, 0x0301];
const TWO_VERSIONS: &[u16] = &[0x0304, 0x0303];

const CURL: Offer = Offer {
    ciphers: OPENSSL_CIPHERS,
    extensions: &[0, 11, 10, 16, 22, 23, 49, 13, 43, 45, 51, 21],
    groups: OPENSSL_GROUPS,
    signatures: OPENSSL_SIGNATURES,
    shares: &[0x001d],
    versions: ALL_VERSIONS,
    point_formats: &[0, 1, 2],
    grease: false,
    shuffled: false,
    padded: true,
};
const PYTHON: Offer = Offer {
    extensions: &[0, 11, 10, 35, 16, 22, 23, 49, 13, 43, 45, 51, 21],
    ..CURL
};
const NODE: Offer = Offer {
    ciphers: &[
        0x1302, 0x1303, 0x1301, 0xc02f, 0xc02b, 0xc030, 0xc02c, 0x009e, 0xc027, 0x0067, 0xc028,
        0x006b, 0x00a3, 0x009f, 0xcca9, 0xcca8, 0xccaa, 0xc0af, 0xc0ad, 0xc0a3, 0xc09f, 0xc05d,
        0xc061, 0xc057, 0xc053, 0x00a2, 0xc0ae, 0xc0ac, 0xc0a2, 0xc09e, 0xc05c, 0xc060, 0xc056,
        0xc052, 0xc024, 0x006a, 0xc023, 0x0040, 0xc00a, 0xc014, 0x0039, 0x0038, 0xc009, 0xc013,
        0x0033, 0x0032, 0x009d, 0xc0a1, 0xc09d, 0xc051, 0x009c, 0xc0a0, 0xc09c, 0xc050, 0x003d,
        0x003c, 0x0035, 0x002f, 0x00ff,
    ],
    extensions: &[0, 11, 10, 35, 16, 22, 23, 13, 43, 45, 51],
    versions: TWO_VERSIONS,
    padded: false,
    ..CURL
};
const GO: Offer = Offer {
    ciphers: &[
        0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc009, 0xc013, 0xc00a, 0xc014, 0x1301,
        0x1302, 0x1303,
    ],
    extensions: &[0, 5, 10, 11, 13, 23, 65281, 16, 18, 43, 51],
    groups: &[0x001d, 0x0017, 0x0018, 0x0019],
    signatures: &[
        0x0804, 0x0403, 0x0807, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0503, 0x0603, 0x0201,
        0x0203,
    ],
    shares: &[0x001d],
    versions: TWO_VERSIONS,
    point_formats: &[0],
    grease: false,
    shuffled: false,
    padded: false,
};
const WGET: Offer = Offer {
    ciphers: GNUTLS_CIPHERS,
    extensions: &[5, 10, 11, 13, 35, 51, 43, 49, 65281, 0, 45, 28, 21],
    groups: GNUTLS_GROUPS,
    signatures: GNUTLS_SIGNATURES,
    shares: &[0x0017, 0x001d],
    versions: ALL_VERSIONS,
    point_formats: &[0],
    grease: false,
    shuffled: false,
    padded: true,
};
const GIT: Offer = Offer {
    extensions: &[5, 10, 11, 13, 16, 22, 23, 51, 43, 65281, 0, 28],
    padded: false,
    ..WGET
};
const CHROMIUM: Offer = Offer {
    ciphers: &[
        0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014,
        0x009c, 0x009d, 0x002f, 0x0035,
    ],
    extensions: &[
        0, 5, 10, 11, 13, 16, 18, 23, 27, 35, 43, 45, 51, 17613, 51764, 65037, 65281,
    ],
    groups: &[0x11ec, 0x001d, 0x0017, 0x0018],
    signatures: &[
        0x0904, 0x0905, 0x0906, 0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601,
    ],
    shares: &[0x11ec, 0x001d],
    versions: TWO_VERSIONS,
    point_formats: &[0],
    grease: true,
    shuffled: true,
    padded: false,
};
const ELECTRON: Offer = Offer {
    extensions: &[
        0, 5, 10, 11, 13, 16, 18, 23, 27, 35, 43, 45, 51, 17513, 65281,
    ],
    groups: &[0x001d, 0x0017, 0x0018],
    signatures: &[
        0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601,
    ],
    shares: &[0x001d],
    ..CHROMIUM
};
const FIREFOX: Offer = Offer {
    ciphers: &[
        0x1301, 0x1303, 0x1302, 0xc02b, 0xc02f, 0xcca9, 0xcca8, 0xc02c, 0xc030, 0xc00a, 0xc009,
        0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
    ],
    extensions: &[
        0, 23, 65281, 10, 11, 35, 16, 5, 34, 18, 51, 43, 13, 45, 28, 27, 65037,
    ],
    groups: &[0x11ec, 0x001d, 0x0017, 0x0018, 0x0019, 0x0100, 0x0101],
    signatures: &[
        0x0403, 0x0503, 0x0603, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601, 0x0203, 0x0201,
    ],
    shares: &[0x11ec, 0x001d, 0x0017],
    versions: TWO_VERSIONS,
    point_formats: &[0],
    grease: false,
    shuffled: false,
    padded: false,
};
const APPLE: Offer = Offer {
    ciphers: &[
        0x1301, 0x1302, 0x1303, 0xc02c, 0xc02b, 0xcca9, 0xc030, 0xc02f, 0xcca8, 0xc00a, 0xc009,
        0xc014, 0xc013, 0x009d, 0x009c, 0x0035, 0x002f, 0xc008, 0xc012, 0x000a,
    ],
    extensions: &[0, 23, 65281, 10, 11, 16, 5, 13, 18, 51, 45, 43, 27],
    groups: &[0x001d, 0x0017, 0x0018, 0x0019],
    signatures: &[
        0x0403, 0x0804, 0x0401, 0x0503, 0x0203, 0x0805, 0x0805, 0x0501, 0x0806, 0x0601, 0x0201,
    ],
    shares: &[0x001d],
    versions: ALL_VERSIONS,
    point_formats: &[0],
    grease: true,
    shuffled: false,
    padded: true,
};
const SCHANNEL: Offer = Offer {
    ciphers: &[
        0x1302, 0x1301, 0xc02c, 0xc02b, 0xc030, 0xc02f, 0xc024, 0xc023, 0xc028, 0xc027, 0xc00a,
        0xc009, 0xc014, 0xc013, 0x009d, 0x009c, 0x003d, 0x003c, 0x0035, 0x002f,
    ],
    extensions: &[0, 5, 10, 11, 35, 16, 23, 13, 43, 45, 51, 65281],
    groups: &[0x001d, 0x0017, 0x0018],
    signatures: &[
        0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0201, 0x0403, 0x0503, 0x0203, 0x0202, 0x0601,
        0x0603,
    ],
    shares: &[0x001d],
    versions: TWO_VERSIONS,
    point_formats: &[0],
    grease: false,
    shuffled: false,
    padded: false,
};
