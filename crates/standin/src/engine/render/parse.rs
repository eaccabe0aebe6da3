//! JSON to [`Template`], with every problem and its path.
//!
//! Continues after a problem, so that validation lists them all. Depth and number of nodes are
//! bounded: definitions come from clients.

use super::{
    RenderError,
    definition::{Clause, Condition, Heading, Hints, Image, Kind, Node, RenderConfig, Table, Template},
    strings::Strings,
    style::{Length, Style},
};
use serde::de::{Deserialize, DeserializeOwned};
use serde_json::Value;

/// Nodes within nodes.
const DEEPEST: usize = 48;
/// Nodes of one definition.
const MOST_NODES: usize = 10_000;
/// Problems that are listed.
const MOST_PROBLEMS: usize = 100;

/// Reads a definition and compiles its Handlebars strings; with `escape`, for HTML.
///
/// # Errors
/// All problems that were found, at least one.
pub(crate) fn template(definition: &Value, escape: bool) -> Result<(Template, Strings), Vec<RenderError>> {
    let mut parser = Parser { problems: Vec::new(), nodes: 0, sources: Vec::new() };
    if !definition.is_object() {
        return Err(vec![RenderError {
            message: "the definition is not an object".into(),
            code: None,
            path: None,
        }]);
    }
    for name in ["key", "version", "name"] {
        parser.field::<String>(definition, "", name);
    }
    let name = definition.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    let field_mappings = parser.optional(definition, "", "fieldMappings");
    let render_config: RenderConfig = parser.optional(definition, "", "renderConfig");
    for (stamp, path) in [
        (&render_config.page_header, "renderConfig.pageHeader"),
        (&render_config.page_footer, "renderConfig.pageFooter"),
    ] {
        parser.sources.extend(stamp.iter().map(|source| (source.clone(), path.to_owned())));
    }
    let document = match definition.get("document") {
        Some(document) => parser.document(document),
        None => parser.problem("document", "there is no document"),
    };
    let mut strings = Strings::new(escape, render_config.locale.clone());
    for (source, path) in std::mem::take(&mut parser.sources) {
        if let Err(error) = strings.compile(&source, &path) {
            parser.problems.push(error);
        }
    }
    match (document, parser.problems.is_empty()) {
        (Some(document), true) => Ok((Template { name, field_mappings, render_config, document }, strings)),
        _ => Err(parser.problems),
    }
}

struct Parser {
    problems: Vec<RenderError>,
    nodes: usize,
    /// Handlebars strings and where they stand.
    sources: Vec<(String, String)>,
}

