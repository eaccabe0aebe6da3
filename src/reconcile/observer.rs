//! Who is informed of a reconciliation while it runs.

use crate::{
    base::error::Error,
    reconcile::{
        finding::ReconcileFinding,
        progress::{Position, Tally},
    },
};

/// What happens on the way.
pub trait ReconcileObserver {
    /// The second look confirmed a finding.
    fn found(&mut self, finding: &ReconcileFinding) -> Result<(), Error>;
    /// Everything up to this position is done: a later run can continue behind it.
    fn reached(&mut self, position: &Position) -> Result<(), Error>;
    /// So much is done; called often.
    fn progressed(&mut self, tally: &Tally, expected_rows: u64);
}
