//! From two canonical forms to located differences. Decides nothing: that the forms differ is known.

use crate::{
    canonical::{Canonical, CanonicalLine, PathHash},
    load::Loaded,
    text,
    types::{Difference, DifferenceKind, DifferenceOrigin},
    value,
};
use std::collections::{BTreeSet, HashMap, HashSet};

/// The most differences that are listed.
const MOST: usize = 50;

/// Descriptions of what differs and is not counted. Never empty: bytes that differ without any of it differ
/// in layout.
pub(crate) fn ignored(before: &Canonical, after: &Canonical) -> Vec<String> {
    let names: std::collections::BTreeSet<_> = before.ignored.keys().chain(after.ignored.keys()).collect();
    let differ = names.into_iter().filter(|name| before.ignored.get(*name) != after.ignored.get(*name));
    let mut ignored: Vec<String> = differ.take(MOST).cloned().collect();
    if ignored.is_empty() {
        ignored.push("file layout: object numbers, cross-reference form, compression".to_owned());
    }
    ignored
}

/// The differences in the order of the expected document, then what only the actual one has; and how
/// many more there are.
pub(crate) fn between(
    before: &Canonical,
    after: &Canonical,
    expected: &Loaded,
    actual: &Loaded,
) -> (Vec<Difference>, usize) {
    let mut report = Report {
        before,
        after,
        expected,
        actual,
        reported: HashSet::new(),
        differences: Vec::new(),
        more: 0,
    };
    report.page_count();
    let theirs: HashMap<PathHash, &CanonicalLine> =
        after.lines.iter().map(|line| (line.path, line)).collect();
    let ours: HashSet<PathHash> = before.lines.iter().map(|line| line.path).collect();
    for line in &before.lines {
        match theirs.get(&line.path) {
            Some(other) if other.value == line.value => {}
            other => report.line(Some(line), other.copied()),
        }
    }
    for line in after.lines.iter().filter(|line| !ours.contains(&line.path)) {
        report.line(None, Some(line));
    }
    (report.differences, report.more)
}

/// Where the differences come from. Values of any kind that only one side has count, so that all of them are
/// looked at and not only those that are listed.
pub(crate) fn origin(
    before: &Canonical,
    after: &Canonical,
    expected: &Loaded,
    actual: &Loaded,
) -> DifferenceOrigin {
    let values = |form: &Canonical| -> HashSet<(PathHash, [u8; 32])> {
        let said = |line: &&CanonicalLine| match form.nodes[line.node].kind {
            DifferenceKind::Image | DifferenceKind::Metadata => true,
            DifferenceKind::Structure => {
                let path = form.path(line.node);
                ["/Annots", "/AcroForm", "/EmbeddedFile", "/EF"].iter().any(|part| path.contains(part))
            }
            DifferenceKind::PageCount
            | DifferenceKind::PageSize
            | DifferenceKind::Text
            | DifferenceKind::Font
            | DifferenceKind::Content => false,
        };
        form.lines.iter().filter(said).map(|line| (line.path, line.value)).collect()
    };
    let words = |loaded, pages: &BTreeSet<u32>| text::words_of_pages(loaded, pages.iter().copied());
    // Where nothing but the instructions of some pages differs, the words of the others are the same.
    if let Some(pages) = only_contents_differ(before, after) {
        let (mut before, mut after) = (words(expected, &pages), words(actual, &pages));
        before.sort_unstable();
        after.sort_unstable();
        if before != after {
            return DifferenceOrigin::Data;
        }
    }
    let words =
        (text::words_of_document(expected, before.pages), text::words_of_document(actual, after.pages));
    match words.0 == words.1 && !words.0.is_empty() && values(before) == values(after) {
        true => DifferenceOrigin::Environment,
        false => DifferenceOrigin::Data,
    }
}

/// The pages whose instructions differ; `None` where anything else does.
fn only_contents_differ(before: &Canonical, after: &Canonical) -> Option<BTreeSet<u32>> {
    let values = |form: &Canonical| form.lines.iter().map(|line| (line.path, line.value)).collect();
    let (ours, theirs): (HashMap<_, _>, HashMap<_, _>) = (values(before), values(after));
    let differing = |form: &Canonical, others: &HashMap<PathHash, [u8; 32]>| -> Option<BTreeSet<u32>> {
        let differs = |line: &&CanonicalLine| others.get(&line.path) != Some(&line.value);
        let page = |line: &CanonicalLine| {
            let node = &form.nodes[line.node];
            (node.kind == DifferenceKind::Content && &*node.key == "/Contents").then_some(node.page).flatten()
        };
        form.lines.iter().filter(differs).map(page).collect()
    };
    let (mut pages, more) = (differing(before, &theirs)?, differing(after, &ours)?);
    pages.extend(more);
    Some(pages)
}

