//! The architecture as rules: which module may import which, which module owns which library, which
//! modules may print, and that only `main` ends the process. It reads the sources as tokens, so that
//! comments and strings do not count.
//!
//! The tables below are the one place where the ranks are written down; `docs/design.md` shows them
//! (`PULP_DRILL_BLESS=1 cargo test --test static layering` writes them there).

mod cycles;

use cycles::Graph;
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// The modules in import order. A file imports its own module and modules of earlier rows; the longest
/// name that fits is a file's module.
const RANKS: &[(&str, &[&str])] = &[
    (
        "input files, foreign text, patterns, locks, large maps, tables",
        &[
            "base::input_file",
            "base::sanitize",
            "base::pattern",
            "base::sync",
            "base::shared",
            "base::sorted",
            "base::table",
        ],
    ),
    ("errors, identifiers, digests", &["base::error", "base::ids", "base::digest", "base::checksum"]),
    (
        "time, randomness, folders, redaction, metrics",
        &["base::clock", "base::folder", "base::redact", "base::openmetrics"],
    ),
    ("child processes and their folders", &["base::process"]),
    ("files that the program carries with it", &["base::shipped"]),
    ("writes to an engine, ranges of keys", &["model::write", "model::key_range"]),
    (
        "the catalogue of checks, writers under load, the target, what was there",
        &["model::check", "model::workload", "model::profile", "model::state", "model::page_images"],
    ),
    (
        "the catalogues of controls, faults and findings; figures of a restore; references from rows to objects",
        &["model::control", "model::fault", "model::figures", "model::finding", "model::reference"],
    ),
    (
        "how a scenario is judged; how far a profile describes two stores; what depends on damage",
        &["model::verdict", "model::fit", "model::blast_radius"],
    ),
    ("exit codes, levels of proof", &["model::exit_code", "model::level"]),
    ("the one event enum", &["model::event"]),
    ("events, folded", &["model::record"]),
    (
        "the consistency window: model and advice; what a run shows about the harness",
        &["window", "model::detection"],
    ),
    (
        "what a run may take; what it shows about commands that verify",
        &["model::budget", "model::tool_proof"],
    ),
    ("the scenario file, the journal, the adapters to external systems", &["scenario", "journal", "system"]),
    ("a site, the reports, the ledger of runs, a drafted profile", &["site", "report", "history", "draft"]),
    (
        "back up and restore, side by side; rows against objects in use; evidence of a run",
        &["procedure", "reconcile", "evidence"],
    ),
    ("a plan; writes through the API, one at a time", &["plan", "runbook::seed"]),
    (
        "the stages of the runbook",
        &[
            "runbook::provision",
            "runbook::workload",
            "runbook::fault",
            "runbook::backup",
            "runbook::restore",
            "runbook::verify",
        ],
    ),
    ("the loop", &["runbook"]),
    ("one run, from options to the sealed record", &["run"]),
    ("one file for each subcommand", &["cli"]),
    ("parse, run, exit code", &["main"]),
];

/// Outside libraries with owners: nobody else names them.
const OWNERS: &[(&str, &[&str])] = &[
    ("annotate_snippets", &["scenario::diagnose"]),
    ("aws_sdk_s3", &["system::objects::s3", "standin::engine::store"]),
    ("aws_smithy_http_client", &["system::objects::s3", "standin::engine::store"]),
    ("axum", &["system::gate", "standin::engine"]),
    ("clap", &["cli", "main", "standin"]),
    ("comfy_table", &["base::table"]),
    ("dejavu", &["report::pdf", "standin::engine::render"]),
    ("ed25519_dalek", &["evidence::key"]),
    ("granit_parser", &["scenario::yaml"]),
    ("handlebars", &["standin::engine::render"]),
    ("hayro", &["report::pages"]),
    ("indicatif", &["report::terminal"]),
    ("junit_report", &["report::junit"]),
    ("krilla", &["report::pdf", "standin::engine::render"]),
    ("lopdf", &["pdf_compare"]),
    ("maud", &["report::html", "history::page"]),
    ("pdf_compare", &["cli", "run", "runbook::verify"]),
    // Notifications go to services outside of the system under test.
    ("reqwest", &["system::engine", "run::notify"]),
    ("s3s", &["standin::objects"]),
    ("shipped_files", &["base::shipped"]),
    ("sorted_table", &["base::sorted"]),
    ("sqlx", &["system::postgres", "standin::engine"]),
    ("ssh_key", &["evidence::key"]),
    ("standin", &["cli"]),
    ("tar", &["evidence::bundle", "procedure::foreign"]),
    ("testcontainers", &["system::containers"]),
    ("walkdir", &["base::folder"]),
    ("wildmatch", &["base::pattern"]),
];

