//! From TLS streams to sessions and certificates.
