//! From observations to weighed evidence and alerts.
