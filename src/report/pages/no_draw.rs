//! Replaces `draw` in a program that is built without the feature `page-images`: the run records that there
//! are no images, and why.

use crate::report::pages::raster::{DrawnPages, Raster};

/// Completes a sentence that begins with the document.
const NOT_BUILT_IN: &str = "is not drawn: the program that made this run was built without the feature \"page-images\" (on by default)";

/// The first pages of a document.
///
/// # Errors
/// Always: this program cannot draw.
pub fn pages(_: Vec<u8>) -> Result<DrawnPages, String> {
    Err(NOT_BUILT_IN.to_owned())
}

/// A picture as PNG.
///
/// # Errors
/// Always: this program cannot draw.
pub fn png(_: &Raster) -> Result<Vec<u8>, String> {
    Err(NOT_BUILT_IN.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_names_the_feature() {
        assert!(pages(Vec::new()).is_err_and(|why| why.contains("\"page-images\"")));
    }
}
