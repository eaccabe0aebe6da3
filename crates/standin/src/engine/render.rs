//! Definition, data and assets to a deterministic PDF (and to HTML, and to a list of issues).
//!
//! Pure functions: no clock, no network, no disk. The caller fetches the bytes of assets and
//! reports which of them a store has lost. Field names are those of the public template model
//! (`@pulp-engine/template-model`); node kinds that this renderer does not draw are an error and
//! never a silent gap.

mod data;
mod definition;
mod error;
mod expand;
mod font;
mod html;
mod input;
mod layout;
mod parse;
mod pdf;
mod picture;
mod stamp;
mod strings;
mod style;
#[cfg(test)]
mod tests;

pub use error::RenderError;

use definition::{Orientation, PaperSize, RenderConfig, Template};
use expand::{Block, Body};
use serde_json::Value;
use std::collections::BTreeMap;
use strings::Strings;
use style::Length;

/// Code of the error for a referenced asset whose bytes are missing (fail-closed since the
/// engine's v0.35.0).
pub const ASSET_BINARY_MISSING: &str = "ASSET_BINARY_MISSING";
/// Code of the error for an asset whose bytes exist but are not a decodable image.
pub const ASSET_UNREADABLE: &str = "ASSET_UNREADABLE";

/// One thing wrong with a definition, as `POST /render/validate` lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// What is wrong, for a person.
    pub message: String,
    /// Where in the definition.
    pub path: Option<String>,
    /// A stable name for the kind of issue.
    pub code: Option<String>,
}

/// The storage keys (the part after `/assets/`, URL-decoded) that the definition refers to with
/// this data, in order of appearance, without duplicates.
///
/// # Errors
/// Whatever keeps the definition from being rendered short of its assets: a malformed node, a
/// Handlebars error, a node kind that is not drawn.
pub fn referenced_assets(definition: &Value, data: &Value) -> Result<Vec<String>, RenderError> {
    let (template, strings) = parsed(definition, false)?;
    let data = data::adapt(data, &template.field_mappings)?;
    let document = expand::expand(&template.document, &strings, &data)?;
    Ok(references(&document).into_iter().map(|(key, _)| key.to_owned()).collect())
}

/// The document as PDF. The same inputs give the same bytes on every run and machine, and storage
/// keys leave no trace in them.
///
/// # Errors
/// As [`referenced_assets`]; [`ASSET_BINARY_MISSING`] where `assets` (storage key to bytes) lacks
/// a referenced key; [`ASSET_UNREADABLE`] where the bytes are no PNG or JPEG that can be decoded.
pub fn render_pdf(
    definition: &Value,
    data: &Value,
    assets: &BTreeMap<String, Vec<u8>>,
) -> Result<Vec<u8>, RenderError> {
    let (template, strings) = parsed(definition, false)?;
    let data = data::adapt(data, &template.field_mappings)?;
    let document = expand::expand(&template.document, &strings, &data)?;
    let images = images(&document, assets)?;
    let sizes = images.iter().map(|(key, image)| (key.clone(), image.size())).collect();
    let frame = Frame::of(&template.render_config)?;
    let [top, right, bottom, left] = frame.margin;
    let fonts = font::Fonts::new();
    let height = frame.size.1 - top - bottom;
    let layouter = layout::Layouter::new(&fonts, &sizes, height);
    let slices = layouter.document(&document, frame.size.0 - left - right)?;
    let sheets = layout::paginate::paginate(slices, height);
    if sheets.len() > MOST_PAGES {
        return Err(RenderError::at("document", format!("there are more than {MOST_PAGES} pages")));
    }
    let stamps = stamps(&template, &strings, &data)?;
    let total = sheets.len();
    let pages = sheets.into_iter().enumerate().map(|(i, sheet)| {
        let mut marks = sheet.marks;
        marks.iter_mut().for_each(|mark| mark.shift(left, top));
        let middles = [top / 2.0, frame.size.1 - bottom / 2.0];
        for (stamp, middle) in stamps.iter().zip(middles) {
            let span = (left, frame.size.0 - right);
            marks.extend(stamp.iter().flat_map(|stamp| stamp.marks(&fonts, (i + 1, total), span, middle)));
        }
        marks
    });
    let pages = pages.collect();
    pdf::Pages { title: &template.name, size: frame.size, pages, images: &images, fonts: &fonts }.write()
}

/// The document as one HTML page; images stay references to `/assets/…`.
///
/// # Errors
/// As [`referenced_assets`].
pub fn render_html(definition: &Value, data: &Value) -> Result<String, RenderError> {
    let (template, strings) = parsed(definition, true)?;
    let data = data::adapt(data, &template.field_mappings)?;
    let document = expand::expand(&template.document, &strings, &data)?;
    Ok(html::page(&template.name, &document))
}

