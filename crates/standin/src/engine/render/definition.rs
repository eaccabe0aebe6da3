//! A template definition as types: the tree of nodes and the settings around it.
//!
//! Field names are those of the public template model. Nothing is evaluated here.

use super::style::{Align, Border, Colour, Length, Style};
use serde::Deserialize;
use serde_json::Value;

/// A complete definition.
#[derive(Debug)]
pub(crate) struct Template {
    /// The template's `name`: the title of the document.
    pub(crate) name: String,
    /// How the caller's payload becomes the data that the nodes see.
    pub(crate) field_mappings: Vec<FieldMapping>,
    /// Paper, margins, locale, header and footer.
    pub(crate) render_config: RenderConfig,
    /// The root node, always a document.
    pub(crate) document: Node,
}

/// One entry of `fieldMappings`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FieldMapping {
    /// Dot-path in the adapted data.
    pub(crate) target_path: String,
    /// Dot-path in the payload; the target path where it is left out.
    pub(crate) source_path: Option<String>,
    /// Used if the source is missing.
    pub(crate) default_value: Option<Value>,
    /// Not evaluated by this renderer: an error where it is given.
    pub(crate) expression: Option<String>,
}

/// `renderConfig`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RenderConfig {
    /// A4 where it is left out.
    pub(crate) paper_size: PaperSize,
    /// Portrait where it is left out.
    pub(crate) orientation: Orientation,
    /// 20 mm all round where it is left out.
    pub(crate) margin: Option<Margin>,
    /// Language tags that determine how money and dates are written.
    pub(crate) locale: Locale,
    /// HTML drawn in the top margin of every page.
    pub(crate) page_header: Option<String>,
    /// HTML drawn in the bottom margin of every page.
    pub(crate) page_footer: Option<String>,
}

/// `renderConfig.paperSize`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub(crate) enum PaperSize {
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
pub(crate) enum Orientation {
    #[default]
    Portrait,
    Landscape,
}

/// `renderConfig.margin`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Margin {
    pub(crate) top: Length,
    pub(crate) right: Length,
    pub(crate) bottom: Length,
    pub(crate) left: Length,
}

/// `renderConfig.locale`: BCP 47 tags.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub(crate) struct Locale {
    /// For money and numbers.
    pub(crate) currency: String,
    /// For dates.
    pub(crate) date: String,
}

impl Default for Locale {
    fn default() -> Self {
        Self { currency: "en-US".to_owned(), date: "en-AU".to_owned() }
    }
}

/// `paginationHints`, as far as they are heeded.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Hints {
    /// `always` and `page` start a new page.
    pub(crate) break_before: Option<String>,
    /// `always` and `page` end the page, `avoid` keeps the next node with this one.
    pub(crate) break_after: Option<String>,
    /// `avoid` keeps the node on one page where it fits on one.
    pub(crate) break_inside: Option<String>,
    /// Keeps the next node with this one.
    pub(crate) keep_with_next: bool,
}

/// One node.
#[derive(Debug)]
pub(crate) struct Node {
    /// Its path: `document.children[0].children[2]`.
    pub(crate) path: String,
    /// Its style.
    pub(crate) style: Style,
    /// Where pages may break.
    pub(crate) hints: Hints,
    /// What it is.
    pub(crate) kind: Kind,
}

/// The kinds of node that are drawn, with their fields.
#[derive(Debug)]
pub(crate) enum Kind {
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
pub(crate) struct Heading {
    /// 1 to 6.
    pub(crate) level: u8,
    /// A Handlebars string.
    pub(crate) content: String,
}

/// Fields of a text.
#[derive(Debug, Deserialize)]
pub(crate) struct Text {
    /// A Handlebars string.
    pub(crate) content: String,
    /// What it is for.
    #[serde(default)]
    pub(crate) variant: Variant,
}

/// `text.variant`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Variant {
    #[default]
    Body,
    Caption,
    Label,
    Overline,
    Footnote,
}

/// Fields of an image. `fit` is heeded as `contain` where both sides are given, `fill` stretches.
#[derive(Debug, Deserialize)]
pub(crate) struct Image {
    /// A Handlebars string that renders to `/assets/<storage key>`.
    pub(crate) src: String,
    /// For HTML.
    pub(crate) alt: Option<String>,
    /// How it fills its box.
    pub(crate) fit: Option<String>,
    /// Its box.
    pub(crate) width: Option<Length>,
    /// Its box.
    pub(crate) height: Option<Length>,
}

