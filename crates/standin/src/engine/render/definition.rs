//! What a template definition says, as types: the tree of nodes and the settings around it.
//!
//! Field names are those of the public template model. Nothing is evaluated here.

use super::style::{Align, Border, Colour, Length, Style};
use serde::Deserialize;
use serde_json::Value;

/// A definition that has been read whole.
#[derive(Debug)]
pub struct Template {
    /// The template's `name`: the title of the document.
    pub name: String,
    /// How the caller's payload becomes the data that the nodes see.
    pub field_mappings: Vec<FieldMapping>,
    /// Paper, margins, locale, header and footer.
    pub render_config: RenderConfig,
    /// The root node, always a document.
    pub document: Node,
}

/// One entry of `fieldMappings`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FieldMapping {
    /// Dot-path in the adapted data.
    pub target_path: String,
    /// Dot-path in the payload; the target path where it is left out.
    pub source_path: Option<String>,
    /// Taken where the source is not there.
    pub default_value: Option<Value>,
    /// Not evaluated by this renderer: an error where it is given.
    pub expression: Option<String>,
}

/// `renderConfig`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RenderConfig {
    /// A4 where it is left out.
    pub paper_size: PaperSize,
    /// Portrait where it is left out.
    pub orientation: Orientation,
    /// 20 mm all round where it is left out.
    pub margin: Option<Margin>,
    /// Tags that say how money and dates are written.
    pub locale: Locale,
    /// HTML drawn in the top margin of every page.
    pub page_header: Option<String>,
    /// HTML drawn in the bottom margin of every page.
    pub page_footer: Option<String>,
}

/// `renderConfig.paperSize`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum PaperSize {
    #[default]
    A4,
    A3,
    Letter,
    Legal,
    Tabloid,
}

/// `renderConfig.orientation`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Orientation {
    #[default]
    Portrait,
    Landscape,
}

/// `renderConfig.margin`.
#[derive(Clone, Debug, Deserialize)]
pub struct Margin {
    pub top: Length,
    pub right: Length,
    pub bottom: Length,
    pub left: Length,
}

/// `renderConfig.locale`: BCP 47 tags.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct Locale {
    /// For money and numbers.
    pub currency: String,
    /// For dates.
    pub date: String,
}

impl Default for Locale {
    fn default() -> Self {
        Self { currency: "en-US".to_owned(), date: "en-AU".to_owned() }
    }
}

/// `paginationHints`, as far as they are heeded.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Hints {
    /// `always` and `page` start a new page.
    pub break_before: Option<String>,
    /// `always` and `page` end the page, `avoid` keeps the next node with this one.
    pub break_after: Option<String>,
    /// `avoid` keeps the node on one page where it fits on one.
    pub break_inside: Option<String>,
    /// Keeps the next node with this one.
    pub keep_with_next: bool,
}

/// One node.
#[derive(Debug)]
pub struct Node {
    /// Where it stands: `document.children[0].children[2]`.
    pub path: String,
    /// Its looks.
    pub style: Style,
    /// Where pages may break.
    pub hints: Hints,
    /// What it is.
    pub kind: Kind,
}

/// The kinds of node that are drawn, with their fields.
#[derive(Debug)]
pub enum Kind {
    /// `document`, `section`, `container` or `column`: children one below the other.
    Stack(Vec<Node>),
    /// `columns`: side by side, each with its `span`.
    Columns { gap: Option<Length>, columns: Vec<(f32, Node)> },
    /// `heading`
    Heading(Heading),
    /// `text`
    Text(Text),
    /// `image`
    Image(Image),
    /// `table`
    Table(Box<Table>),
    /// `spacer`
    Spacer(Spacer),
    /// `divider`
    Divider(Divider),
    /// `pageBreak`
    PageBreak,
    /// `conditional`
    Conditional { condition: Clause, children: Vec<Node>, otherwise: Vec<Node> },
    /// `repeater`
    Repeater { data_path: String, children: Vec<Node>, empty: Vec<Node> },
}

/// Fields of a heading.
#[derive(Debug, Deserialize)]
pub struct Heading {
    /// 1 to 6.
    pub level: u8,
    /// A Handlebars string.
    pub content: String,
}

/// Fields of a text.
#[derive(Debug, Deserialize)]
pub struct Text {
    /// A Handlebars string.
    pub content: String,
    /// What it is for.
    #[serde(default)]
    pub variant: Variant,
}

