//! The arguments of `pulp-drill restore-test`, and how their values are written.

use crate::{
    cli::run::{EngineArg, RunFormat},
    model::budget::TimeSpan,
};
use clap::Args;
use std::{path::PathBuf, str::FromStr};

/// Arguments of `pulp-drill restore-test`.
#[derive(Args, Debug)]
#[command(
    after_help = "The origin is only read: at an S3 store nothing but GET and LIST is sent. Its keys come from \
    ORIGIN_AWS_ACCESS_KEY_ID, ORIGIN_AWS_SECRET_ACCESS_KEY, ORIGIN_AWS_SESSION_TOKEN, \
    ORIGIN_AWS_ENDPOINT_URL and ORIGIN_AWS_REGION, or without ORIGIN_ in front.\n\n\
    Examples:\n  \
    pulp-drill restore-test --dump pulp-engine.dump --assets assets.tar.gz --manifest backup/ \
    --render invoice=invoice.json --golden invoice=invoice.pdf --max-age 26h\n  \
    pulp-drill restore-test --dump s3://backups/pulp-engine.dump --assets s3://backups/assets-20260413/\n\n\
    Exit codes: 0 all held, 1 the backup does not restore as promised, 2 usage error, 3 could not verify."
)]
pub struct RestoreTestArgs {
    /// The dump: a file of pg_dump in any format (plain also in gzip), a folder in directory
    /// format, or s3://bucket/key
    #[arg(long, value_name = "FILE|DIR|S3URL")]
    pub(super) dump: String,
    /// The binaries: a folder, a tarball (.tar, .tar.gz), or s3://bucket/prefix/
    #[arg(long, value_name = "DIR|FILE|S3URL")]
    pub(super) assets: String,
    /// The folder with the manifest.json that was recorded with the backup
    #[arg(long, value_name = "DIR")]
    pub(super) manifest: Option<PathBuf>,
    /// Render a template with data from a JSON file; may be repeated
    #[arg(long = "render", value_name = "TEMPLATE=DATA.json")]
    pub(super) renders: Vec<Pair>,
    /// The PDF that a render must give; may be repeated
    #[arg(long = "golden", value_name = "TEMPLATE=FILE.pdf")]
    pub(super) goldens: Vec<Pair>,
    /// How old the newest row may be: 90m, 26h, 2d
    #[arg(long, value_name = "SPAN")]
    pub(super) max_age: Option<TimeSpan>,
    /// How long the recovery may take: 15m
    #[arg(long, value_name = "SPAN")]
    pub(super) max_rto: Option<TimeSpan>,
    /// A file with budgets, for those that are not given here: rpo bounds the age, rto the recovery
    #[arg(long, value_name = "FILE")]
    pub(super) budgets: Option<PathBuf>,
    /// Restore as a superuser, who may start programs: for dumps with extensions that need it, and
    /// only for those that you would give a shell
    #[arg(long)]
    pub(super) restore_as_superuser: bool,
    /// The engine: standin, command:PROGRAM ARGS…
    #[arg(long, default_value = "standin", value_name = "ENGINE")]
    pub(super) engine: EngineArg,
    /// How long the engine may take until GET /health/ready says yes
    #[arg(long, default_value_t = 60, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub(super) ready_within: u16,
    /// The target profile: a file, or the name of a shipped one
    #[arg(long, default_value = "pulp-engine", value_name = "PROFILE")]
    pub(super) profile: String,
    /// Where runs are stored
    #[arg(long, default_value = "reports", value_name = "DIR")]
    pub(super) report_dir: PathBuf,
    /// What to print on stdout at the end
    #[arg(long, value_enum, default_value_t = RunFormat::Human)]
    pub(super) format: RunFormat,
    /// Sign the run with this ed25519 key (OpenSSH, no passphrase); PULP_DRILL_SIGN_KEY may hold the
    /// key itself instead
    #[arg(long, value_name = "FILE", env = "PULP_DRILL_SIGN_KEY_FILE")]
    pub(super) sign_key: Option<PathBuf>,
}

/// `TEMPLATE=FILE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) template: String,
    pub(super) file: PathBuf,
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((template, file)) if !template.is_empty() && !file.is_empty() => {
                Ok(Self { template: template.to_owned(), file: file.into() })
            }
            _ => Err("expected TEMPLATE=FILE".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read() {
        let pair: Pair = "invoice=a=b.json".parse().unwrap();
        assert_eq!((pair.template.as_str(), pair.file), ("invoice", "a=b.json".into()));
        assert!("invoice".parse::<Pair>().is_err() && "=x".parse::<Pair>().is_err());
    }
}