/// The packages below `crates/`. Cargo keeps them from importing the main package.
const CRATES: &[&str] = &["dejavu", "pdf_compare", "shipped_files", "sorted_table", "standin"];

/// Who may print. During a run that is the terminal observer alone; a subcommand prints its result.
const PRINTERS: &[&str] = &["cli", "report::terminal", "main"];

/// One source file, or a planted one.
struct Source {
    /// `runbook::fault::rows`; `main` for the binary.
    module: String,
    /// What stands in it.
    text: String,
}

/// A use of a path or macro somewhere in a file.
#[derive(Debug)]
struct Use {
    line: usize,
    /// `crate::…` paths without `crate`, others as written.
    path: Vec<String>,
    ours: bool,
    in_test: bool,
    kind: Kind,
    /// The name after `as`.
    alias: Option<String>,
}

/// Where a path stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// In a private `use`.
    Import,
    /// In a `pub use` of any visibility.
    ReExport,
    /// Anywhere else.
    Code,
}

#[test]
fn imports_go_downward_only() {
    let sources = sources();
    assert!(sources.len() > 100, "only {} files were read", sources.len());
    let broken = violations(&sources);
    assert!(broken.is_empty(), "{} violations:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn files_do_not_import_each_other_in_cycles() {
    let sources = sources();
    let cycles = import_cycles(&sources);
    assert!(cycles.is_empty(), "{} import cycles:\n{}", cycles.len(), cycles.join("\n"));
}

#[test]
fn planted_cycles_are_reported() {
    let planted: &[&[(&str, &str)]] = &[
        &[("plan", "use crate::site::Site;"), ("site", "use crate::plan::Plan;")],
        // A child that takes from its parent, which calls the child.
        &[("site", "mod slot; fn f() { slot::make(); }"), ("site::slot", "use super::Site;")],
        &[("site", "mod slot; use slot::Slot;"), ("site::slot", "fn f() -> crate::site::Site {}")],
        // A parent that re-exports a name and uses it too.
        &[("site", "mod slot; pub use slot::Slot; struct Site(Slot);"), ("site::slot", "use super::Site;")],
        // Two children, through what the parent re-exports.
        &[
            ("site", "mod a; mod b; pub use {a::A, b::B};"),
            ("site::a", "use super::B;"),
            ("site::b", "use crate::site::A;"),
        ],
        // Three files, one import renamed, one module imported as a whole.
        &[
            ("plan", "use crate::site as place; fn f() { place::go(); }"),
            ("site", "use crate::report::Report as R;"),
            ("report", "fn f() { let _ = crate::plan::Plan::new(); }"),
        ],
    ];
    for files in planted {
        let cycles = import_cycles(&planted_files(files));
        assert_eq!(cycles.len(), 1, "{files:?}: {cycles:?}");
        assert!(files.iter().filter(|(file, _)| cycles[0].contains(file)).count() >= 2, "{cycles:?}");
    }
}

#[test]
fn declarations_and_re_exports_are_no_cycles() {
    let fine: &[&[(&str, &str)]] = &[
        &[("site", "mod slot; pub use slot::Slot; struct Site;"), ("site::slot", "use super::Site;")],
        &[("site", "mod slot; pub use slot::Slot;"), ("site::slot", "fn f() -> super::Slot {}")],
        // The parent's re-export leads to the file that defines the name.
        &[
            ("site", "mod a; mod b; pub use a::A; fn f() { b::go(); }"),
            ("site::a", ""),
            ("site::b", "use super::A;"),
        ],
        // Methods and functions of the same name as a re-export.
        &[
            ("site", "mod a; pub use a::go; fn f(x: X) { x.go(); } impl X { fn go() {} }"),
            ("site::a", "use super::X;"),
        ],
        &[("site", "mod a; fn f() { a::A; }"), ("site::a", "#[cfg(test)] mod tests { use crate::site::f; }")],
    ];
    for files in fine {
        assert_eq!(import_cycles(&planted_files(files)), Vec::<String>::new(), "{files:?}");
    }
}

fn planted_files(files: &[(&str, &str)]) -> Vec<Source> {
    let source =
        |(module, text): &(&str, &str)| Source { module: (*module).to_owned(), text: (*text).to_owned() };
    files.iter().map(source).collect()
}

/// The import cycles, each with the uses that make it.
fn import_cycles(sources: &[Source]) -> Vec<String> {
    let read: Vec<(&str, Reading)> = sources.iter().map(|s| (s.module.as_str(), Reading::of(s))).collect();
    let test_files: BTreeSet<&String> = read.iter().flat_map(|(_, r)| &r.test_files).collect();
    let graph = Graph::new(read.iter().map(|(module, reading)| (*module, reading)));
    let cycles = graph.cycles(|file| test_files.iter().any(|test| within(file, test)));
    let described = cycles.iter().map(|cycle| {
        let files: Vec<&str> = cycle.iter().copied().collect();
        format!("{}\n{}", files.join(", "), graph.explain(cycle))
    });
    described.collect()
}

#[test]
fn every_ranked_module_exists() {
    let modules: BTreeSet<String> = sources().into_iter().map(|s| s.module).collect();
    let owners = OWNERS.iter().flat_map(|(_, modules)| modules.iter());
    for name in RANKS.iter().flat_map(|(_, modules)| modules.iter()).chain(owners) {
        assert!(modules.contains(*name), "there is no module {name}: correct the tables");
    }
}

#[test]
fn planted_violations_are_reported() {
    let planted: &[(&str, &str, &str)] = &[
        ("model::state", "use crate::runbook::verify::CheckResult;", "upward"),
        ("model::state", "fn f() { let _ = crate::cli::Output; }", "upward"),
        ("base::ids", "use crate::base::{process::{self, Ran}};", "upward"),
        ("runbook::verify::render", "use crate::runbook::{fault::Injected};", "sideways"),
        ("journal::read", "use super::super::system::postgres::Postgres;", "super::super"),
        ("journal", "use super::system::postgres::Postgres;", "sideways"),
        ("system::gate", "mod inner { use super::super::super::cli::Output; }", "super::super"),
        ("plan", "use crate::*;", "glob"),
        ("plan", "use crate::scenario::{self, seed::*};", "glob"),
        ("plan", "use crate::nowhere::Thing;", "no rank"),
        ("runbook::verify::render", "use standin::engine::render;", "standin"),
        ("standin::engine::rows", "use s3s::S3;", "s3s"),
        ("report::junit", "use sqlx::PgConnection;", "sqlx"),
        ("runbook::seed", "fn f() { lopdf::Document::new(); }", "lopdf"),
        ("runbook::seed", "use {lopdf as pdf, std::fmt};", "lopdf"),
        ("runbook::drill", "fn f() { println!(\"x\"); }", "print"),
        ("cli::run", "fn f() { std::process::exit(1); }", "ends the process"),
        ("run::options", "use clap::ValueEnum;", "clap"),
        ("runbook::drill", "use crate::run::options::Options;", "upward"),
        ("journal", "#[cfg(test)] mod tests { use crate::cli::Output; }", "upward"),
    ];
    for (module, text, wanted) in planted {
        let source = Source { module: (*module).to_owned(), text: (*text).to_owned() };
        let found = violations(&[source]);
        assert!(found.iter().any(|v| v.contains(wanted)), "{module}: {text}\nwanted {wanted}, got {found:?}");
    }
}

#[test]
fn what_is_allowed_is_let_through() {
    let fine: &[(&str, &str)] = &[
        ("journal", "//! use crate::cli::Output;\nconst A: &str = \"crate::cli::Output lopdf::x println!\";"),
        ("runbook::fault::rows", "use crate::runbook::fault::{Injected, Target};"),
        ("pdf_compare::load", "use crate::{NotAPdf, guard::Limit}; use lopdf::Document;"),
        ("runbook::verify::render", "use pdf_compare::Comparison;"),
        ("runbook", "use crate::runbook::{provision::Substrate, verify::verify};"),
        ("cli::run", "use crate::cli::Output; use standin::engine::Defect;"),
        ("journal", "#[cfg(test)] mod tests { use super::*; use crate::system::postgres::Postgres; }"),
        ("system::objects::s3", "impl A { pub(in crate::system::objects) fn f() {} }"),
        ("standin::engine::rows", "use super::render::x; use crate::engine::App; use sqlx::Row;"),
    ];
    for (module, text) in fine {
        let source = Source { module: (*module).to_owned(), text: (*text).to_owned() };
        assert_eq!(violations(&[source]), Vec::<String>::new(), "{module}: {text}");
    }
}

#[test]
fn the_design_document_shows_these_tables() {
    const OPEN: &str = "<!-- tables: written by tests/static/layering.rs -->\n";
    const CLOSE: &str = "<!-- end of tables -->\n";
    let path = root().join("docs/design.md");
    let text = fs::read_to_string(&path).expect("docs/design.md");
    let (before, rest) = text.split_once(OPEN).expect("docs/design.md has the place for the tables");
    let (_, after) = rest.split_once(CLOSE).expect("docs/design.md has the end of the tables");
    let current = format!("{before}{OPEN}\n{}\n{CLOSE}{after}", tables());
    if std::env::var_os("PULP_DRILL_BLESS").is_some() {
        fs::write(&path, &current).expect("write docs/design.md");
    } else {
        assert!(current == text, "the tables in docs/design.md are old: run `make generate`");
    }
}

/// The tables as Markdown.
fn tables() -> String {
    let code = |names: &[&str]| names.iter().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ");
    let mut out = "| rank | modules | what they are |\n|---|---|---|\n".to_owned();
    for (rank, (what, modules)) in RANKS.iter().enumerate() {
        writeln!(out, "| {rank} | {} | {what} |", code(modules)).expect("a string takes all");
    }
    out += "\n| library | only in |\n|---|---|\n";
    for (library, modules) in OWNERS {
        writeln!(out, "| `{library}` | {} |", code(modules)).expect("a string takes all");
    }
    out
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files of the main package, except `lib.rs`, which only declares modules, and of the packages
/// below `crates/`, where `lib.rs` is the module with the package's name.
fn sources() -> Vec<Source> {
    let mut sources = files(&root().join("src"), None);
    for package in CRATES {
        let folder = root().join("crates").join(package.replace('_', "-")).join("src");
        sources.extend(files(&folder, Some(package)));
    }
    sources
}

fn files(base: &Path, package: Option<&str>) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut folders = vec![base.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs")
                && let Some(module) = module_of(&path, base, package)
            {
                sources.push(Source { module, text: fs::read_to_string(&path).expect("UTF-8") });
            }
        }
    }
    sources
}

