//! Both stores to one moment: a base backup, archived WAL and bucket versions (runbook 2.1, 2.3).

use crate::{
    base::{clock::Clock, trouble::Trouble},
    journal::Logbook,
    model::finding::Finding,
    procedure::{Armed, Backup},
    site::Handles,
};

/// Takes a base backup and turns versioning on.
pub async fn base_backup(
    _site: &Handles,
    _backup: &mut Backup,
    _armed: &mut Armed,
    _log: &Logbook,
) -> Result<Option<Finding>, Trouble> {
    Err(Trouble::usage("point in time can't be drilled yet"))
}

/// Chooses the moment to recover to, with markers before and after it.
pub async fn choose_target(
    _site: &Handles,
    _backup: &mut Backup,
    _clock: &Clock,
    _log: &Logbook,
) -> Result<Option<Finding>, Trouble> {
    Err(Trouble::usage("point in time can't be drilled yet"))
}

/// Brings the database to the moment, on a new server.
pub async fn recover_database(
    _site: &Handles,
    _backup: &Backup,
    _armed: &mut Armed,
    _log: &Logbook,
) -> Result<Option<Finding>, Trouble> {
    Err(Trouble::usage("point in time can't be drilled yet"))
}

/// Brings the bucket to its versions as of the moment.
pub async fn recover_objects(
    _site: &Handles,
    _backup: &Backup,
    _armed: &mut Armed,
    _log: &Logbook,
) -> Result<Option<Finding>, Trouble> {
    Err(Trouble::usage("point in time can't be drilled yet"))
}
