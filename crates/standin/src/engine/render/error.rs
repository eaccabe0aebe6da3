//! Why a document could not be rendered.

use std::fmt;

/// Why a document could not be rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderError {
    /// What is wrong, for a person.
    pub message: String,
    /// A stable name for the kind of error, where one is documented.
    pub code: Option<&'static str>,
    /// Where in the definition: `document.children[0].children[2].src`.
    pub path: Option<String>,
}

impl RenderError {
    pub(crate) fn at(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { message: message.into(), code: None, path: Some(path.into()) }
    }
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{} (at {path})", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for RenderError {}
