//! Pages of marks to a tagged PDF (PDF/A-2a, PDF/UA-1). No random ids and no time but the record's: krilla derives
//! the document's id from its content.

use super::font::Letters;
use crate::base::error::Error;
use chrono::{DateTime, Datelike as _, Timelike as _, Utc};
use krilla::{
    Document, SerializeSettings,
    color::rgb,
    configure::{Accessibility, Archival, ConfigurationBuilder},
    destination::XyzDestination,
    geom::{PathBuilder, Point, Rect},
    metadata::{self, Metadata},
    num::NormalizedF32,
    outline::{Outline, OutlineNode},
    page::PageSettings,
    paint::{Fill, FillRule},
    surface::Surface,
    tagging::{
        Artifact, ArtifactType, ContentTag, Identifier, SpanTag, TableHeaderScope, Tag, TagGroup, TagKind,
        TagTree,
    },
    text::{Font, GlyphId, KrillaGlyph},
};
use std::num::NonZeroU16;

/// A4 in points.
pub(super) const PAPER: (f32, f32) = (595.28, 841.89);

/// Something drawn, placed from the page's top left corner in points.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mark {
    /// A line of text; `y` is its baseline. Without a leaf it is no content: a page number, a repeated head.
    Text { x: f32, y: f32, size: f32, bold: bool, colour: [u8; 3], text: String, leaf: Option<Leaf> },
    /// A filled rectangle, which is never content.
    Box { x: f32, y: f32, width: f32, height: f32, colour: [u8; 3] },
}

/// The number of a line of text in the structure.
pub(super) type Leaf = usize;

/// The lines of each cell of a row.
pub(super) type TableRow = Vec<Vec<Leaf>>;

/// A part of the document's structure.
pub(super) enum Block {
    /// A heading: its level from 1, and the page on which it is, from 0.
    Heading { level: u16, title: String, page: usize, leaves: Vec<Leaf> },
    /// A paragraph.
    Paragraph(Vec<Leaf>),
    /// A table; without a head, the first cell of each row is its head.
    Table { head: TableRow, body: Vec<TableRow> },
}

/// A document that is ready to be written.
pub(super) struct Pages {
    pub(super) letters: Letters,
    pub(super) pages: Vec<Vec<Mark>>,
    /// Headings, paragraphs and tables in reading order.
    pub(super) blocks: Vec<Block>,
    /// The number of leaves in the marks and in the blocks.
    pub(super) leaves: usize,
}

/// The document's bytes.
pub(super) fn write(title: &str, at: Option<DateTime<Utc>>, set: &Pages) -> Result<Vec<u8>, Error> {
    let bad = |why: String| Error::harness("can't write the PDF report").cause(why);
    let weights = [dejavu::SANS, dejavu::SANS_BOLD].map(|bytes| Font::new(bytes.into(), 0));
    let [Some(regular), Some(bold)] = weights else {
        return Err(bad("the built-in fonts can't be read".to_owned()));
    };
    let configuration = ConfigurationBuilder::new()
        .with_archival_validator(Archival::A2_A)
        .with_accessibility_validator(Accessibility::UA1)
        .finish();
    let settings = SerializeSettings {
        enable_tagging: true,
        configuration: configuration.map_err(|e| bad(format!("{e:?}")))?,
        ..SerializeSettings::default()
    };
    let mut document = Document::new_with(settings);
    // PDF/A-2a requires a date. That of a run without a first event is the epoch.
    let at = date(at.unwrap_or(DateTime::UNIX_EPOCH));
    let about = Metadata::new()
        .title(title.to_owned())
        .language("en".to_owned())
        .producer("pulp-drill".to_owned())
        .creation_date(at);
    document.set_metadata(about);
    let mut ids: Vec<Option<Identifier>> = vec![None; set.leaves];
    for marks in &set.pages {
        let paper = PageSettings::from_wh(PAPER.0, PAPER.1).ok_or_else(|| bad("no paper".to_owned()))?;
        let mut page = document.start_page_with(paper);
        let mut surface = page.surface();
        for mark in marks {
            let tag = match mark {
                Mark::Text { leaf: Some(_), .. } => ContentTag::Span(SpanTag::empty()),
                Mark::Text { leaf: None, .. } => {
                    ContentTag::Artifact(Artifact::with_kind(ArtifactType::Other))
                }
                Mark::Box { .. } => ContentTag::Artifact(Artifact::with_kind(ArtifactType::Other)),
            };
            let id = surface.start_tagged(tag);
            draw(&mut surface, mark, &set.letters, [&regular, &bold]);
            surface.end_tagged();
            if let Mark::Text { leaf: Some(leaf), .. } = mark {
                ids[*leaf] = Some(id);
            }
        }
        surface.finish();
        page.finish();
    }
    document.set_tag_tree(tags(&set.blocks, &mut ids));
    document.set_outline(outline(&set.blocks));
    document.finish().map_err(|error| bad(format!("{error:?}")))
}

