//! From hellos and flow keys to fingerprints.