fn module_of(path: &Path, base: &Path, package: Option<&str>) -> Option<String> {
    let inside: PathBuf = path.strip_prefix(base).expect("below its package").with_extension("");
    let names = inside.iter().map(|p| p.to_str().expect("UTF-8"));
    let parts: Vec<&str> = package.into_iter().chain(names.filter(|name| *name != "lib")).collect();
    (!parts.is_empty()).then(|| parts.join("::"))
}

/// The package below `crates/` that a module lies in.
fn package(module: &str) -> Option<&'static str> {
    CRATES.iter().copied().find(|name| within(module, name))
}

/// Whether a module is another or lies in it.
fn within(module: &str, other: &str) -> bool {
    module.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The rank and the name of the ranked module that a path lies in.
fn rank_of(path: &str) -> Option<(usize, &'static str)> {
    let all =
        RANKS.iter().enumerate().flat_map(|(rank, (_, modules))| modules.iter().map(move |r| (rank, *r)));
    all.filter(|(_, name)| within(path, name)).max_by_key(|(_, name)| name.len())
}

/// What breaks a rule, one line each.
fn violations(sources: &[Source]) -> Vec<String> {
    let read: Vec<(&Source, Reading)> = sources.iter().map(|s| (s, Reading::of(s))).collect();
    let test_files: BTreeSet<&String> = read.iter().flat_map(|(_, r)| &r.test_files).collect();
    let mut found = Vec::new();
    for (source, reading) in &read {
        let module = source.module.as_str();
        for used in &reading.uses {
            let in_test = used.in_test || test_files.iter().any(|file| within(module, file));
            if let Some(why) = used.breaks(module, in_test) {
                found.push(format!("{module}:{}: {}: {why}", used.line, used.path.join("::")));
            }
        }
    }
    found
}

impl Use {
    /// The name that a `use` brings into the file.
    fn name(&self) -> Option<&str> {
        self.alias.as_ref().or(self.path.last()).map(String::as_str)
    }

    /// Which rule this breaks in a module, if any.
    fn breaks(&self, module: &str, in_test: bool) -> Option<String> {
        if self.path.windows(2).any(|w| w[0] == "super" && w[1] == "super") {
            return Some("super::super: name the module from crate:: on".to_owned());
        }
        if !self.ours {
            return self.outside(module, in_test);
        }
        if self.path.last().is_some_and(|l| l == "*") && (!in_test || self.path.len() == 1) {
            return Some("a glob of our own modules: name what is used".to_owned());
        }
        let target = self.path.join("::");
        if package(module).is_some() {
            return None;
        }
        let Some((own_rank, own)) = rank_of(module) else {
            return Some("the file has no rank".to_owned());
        };
        match rank_of(&target) {
            None => Some("it has no rank".to_owned()),
            Some((_, name)) if name == own => None,
            Some((rank, name)) if rank > own_rank => Some(format!("upward import of {name} into {own}")),
            Some((rank, name)) if rank == own_rank && !in_test => {
                Some(format!("sideways import of {name} into {own}"))
            }
            Some(_) => None,
        }
    }

    /// The rules on what is not ours.
    fn outside(&self, module: &str, in_test: bool) -> Option<String> {
        let first = self.path.first().map(String::as_str)?;
        if ["print!", "println!", "eprint!", "eprintln!"].contains(&first) {
            let may = in_test || PRINTERS.iter().any(|p| within(module, p));
            return (!may).then(|| "libraries do not print".to_owned());
        }
        if self.path.ends_with(&["process".to_owned(), "exit".to_owned()]) {
            return Some("only main ends the process, by its return value".to_owned());
        }
        let (library, modules) = OWNERS.iter().find(|(library, _)| *library == first)?;
        let may = in_test || modules.iter().any(|name| within(module, name));
        (!may).then(|| format!("{library} belongs to {}", modules.join(", ")))
    }
}

/// What a file names.
#[derive(Default)]
struct Reading {
    uses: Vec<Use>,
    /// Modules in files of their own that are compiled for tests only.
    test_files: Vec<String>,
    /// The `use` that is being read.
    statement: Option<Kind>,
}

impl Reading {
    fn of(source: &Source) -> Self {
        let tokens: TokenStream =
            source.text.parse().unwrap_or_else(|e| panic!("{} is no Rust: {e}", source.module));
        let mut reading = Self::default();
        let module: Vec<String> = source.module.split("::").map(str::to_owned).collect();
        reading.scan(&tokens.into_iter().collect::<Vec<_>>(), &module, false);
        reading
    }

    /// Walks tokens, follows inline modules, and takes down every path.
    fn scan(&mut self, tokens: &[TokenTree], module: &[String], in_test: bool) {
        let mut at = 0;
        let mut for_test = false;
        while at < tokens.len() {
            if is_cfg_test(&tokens[at..]) {
                for_test = true;
                at += 2;
                continue;
            }
            if ident(tokens.get(at)).as_deref() == Some("mod")
                && let Some(name) = ident(tokens.get(at + 1))
            {
                let mut inner = module.to_vec();
                inner.push(name);
                match tokens.get(at + 2) {
                    Some(TokenTree::Group(body)) => {
                        let body: Vec<TokenTree> = body.stream().into_iter().collect();
                        self.scan(&body, &inner, in_test || for_test);
                    }
                    _ if for_test => self.test_files.push(inner.join("::")),
                    _ => {}
                }
                for_test = false;
                at += 3;
                continue;
            }
            if ident(tokens.get(at)).as_deref() == Some("use") && !is_punct(tokens.get(at + 1), '<') {
                self.statement = Some(import_kind(&tokens[..at]));
                at += 1;
                continue;
            }
            match &tokens[at] {
                TokenTree::Ident(_) if is_declared(&tokens[..at]) => at += 1,
                TokenTree::Ident(_) => at += self.path(&tokens[at..], &[], module, in_test || for_test),
                TokenTree::Group(group) => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    self.scan(&inner, module, in_test || for_test);
                    // The attribute reached over this item; the next one is on its own.
                    for_test &= group.delimiter() != Delimiter::Brace;
                    at += 1;
                }
                TokenTree::Punct(punct) => {
                    if punct.as_char() == ';' {
                        (for_test, self.statement) = (false, None);
                    }
                    at += 1;
                }
                TokenTree::Literal(_) => at += 1,
            }
        }
    }

    /// Takes down the path that starts here, its braces spelled out. Gives how many tokens it took.
    fn path(&mut self, tokens: &[TokenTree], before: &[String], module: &[String], in_test: bool) -> usize {
        let mut path = before.to_vec();
        let line = tokens[0].span().start().line;
        let mut at = 0;
        while let Some(name) = ident(tokens.get(at)) {
            path.push(name);
            at += 1;
            if is_punct(tokens.get(at), '!') && path.len() == 1 && !is_punct(tokens.get(at + 1), '=') {
                path[0].push('!');
            }
            if !(is_punct(tokens.get(at), ':') && is_punct(tokens.get(at + 1), ':')) {
                break;
            }
            at += 2;
            match tokens.get(at) {
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                    self.branches(&group.stream().into_iter().collect::<Vec<_>>(), &path, module, in_test);
                    return at + 1;
                }
                Some(TokenTree::Punct(star)) if star.as_char() == '*' => {
                    path.push("*".to_owned());
                    at += 1;
                    break;
                }
                _ => {}
            }
        }
        let mut alias = None;
        if self.statement.is_some() && ident(tokens.get(at)).as_deref() == Some("as") {
            alias = ident(tokens.get(at + 1));
            at += 2;
        }
        // `name: value` is a field.
        if self.statement.is_some() || path.len() > 1 || !is_punct(tokens.get(at), ':') {
            self.take(path, module, (line, alias), in_test);
        }
        at.max(1)
    }

    /// The paths in the braces of a `use`.
    fn branches(&mut self, tokens: &[TokenTree], before: &[String], module: &[String], in_test: bool) {
        for branch in tokens.split(|t| is_punct(Some(t), ',')).filter(|b| !b.is_empty()) {
            if is_punct(branch.first(), '*') {
                let path = before.iter().cloned().chain(["*".to_owned()]).collect();
                self.take(path, module, (branch[0].span().start().line, None), in_test);
            } else {
                self.path(branch, before, module, in_test);
            }
        }
    }

    fn take(
        &mut self,
        mut path: Vec<String>,
        module: &[String],
        (line, alias): (usize, Option<String>),
        in_test: bool,
    ) {
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        let twice_up = path.len() > 1 && path[0] == "super" && path[1] == "super";
        let (ours, path) = match path[0].as_str() {
            "crate" | "pulp_drill" if path.len() > 1 => {
                let package = package(&module.join("::")).map(str::to_owned);
                (true, package.into_iter().chain(path[1..].iter().cloned()).collect())
            }
            "super" if path.len() > 1 && !twice_up && !module.is_empty() => {
                (true, [&module[..module.len() - 1], &path[1..]].concat())
            }
            "self" if path.len() > 1 => (true, [module, &path[1..]].concat()),
            _ => (false, path),
        };
        let kind = self.statement.unwrap_or(Kind::Code);
        self.uses.push(Use { line, path, ours, in_test, kind, alias });
    }
}