/// Everything wrong with the definition that can be determined without data. Empty if it is valid.
pub fn validate(definition: &Value) -> Vec<Issue> {
    let problems = match parse::template(definition, false) {
        Ok((template, _)) => Frame::of(&template.render_config).err().into_iter().collect(),
        Err(problems) => problems,
    };
    let issue = |error: RenderError| Issue {
        message: error.message,
        path: error.path,
        code: error.code.map(str::to_owned),
    };
    problems.into_iter().map(issue).collect()
}

pub use input::issues as input_issues;

/// Pages of one document.
const MOST_PAGES: usize = 2_000;

fn parsed(definition: &Value, escape: bool) -> Result<(Template, Strings), RenderError> {
    parse::template(definition, escape).map_err(|mut problems| problems.swap_remove(0))
}

/// Paper and margins in points.
struct Frame {
    size: (f32, f32),
    /// In CSS order.
    margin: [f32; 4],
}

impl Frame {
    fn of(config: &RenderConfig) -> Result<Self, RenderError> {
        let (short, long) = match config.paper_size {
            PaperSize::A4 => (595.28, 841.89),
            PaperSize::A3 => (841.89, 1190.55),
            PaperSize::Letter => (612.0, 792.0),
            PaperSize::Legal => (612.0, 1008.0),
            PaperSize::Tabloid => (792.0, 1224.0),
        };
        let size = match config.orientation {
            Orientation::Portrait => (short, long),
            Orientation::Landscape => (long, short),
        };
        let twenty_mm = Length::Points(56.693);
        let sides = match &config.margin {
            Some(margin) => [margin.top, margin.right, margin.bottom, margin.left],
            None => [twenty_mm; 4],
        };
        let margin = sides.map(|side| side.points(size.0, 10.0).unwrap_or(0.0).max(0.0));
        match size.0 - margin[1] - margin[3] >= 36.0 && size.1 - margin[0] - margin[2] >= 36.0 {
            true => Ok(Self { size, margin }),
            false => Err(RenderError::at("renderConfig.margin", "the margins leave no room on the page")),
        }
    }
}

fn stamps(
    template: &Template,
    strings: &Strings,
    data: &Value,
) -> Result<[Option<stamp::Stamp>; 2], RenderError> {
    let config = &template.render_config;
    let context = |error: handlebars::RenderError| RenderError::at("renderConfig", error.to_string());
    let scope = handlebars::Context::wraps(data).map_err(context)?;
    let read = |source: &Option<String>, path: &str| {
        let html = source.as_ref().map(|source| strings.render(source, &scope, path)).transpose()?;
        html.map(|html| stamp::Stamp::read(&html, &template.name, path)).transpose()
    };
    Ok([
        read(&config.page_header, "renderConfig.pageHeader")?,
        read(&config.page_footer, "renderConfig.pageFooter")?,
    ])
}

/// Storage keys in order of appearance, each once, with the path of the node that names it first.
fn references<'b>(document: &'b Block<'_>) -> Vec<(&'b str, &'b str)> {
    fn walk<'b>(block: &'b Block<'_>, found: &mut Vec<(&'b str, &'b str)>) {
        match &block.body {
            Body::Stack(children) => children.iter().for_each(|child| walk(child, found)),
            Body::Columns { columns, .. } => columns.iter().for_each(|(_, column)| walk(column, found)),
            Body::Image { key, .. } => found.push((key, block.path)),
            Body::Heading(..)
            | Body::Text(..)
            | Body::Table(_)
            | Body::Spacer(_)
            | Body::Divider(_)
            | Body::PageBreak => {}
        }
    }
    let mut found = Vec::new();
    walk(document, &mut found);
    let mut found_keys = std::collections::HashSet::new();
    found.retain(|(key, _)| found_keys.insert(*key));
    found
}

fn images(
    document: &Block<'_>,
    assets: &BTreeMap<String, Vec<u8>>,
) -> Result<BTreeMap<String, krilla::image::Image>, RenderError> {
    let mut images = BTreeMap::new();
    for (key, path) in references(document) {
        let at = |code, message| RenderError { message, code: Some(code), path: Some(format!("{path}.src")) };
        let missing = || at(ASSET_BINARY_MISSING, format!("the binary of the asset `{key}` is missing"));
        let bytes = assets.get(key).ok_or_else(missing)?;
        let unreadable =
            |why| at(ASSET_UNREADABLE, format!("the asset `{key}` is no image that can be drawn: {why}"));
        images.insert(key.to_owned(), picture::read(bytes).map_err(unreadable)?);
    }
    Ok(images)
}