/// The structure for screen readers.
fn tags(blocks: &[Block], ids: &mut [Option<Identifier>]) -> TagTree {
    let mut tree = TagTree::new().with_lang(Some("en".to_owned()));
    let mut fill = |tag: TagKind, leaves: &[Leaf]| {
        let mut group = TagGroup::new(tag);
        leaves.iter().filter_map(|leaf| ids[*leaf].take()).for_each(|id| group.push(id));
        group
    };
    for block in blocks {
        match block {
            Block::Heading { level, title, leaves, page: _ } => {
                let level = NonZeroU16::new(*level).unwrap_or(NonZeroU16::MIN);
                tree.push(fill(Tag::Hn(level, Some(title.clone())).into(), leaves));
            }
            Block::Paragraph(leaves) => tree.push(fill(Tag::P.into(), leaves)),
            Block::Table { head, body } => {
                let mut table = TagGroup::new(Tag::Table);
                let mut row = |cells: &TableRow, kind: &dyn Fn(usize) -> TagKind| {
                    let mut row = TagGroup::new(Tag::TR);
                    cells.iter().enumerate().for_each(|(at, leaves)| row.push(fill(kind(at), leaves)));
                    row
                };
                if !head.is_empty() {
                    table.push(row(head, &|_| Tag::TH(TableHeaderScope::Column).into()));
                }
                for cells in body {
                    let first = |at| match (at, head.is_empty()) {
                        (0, true) => Tag::TH(TableHeaderScope::Row).into(),
                        (_, _) => Tag::TD.into(),
                    };
                    table.push(row(cells, &first));
                }
                tree.push(table);
            }
        }
    }
    tree
}

/// The headings as bookmarks.
fn outline(blocks: &[Block]) -> Outline {
    let mut outline = Outline::new();
    for block in blocks {
        if let Block::Heading { level: 1 | 2, title, page, .. } = block {
            let to = XyzDestination::new(*page, Point::from_xy(0.0, 0.0));
            outline.push_child(OutlineNode::new(title.clone(), to));
        }
    }
    outline
}

fn draw(surface: &mut Surface<'_>, mark: &Mark, letters: &Letters, [regular, bold]: [&Font; 2]) {
    match mark {
        Mark::Text { x, y, size, bold: heavy, colour, text, leaf: _ } => {
            surface.set_fill(Some(solid(*colour)));
            let glyph = |(at, c): (usize, char)| {
                let (glyph, advance) = letters.glyph(c, *heavy);
                let range = at..at + c.len_utf8();
                KrillaGlyph::new(GlyphId::new(u32::from(glyph)), advance, 0.0, 0.0, 0.0, range, None)
            };
            // The space separates the last word from the first of the next line.
            let text = format!("{text} ");
            let glyphs: Vec<_> = text.char_indices().map(glyph).collect();
            let font = if *heavy { bold } else { regular };
            surface.draw_glyphs(Point::from_xy(*x, *y), &glyphs, font.clone(), &text, *size, false);
        }
        Mark::Box { x, y, width, height, colour } => {
            surface.set_fill(Some(solid(*colour)));
            let mut path = PathBuilder::new();
            if let Some(rect) = Rect::from_xywh(*x, *y, *width, *height) {
                path.push_rect(rect);
            }
            if let Some(path) = path.finish() {
                surface.draw_path(&path);
            }
        }
    }
}

fn solid([red, green, blue]: [u8; 3]) -> Fill {
    Fill {
        paint: rgb::Color::new(red, green, blue).into(),
        opacity: NormalizedF32::ONE,
        rule: FillRule::default(),
    }
}

/// PDF has four digits for the year.
fn date(at: DateTime<Utc>) -> metadata::DateTime {
    let small = |n: u32| u8::try_from(n).unwrap_or(0);
    metadata::DateTime::new(u16::try_from(at.year()).unwrap_or(0).min(9999))
        .month(small(at.month()))
        .day(small(at.day()))
        .hour(small(at.hour()))
        .minute(small(at.minute()))
        .second(small(at.second()))
        .utc_offset_hour(0)
        .utc_offset_minute(0)
}