/// What a `use` after these tokens is.
fn import_kind(before: &[TokenTree]) -> Kind {
    let visible = match before {
        [.., last] if ident(Some(last)).as_deref() == Some("pub") => true,
        [.., public, TokenTree::Group(_)] => ident(Some(public)).as_deref() == Some("pub"),
        _ => false,
    };
    if visible { Kind::ReExport } else { Kind::Import }
}

/// Whether a name after these tokens is a method, a field or the name of a new item.
fn is_declared(before: &[TokenTree]) -> bool {
    let member = is_punct(before.last(), '.') && !is_punct(before.iter().rev().nth(1), '.');
    let item = ident(before.last());
    member
        || matches!(
            item.as_deref(),
            Some("fn" | "struct" | "enum" | "trait" | "type" | "const" | "static" | "let")
        )
}

fn ident(token: Option<&TokenTree>) -> Option<String> {
    match token {
        Some(TokenTree::Ident(ident)) => Some(ident.to_string()),
        _ => None,
    }
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

/// Whether `#[cfg(test)]` stands here.
fn is_cfg_test(tokens: &[TokenTree]) -> bool {
    let attribute = match tokens {
        [hash, TokenTree::Group(group), ..] if is_punct(Some(hash), '#') => group.stream().to_string(),
        _ => return false,
    };
    attribute.replace(' ', "") == "cfg(test)"
}