impl Parser {
    fn problem<T>(&mut self, path: &str, message: impl Into<String>) -> Option<T> {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(RenderError::at(path, message));
        }
        None
    }

    /// The fields of a node, or of anything else that has no children of its own.
    fn fields<'v, T: Deserialize<'v>>(&mut self, value: &'v Value, path: &str) -> Option<T> {
        T::deserialize(value).map_err(|error| self.problem::<()>(path, error.to_string())).ok()
    }

    fn field<T: DeserializeOwned>(&mut self, owner: &Value, path: &str, name: &str) -> Option<T> {
        let at = joined(path, name);
        match owner.get(name) {
            Some(value) => self.fields(value, &at),
            None => self.problem(&at, format!("`{name}` is missing")),
        }
    }

    fn optional<T: DeserializeOwned + Default>(&mut self, owner: &Value, path: &str, name: &str) -> T {
        match owner.get(name) {
            Some(value) if !value.is_null() => self.fields(value, &joined(path, name)).unwrap_or_default(),
            Some(_) | None => T::default(),
        }
    }

    fn source(&mut self, source: &str, path: &str, name: &str) {
        self.sources.push((source.to_owned(), joined(path, name)));
    }

    fn document(&mut self, value: &Value) -> Option<Node> {
        let path = "document";
        if kind_of(value) != "document" {
            return self.problem(path, "the root node is not of the type `document`");
        }
        let sections = self.list(value, path, "children", |parser, child, path| match kind_of(child) {
            "section" => parser.node(child, path, 1),
            other => parser.problem(path, format!("`{other}` stands where only a section may")),
        });
        self.finish(value, path, Kind::Stack(sections))
    }

    /// The nodes of an array; a missing array is a problem, unless it may be left out.
    fn list(
        &mut self,
        owner: &Value,
        path: &str,
        name: &str,
        mut one: impl FnMut(&mut Self, &Value, &str) -> Option<Node>,
    ) -> Vec<Node> {
        let at = joined(path, name);
        let Some(items) = owner.get(name).and_then(Value::as_array) else {
            self.problem::<()>(&at, format!("`{name}` is not an array"));
            return Vec::new();
        };
        let mut nodes = Vec::new();
        for (i, item) in items.iter().enumerate() {
            if self.nodes > MOST_NODES {
                break;
            }
            nodes.extend(one(self, item, &format!("{at}[{i}]")));
        }
        nodes
    }

    fn children(&mut self, owner: &Value, path: &str, name: &str, depth: usize) -> Vec<Node> {
        self.list(owner, path, name, |parser, child, path| match kind_of(child) {
            misplaced @ ("document" | "section" | "column") => {
                parser.problem(path, format!("`{misplaced}` stands where only content may"))
            }
            _ => parser.node(child, path, depth + 1),
        })
    }

    fn optional_children(&mut self, owner: &Value, path: &str, name: &str, depth: usize) -> Vec<Node> {
        match owner.get(name) {
            Some(value) if !value.is_null() => self.children(owner, path, name, depth),
            Some(_) | None => Vec::new(),
        }
    }

    fn node(&mut self, value: &Value, path: &str, depth: usize) -> Option<Node> {
        self.nodes += 1;
        if depth > DEEPEST {
            return self.problem(path, format!("nodes nest deeper than {DEEPEST}"));
        }
        if self.nodes > MOST_NODES {
            return self.problem(path, format!("there are more than {MOST_NODES} nodes"));
        }
        let kind = self.kind(value, path, depth)?;
        self.finish(value, path, kind)
    }

    fn finish(&mut self, value: &Value, path: &str, kind: Kind) -> Option<Node> {
        let style: Style = self.optional(value, path, "style");
        let hints: Hints = self.optional(value, path, "paginationHints");
        Some(Node { path: path.to_owned(), style, hints, kind })
    }

    fn kind(&mut self, value: &Value, path: &str, depth: usize) -> Option<Kind> {
        Some(match kind_of(value) {
            "section" | "container" | "column" => Kind::Stack(self.children(value, path, "children", depth)),
            "columns" => self.columns(value, path, depth),
            "heading" => Kind::Heading(self.heading(value, path)?),
            "text" => {
                let text: super::definition::Text = self.fields(value, path)?;
                self.source(&text.content, path, "content");
                Kind::Text(text)
            }
            "image" => {
                let image: Image = self.fields(value, path)?;
                self.source(&image.src, path, "src");
                self.sources.extend(image.alt.iter().map(|alt| (alt.clone(), joined(path, "alt"))));
                Kind::Image(image)
            }
            "table" => Kind::Table(Box::new(self.table(value, path)?)),
            "spacer" => Kind::Spacer(self.fields(value, path)?),
            "divider" => Kind::Divider(self.fields(value, path)?),
            "pageBreak" => Kind::PageBreak,
            "conditional" => self.conditional(value, path, depth)?,
            "repeater" => Kind::Repeater {
                data_path: self.field(value, path, "dataPath")?,
                children: self.children(value, path, "children", depth),
                empty: self.optional_children(value, path, "emptyChildren", depth),
            },
            "" => return self.problem(path, "the node has no `type`"),
            other => {
                return self
                    .problem(path, format!("nodes of the type `{other}` are not drawn by this renderer"));
            }
        })
    }

    fn heading(&mut self, value: &Value, path: &str) -> Option<Heading> {
        let heading: Heading = self.fields(value, path)?;
        if !(1..=6).contains(&heading.level) {
            return self.problem(&joined(path, "level"), "a heading's level is 1 to 6");
        }
        self.source(&heading.content, path, "content");
        Some(heading)
    }

    fn columns(&mut self, value: &Value, path: &str, depth: usize) -> Kind {
        let gap: Option<Length> = self.optional(value, path, "gap");
        let mut spans = Vec::new();
        let columns = self.list(value, path, "columns", |parser, column, path| {
            if kind_of(column) != "column" {
                return parser.problem(path, "only a `column` may stand here");
            }
            let span: Option<f32> = parser.optional(column, path, "span");
            let node = parser.node(column, path, depth + 1)?;
            spans.push(span.filter(|span| (0.01..=100.0).contains(span)).unwrap_or(1.0));
            Some(node)
        });
        if columns.len() > 24 {
            self.problem::<()>(path, "there are more than 24 columns");
        }
        Kind::Columns { gap, columns: spans.into_iter().zip(columns).collect() }
    }

    fn conditional(&mut self, value: &Value, path: &str, depth: usize) -> Option<Kind> {
        let expression = value.get("conditionExpression").and_then(Value::as_str).unwrap_or_default();
        if !expression.trim().is_empty() {
            return self.problem(
                &joined(path, "conditionExpression"),
                "expressions are not evaluated by this renderer: write a `condition`",
            );
        }
        let at = joined(path, "condition");
        let condition = match value.get("condition") {
            Some(condition) => self.clause(condition, &at, 0)?,
            None => return self.problem(&at, "`condition` is missing"),
        };
        let children = self.children(value, path, "children", depth);
        let otherwise = self.optional_children(value, path, "elseChildren", depth);
        Some(Kind::Conditional { condition, children, otherwise })
    }

    fn clause(&mut self, value: &Value, path: &str, depth: usize) -> Option<Clause> {
        if depth > DEEPEST {
            return self.problem(path, format!("conditions nest deeper than {DEEPEST}"));
        }
        if value.get("kind").and_then(Value::as_str) != Some("group") {
            return self.fields::<Condition>(value, path).map(Clause::Leaf);
        }
        let all = match value.get("combinator").and_then(Value::as_str) {
            Some("and") => true,
            Some("or") => false,
            _ => return self.problem(&joined(path, "combinator"), "a combinator is `and` or `or`"),
        };
        let negate: bool = self.optional(value, path, "negate");
        let clauses = value.get("clauses").and_then(Value::as_array).filter(|clauses| !clauses.is_empty());
        let Some(clauses) = clauses else {
            return self.problem(&joined(path, "clauses"), "a group has at least one clause");
        };
        let clauses = clauses.iter().enumerate();
        let clauses =
            clauses.filter_map(|(i, clause)| self.clause(clause, &format!("{path}.clauses[{i}]"), depth + 1));
        Some(Clause::Group { all, negate, clauses: clauses.collect() })
    }

    fn table(&mut self, value: &Value, path: &str) -> Option<Table> {
        let table: Table = self.fields(value, path)?;
        if table.columns.is_empty() || table.columns.len() > 64 {
            return self.problem(&joined(path, "columns"), "a table has 1 to 64 columns");
        }
        for (i, column) in table.columns.iter().enumerate() {
            let at = format!("{path}.columns[{i}]");
            self.source(&column.header, &at, "header");
            self.sources.extend(column.footer.iter().map(|footer| (footer.clone(), joined(&at, "footer"))));
            if column.sparkline.is_some() {
                self.problem::<()>(&joined(&at, "sparkline"), "sparklines are not drawn by this renderer");
            }
        }
        for (i, row) in table.header_rows.iter().enumerate() {
            let at = format!("{path}.headerRows[{i}]");
            let spans = row.cells.iter().map(|cell| cell.colspan.unwrap_or(1));
            if spans.fold(0usize, usize::saturating_add) != table.columns.len() {
                self.problem::<()>(&at, "the cells' spans do not add up to the number of columns");
            }
            for cell in &row.cells {
                self.source(&cell.content, &at, "cells");
            }
        }
        for (text, name) in [(&table.caption, "caption"), (&table.empty_message, "emptyMessage")] {
            self.sources.extend(text.iter().map(|text| (text.clone(), joined(path, name))));
        }
        Some(table)
    }
}

fn kind_of(value: &Value) -> &str {
    value.get("type").and_then(Value::as_str).unwrap_or_default()
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