/// `text.variant`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Variant {
    #[default]
    Body,
    Caption,
    Label,
    Overline,
    Footnote,
}

/// Fields of an image. `fit` is heeded as `contain` where both sides are given, `fill` stretches.
#[derive(Debug, Deserialize)]
pub struct Image {
    /// A Handlebars string that gives `/assets/<storage key>`.
    pub src: String,
    /// For HTML.
    pub alt: Option<String>,
    /// How it fills its box.
    pub fit: Option<String>,
    /// Its box.
    pub width: Option<Length>,
    /// Its box.
    pub height: Option<Length>,
}

/// Fields of a spacer.
#[derive(Debug, Deserialize)]
pub struct Spacer {
    /// Its height.
    pub size: Length,
    /// Inline spacers take no height.
    #[serde(default)]
    pub horizontal: bool,
}

/// Fields of a divider.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Divider {
    /// One pixel where it is left out.
    pub thickness: Option<Length>,
    /// Light grey where it is left out.
    pub color: Option<Colour>,
    /// Solid where it is left out.
    pub dash_style: Option<DashStyle>,
}

/// `divider.dashStyle`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DashStyle {
    Solid,
    Dashed,
    Dotted,
}

/// Fields of a table.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    /// Path to the array of rows.
    pub data_path: String,
    /// At least one.
    pub columns: Vec<TableColumn>,
    /// Draw the header anew on each page: yes where it is left out.
    pub repeat_header: Option<bool>,
    /// Draw the footer row.
    #[serde(default)]
    pub show_footer: bool,
    /// Drawn above the table.
    pub caption: Option<String>,
    /// Drawn in place of rows where there are none.
    pub empty_message: Option<String>,
    /// Rows above the header row.
    #[serde(default)]
    pub header_rows: Vec<HeaderRow>,
    #[serde(default)]
    /// Of the header row.
    pub header_row_style: Style,
    #[serde(default)]
    /// Of the body row.
    pub body_row_style: Style,
    /// For rows 0, 2, 4, …
    #[serde(default)]
    pub alternate_row_style: Style,
    #[serde(default)]
    /// Of the footer row.
    pub footer_row_style: Style,
}

/// One column of a table.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableColumn {
    /// Data path within a row.
    pub key: String,
    /// A Handlebars string.
    pub header: String,
    /// A Handlebars string over the whole adapted data.
    pub footer: Option<String>,
    /// Shared out by content where it is left out.
    pub width: Option<Length>,
    /// Of header, cells and footer.
    #[serde(default)]
    pub align: Align,
    /// `currency`, `number` or `date`.
    pub format: Option<String>,
    /// For the format: `["EUR"]`.
    #[serde(default)]
    pub format_args: Vec<Value>,
    /// Of the cells.
    #[serde(default)]
    pub style: Style,
    /// Of the header cell.
    #[serde(default)]
    pub header_style: Style,
    /// Not drawn by this renderer: an error where it is given.
    pub sparkline: Option<Value>,
}

/// A row above the header row.
#[derive(Debug, Deserialize)]
pub struct HeaderRow {
    /// Their spans add up to the number of columns.
    pub cells: Vec<HeaderCell>,
    /// Of the row.
    #[serde(default)]
    pub style: Style,
}

/// A cell of such a row.
#[derive(Debug, Deserialize)]
pub struct HeaderCell {
    /// A Handlebars string.
    pub content: String,
    /// One where it is left out.
    pub colspan: Option<usize>,
    /// Flush left where it is left out.
    #[serde(default)]
    pub align: Align,
    /// Of the cell.
    #[serde(default)]
    pub style: Style,
}

/// A condition: a leaf or a group of them.
#[derive(Debug)]
pub enum Clause {
    /// Compares what a path gives.
    Leaf(Condition),
    /// `and` (all) or `or` (any) of its clauses, turned round by `negate`.
    Group { all: bool, negate: bool, clauses: Vec<Clause> },
}

/// One comparison.
#[derive(Debug, Deserialize)]
pub struct Condition {
    /// Path in the data in scope.
    pub path: String,
    /// How.
    pub operator: Operator,
    /// With what.
    #[serde(default)]
    pub value: Value,
}

/// `condition.operator`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Operator {
    Eq,
    Ne,
    Gt,
    Gte,
    Lt,
    Lte,
    Exists,
    NotExists,
}

/// The border that table rows have below them.
pub const ROW_LINE: Border = Border { width: 0.5, colour: Colour::rgb(0xd9, 0xdd, 0xe3) };
