//! Mistakes in files that users write: their position, what is wrong, and a suggestion. Rendering shows
//! the line. The readers of the files decide what is a mistake.

use crate::{base::error::Error, scenario::source::SourcePosition};
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

pub mod mistake;
pub mod suggest;

pub use mistake::Mistake;

/// A file with more mistakes than this is the wrong file; the others are counted only.
const SHOWN_PER_FILE: usize = 30;
/// Of a line with more bytes than this, a part is shown.
const LONG_LINE: usize = 400;

/// A mistake in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// The file, or the path that was given if there is no file.
    pub file: PathBuf,
    /// The position; `None` if the mistake concerns the file as a whole.
    pub place: Option<SourcePosition>,
    /// What is wrong, a fragment.
    pub message: String,
    /// A label for the marked text.
    pub label: String,
    /// What to write instead.
    pub help: Option<String>,
    /// A second place that it concerns.
    pub also: Option<Also>,
}

impl Diagnostic {
    /// A mistake in this file.
    pub(crate) fn new(mistake: Mistake, file: &Path) -> Self {
        let Mistake { place, message, label, help } = mistake;
        Self { file: file.to_owned(), place, message, label, help, also: None }
    }
}

/// A second place of a mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Also {
    /// The file.
    pub file: PathBuf,
    /// Where.
    pub place: SourcePosition,
    /// What is there.
    pub label: String,
}

/// All mistakes of all files that were read, in the order of the files, and of the places in each.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    list: Vec<Diagnostic>,
    sources: BTreeMap<PathBuf, Arc<str>>,
}

impl Diagnostics {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// Keeps a file's text, from which the lines are shown.
    pub(crate) fn keep_source(&mut self, file: &Path, text: &str) {
        self.sources.entry(file.to_owned()).or_insert_with(|| Arc::from(text));
    }

    /// Adds a file's mistakes, by their places.
    pub(crate) fn add_all(&mut self, file: &Path, mut mistakes: Vec<Mistake>) {
        mistakes.sort_by_key(|m| m.place.map(|p| p.start));
        self.list.extend(mistakes.into_iter().map(|mistake| Diagnostic::new(mistake, file)));
    }

    /// Adds one.
    pub(crate) fn add(&mut self, diagnostic: Diagnostic) {
        self.list.push(diagnostic);
    }

    /// Takes over those of another read.
    pub(crate) fn extend(&mut self, other: Self) {
        self.list.extend(other.list);
        self.sources.extend(other.sources);
    }

    /// `Ok` with the value if there is no mistake.
    pub(crate) fn or_value<T>(self, value: Option<T>) -> Result<T, Self> {
        match value {
            Some(value) if self.is_empty() => Ok(value),
            _ => Err(self),
        }
    }

    /// For people: each with its line, `width` columns wide. Escape sequences only in `colour`.
    pub fn render(&self, colour: bool, width: usize) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() }.term_width(width);
        let mut shown: BTreeMap<&Path, usize> = BTreeMap::new();
        let mut text = String::new();
        for diagnostic in &self.list {
            let count = shown.entry(&diagnostic.file).or_default();
            *count += 1;
            if *count <= SHOWN_PER_FILE {
                text.push_str(&self.render_one(&renderer, diagnostic));
                text.push_str("\n\n");
            }
        }
        for (file, count) in shown.into_iter().filter(|(_, count)| *count > SHOWN_PER_FILE) {
            let more = count - SHOWN_PER_FILE;
            writeln!(text, "{}: {more} more", clean(&file.display().to_string()))
                .expect("a String takes any text");
        }
        text.truncate(text.trim_end().len());
        text
    }

    fn render_one(&self, renderer: &Renderer, d: &Diagnostic) -> String {
        let mut group = Group::with_title(Level::ERROR.primary_title(clean(&d.message)));
        group = self.show(group, &d.file, d.place, AnnotationKind::Primary, &d.label);
        if let Some(also) = &d.also {
            group = self.show(group, &also.file, Some(also.place), AnnotationKind::Context, &also.label);
        }
        if let Some(help) = &d.help {
            group = group.element(Level::HELP.message(clean(help)));
        }
        let rendered = renderer.render(&[group]);
        match d.place {
            Some(_) => rendered,
            None => format!("{}: {rendered}", clean(&d.file.display().to_string())),
        }
    }

    /// Adds the line of a place. The renderer processes all of its source, so it gets only this line, or
    /// the part around the place if the line is very long; the position is then printed separately.
    fn show(
        &self,
        group: Group<'static>,
        file: &Path,
        place: Option<SourcePosition>,
        kind: AnnotationKind,
        label: &str,
    ) -> Group<'static> {
        let (Some(place), Some(source)) = (place, self.sources.get(file)) else { return group };
        let path = clean(&file.display().to_string());
        let (line, span) = line_of(source, place);
        let annotated = |line: &str, span| {
            let annotation = kind.span(span).label(clean(label));
            Snippet::source(line.to_owned()).line_start(place.line).annotation(annotation)
        };
        if line.len() <= LONG_LINE {
            return group.element(annotated(line, span).path(path));
        }
        let from = line.floor_char_boundary(span.start.saturating_sub(LONG_LINE / 4));
        let to = line.floor_char_boundary(from + LONG_LINE / 2);
        let within = |at: usize| at.clamp(from, to) - from;
        group
            .element(Origin::path(path).line(place.line).char_column(place.column))
            .element(annotated(&line[from..to], within(span.start)..within(span.end)))
    }

    /// The mistakes as one error with exit code 2.
    pub fn into_error(self, colour: bool, width: usize) -> Error {
        let files: BTreeSet<&Path> = self.list.iter().map(|d| d.file.as_path()).collect();
        let files = match files.len() {
            1 => "1 file".to_owned(),
            more => format!("{more} files"),
        };
        Error::usage(format!("{} in {files}\n\n{}", self.count_in_words(), self.render(colour, width)))
    }

    /// `1 mistake`, `7 mistakes`.
    pub fn count_in_words(&self) -> String {
        match self.len() {
            1 => "1 mistake".to_owned(),
            more => format!("{more} mistakes"),
        }
    }
}

/// Text of a file or of a path, fit for a terminal and for one line.
fn clean(text: &str) -> String {
    normalize_untrusted_str(text).replace('\n', " ")
}

/// The line of a place, and the place's bytes in it.
fn line_of(source: &str, place: SourcePosition) -> (&str, Range<usize>) {
    let floor = |at: usize| source.floor_char_boundary(at.min(source.len()));
    let begin = source[..floor(place.start)].rfind('\n').map_or(0, |at| at + 1);
    let end = source[begin..].find('\n').map_or(source.len(), |at| begin + at);
    let line = source[begin..end].trim_end_matches('\r');
    let within = |at: usize| floor(at).saturating_sub(begin).min(line.len());
    (line, within(place.start)..within(place.end).max(within(place.start)))
}
