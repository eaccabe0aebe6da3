//! The recovery of a fetched cluster: where it begins, how far it is to go, and whether it got there. A
//! server that stops early because a record is damaged starts all the same; its log shows it.

use super::{
    tools::{incremental, own},
    wal::{ReplayStart, SegmentId, Segments, holds_no_record},
};
use crate::{
    base::error::{Error, ErrorContext as _},
    journal::Logbook,
    site::Handles,
    system::cluster::{Came, ControlData},
};
use chrono::{DateTime, NaiveDateTime, Utc};
use std::path::{Path, PathBuf};

/// A physical backup in the folder of the site's own server, complete and verified as far as files can be.
#[derive(Clone, Debug)]
pub struct FetchedCluster {
    /// The data directory; nothing has been started on it.
    pub data: PathBuf,
    /// The folder that WAL is fetched from.
    pub wal: PathBuf,
    /// Its control file.
    pub control: ControlData,
    /// The WAL that is there.
    pub segments: Segments,
    /// Whether the files agree with the backup's own manifest; not known where it has none.
    pub verified: bool,
}

/// Where the replay of a data directory begins; nothing where the cluster was stopped in order.
///
/// # Errors
/// Blames the user where the files are of a running server without a label, or the label is damaged.
pub fn start_of(data: &Path, control: &ControlData) -> Result<Option<ReplayStart>, Error> {
    let path = data.join("backup_label");
    if !path.is_file() {
        return match control.is_shut_down() {
            true => Ok(None),
            false => Err(Error::usage("the backup has no backup_label, and its cluster was running").cause(format!(
                "its state is {:?}: files that were copied while a server wrote to them do not fit together",
                control.state
            ))),
        };
    }
    let label = std::fs::read_to_string(&path).or_usage(|| "can't read backup_label".to_owned())?;
    let value = |name: &str| label.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    if value("INCREMENTAL FROM LSN:").is_some() {
        return Err(incremental());
    }
    let start = value("START WAL LOCATION:");
    let file = start.and_then(|start| start.split_once("(file ")?.1.strip_suffix(')'));
    let segment = file.and_then(|name| SegmentId::parse(name, control.segment));
    let segment = segment.ok_or_else(|| {
        Error::usage("the backup_label is damaged")
            .cause("it does not name the WAL segment that it starts with")
    })?;
    let begun = value("START TIME:").and_then(|time| time.strip_suffix(" UTC").or(time.strip_suffix(" GMT")));
    let begun = begun.and_then(|time| NaiveDateTime::parse_from_str(time, "%Y-%m-%d %H:%M:%S").ok());
    Ok(Some(ReplayStart { segment, begun: begun.map(|time| time.and_utc()) }))
}

/// Recovers a fetched cluster on the site's own server, which runs on it afterwards.
///
/// # Errors
/// Blames the user where the backup can't be recovered, or not as far as its WAL or the target reach.
pub async fn recover(
    fetched: &FetchedCluster,
    target: Option<DateTime<Utc>>,
    site: &Handles,
    log: &Logbook,
) -> Result<(), Error> {
    let server = own(site)?;
    let start = start_of(&fetched.data, &fetched.control)?;
    if let (Some(target), Some(begun)) = (target, start.as_ref().and_then(|start| start.begun))
        && target < begun
    {
        return Err(Error::usage(format!("the target time {} is before the backup", precise(target)))
            .cause(format!("the backup was begun at {}", precise(begun)))
            .hint("a recovery only goes forward: use a backup that ended before the target time"));
    }
    if let (Some(target), None) = (target, &start) {
        return Err(Error::usage(format!("the backup can't be recovered to {}", precise(target)))
            .cause("it is the copy of a stopped server: WAL can be replayed only on a base backup"));
    }
    let recovery = settings(fetched, target, start.is_some());
    let came = server.adopt(&fetched.data, &fetched.control, &recovery).await?;
    let (Came::Up(text) | Came::Down(text)) = &came;
    let name = format!("{}-recovery.log", log.name());
    log.artefact(&name, text.0.as_bytes(), "the log of the server while it recovered")?;
    match came {
        Came::Down(log) => Err(failure(&log.0, &log.end(), target)),
        Came::Up(log) => judge(&log.0, fetched, target, start.as_ref()),
    }
}

