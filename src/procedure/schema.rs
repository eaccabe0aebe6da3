//! The whole schema of a database: what `pg_dump --schema-only` writes of it, object by object, so that a
//! kind of object that no query of the harness asks for is compared too; and owners and privileges.

use crate::{
    base::{
        digest::Digest,
        error::{Error, ErrorContext},
        process,
        redact::Redactor,
    },
    model::{
        figures::{SchemaFigures, SchemaParts},
        state::{Catalog, Database},
    },
    procedure::foreign::script::Lexer,
    site::Handles,
    system::{
        postgres::{DUMPED, Elsewhere, Postgres, elsewhere, settle},
        programs::PgBin,
    },
};
use std::{collections::BTreeMap, path::Path};

/// Completes the catalog that was captured from a site's database. Gives why it could not be dumped.
///
/// # Errors
/// The database can't be read.
pub async fn complete(catalog: &mut Catalog, site: &Handles) -> Result<Option<String>, Error> {
    complete_from(catalog, &site.connect().await?, &site.programs, &site.folder, &site.redactor).await
}

/// The same from any database. `folder` is for a temporary file.
///
/// # Errors
/// As [`complete`].
pub async fn complete_from(
    catalog: &mut Catalog,
    postgres: &Postgres,
    programs: &PgBin,
    folder: &Path,
    redactor: &Redactor,
) -> Result<Option<String>, Error> {
    catalog.access = Some(postgres.access_rights().await?);
    let file = folder.join(format!("schema-{}.sql", uuid::Uuid::now_v7()));
    // Owners and privileges are read otherwise: a restore may rightly leave them out.
    let mut command = programs
        .command("pg_dump")
        .args([
            "--schema-only",
            "--no-owner",
            "--no-privileges",
            "--lock-wait-timeout=10s",
            "--encoding=UTF8",
        ])
        .arg(format!("--file={}", file.display()))
        .arg(postgres.access().url_without_password());
    for (name, value) in postgres.access().client_env() {
        command = command.env(name, value);
    }
    let ran = process::run(command, redactor).await?;
    if !ran.exit.is_success() {
        return Ok(Some(ran.describe_failure()));
    }
    let context = || format!("can't read {}", file.display());
    let script = std::fs::read(&file).or_environment(context)?;
    std::fs::remove_file(&file).or_environment(context)?;
    catalog.definitions = Some(objects(&String::from_utf8_lossy(&script)));
    Ok(None)
}

/// How many digits of a definition's SHA-256 are kept: enough to notice a change.
const DIGITS: usize = 16;

/// What comes behind the name of an object that lies in a tablespace.
const IN_TABLESPACE: &str = " in tablespace ";

/// What another server's dump may rightly print otherwise: a copy replicates from nowhere, options of user mappings
/// are shown to their owner only, and an extension brings its own comment.
const NOT_COMPARED: [&str; 3] = ["subscription ", "user mapping ", "comment EXTENSION "];

/// The parts of a schema that are compared with those of another server, and the objects as `pg_dump` writes them,
/// if it was dumped.
pub fn comparable(catalog: &Catalog) -> SchemaParts {
    let compared = |part: &str| match elsewhere(part) {
        Elsewhere::Definition | Elsewhere::SameMajor | Elsewhere::Dumped => true,
        Elsewhere::Count | Elsewhere::Never => false,
    };
    let parts = catalog.parts.iter().filter(|(name, _)| compared(name));
    let parts = parts.map(|(name, part)| (name.clone(), part.clone()));
    let dumped = catalog.definitions.iter().flatten();
    let dumped = dumped.filter(|(name, _)| !NOT_COMPARED.iter().any(|start| name.starts_with(start)));
    let dumped = dumped.map(|(name, text)| {
        (format!("{DUMPED}{}", without_tablespace(name)), (None, without_order(name, text)))
    });
    parts.chain(dumped).collect()
}

/// A copy lies in no tablespace of the source.
fn without_tablespace(name: &str) -> &str {
    name.rsplit_once(IN_TABLESPACE).map_or(name, |(name, _)| name)
}