struct Report<'a> {
    before: &'a Canonical,
    after: &'a Canonical,
    expected: &'a Loaded,
    actual: &'a Loaded,
    /// Nodes and page contents that one difference covers.
    reported: HashSet<(PathHash, Option<u32>)>,
    differences: Vec<Difference>,
    more: usize,
}

impl Report<'_> {
    fn page_count(&mut self) {
        let (expected, actual) = (self.before.pages, self.after.pages);
        if expected != actual {
            self.push(Difference {
                object: None,
                page: None,
                kind: DifferenceKind::PageCount,
                what: "number of pages".to_owned(),
                expected: expected.to_string(),
                actual: actual.to_string(),
            });
        }
    }

    /// A line that only one side has or that differs.
    fn line(&mut self, ours: Option<&CanonicalLine>, theirs: Option<&CanonicalLine>) {
        let Some((form, line)) =
            ours.map(|line| (self.before, line)).or_else(|| theirs.map(|line| (self.after, line)))
        else {
            return;
        };
        let node = &form.nodes[line.node];
        // The page count reports it already.
        if node.page.is_some_and(|page| page > self.before.pages.min(self.after.pages)) {
            return;
        }
        let (kind, group) = match node.kind {
            DifferenceKind::Content => (node.kind, Some(([0; 16], node.page))),
            DifferenceKind::Image => (node.kind, Some((node.path, None))),
            // What is below a missing value is not listed.
            other if ours.is_none() || theirs.is_none() => (other, Some((self.missing(form, line), None))),
            other => (other, None),
        };
        if group.is_some_and(|group| !self.reported.insert(group)) {
            return;
        }
        if self.differences.len() == MOST {
            self.more += 1;
            return;
        }
        let shown = |line: Option<&CanonicalLine>| {
            line.map_or_else(|| "nothing".to_owned(), |line| line.shown.to_string())
        };
        let key = line.key.as_deref();
        let mut difference = Difference {
            object: node.object,
            page: node.page,
            kind: if is_page_size(node.parent.is_none() && node.page.is_some(), key) {
                DifferenceKind::PageSize
            } else {
                kind
            },
            what: value::clip(
                &[Some(form.path(line.node).as_str()), key]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join(" "),
            ),
            expected: shown(ours),
            actual: shown(theirs),
        };
        if kind == DifferenceKind::Content
            && let Some(page) = node.page
        {
            self.show_content(page, &mut difference);
        }
        self.push(difference);
    }

    /// The node that covers a line that one side lacks: its parent if that is missing too, which was
    /// visited before. The line itself is recorded for those below it.
    fn missing(&mut self, form: &Canonical, line: &CanonicalLine) -> PathHash {
        let above = if line.key.is_some() { Some(line.node) } else { form.nodes[line.node].parent };
        match above.map(|above| form.nodes[above].path) {
            Some(above) if self.reported.contains(&(above, None)) => {
                self.reported.insert((line.path, None));
                above
            }
            Some(_) | None => line.path,
        }
    }

    /// Puts the first line of text that differs in place of sizes and digests; or, the text being the
    /// same, the first drawing instruction.
    fn show_content(&self, page: u32, difference: &mut Difference) {
        let sides = |read: fn(&Loaded, u32) -> Option<Vec<String>>| {
            text::first_difference(&read(self.expected, page)?, &read(self.actual, page)?)
        };
        let (kind, what, first) = if let Some(first) = sides(text::lines) {
            (DifferenceKind::Text, "text", first)
        } else if let Some(first) = sides(text::instructions) {
            (DifferenceKind::Content, "content", first)
        } else {
            return;
        };
        difference.kind = kind;
        difference.what = format!("page {page} {what}, line {}", first.0);
        (difference.expected, difference.actual) = (first.1, first.2);
    }

    fn push(&mut self, difference: Difference) {
        self.differences.push(difference);
    }
}

fn is_page_size(on_page: bool, key: Option<&str>) -> bool {
    on_page
        && key.is_some_and(|key| {
            matches!(
                key,
                "/ArtBox" | "/BleedBox" | "/CropBox" | "/MediaBox" | "/Rotate" | "/TrimBox" | "/UserUnit"
            )
        })
}
