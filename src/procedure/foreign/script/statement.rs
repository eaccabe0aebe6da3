//! What a statement of a plain dump is, by its first line as `pg_dump` writes it, and what becomes of
//! it in the copy.

use super::facts::ScriptFacts;

/// What becomes of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// It is copied.
    Keep {
        /// Whether it creates something.
        creates: bool,
        /// Whether data follows, to a line `\.`.
        copy: bool,
    },
    /// It creates this table and is copied.
    Table(String),
    /// This stands in its place.
    Rewrite(String),
    /// It is left out, to its end.
    Skip,
    /// A command of `psql` that `pg_dump` writes; left out with its line.
    Command,
    /// The script goes on in another database.
    Connect(String),
}

/// Kinds of objects that only a superuser may create (PostgreSQL documentation, "SQL Commands").
const SUPERUSER: [(&str, &str); 8] = [
    ("CREATE EVENT TRIGGER ", "event trigger"),
    ("CREATE FOREIGN DATA WRAPPER ", "foreign-data wrapper"),
    ("CREATE OPERATOR CLASS ", "operator class"),
    ("CREATE OPERATOR FAMILY ", "operator family"),
    ("CREATE TEXT SEARCH PARSER ", "text search parser"),
    ("CREATE TEXT SEARCH TEMPLATE ", "text search template"),
    ("CREATE ACCESS METHOD ", "access method"),
    ("CREATE LANGUAGE ", "language"),
];

/// The kinds of objects whose `DROP` takes `IF EXISTS` behind them, longest first.
const DROPPED: [&str; 35] = [
    "TEXT SEARCH CONFIGURATION",
    "TEXT SEARCH DICTIONARY",
    "TEXT SEARCH TEMPLATE",
    "TEXT SEARCH PARSER",
    "FOREIGN DATA WRAPPER",
    "MATERIALIZED VIEW",
    "OPERATOR FAMILY",
    "OPERATOR CLASS",
    "PROCEDURAL LANGUAGE",
    "ACCESS METHOD",
    "EVENT TRIGGER",
    "FOREIGN TABLE",
    "USER MAPPING",
    "SUBSCRIPTION",
    "PUBLICATION",
    "CONVERSION",
    "COLLATION",
    "EXTENSION",
    "STATISTICS",
    "AGGREGATE",
    "PROCEDURE",
    "TRANSFORM",
    "FUNCTION",
    "LANGUAGE",
    "OPERATOR",
    "SEQUENCE",
    "TRIGGER",
    "DOMAIN",
    "POLICY",
    "SCHEMA",
    "SERVER",
    "INDEX",
    "TABLE",
    "CAST",
    "RULE",
];

/// Classifies the statement that a line begins, and notes what it needs. `clean` is whether nothing
/// was created yet, so that a `DROP` is one of `pg_dump --clean`.
pub(super) fn classify(line: &str, clean: bool, facts: &mut ScriptFacts) -> Action {
    let line = line.trim_end();
    let keep = Action::Keep { creates: false, copy: false };
    if let Some(command) = line.strip_prefix('\\') {
        return psql_command(command).unwrap_or(keep);
    }
    if is_left_out(line) {
        if let Some(rest) = line.strip_prefix("CREATE SUBSCRIPTION ") {
            facts.subscriptions.extend(identifiers(rest).into_iter().next());
        }
        return Action::Skip;
    }
    if clean && let Some(dropped) = drop_if_exists(line) {
        return Action::Rewrite(dropped + "\n");
    }
    if line.starts_with("COPY ") && line.to_ascii_lowercase().ends_with(" from stdin;") {
        return Action::Keep { creates: false, copy: true };
    }
    if !line.starts_with("CREATE ") {
        return keep;
    }
    note_needs(line, facts);
    let table = ["CREATE TABLE ", "CREATE UNLOGGED TABLE "];
    if let Some(rest) = table.iter().find_map(|start| line.strip_prefix(start)) {
        return Action::Table(qualified_name(rest));
    }
    Action::Keep { creates: true, copy: false }
}

