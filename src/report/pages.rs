//! ImageSources of the pages on which a render differs from its known-good PDF: expected, actual and what differs.
//!
//! They are drawn once, at the end of a run, from the PDFs that it kept, and are kept as PNG themselves. The
//! report embeds these files, so that a build that cannot draw renders the same bytes. A PDF that cannot be
//! drawn is reported as such and never fails a run. The images are for people: what differs was decided
//! before, on the documents themselves.

use crate::{
    base::{digest::Digest, error::Error, ids::ScenarioId},
    journal::Journal,
    model::{
        event::Event,
        finding::{Finding, FindingKind},
        page_images::{ImageFile, PageComparison, PageImages},
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
pub mod likeness;
mod raster;

pub use subprocess::{draw_by, draw_here};

/// Pairs of PDFs that are drawn in one run.
const MOST_PAIRS: usize = 4;

/// Pages of a pair that are shown.
const MOST_PAGES: usize = 2;

/// Larger PDFs are not drawn.
const MOST_BYTES: u64 = 16 << 20;

/// The images of a run as `data:image/png;base64,…`, by the path of the file.
pub type ImageSources = BTreeMap<String, String>;

/// The recorded images whose files are as the run kept them.
pub fn load(record: &RunRecord, dir: &Path) -> ImageSources {
    let pages = record.pages.values().flat_map(|comparison| match comparison {
        PageComparison::Pages { pages, .. } => &pages[..],
        PageComparison::ShownWith(_) | PageComparison::NotDrawn(_) => &[],
    });
    let files = pages.flat_map(|page| [&page.expected, &page.actual, &page.difference]).flatten();
    let image = |file: &ImageFile| {
        let kept = record.artefacts.iter().find(|artefact| artefact.path == file.path)?;
        let png = read(dir, kept).ok()?;
        Some((file.path.clone(), format!("data:image/png;base64,{}", BASE64_STANDARD.encode(png))))
    };
    files.filter_map(image).collect()
}

/// The comparison that belongs to a finding: that of the first of its artefacts that has one.
pub fn of<'a>(record: &'a RunRecord, finding: &Finding) -> Option<&'a PageComparison> {
    finding.artefacts.iter().find_map(|path| record.pages.get(path))
}

/// Draws what the unexpected findings of a run show, keeps the images and records what they are.
///
/// # Errors
/// If a file or an event cannot be written.
pub fn compare(journal: &Journal) -> Result<(), Error> {
    let record = journal.record();
    let mut pairs: BTreeMap<(Digest, Digest), String> = BTreeMap::new();
    let mut done: Vec<&str> = Vec::new();
    for scenario in &record.scenarios {
        for (finding, _) in scenario.judged().filter(|(_, role)| matches!(role, Some(Role::Unexpected))) {
            let Some((expected, actual)) = pair(&record, finding) else { continue };
            if done.contains(&actual.path.as_str()) {
                continue;
            }
            let comparison = match pairs.get(&(expected.sha256, actual.sha256)) {
                Some(path) => PageComparison::ShownWith(path.clone()),
                None if pairs.len() >= MOST_PAIRS => PageComparison::NotDrawn(format!(
                    "only the first {MOST_PAIRS} pairs of PDFs of a run are drawn"
                )),
                None => {
                    pairs.insert((expected.sha256, actual.sha256), actual.path.clone());
                    draw_pair(journal, &scenario.id, expected, actual)?
                }
            };
            done.push(&actual.path);
            let of = actual.path.clone();
            journal.write(Some(&scenario.id), Event::PagesCompared { of, comparison })?;
        }
    }
    Ok(())
}

/// The known-good PDF and the one that is not as it should be, where a finding has both. One that
/// is not a whole PDF is not given to a program that draws.
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

/// Draws a pair and keeps the images of its pages.
fn draw_pair(
    journal: &Journal,
    scenario: &ScenarioId,
    expected: &Artefact,
    actual: &Artefact,
) -> Result<PageComparison, Error> {
    let Compared { pages, more, same, not_compared } = match differing(journal.dir(), expected, actual) {
        Ok(compared) => compared,
        Err(why) => return Ok(PageComparison::NotDrawn(why)),
    };
    let name = Path::new(&actual.path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let keep = |number: usize, what: &str, png: Option<Png>| -> Result<Option<ImageFile>, Error> {
        let Some(Png { bytes, width, height }) = png else { return Ok(None) };
        let file = format!("{name}-page-{number}-{what}.png");
        let path = journal.store(Some(scenario), &file, &bytes, "image of a PDF page")?;
        Ok(Some(ImageFile { path, width, height }))
    };
    let mut kept = Vec::new();
    for Page { number, expected, actual, difference, permille } in pages {
        kept.push(PageImages {
            number,
            expected: keep(number, "expected", expected)?,
            actual: keep(number, "found", actual)?,
            difference: keep(number, "difference", difference)?,
            permille,
        });
    }
    Ok(PageComparison::Pages { pages: kept, more, same, not_compared })
}

/// A page image before it is kept.
struct Png {
    bytes: Vec<u8>,
    width: u16,
    height: u16,
}

/// A page that differs.
struct Page {
    number: usize,
    expected: Option<Png>,
    actual: Option<Png>,
    difference: Option<Png>,
    permille: u32,
}

/// The comparison of two documents: the first pages that differ, and the numbers of others.
struct Compared {
    pages: Vec<Page>,
    more: usize,
    same: usize,
    not_compared: usize,
}

fn differing(dir: &Path, expected: &Artefact, actual: &Artefact) -> Result<Compared, String> {
    let expected =
        subprocess::pages(read(dir, expected)?).map_err(|why| format!("the known-good PDF {why}"))?;
    let actual =
        subprocess::pages(read(dir, actual)?).map_err(|why| format!("the PDF that was rendered {why}"))?;
    let drawn = expected.drawn.len().max(actual.drawn.len());
    let not_compared = expected.count.max(actual.count) - drawn;
    let (mut pages, mut more, mut same) = (Vec::new(), 0, 0);
    for number in 0..drawn {
        let sides = (expected.drawn.get(number), actual.drawn.get(number));
        // A page that was not drawn for its number is not one that is missing.
        let beyond = number >= expected.drawn.len() && number < expected.count
            || number >= actual.drawn.len() && number < actual.count;
        let (difference, permille) = match sides {
            (Some(a), Some(b)) => {
                difference::of(&a.raster, &b.raster, &[]).map_or((None, 0), |d| (Some(d.picture), d.permille))
            }
            _ if beyond => continue,
            _ => (None, 1000),
        };
        if permille == 0 {
            same += 1;
        } else if pages.len() >= MOST_PAGES {
            more += 1;
        } else {
            pages.push(Page {
                number: number + 1,
                expected: sides.0.map(|page| png(&page.raster)).transpose()?,
                actual: sides.1.map(|page| png(&page.raster)).transpose()?,
                difference: difference.as_ref().map(png).transpose()?,
                permille,
            });
        }
    }
    Ok(Compared { pages, more, same, not_compared })
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

fn png(raster: &raster::Raster) -> Result<Png, String> {
    Ok(Png { bytes: draw::png(raster)?, width: raster.width, height: raster.height })
}
