//! `pulp-drill init`: drafts a profile from a database and an object store, and compares a profile with
//! them. It only reads.

use crate::{
    base::{
        error::{Error, ErrorContext},
        redact::Redactor,
    },
    cli::{Output, s3_settings::S3Settings},
    draft,
    model::{exit_code::ExitCode, profile::Profile},
    run::scratch::ScratchDatabase,
    scenario::profile::read_profile,
    system::{
        objects::origin::Origin,
        postgres::{Access, Postgres},
    },
};
use clap::Args;
use std::path::PathBuf;

/// The variable with the database.
pub const DATABASE: &str = "DATABASE_URL";

/// Draft a profile from a database or dump and an object store; only reads
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "DATABASE_URL names the database. The keys for S3 come from ORIGIN_AWS_ACCESS_KEY_ID and \
                  ORIGIN_AWS_SECRET_ACCESS_KEY (or AWS_…), its address from ORIGIN_AWS_ENDPOINT_URL.\n\n\
                  Examples:\n  \
                  pulp-drill init --objects s3://media --out profile.yaml\n  \
                  pulp-drill init --objects /srv/app/media\n  \
                  pulp-drill init --dump app.dump --objects ./copy-of-the-bucket\n  \
                  pulp-drill init --objects s3://media --check profile.yaml"
)]
pub struct InitArgs {
    /// Read the rows of this dump of pg_dump (custom, directory or tar format) instead of a live database. It is
    /// restored into a private server and removed afterwards
    #[arg(long, value_name = "FILE|DIR")]
    pub dump: Option<PathBuf>,
    /// Where the objects are: a folder, or s3://bucket with an optional prefix
    #[arg(long, value_name = "DIR|URL")]
    pub objects: String,
    /// The file to write; must not exist yet. Without it the profile is printed
    #[arg(long, value_name = "FILE", conflicts_with = "check")]
    pub out: Option<PathBuf>,
    /// Compare this profile instead: matched, unmatched and orphaned counts with examples
    #[arg(long, value_name = "PROFILE")]
    pub check: Option<String>,
}

/// Drafts or compares. `database` is the value of [`DATABASE`].
pub async fn run(args: InitArgs, database: Option<String>, settings: S3Settings) -> Result<Output, Error> {
    let redactor = Redactor::new();
    let profile = match &args.check {
        None => None,
        Some(name) => Some(read_profile(name).map_err(|mistakes| mistakes.into_error(false, 80))?),
    };
    let origin = settings.origin(&args.objects, true, &redactor)?;
    let Some(dump) = &args.dump else {
        let url = database.ok_or_else(|| {
            Error::usage(format!("{DATABASE} is not set")).hint(
                "set it to the database of the application; a role that may only read is enough. Or give a dump \
                 with --dump",
            )
        })?;
        let access = Access::parse(&url)?;
        redactor.add(&access.password);
        return examine(&args, profile, &access, (&access.database, &origin), &redactor).await;
    };
    let scratch = ScratchDatabase::of_dump(dump, &redactor).await?;
    let name = dump.file_stem().unwrap_or_default().to_string_lossy();
    let examined = examine(&args, profile, &scratch.access, (&name, &origin), &redactor).await;
    let incomplete = scratch.incomplete.clone();
    scratch.remove().await?;
    let mut output = examined?;
    if let Some(why) = incomplete {
        output.stderr = format!("the dump was not restored completely: {why}\n{}", output.stderr);
    }
    Ok(output)
}

/// Drafts a profile called `name`, or compares one.
async fn examine(
    args: &InitArgs,
    profile: Option<Profile>,
    access: &Access,
    (name, origin): (&str, &Origin),
    redactor: &Redactor,
) -> Result<Output, Error> {
    let postgres = Postgres::connect(access).await?;
    let items = draft::objects(origin).await?;
    if let Some(profile) = profile {
        let fit = draft::check(&profile, &postgres, origin, &items).await?;
        let misfits = fit.misfits();
        let stderr = misfits.iter().map(|why| format!("does not match: {why}\n")).collect();
        let exit = if misfits.is_empty() { ExitCode::AllHeld } else { ExitCode::UsageError };
        return Ok(Output { stdout: redactor.clean(&fit.to_string()), stderr, exit });
    }
    let drafted = draft::draft(&postgres, origin, &items).await?;
    let without_evidence = draft::to_yaml(&drafted, name, None);
    let profile = serde_path(&without_evidence)?;
    let fit = draft::check(&profile, &postgres, origin, &items).await?;
    postgres.close().await;
    let yaml = draft::to_yaml(&drafted, name, Some(&fit));
    match &args.out {
        None => Ok(Output { stdout: yaml, stderr: String::new(), exit: ExitCode::AllHeld }),
        Some(file) => {
            let context = || format!("can't write {}", file.display());
            let mut new = std::fs::File::create_new(file).or_usage(context)?;
            std::io::Write::write_all(&mut new, yaml.as_bytes()).or_environment(context)?;
            let stderr = format!("wrote {}\n{fit}", file.display());
            Ok(Output { stdout: String::new(), stderr, exit: ExitCode::AllHeld })
        }
    }
}

/// The draft as a profile: what the program cannot read itself is no draft.
fn serde_path(yaml: &str) -> Result<Profile, Error> {
    let folder = tempfile::tempdir().or_environment(|| "can't make a temporary folder".to_owned())?;
    let file = folder.path().join("draft.yaml");
    std::fs::write(&file, yaml).or_environment(|| format!("can't write {}", file.display()))?;
    read_profile(&file.display().to_string())
        .map_err(|mistakes| Error::harness("the draft is not a profile").cause(mistakes.render(false, 100)))
}