/// Whether a line begins a statement of `pg_dump` that fills a table or sets a sequence, other than `COPY`.
pub(super) fn is_of_rows(line: &str) -> bool {
    const STARTS: [&str; 3] = ["INSERT INTO ", "SELECT pg_catalog.setval(", "REFRESH MATERIALIZED VIEW "];
    STARTS.iter().any(|start| line.starts_with(start))
}

/// The commands that `pg_dump` and `pg_dumpall` write. Others stay in the copy, where `psql` refuses
/// them.
fn psql_command(command: &str) -> Option<Action> {
    let (name, rest) = command.split_once(' ').unwrap_or((command, ""));
    match name {
        // The settings behind it set the encoding too.
        "restrict" | "unrestrict" | "encoding" => Some(Action::Command),
        "connect" => {
            // `\connect -reuse-previous=on "dbname='shop x'"` is written for unusual names.
            let name = rest.rsplit_once("dbname=").map_or(rest, |(_, name)| name);
            Some(Action::Connect(name.trim_matches(['"', '\'', ' ']).to_owned()))
        }
        _ => None,
    }
}

/// What concerns databases, roles, owners, privileges and tablespaces: those of another server.
fn is_left_out(line: &str) -> bool {
    const STARTS: [&str; 19] = [
        "CREATE DATABASE ",
        "ALTER DATABASE ",
        "DROP DATABASE ",
        "CREATE ROLE ",
        "ALTER ROLE ",
        "DROP ROLE ",
        "CREATE USER ",
        "CREATE TABLESPACE ",
        "DROP TABLESPACE ",
        "SET default_tablespace ",
        "GRANT ",
        "REVOKE ",
        "ALTER DEFAULT PRIVILEGES ",
        "SET SESSION AUTHORIZATION ",
        "COMMENT ON EXTENSION ",
        "COMMENT ON DATABASE ",
        "CREATE SUBSCRIPTION ",
        "ALTER SUBSCRIPTION ",
        "COMMENT ON SUBSCRIPTION ",
    ];
    let mapping = line.starts_with("CREATE USER MAPPING ");
    (!mapping && STARTS.iter().any(|start| line.starts_with(start)))
        || (line.starts_with("ALTER ") && line.contains(" OWNER TO ") && line.ends_with(';'))
}

/// `DROP TABLE a;` of `--clean` as `DROP TABLE IF EXISTS a;`.
fn drop_if_exists(line: &str) -> Option<String> {
    if let Some(rest) = line.strip_prefix("DROP ") {
        let kind = DROPPED.iter().find(|kind| rest.starts_with(&format!("{kind} ")));
        let kind = kind
            .copied()
            .or_else(|| ["TYPE", "VIEW"].into_iter().find(|k| rest.starts_with(&format!("{k} "))))?;
        let name = &rest[kind.len() + 1..];
        return Some(match name.starts_with("IF EXISTS ") {
            true => line.to_owned(),
            false => format!("DROP {kind} IF EXISTS {name}"),
        });
    }
    let rest = line.strip_prefix("ALTER TABLE ")?;
    let drops = [" DROP CONSTRAINT ", " DROP DEFAULT;", " DETACH PARTITION ", " DROP IDENTITY"];
    if !drops.iter().any(|drop| rest.contains(drop)) {
        return None;
    }
    let rest = rest.strip_prefix("IF EXISTS ").unwrap_or(rest);
    let rest = match rest.contains(" DROP CONSTRAINT IF EXISTS ") {
        true => rest.to_owned(),
        false => rest.replacen(" DROP CONSTRAINT ", " DROP CONSTRAINT IF EXISTS ", 1),
    };
    Some(format!("ALTER TABLE IF EXISTS {rest}"))
}