fn settings(
    fetched: &FetchedCluster,
    target: Option<DateTime<Utc>>,
    replays: bool,
) -> Vec<(&'static str, String)> {
    if !replays {
        return Vec::new();
    }
    let wal = shell_words::quote(&fetched.wal.display().to_string()).into_owned();
    let mut settings = vec![("restore_command", format!("test -f {wal}/%f && cp {wal}/%f \"%p\""))];
    if let Some(target) = target {
        settings.push(("recovery_target_time", precise(target)));
        settings.push(("recovery_target_action", "promote".to_owned()));
    }
    settings
}

/// Why a server did not come up.
fn failure(text: &str, end: &str, target: Option<DateTime<Utc>>) -> Error {
    let target = target.map_or_else(String::new, precise);
    let what = if text.contains("recovery ended before configured recovery target was reached") {
        format!("the WAL ends before the target time {target}")
    } else if text.contains("requested recovery stop point is before consistent recovery point") {
        format!("the target time {target} is before the end of the backup")
    } else if text.contains("WAL ends before end of online backup") {
        "the WAL ends before the end of the backup: a part of it is missing or damaged".to_owned()
    } else if text.contains("could not locate required checkpoint record")
        || text.contains("could not locate a valid checkpoint record")
    {
        "the WAL that the backup begins with is missing or damaged".to_owned()
    } else if text.contains("database files are incompatible with server") {
        return Error::environment("this server cannot run the files of the backup").cause(end.to_owned()).hint(
            "restore it on the same platform and with the same build options, or name another installation with \
             PULP_DRILL_PG_BIN",
        );
    } else {
        "the server does not start on the backup".to_owned()
    };
    Error::usage(what).cause(end.to_owned())
}

/// Messages of a server that reads a record which is not as it was written. The end of the WAL looks
/// different: zeros, or an earlier use of the file.
const DAMAGE: [&str; 2] = ["incorrect resource manager data checksum", "incorrect data checksum"];

/// Whether a server that came up has replayed all that was there.
fn judge(
    text: &str,
    fetched: &FetchedCluster,
    target: Option<DateTime<Utc>>,
    start: Option<&ReplayStart>,
) -> Result<(), Error> {
    let Some(start) = start.filter(|_| target.is_none()) else { return Ok(()) };
    let damage = text.lines().find(|line| DAMAGE.iter().any(|damage| line.contains(damage)));
    let ended = text.lines().filter_map(|line| line.split_once("redo done at ")).next_back();
    let ended = ended.and_then(|(_, rest)| position(rest.split_whitespace().next()?));
    let ended = ended.unwrap_or(start.segment.number.saturating_mul(fetched.control.segment));
    let newest = fetched.segments.last.iter().next_back();
    let early = newest.is_some_and(|(timeline, last)| {
        SegmentId::at(*timeline, ended, fetched.control.segment)
            .is_some_and(|reached| reached.number < last.number)
    });
    let early = early && !only_switches_follow(ended, fetched);
    if damage.is_none() && !early {
        return Ok(());
    }
    let error = Error::usage("the recovery ended before the end of the WAL: a record is damaged");
    let until = newest.map_or_else(String::new, |(_, last)| last.to_string());
    let error = error.cause(format!(
        "the last record that was replayed is at {}, and there is WAL up to {until}",
        shown(ended)
    ));
    Err(match damage {
        Some(line) => error.cause(line.trim().to_owned()),
        None => error,
    })
}

/// Whether the recovery ended in the segment before the last one, which then holds no record: a server
/// that archives on a timeout, or a backup that ends with a switch, leaves such a segment.
fn only_switches_follow(ended: u64, fetched: &FetchedCluster) -> bool {
    let Some((timeline, last)) = fetched.segments.last.iter().next_back() else { return false };
    let reached = SegmentId::at(*timeline, ended, fetched.control.segment);
    let Some(file) = fetched.segments.files.last() else { return false };
    let folder = if file.archived { fetched.wal.clone() } else { fetched.data.join("pg_wal") };
    let empty = || holds_no_record(&folder.join(&file.name));
    reached.is_some_and(|reached| reached.number + 1 == last.number) && empty()
}

/// `0/3000148` as a number.
fn position(text: &str) -> Option<u64> {
    let (high, low) = text.split_once('/')?;
    Some(
        (u64::from_str_radix(high, 16).ok()? << 32)
            | u64::from_str_radix(low.trim_end_matches(','), 16).ok()?,
    )
}

fn shown(position: u64) -> String {
    format!("{:X}/{:X}", position >> 32, position & 0xffff_ffff)
}

/// The time as `recovery_target_time` takes it, which knows zones by their offset only.
fn precise(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S%.6f+00").to_string()
}
