//! Pictures of the pages on which a render differs from its known-good PDF: expected, actual and
//! what differs, as PNG in `data:` addresses, for the HTML report.
//!
//! It reads the PDFs that were kept with the run and nothing else, and only where their digests are
//! those of the record. A PDF that can't be drawn is said to be so; it never fails a report. The
//! pictures are for people: what differs was decided before, on the documents themselves.

use crate::{
    base::digest::Digest,
    model::{
        finding::{Finding, FindingKind},
        record::{Artefact, KNOWN_GOOD, RunRecord},
        verdict::Role,
    },
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path},
};

mod subprocess;
mod difference;
#[cfg(feature = "page-images")]
mod draw;
#[cfg(not(feature = "page-images"))]
#[path = "pages/no_draw.rs"]
mod draw;
mod raster;

pub use subprocess::{draw_by, draw_here};

/// Pairs of PDFs that are drawn in one report.
const MOST_PAIRS: usize = 4;

/// Pages of a pair that are shown.
const MOST_PAGES: usize = 2;

/// Larger PDFs are not drawn.
const MOST_BYTES: u64 = 16 << 20;

/// What there is to see, by the path of the artefact that is not as it should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pictures(BTreeMap<String, PagePictures>);

/// One pair of PDFs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PagePictures {
    /// The pages that look different, the first of them.
    Pages {
        /// In their order.
        pages: Vec<PagePicture>,
        /// Pages that look different and are not shown.
        more: usize,
        /// Pages that look the same.
        same: usize,
        /// Pages that were not looked at.
        unseen: usize,
    },
    /// The same two PDFs are shown with this artefact.
    Above(String),
    /// Why there is no picture.
    NotDrawn(String),
}

/// One page of both PDFs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PagePicture {
    /// From 1.
    pub number: usize,
    /// The known-good page; none where it has no such page.
    pub expected: Option<Picture>,
    /// The page that was rendered; none where there is no such page.
    pub actual: Option<Picture>,
    /// Where they differ; none where one of them is missing.
    pub difference: Option<Picture>,
    /// How many pixels of a thousand differ, at least 1.
    pub permille: u32,
}

/// A picture for an `img`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// `data:image/png;base64,…`
    pub src: String,
    /// Pixels.
    pub width: u16,
    /// Pixels.
    pub height: u16,
}

impl Pictures {
    /// What there is to see of a finding: by the first of its artefacts that was looked at.
    pub fn of(&self, finding: &Finding) -> Option<&PagePictures> {
        finding.artefacts.iter().find_map(|path| self.0.get(path))
    }
}

/// Draws what unexpected findings show, the first few of them, from the run's folder.
pub fn pictures(record: &RunRecord, dir: &Path) -> Pictures {
    let mut drawn = BTreeMap::new();
    let mut pairs: BTreeMap<(Digest, Digest), String> = BTreeMap::new();
    let unexpected = record.scenarios.iter().flat_map(|scenario| scenario.judged());
    for (finding, _) in unexpected.filter(|(_, role)| matches!(role, Some(Role::Unexpected))) {
        let Some((expected, actual)) = pair(record, finding) else { continue };
        if drawn.contains_key(&actual.path) {
            continue;
        }
        let shown = match pairs.get(&(expected.sha256, actual.sha256)) {
            Some(path) => PagePictures::Above(path.clone()),
            None if pairs.len() >= MOST_PAIRS => PagePictures::NotDrawn(format!(
                "only the first {MOST_PAIRS} pairs of PDFs are drawn in a report"
            )),
            None => {
                pairs.insert((expected.sha256, actual.sha256), actual.path.clone());
                compare(dir, expected, actual).unwrap_or_else(PagePictures::NotDrawn)
            }
        };
        drawn.insert(actual.path.clone(), shown);
    }
    Pictures(drawn)
}

/// The known-good PDF and the one that is not as it should be, where a finding has both. One that
/// is no whole PDF is not given to a program that draws.
fn pair<'a>(record: &'a RunRecord, finding: &Finding) -> Option<(&'a Artefact, &'a Artefact)> {
    if !matches!(finding.kind, FindingKind::PdfDiffers | FindingKind::FailOpen) {
        return None;
    }
    let kept = |path: &String| record.artefacts.iter().find(|artefact| artefact.path == *path);
    let kept: Vec<&Artefact> = finding.artefacts.iter().filter_map(kept).collect();
    let expected = kept.iter().find(|artefact| artefact.what == KNOWN_GOOD)?;
    let actual = kept.iter().find(|a| a.what != KNOWN_GOOD && a.path.ends_with(".pdf"))?;
    Some((expected, actual))
}

fn compare(dir: &Path, expected: &Artefact, actual: &Artefact) -> Result<PagePictures, String> {
    let expected =
        subprocess::pages(read(dir, expected)?).map_err(|why| format!("the known-good PDF {why}"))?;
    let actual =
        subprocess::pages(read(dir, actual)?).map_err(|why| format!("the PDF that was rendered {why}"))?;
    let seen = expected.drawn.len().max(actual.drawn.len());
    let unseen = expected.count.max(actual.count) - seen;
    let (mut pages, mut more, mut same) = (Vec::new(), 0, 0);
    for number in 0..seen {
        let sides = (expected.drawn.get(number), actual.drawn.get(number));
        // A page that was not drawn for its number is not one that is missing.
        let beyond = number >= expected.drawn.len() && number < expected.count
            || number >= actual.drawn.len() && number < actual.count;
        let (difference, permille) = match sides {
            (Some(a), Some(b)) => difference::of(a, b).map_or((None, 0), |(d, n)| (Some(d), n)),
            _ if beyond => continue,
            _ => (None, 1000),
        };
        if permille == 0 {
            same += 1;
        } else if pages.len() >= MOST_PAGES {
            more += 1;
        } else {
            pages.push(PagePicture {
                number: number + 1,
                expected: sides.0.map(picture).transpose()?,
                actual: sides.1.map(picture).transpose()?,
                difference: difference.as_ref().map(picture).transpose()?,
                permille,
            });
        }
    }
    Ok(PagePictures::Pages { pages, more, same, unseen })
}

/// The bytes of an artefact, if they are those that were kept.
fn read(dir: &Path, artefact: &Artefact) -> Result<Vec<u8>, String> {
    let path = Path::new(&artefact.path);
    if !path.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err("its path leads out of the run's folder".to_owned());
    }
    let path = dir.join(path);
    let bytes = fs::symlink_metadata(&path).map_err(|_| "its file is not in the run's folder".to_owned())?;
    if !bytes.is_file() || bytes.len() > MOST_BYTES {
        return Err(format!("its file is larger than {} MiB, or no file", MOST_BYTES >> 20));
    }
    let bytes = fs::read(&path).map_err(|_| "its file can't be read".to_owned())?;
    if Digest::of(&bytes) != artefact.sha256 {
        return Err("its file was changed after the run: its digest is not the recorded one".to_owned());
    }
    Ok(bytes)
}

fn picture(raster: &raster::Raster) -> Result<Picture, String> {
    let png = draw::png(raster)?;
    let src = format!("data:image/png;base64,{}", BASE64_STANDARD.encode(png));
    Ok(Picture { src, width: raster.width, height: raster.height })
}