fn note_needs(line: &str, facts: &mut ScriptFacts) {
    if let Some(rest) = line.strip_prefix("CREATE EXTENSION ") {
        let rest = rest.strip_prefix("IF NOT EXISTS ").unwrap_or(rest);
        facts.extensions.extend(identifiers(rest).into_iter().next());
    }
    if let Some(rest) = line.strip_prefix("CREATE POLICY ")
        && let Some((_, roles)) = rest.split_once(" TO ")
    {
        let end = [" USING (", " WITH CHECK ("].iter().filter_map(|word| roles.find(word)).min();
        note_roles(&roles[..end.unwrap_or(roles.len())], facts);
    }
    if let Some(rest) = line.strip_prefix("CREATE USER MAPPING FOR ") {
        note_roles(rest.split(" SERVER ").next().unwrap_or_default(), facts);
    }
    let superuser = SUPERUSER.iter().filter(|(start, _)| line.starts_with(start)).map(|(_, kind)| *kind);
    facts.needs_superuser.extend(superuser);
    if line.starts_with("CREATE PUBLICATION ") && line.contains(" FOR ALL TABLES") {
        facts.needs_superuser.insert("publication of all tables");
    }
    if line.starts_with("CREATE CAST ") && line.contains(" WITHOUT FUNCTION") {
        facts.needs_superuser.insert("cast without function");
    }
}

fn note_roles(list: &str, facts: &mut ScriptFacts) {
    // Not roles but words for some.
    const WORDS: [&str; 4] = ["public", "current_user", "session_user", "current_role"];
    let roles = identifiers(list.trim_end_matches([';', ' ']));
    facts.roles.extend(roles.into_iter().filter(|role| !WORDS.contains(&role.to_lowercase().as_str())));
}

/// A name with its schema, without quotes, as profiles name tables: `media.Photo Files`.
fn qualified_name(text: &str) -> String {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (part, behind) = identifier(rest);
        name.push_str(&part);
        match behind.strip_prefix('.') {
            Some(next) => rest = next,
            None => return name,
        }
        name.push('.');
    }
}

/// Identifiers of a list, up to what is neither an identifier nor a comma: `a, "B c"`.
fn identifiers(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, behind) = identifier(rest);
        if name.is_empty() {
            break;
        }
        found.push(name);
        match behind.trim_start().strip_prefix(',') {
            Some(next) => rest = next.trim_start(),
            None => break,
        }
    }
    found
}

