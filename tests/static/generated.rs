//! Holds the files that are made from the program current: the command-line reference, the man page
//! and the completions. `make generate` writes them anew. The JSON Schemas have their own test.

use clap::CommandFactory as _;
use pulp_drill::cli::{
    Cli,
    generate::{What, text},
};
use std::{fs, path::Path};

const FILES: &[(What, &str)] = &[
    (What::Reference, "docs/cli.md"),
    (What::Man, "docs/pulp-drill.1"),
    (What::Bash, "docs/completions/pulp-drill.bash"),
    (What::Zsh, "docs/completions/_pulp-drill"),
    (What::Fish, "docs/completions/pulp-drill.fish"),
];

#[test]
fn generated_files_are_current() {
    let bless = std::env::var_os("PULP_DRILL_BLESS").is_some_and(|value| value == "1");
    let mut old = Vec::new();
    for (what, name) in FILES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let made = text(*what, Cli::command()).expect("text");
        if bless {
            fs::create_dir_all(path.parent().expect("a folder")).expect("make the folder");
            fs::write(&path, made).expect("write");
        } else if fs::read_to_string(&path).unwrap_or_default() != made {
            old.push(*name);
        }
    }
    assert!(old.is_empty(), "out of date: {}; run `make generate`", old.join(", "));
}

#[test]
fn every_subcommand_has_its_section() {
    let (reference, man) = (
        text(What::Reference, Cli::command()).expect("text"),
        text(What::Man, Cli::command()).expect("text"),
    );
    for name in
        ["run", "list", "check", "schema", "doctor", "explore", "report", "pdf diff", "standin engine"]
    {
        assert!(reference.contains(&format!("## `pulp-drill {name}`\n")), "no section for {name}");
        let heading = format!("PULP-DRILL {}", name.to_uppercase());
        assert!(man.contains(&format!(".SH \"{heading}\"\n")), "no section for {name}");
    }
    assert!(reference.contains("--report-dir <DIR>") && man.contains("report\\-dir"));
}

/// The texts must not hold what the machine or the environment says.
#[test]
fn nothing_of_the_environment_is_in_them() {
    let secret = ["us-east-9", "a-secret-key"];
    // The tests of this file run in one process, and the variables must be there before clap looks.
    let program = env!("CARGO_BIN_EXE_pulp-drill");
    for what in ["reference", "man", "bash"] {
        let out = std::process::Command::new(program)
            .args(["generate", what])
            .env("S3_REGION", secret[0])
            .env("S3_SECRET_ACCESS_KEY", secret[1])
            .env("COLUMNS", "40")
            .output()
            .expect("run");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let said = String::from_utf8(out.stdout).expect("UTF-8");
        assert!(secret.iter().all(|s| !said.contains(s)), "{what} holds what the environment says");
        if what == "reference" {
            assert_eq!(
                said,
                text(What::Reference, Cli::command()).expect("text"),
                "{what} depends on the environment"
            );
        }
    }
}
