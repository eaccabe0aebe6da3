//! Definition and data to a tree of blocks in which every string, condition and repeater is
//! resolved. What the PDF, the HTML and the list of referenced assets are all made from.
//!
//! Inside a repeater the scope is the item, as the template model has it; `@root` in a Handlebars
//! string is the item too.

use super::{
    RenderError,
    data::{holds, look_up},
    definition::{Divider, Hints, Image, Kind, Node, Spacer, Table, Variant},
    strings::Strings,
    style::{Length, Style},
};
use handlebars::Context;
use serde_json::Value;

/// Blocks and table cells of one document.
const MOST_BLOCKS: usize = 60_000;
/// Bytes of text of one document.
const MOST_TEXT: usize = 4 * 1024 * 1024;

/// A node with its data in it.
#[derive(Debug)]
pub(crate) struct Block<'t> {
    /// The path of the node.
    pub(crate) path: &'t str,
    /// Its style.
    pub(crate) style: &'t Style,
    /// Where pages may break.
    pub(crate) hints: &'t Hints,
    /// What there is to draw.
    pub(crate) body: Body<'t>,
}

/// What there is to draw.
#[derive(Debug)]
pub(crate) enum Body<'t> {
    /// One below the other.
    Stack(Vec<Block<'t>>),
    /// Side by side, each with its share.
    Columns { gap: Option<Length>, columns: Vec<(f32, Block<'t>)> },
    /// A heading of a level.
    Heading(u8, String),
    /// A paragraph.
    Text(Variant, String),
    /// The image stored under a key, and its alternative text.
    Image { image: &'t Image, key: String, alt: String },
    /// A table.
    Table(Grid<'t>),
    /// Empty height.
    Spacer(&'t Spacer),
    /// A line.
    Divider(&'t Divider),
    /// A new page.
    PageBreak,
}

/// A table with its data in it. Every row has a text for each column.
#[derive(Debug)]
pub(crate) struct Grid<'t> {
    /// What it was made from.
    pub(crate) table: &'t Table,
    /// Above the table.
    pub(crate) caption: Option<String>,
    /// Texts of the rows above the header row, one per cell.
    pub(crate) banners: Vec<Vec<String>>,
    /// Texts of the header row.
    pub(crate) header: Vec<String>,
    /// Texts of the body.
    pub(crate) rows: Vec<Vec<String>>,
    /// Texts of the footer row, where it is shown.
    pub(crate) footer: Option<Vec<String>>,
    /// In place of rows, where there are none.
    pub(crate) empty: Option<String>,
}

/// The document as blocks.
pub(crate) fn expand<'t>(
    document: &'t Node,
    strings: &'t Strings,
    data: &Value,
) -> Result<Block<'t>, RenderError> {
    let root = Scope::new(data, &document.path)?;
    let mut expander = Expander { strings, root: &root, blocks: 0, text: 0 };
    let mut blocks = expander.node(document, &root)?;
    Ok(blocks.swap_remove(0))
}

/// The data at hand, as JSON and as Handlebars wants it.
struct Scope<'d> {
    data: &'d Value,
    context: Context,
}

impl<'d> Scope<'d> {
    fn new(data: &'d Value, path: &str) -> Result<Self, RenderError> {
        let context = Context::wraps(data).map_err(|error| RenderError::at(path, error.to_string()))?;
        Ok(Self { data, context })
    }
}

struct Expander<'t, 'd> {
    strings: &'t Strings,
    root: &'d Scope<'d>,
    blocks: usize,
    text: usize,
}

impl<'t> Expander<'t, '_> {
    fn count(&mut self, blocks: usize, path: &str) -> Result<(), RenderError> {
        self.blocks = self.blocks.saturating_add(blocks);
        match self.blocks > MOST_BLOCKS || self.text > MOST_TEXT {
            true => Err(RenderError::at(path, "with this data the document grows too large")),
            false => Ok(()),
        }
    }

    fn write(&mut self, source: &str, scope: &Scope<'_>, path: &str) -> Result<String, RenderError> {
        let text = self.strings.render(source, &scope.context, path)?;
        self.text += text.len();
        self.count(0, path)?;
        Ok(text)
    }

    fn nodes(&mut self, nodes: &'t [Node], scope: &Scope<'_>) -> Result<Vec<Block<'t>>, RenderError> {
        let mut blocks = Vec::new();
        for node in nodes {
            blocks.extend(self.node(node, scope)?);
        }
        Ok(blocks)
    }

    fn node(&mut self, node: &'t Node, scope: &Scope<'_>) -> Result<Vec<Block<'t>>, RenderError> {
        let path = node.path.as_str();
        self.count(1, path)?;
        let body = match &node.kind {
            Kind::Stack(children) => Body::Stack(self.nodes(children, scope)?),
            Kind::Columns { gap, columns } => {
                let mut cells = Vec::new();
                for (span, column) in columns {
                    cells.extend(self.node(column, scope)?.into_iter().map(|block| (*span, block)));
                }
                Body::Columns { gap: *gap, columns: cells }
            }
            Kind::Heading(heading) => {
                Body::Heading(heading.level, self.write(&heading.content, scope, &within(path, "content"))?)
            }
            Kind::Text(text) => {
                Body::Text(text.variant, self.write(&text.content, scope, &within(path, "content"))?)
            }
            Kind::Image(image) => self.image(image, scope, path)?,
            Kind::Table(table) => Body::Table(self.table(table, scope, path)?),
            Kind::Spacer(spacer) => Body::Spacer(spacer),
            Kind::Divider(divider) => Body::Divider(divider),
            Kind::PageBreak => Body::PageBreak,
            Kind::Conditional { condition, children, otherwise } => {
                let holds = holds(condition, scope.data)
                    .map_err(|message| RenderError::at(within(path, "condition"), message))?;
                Body::Stack(self.nodes(if holds { children } else { otherwise }, scope)?)
            }
            Kind::Repeater { data_path, children, empty } => {
                Body::Stack(self.repeat(data_path, (children, empty), scope, path)?)
            }
        };
        Ok(vec![Block { path, style: &node.style, hints: &node.hints, body }])
    }

    fn repeat(
        &mut self,
        data_path: &str,
        (children, empty): (&'t [Node], &'t [Node]),
        scope: &Scope<'_>,
        path: &str,
    ) -> Result<Vec<Block<'t>>, RenderError> {
        let items = items(scope.data, data_path, path)?;
        if items.is_empty() {
            return self.nodes(empty, scope);
        }
        let mut blocks = Vec::new();
        for item in items {
            self.count(1, path)?;
            blocks.extend(self.nodes(children, &Scope::new(item, path)?)?);
        }
        Ok(blocks)
    }

    fn image(&mut self, image: &'t Image, scope: &Scope<'_>, path: &str) -> Result<Body<'t>, RenderError> {
        let at = within(path, "src");
        let source = self.write(&image.src, scope, &at)?;
        let key = storage_key(&source).map_err(|message| RenderError::at(at, message))?;
        let alt = match &image.alt {
            Some(alt) => self.write(alt, scope, &within(path, "alt"))?,
            None => String::new(),
        };
        Ok(Body::Image { image, key, alt })
    }

    fn table(&mut self, table: &'t Table, scope: &Scope<'_>, path: &str) -> Result<Grid<'t>, RenderError> {
        let items = items(scope.data, &table.data_path, path)?;
        self.count(items.len().saturating_mul(table.columns.len()), path)?;
        let mut text = |source: &Option<String>, name: &str| match source {
            Some(source) => self.write(source, scope, &within(path, name)).map(Some),
            None => Ok(None),
        };
        let (caption, empty) =
            (text(&table.caption, "caption")?, text(&table.empty_message, "emptyMessage")?);
        let mut banners = Vec::new();
        for (i, row) in table.header_rows.iter().enumerate() {
            let at = format!("{path}.headerRows[{i}]");
            let cells = row.cells.iter().map(|cell| self.write(&cell.content, scope, &at));
            banners.push(cells.collect::<Result<_, _>>()?);
        }
        let columns = table.columns.iter().enumerate();
        let header = columns
            .clone()
            .map(|(i, column)| self.write(&column.header, scope, &format!("{path}.columns[{i}].header")));
        let header = header.collect::<Result<_, _>>()?;
        let root = self.root;
        let footer = columns.map(|(i, column)| {
            let source = column.footer.as_deref().unwrap_or_default();
            match source {
                "" => Ok(String::new()),
                _ => self.write(source, root, &format!("{path}.columns[{i}].footer")),
            }
        });
        let footer = if table.show_footer { Some(footer.collect::<Result<_, _>>()?) } else { None };
        let rows = items.iter().map(|item| self.row(table, item, path)).collect::<Result<_, _>>()?;
        Ok(Grid { table, caption, banners, header, rows, footer, empty })
    }

    fn row(&mut self, table: &Table, item: &Value, path: &str) -> Result<Vec<String>, RenderError> {
        let columns = table.columns.iter().enumerate();
        let cells = columns.map(|(i, column)| {
            let at = |message| RenderError::at(format!("{path}.columns[{i}]"), message);
            let value = look_up(item, &column.key).map_err(at)?.unwrap_or(&Value::Null);
            let text =
                self.strings.format(value, column.format.as_deref(), &column.format_args).map_err(at)?;
            self.text += text.len();
            self.count(0, path)?;
            Ok(text)
        });
        cells.collect()
    }
}

