//! From DNS messages to transactions.