/// Fields of a spacer.
#[derive(Debug, Deserialize)]
pub(crate) struct Spacer {
    /// Its height.
    pub(crate) size: Length,
    /// Inline spacers take no height.
    #[serde(default)]
    pub(crate) horizontal: bool,
}

/// Fields of a divider.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Divider {
    /// One pixel where it is left out.
    pub(crate) thickness: Option<Length>,
    /// Light grey where it is left out.
    pub(crate) color: Option<Colour>,
    /// Solid where it is left out.
    pub(crate) dash_style: Option<DashStyle>,
}

/// `divider.dashStyle`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DashStyle {
    Solid,
    Dashed,
    Dotted,
}

/// Fields of a table.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Table {
    /// Path to the array of rows.
    pub(crate) data_path: String,
    /// At least one.
    pub(crate) columns: Vec<TableColumn>,
    /// Draw the header anew on each page: yes where it is left out.
    pub(crate) repeat_header: Option<bool>,
    /// Draw the footer row.
    #[serde(default)]
    pub(crate) show_footer: bool,
    /// Drawn above the table.
    pub(crate) caption: Option<String>,
    /// Drawn in place of rows where there are none.
    pub(crate) empty_message: Option<String>,
    /// Rows above the header row.
    #[serde(default)]
    pub(crate) header_rows: Vec<HeaderRow>,
    #[serde(default)]
    /// Of the header row.
    pub(crate) header_row_style: Style,
    #[serde(default)]
    /// Of the body row.
    pub(crate) body_row_style: Style,
    /// For rows 0, 2, 4, …
    #[serde(default)]
    pub(crate) alternate_row_style: Style,
    #[serde(default)]
    /// Of the footer row.
    pub(crate) footer_row_style: Style,
}

/// One column of a table.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TableColumn {
    /// Data path within a row.
    pub(crate) key: String,
    /// A Handlebars string.
    pub(crate) header: String,
    /// A Handlebars string over the whole adapted data.
    pub(crate) footer: Option<String>,
    /// Distributed by content if it is omitted.
    pub(crate) width: Option<Length>,
    /// Of header, cells and footer.
    #[serde(default)]
    pub(crate) align: Align,
    /// `currency`, `number` or `date`.
    pub(crate) format: Option<String>,
    /// For the format: `["EUR"]`.
    #[serde(default)]
    pub(crate) format_args: Vec<Value>,
    /// Of the cells.
    #[serde(default)]
    pub(crate) style: Style,
    /// Of the header cell.
    #[serde(default)]
    pub(crate) header_style: Style,
    /// Not drawn by this renderer: an error where it is given.
    pub(crate) sparkline: Option<Value>,
}

/// A row above the header row.
#[derive(Debug, Deserialize)]
pub(crate) struct HeaderRow {
    /// Their spans add up to the number of columns.
    pub(crate) cells: Vec<HeaderCell>,
    /// Of the row.
    #[serde(default)]
    pub(crate) style: Style,
}

/// A cell of such a row.
#[derive(Debug, Deserialize)]
pub(crate) struct HeaderCell {
    /// A Handlebars string.
    pub(crate) content: String,
    /// One where it is left out.
    pub(crate) colspan: Option<usize>,
    /// Flush left where it is left out.
    #[serde(default)]
    pub(crate) align: Align,
    /// Of the cell.
    #[serde(default)]
    pub(crate) style: Style,
}

/// A condition: a leaf or a group of them.
#[derive(Debug)]
pub(crate) enum Clause {
    /// Compares what a path gives.
    Leaf(Condition),
    /// `and` (all) or `or` (any) of its clauses, turned round by `negate`.
    Group { all: bool, negate: bool, clauses: Vec<Clause> },
}

/// One comparison.
#[derive(Debug, Deserialize)]
pub(crate) struct Condition {
    /// Path in the data in scope.
    pub(crate) path: String,
    /// How.
    pub(crate) operator: Operator,
    /// With what.
    #[serde(default)]
    pub(crate) value: Value,
}

/// `condition.operator`.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Operator {
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
pub(crate) const ROW_LINE: Border = Border { width: 0.5, colour: Colour::rgb(0xd9, 0xdd, 0xe3) };