/// The array at `data_path`; nothing there is an empty one.
fn items<'d>(data: &'d Value, data_path: &str, path: &str) -> Result<&'d [Value], RenderError> {
    let at = || within(path, "dataPath");
    match look_up(data, data_path).map_err(|message| RenderError::at(at(), message))? {
        Some(Value::Array(items)) => Ok(items),
        None | Some(Value::Null) => Ok(&[]),
        Some(_) => Err(RenderError::at(at(), format!("`{data_path}` is not an array in this data"))),
    }
}

/// `/assets/<storage key>`, URL-encoded, to the key.
fn storage_key(source: &str) -> Result<String, String> {
    let source = source.trim();
    if source.is_empty() {
        return Err("the image has no source with this data".to_owned());
    }
    let key = source.strip_prefix("/assets/").map(|key| key.split(['?', '#']).next().unwrap_or(key));
    match key {
        Some(key) if !key.is_empty() => percent_encoding::percent_decode_str(key)
            .decode_utf8()
            .map(|key| key.into_owned())
            .map_err(|_| format!("`{source}` is not URL-encoded UTF-8")),
        _ => {
            let shown: String = source.chars().take(60).collect();
            Err(format!("`{shown}` is not an asset of the library: write /assets/<filename>"))
        }
    }
}

fn within(path: &str, name: &str) -> String {
    format!("{path}.{name}")
}
