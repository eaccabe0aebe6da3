//! The operator's own commands for backup and restore.

use crate::{
    base::trouble::Trouble,
    journal::Logbook,
    model::finding::Finding,
    procedure::{Armed, Backup},
    site::Handles,
};

/// Runs the backup.
pub async fn back_up(
    _site: &Handles,
    _backup: &mut Backup,
    _armed: &mut Armed,
    _log: &Logbook,
) -> Result<Option<Finding>, Trouble> {
    Err(Trouble::usage("own commands can't be drilled yet"))
}

/// Runs the restore.
pub async fn restore(
    _site: &Handles,
    _backup: &Backup,
    _armed: &mut Armed,
    _log: &Logbook,
) -> Result<Option<Finding>, Trouble> {
    Err(Trouble::usage("own commands can't be drilled yet"))
}
