//! `pulp-drill site`: makes a database and buckets of the user's own a site for drills, shows it,
//! clears what a dead run has left, removes it. Credentials come from the environment or a file.

use crate::{
    base::{clock, error::Error, redact::Redactor},
    run::site_variables::{must_not_be_of_the_environment, variables},
    runbook::provision::leftovers,
    system::external_site::{SiteLease, SiteLocation},
};
use clap::{Args, Subcommand};
use std::{path::PathBuf, sync::Arc};

/// Arguments of `pulp-drill site`.
#[derive(Args, Debug)]
#[command(
    after_help = "Reads DATABASE_URL, S3_ENDPOINT, S3_ACCESS_KEY_ID, S3_SECRET_ACCESS_KEY, S3_BUCKET, \
    S3_BACKUP_BUCKET and, where they are set, S3_REGION, S3_PATH_STYLE and JOB_RESULT_BLOB_BUCKET.\n\n\
    Examples:\n  \
    pulp-drill site create --env-file drills.env\n  \
    pulp-drill run --substrate external --env-file drills.env\n  \
    pulp-drill site remove --env-file drills.env --i-understand-this-destroys drills"
)]
pub struct SiteArgs {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand, Debug)]
enum Act {
    /// Make database and buckets, or take empty ones, and mark them
    Create(PlaceArgs),
    /// Say what is there and whether it is marked; changes nothing
    Show(PlaceArgs),
    /// Clear what a dead run has left
    Reset(PlaceArgs),
    /// Drop the database and remove the buckets, if they carry the marker
    Remove(PlaceArgs),
}

/// Which site.
#[derive(Args, Debug)]
struct PlaceArgs {
    /// Read the variables from this file instead of the environment: NAME=value lines, mode 600
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// Repeat the name of what may be destroyed: the database, or a bucket of a store that keeps no
    /// tags; may be repeated
    #[arg(long, value_name = "NAME")]
    i_understand_this_destroys: Vec<String>,
}

/// Does it. Gives what to print.
pub async fn run(args: SiteArgs) -> Result<String, Error> {
    let redactor = Redactor::new();
    let done = act(&args.act, &redactor).await;
    let clean = |text: String| redactor.clean(&text);
    done.map(&clean).map_err(|error| Error {
        what: clean(error.what),
        causes: error.causes.into_iter().map(&clean).collect(),
        hint: error.hint.map(&clean),
        blame: error.blame,
    })
}

async fn act(act: &Act, redactor: &Redactor) -> Result<String, Error> {
    let (Act::Create(args) | Act::Show(args) | Act::Reset(args) | Act::Remove(args)) = act;
    let place = SiteLocation::from_vars(variables(args.env_file.as_deref())?, redactor)?;
    if args.env_file.is_some() {
        must_not_be_of_the_environment(&place)?;
    }
    let description = place.describe();
    let held = Arc::new(SiteLease::hold(place, &args.i_understand_this_destroys, None).await?);
    let now = clock::iso(clock::Clock::system().now());
    match act {
        Act::Create(_) => {
            let id = uuid::Uuid::now_v7().to_string();
            let id = held.create(&id, now).await?;
            Ok(format!("site {id}: {description}\n"))
        }
        Act::Show(_) => show(&held).await,
        Act::Reset(_) => {
            // The engines of dead runs first: they write.
            leftovers::sweep_everywhere(&leftovers::KeptSites::Stay).await?;
            Ok(if held.reset(now).await? {
                format!("cleared: {description}\n")
            } else {
                format!("nothing to clear: {description}\n")
            })
        }
        Act::Remove(_) => {
            leftovers::sweep_everywhere(&leftovers::KeptSites::Stay).await?;
            held.remove(now).await?;
            Ok(format!("removed: {description}\n"))
        }
    }
}

async fn show(held: &SiteLease) -> Result<String, Error> {
    let (found, place) = (held.look().await?, held.place());
    let mut text = format!("database {:<20} {}\n", place.database.place(), found.database);
    text += &format!("restored {:<20} {}\n", place.restored().place(), found.restored);
    for (name, found) in &found.buckets {
        text += &format!("bucket   {:<20} {found}\n", name.as_str());
    }
    Ok(text)
}