/// The lines of a table's definition in order: whether columns come back in another order does not matter.
fn without_order(name: &str, text: &str) -> String {
    if !name.contains("table ") {
        return text.to_owned();
    }
    let mut lines: Vec<&str> = text.lines().map(|line| line.trim_end_matches(',')).collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// How many large objects there are.
fn large_objects(catalog: &Catalog) -> u64 {
    catalog.parts.keys().filter(|part| elsewhere(part) == Elsewhere::Count).count() as u64
}

/// What is recorded of a schema, for later restores to be compared with.
pub fn figures(database: &Database, major: Option<u32>) -> SchemaFigures {
    let parts = comparable(&database.catalog).into_iter();
    SchemaFigures {
        parts: parts.map(|(name, (table, text))| (name, (table, digits(&text)))).collect(),
        sequences: database.sequences.clone(),
        large_objects: large_objects(&database.catalog),
        major,
    }
}

/// The first digits of a definition's SHA-256.
pub fn digits(definition: &str) -> String {
    let mut digits = Digest::of(definition).to_string();
    digits.truncate(DIGITS);
    digits
}

/// The objects of a script by their headers: `-- Name: a; Type: TABLE; Schema: public; Owner: -` begins
/// `table a`. Objects of one kind and name (operators) are joined, whatever their order.
fn objects(script: &str) -> BTreeMap<String, String> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let (mut lexer, mut current) = (Lexer::default(), None);
    let mut access_method = "";
    for line in script.split_inclusive('\n') {
        let between = lexer.between_statements();
        if between && let Some(name) = header(line) {
            let stored = name.starts_with("table ") || name.starts_with("materialized view ");
            let text = if stored { access_method.to_owned() } else { String::new() };
            found.entry(name.clone()).or_default().push(text);
            current = Some(name);
            continue;
        }
        if between && (line.starts_with('\\') || line.starts_with("--") || line.trim().is_empty()) {
            continue;
        }
        lexer.read(line.as_bytes());
        // Settings of the session, written only where they change.
        if between && line.starts_with("SET default_table_access_method") {
            access_method = line;
        } else if !(between && line.starts_with("SET "))
            && let Some(text) = current.as_ref().and_then(|name| found.get_mut(name)?.last_mut())
        {
            text.push_str(line);
        }
    }
    let joined = |mut texts: Vec<String>| {
        texts.sort();
        without_passwords(&settle(&texts.concat()))
    };
    let mut objects: BTreeMap<String, String> =
        found.into_iter().map(|(name, texts)| (name, joined(texts))).collect();
    // A schema that was made anew has no comment, and pg_dump writes that down.
    let standard =
        ["''", "'standard public schema'"].map(|text| format!("COMMENT ON SCHEMA public IS {text};"));
    objects.retain(|name, text| {
        name != "schema public"
            && !(name == "comment SCHEMA public" && standard.iter().any(|s| s == text.trim()))
            // A partitioned table has no access method of its own.
            && !text.is_empty()
    });
    for text in objects.values_mut().filter(|text| text.contains("\nPARTITION BY ")) {
        *text = text
            .lines()
            .filter(|line| !line.starts_with("SET default_"))
            .fold(String::new(), |all, line| all + line + "\n");
    }
    objects
}

/// The kind and the name of the object that a comment announces. A name may hold anything but a line's end.
fn header(line: &str) -> Option<String> {
    let rest = line.trim_end().strip_prefix("-- Name: ")?;
    let (rest, owner) = rest.rsplit_once("; Owner: ")?;
    let (rest, schema) = rest.rsplit_once("; Schema: ")?;
    let (name, kind) = rest.rsplit_once("; Type: ")?;
    let schema = match schema {
        "-" | "public" => String::new(),
        schema => format!("{schema}."),
    };
    // `Owner: -; Tablespace: fast`
    let tablespace = owner.split_once("; Tablespace: ").map(|(_, name)| format!("{IN_TABLESPACE}{name}"));
    Some(format!("{} {schema}{name}{}", kind.to_lowercase(), tablespace.unwrap_or_default()))
}

/// Passwords of user mappings and subscriptions by their digests: a change shows, the secret does not.
fn without_passwords(text: &str) -> String {
    let mut text = text.to_owned();
    for start in ["password '", "CONNECTION '"] {
        let mut from = 0;
        while let Some(at) = text[from..].find(start).map(|at| from + at + start.len()) {
            let mut end = at;
            while let Some(quote) = text[end..].find('\'') {
                end += quote;
                if !text[end + 1..].starts_with('\'') {
                    break;
                }
                end += 2;
            }
            let shown = format!("(SHA-256 {})", Digest::of(&text[at..end]));
            text.replace_range(at..end, &shown);
            from = at + shown.len();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_told_apart_by_their_headers() {
        let script = "\\restrict x\n\nSET client_encoding = 'UTF8';\n\n--\n-- Name: f(); Type: FUNCTION; Schema: app; Owner: -\n--\n\n\
            CREATE FUNCTION app.f() AS $$\n-- Name: no; Type: TABLE; Schema: public; Owner: -\n$$;\n\n\n\
            SET default_tablespace = '';\n\n--\n-- Name: a; b; Type: TABLE; Schema: public; Owner: -; Tablespace: fast\n--\n\n\
            CREATE TABLE public.\"a; b\" ();\n\n--\n-- Name: =; Type: OPERATOR; Schema: app; Owner: -\n--\n\nB;\n\
            \n--\n-- Name: =; Type: OPERATOR; Schema: app; Owner: -\n--\n\nA;\n\
            --\n-- Name: SCHEMA public; Type: COMMENT; Schema: -; Owner: -\n--\n\nCOMMENT ON SCHEMA public IS '';\n\
            -- PostgreSQL database dump complete\n";
        let found: Vec<_> = objects(script).into_iter().collect();
        let expected = [
            (
                "function app.f()",
                "CREATE FUNCTION app.f() AS $$\n-- Name: no; Type: TABLE; Schema: public; Owner: -\n$$;\n",
            ),
            ("operator app.=", "A;\nB;\n"),
            ("table a; b in tablespace fast", "CREATE TABLE public.\"a; b\" ();\n"),
        ];
        assert_eq!(found, expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }

    #[test]
    fn passwords_are_compared_and_not_shown() {
        let mapping = |password: &str| {
            without_passwords(&format!("OPTIONS (\n    password '{password}',\n    \"user\" 'u'\n);"))
        };
        assert!(
            !mapping("ge''heim").contains("heim") && mapping("ge''heim").ends_with(",\n    \"user\" 'u'\n);")
        );
        assert_ne!(mapping("a"), mapping("b"));
    }
}
