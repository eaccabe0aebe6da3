//! How alike a render and its known-good PDF must be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// How deep two PDFs are compared. What is the same at one depth is the same at those after it, but for *layout*
/// and *picture*, of which neither includes the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PdfDepth {
    /// The same bytes.
    Bytes,
    /// The same document: what a new run of the same writer changes does not count.
    #[default]
    Canonical,
    /// The same glyphs and pictures at the same places, half a point aside at most.
    Layout,
    /// The same picture of each page.
    Picture,
}

impl FromStr for PdfDepth {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "bytes" => Ok(Self::Bytes),
            "canonical" => Ok(Self::Canonical),
            "layout" => Ok(Self::Layout),
            "picture" => Ok(Self::Picture),
            other => Err(format!("{other:?} is none of bytes, canonical, layout and picture")),
        }
    }
}

/// A part of a page that is not compared, in per cent of the page's width and height.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageMask {
    /// The page, from 1; all pages without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<usize>,
    /// From the left.
    pub left: f32,
    /// From the top.
    pub top: f32,
    /// To the right.
    pub width: f32,
    /// Downwards.
    pub height: f32,
}

impl FromStr for PageMask {
    type Err = String;

    /// `PAGE:LEFT,TOP,WIDTH,HEIGHT`, for all pages without `PAGE:`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not [PAGE:]LEFT,TOP,WIDTH,HEIGHT in per cent of the page");
        let (page, numbers) = match text.split_once(':') {
            Some((page, numbers)) => (Some(page.parse().map_err(|_| wrong())?), numbers),
            None => (None, text),
        };
        let numbers: Vec<f32> =
            numbers.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|_| wrong())?;
        let [left, top, width, height] = numbers[..] else { return Err(wrong()) };
        let within = numbers.iter().all(|number| (0.0..=100.0).contains(number));
        if page == Some(0) || !within {
            return Err(wrong());
        }
        Ok(Self { page, left, top, width, height })
    }
}

/// How alike a render and its known-good PDF must be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PdfRule {
    /// At which depth they must be the same.
    #[serde(default)]
    pub depth: PdfDepth,
    /// How many pixels of a page may differ, at depth *picture*; a page is drawn 460 pixels wide or 680 high.
    #[serde(default)]
    pub tolerance: usize,
    /// What is not compared at depth *picture*: a printed time, an id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub masks: Vec<PageMask>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_are_read_with_and_without_a_page() {
        let mask = |page| PageMask { page, left: 0.0, top: 90.0, width: 100.0, height: 10.5 };
        assert_eq!("0,90,100,10.5".parse(), Ok(mask(None)));
        assert_eq!("2:0,90,100,10.5".parse(), Ok(mask(Some(2))));
        for wrong in ["", "1:", "1,2,3", "0:1,2,3,4", "1,2,3,400", "1,2,3,NaN", "a:1,2,3,4"] {
            assert!(wrong.parse::<PageMask>().is_err(), "{wrong}");
        }
    }
}
