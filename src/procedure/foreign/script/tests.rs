use super::*;

fn copied(script: &str) -> (String, ScriptFacts) {
    copied_of(script, None)
}

fn copied_of(script: &str, database: Option<&str>) -> (String, ScriptFacts) {
    let mut copy = Vec::new();
    let facts = super::copy(script.as_bytes(), &mut copy, "KEY", database, Rows::Copied).unwrap();
    (String::from_utf8(copy).unwrap(), facts)
}

#[test]
fn a_script_is_put_under_a_restriction_of_its_own_and_loses_only_pg_dumps() {
    let own = "--\n-- PostgreSQL database dump\n--\n\n\\restrict abc\n\nselect 1;\n\n\
               --\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n\n";
    let (copy, facts) = copied(own);
    let expected = "\\restrict KEY\n--\n-- PostgreSQL database dump\n--\n\n\nselect 1;\n\n\
                    --\n-- PostgreSQL database dump complete\n--\n\n\n";
    assert_eq!(copy, expected);
    assert!(facts.complete);
    for hostile in [
        "-- PostgreSQL database dump\nselect 1;\n\\unrestrict abc\n\\! id\n",
        "-- x\n\\restrict abc\n\\unrestrict abc\n\\! id\n",
        "select 1; \\! id\n\\restrict abc\n",
    ] {
        let (copy, _) = copied(hostile);
        assert!(copy.contains("\\! id") && copy.starts_with("\\restrict KEY\n"), "{copy}");
        assert!(!copy.contains("unrestrict"), "{copy}");
    }
}

#[test]
fn the_schema_alone_has_no_rows_and_no_positions() {
    let schema = "CREATE TABLE public.a (n integer);\nCREATE INDEX i ON public.a (n);\n";
    let script = format!(
        "{schema}COPY public.a (n) FROM stdin;\n1\nCREATE TABLE no;\n\\.\nINSERT INTO public.a VALUES\n('x;\n');\n\
         SELECT pg_catalog.setval('public.s', 7, true);\n-- PostgreSQL database dump complete\n"
    );
    let mut copy = Vec::new();
    let facts = super::copy(script.as_bytes(), &mut copy, "KEY", None, Rows::LeftOut).unwrap();
    let expected = format!("\\restrict KEY\n{schema}-- PostgreSQL database dump complete\n");
    assert_eq!(String::from_utf8(copy).unwrap(), expected);
    assert!(facts.complete);
}

#[test]
fn only_the_last_comment_shows_that_a_script_is_complete() {
    let script = "CREATE TABLE public.a (n integer);\nALTER TABLE public.a ADD PRIMARY KEY (n);\n\n";
    let end = "--\n-- PostgreSQL database dump complete\n--\n";
    assert!(!copied(script).1.complete, "cut between two statements");
    assert!(copied(&format!("{script}{end}")).1.complete);
    let in_data = "COPY public.a (n) FROM stdin;\n-- PostgreSQL database dump complete\n\\.\n";
    assert!(!copied(in_data).1.complete, "in data it means nothing");
    assert!(!copied(&format!("{end}{script}")).1.complete, "something follows it");
    let in_text = format!("SELECT '\n{end}");
    assert!(!copied(&in_text).1.complete, "in a text it means nothing");
}

#[test]
fn data_is_copied_byte_for_byte_whatever_it_looks_like() {
    let data =
        "COPY public.a (t) FROM stdin;\nDROP TABLE x;\nGRANT y;\n\\\\restrict abc\n-- c\n\t\\N\n\\.\n\n";
    let (copy, facts) = copied(data);
    assert_eq!(copy, format!("\\restrict KEY\n{data}"));
    assert_eq!(facts.roles.len(), 0);
    let long = format!("COPY public.a (t) FROM stdin;\n{}\n\\.\nSELECT 1;\n", "x;'".repeat(400_000));
    assert!(copied(&long).0 == format!("\\restrict KEY\n{long}"));
}

#[test]
fn function_bodies_and_texts_are_no_statements() {
    let script = "CREATE FUNCTION f() RETURNS void AS $_$\nBEGIN\nGRANT x TO y;\n\\restrict a\nEND\n$_$;\n\
                  INSERT INTO t VALUES ('\nDROP TABLE a;\nALTER TABLE b OWNER TO c;\n');\n";
    assert_eq!(copied(script).0, format!("\\restrict KEY\n{script}"));
}

#[test]
fn statements_over_several_lines_are_left_out_to_their_end() {
    let script = "GRANT SELECT\n ON t TO ';\n' ;\nSELECT 2;\n";
    assert_eq!(copied(script).0, "\\restrict KEY\nSELECT 2;\n");
}

#[test]
fn marks_and_converted_line_ends_go() {
    let script = "\u{feff}-- x\r\n\\restrict abc\r\nCOPY public.a (t) FROM stdin;\r\none\r\n\\.\r\nSELECT 1;\r\n\
                  -- PostgreSQL database dump complete\r\n";
    let (copy, facts) = copied(script);
    assert_eq!(
        copy,
        "\\restrict KEY\n-- x\nCOPY public.a (t) FROM stdin;\none\n\\.\nSELECT 1;\n-- PostgreSQL database dump complete\n"
    );
    assert!(facts.complete);
    let mixed = "-- x\nSELECT 'a\r\nb';\n";
    assert_eq!(copied(mixed).0, format!("\\restrict KEY\n{mixed}"), "a carriage return in data stays");
}

#[test]
fn of_a_cluster_the_named_database_is_copied() {
    let script = "-- PostgreSQL database cluster dump\n\\restrict a\nCREATE ROLE bob;\n\\unrestrict a\n\
                  \\connect template1\n-- PostgreSQL database dump\n-- PostgreSQL database dump complete\n\
                  CREATE DATABASE shop;\n\\connect shop\n\\restrict b\nCREATE TABLE public.photos (n integer);\n\
                  COPY public.photos (n) FROM stdin;\n1\n\\.\n-- PostgreSQL database dump complete\n\\unrestrict b\n\
                  \\connect other\nCREATE TABLE public.x (n integer);\n-- PostgreSQL database dump complete\n";
    let end = "-- PostgreSQL database cluster dump complete\n";
    let (copy, cut) = copied_of(script, Some("shop"));
    assert_eq!(
        copy,
        "\\restrict KEY\nCREATE TABLE public.photos (n integer);\nCOPY public.photos (n) FROM stdin;\n1\n\\.\n\
         -- PostgreSQL database dump complete\n"
    );
    assert!(!cut.complete, "the cluster's own end is missing");
    let facts = facts_of(format!("{script}{end}").as_bytes()).unwrap();
    assert!(facts.complete);
    assert_eq!(
        facts.databases.keys().map(String::as_str).collect::<Vec<_>>(),
        ["other", "shop", "template1"]
    );
    assert!(facts.databases["shop"].contains("public.photos"));
}

#[test]
fn commands_of_psql_end_with_their_line() {
    let script = "CREATE DATABASE shop;\n\\unrestrict abc\n\\encoding SQL_ASCII\n\\connect shop\n\\restrict abc\n\
                  \\! id\nGRANT x TO y;\nSELECT 1;\n";
    assert_eq!(copied(script).0, "\\restrict KEY\n\\! id\nSELECT 1;\n");
}
