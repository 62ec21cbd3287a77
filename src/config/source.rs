//! From a place in a configuration file to its line.

use super::{ConfigError, SPAN_MAX};
use crate::time::Span;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// The text that a configuration was read from; empty where there was none.
#[derive(Clone, Debug, Default)]
pub struct Source {
    path: PathBuf,
    text: String,
}

/// Two configurations are equal when they say the same, wherever it is written.
impl PartialEq for Source {
    fn eq(&self, _: &Source) -> bool {
        true
    }
}

impl Source {
    pub fn new(path: &Path, text: String) -> Source {
        Source {
            path: path.to_owned(),
            text,
        }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    /// The error `message` about what is written at `span`.
    pub fn invalid(&self, span: Option<Range<usize>>, message: String) -> ConfigError {
        let before = span.and_then(|span| self.text.as_bytes().get(..span.start));
        let place = match before.filter(|_| !self.text.is_empty()) {
            Some(before) => {
                let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
                format!("{}:{line}", self.path.display())
            }
            None => self.path.display().to_string(),
        };
        ConfigError::Invalid { place, message }
    }

    /// The span of `seconds`, above nothing and up to a year.
    pub fn seconds(&self, seconds: &Spanned<f64>) -> Result<Span, ConfigError> {
        let value = *seconds.get_ref();
        if value > 0.0 && value <= SPAN_MAX.as_secs_f64() {
            return Ok(Span::from_nanos((value * 1e9).round() as i64));
        }
        let message = format!("{value} s is out of range: above 0 and at most a year");
        Err(self.invalid(Some(seconds.span()), message))
    }
}