/// The identifier that a text begins with, and what follows.
fn identifier(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c: char| !(c.is_alphanumeric() || "_$".contains(c))).unwrap_or(text.len());
        return (text[..end].to_owned(), &text[end..]);
    };
    let mut end = 0;
    let bytes = quoted.as_bytes();
    while end < bytes.len() {
        match (bytes[end], bytes.get(end + 1)) {
            (b'"', Some(b'"')) => end += 2,
            (b'"', _) => break,
            _ => end += 1,
        }
    }
    (quoted[..end].replace("\"\"", "\""), quoted.get(end + 1..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(line: &str, clean: bool) -> Action {
        classify(line, clean, &mut ScriptFacts::default())
    }

    #[test]
    fn drops_of_clean_get_if_exists() {
        for (line, expected) in [
            ("DROP TABLE public.a;", "DROP TABLE IF EXISTS public.a;"),
            ("DROP VIEW public.v;", "DROP VIEW IF EXISTS public.v;"),
            ("DROP TRIGGER t ON public.a;", "DROP TRIGGER IF EXISTS t ON public.a;"),
            ("DROP TEXT SEARCH CONFIGURATION c;", "DROP TEXT SEARCH CONFIGURATION IF EXISTS c;"),
            ("DROP TABLE IF EXISTS public.a;", "DROP TABLE IF EXISTS public.a;"),
            (
                "ALTER TABLE ONLY public.a DROP CONSTRAINT a_pkey;",
                "ALTER TABLE IF EXISTS ONLY public.a DROP CONSTRAINT IF EXISTS a_pkey;",
            ),
            (
                "ALTER TABLE public.a ALTER COLUMN id DROP DEFAULT;",
                "ALTER TABLE IF EXISTS public.a ALTER COLUMN id DROP DEFAULT;",
            ),
            (
                "ALTER TABLE IF EXISTS ONLY public.a DROP CONSTRAINT IF EXISTS a_pkey;",
                "ALTER TABLE IF EXISTS ONLY public.a DROP CONSTRAINT IF EXISTS a_pkey;",
            ),
        ] {
            assert_eq!(action(line, true), Action::Rewrite(format!("{expected}\n")), "{line}");
            assert_eq!(action(line, false), Action::Keep { creates: false, copy: false }, "{line}");
        }
    }

    #[test]
    fn owners_privileges_and_databases_are_left_out() {
        for line in [
            "ALTER TABLE public.a OWNER TO \"web app\";",
            "GRANT SELECT ON TABLE public.a TO reader;",
            "REVOKE ALL ON SCHEMA public FROM PUBLIC;",
            "ALTER DEFAULT PRIVILEGES FOR ROLE x GRANT SELECT ON TABLES TO y;",
            "CREATE DATABASE shop WITH TEMPLATE = template0;",
            "SET SESSION AUTHORIZATION 'x';",
            "SET default_tablespace = fast;",
            "COMMENT ON EXTENSION pgcrypto IS 'x';",
        ] {
            assert_eq!(action(line, false), Action::Skip, "{line}");
        }
        assert_eq!(
            action("CREATE USER MAPPING FOR bob SERVER s;", false),
            Action::Keep { creates: true, copy: false }
        );
    }

    #[test]
    fn what_a_statement_needs_is_noted() {
        let mut facts = ScriptFacts::default();
        for line in [
            "CREATE EXTENSION IF NOT EXISTS \"uuid-ossp\" WITH SCHEMA public;",
            "CREATE POLICY p ON public.t FOR SELECT TO reader, \"Web \"\"App\"\"\" USING ((a = 1));",
            "CREATE POLICY q ON public.t TO PUBLIC USING (true);",
            "CREATE POLICY r ON public.t USING ((x = ' TO '::text));",
            "CREATE USER MAPPING FOR bob SERVER s OPTIONS (user 'x');",
            "CREATE EVENT TRIGGER e ON ddl_command_end",
        ] {
            let _kept = classify(line, false, &mut facts);
        }
        assert_eq!(facts.extensions.iter().map(String::as_str).collect::<Vec<_>>(), ["uuid-ossp"]);
        assert_eq!(
            facts.roles.iter().map(String::as_str).collect::<Vec<_>>(),
            ["Web \"App\"", "bob", "reader"]
        );
        assert_eq!(facts.needs_superuser.iter().copied().collect::<Vec<_>>(), ["event trigger"]);
    }

    #[test]
    fn tables_are_named_as_profiles_name_them() {
        for (line, name) in [
            ("CREATE TABLE public.a (", "public.a"),
            ("CREATE TABLE media.\"Photo Files\" (", "media.Photo Files"),
            ("CREATE UNLOGGED TABLE \"My \"\"S\"\".x\".\"t(1)\" (", "My \"S\".x.t(1)"),
            ("CREATE TABLE media.p PARTITION OF media.q", "media.p"),
        ] {
            assert_eq!(action(line, false), Action::Table(name.to_owned()), "{line}");
        }
    }

    #[test]
    fn the_databases_of_pg_dumpall_are_read() {
        assert_eq!(action("\\connect shop", false), Action::Connect("shop".to_owned()));
        let unusual = "\\connect -reuse-previous=on \"dbname='pulp-engine'\"";
        assert_eq!(action(unusual, false), Action::Connect("pulp-engine".to_owned()));
        assert_eq!(action("\\restrict abc", false), Action::Command);
        assert_eq!(action("\\! id", false), Action::Keep { creates: false, copy: false });
    }
}
