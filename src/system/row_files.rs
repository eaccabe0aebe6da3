//! Rows that an engine in file mode keeps in files (runbook 6): read as tables, so that every check
//! that compares rows works on them too. It writes nothing.

use crate::base::trouble::Trouble;
use crate::model::{profile::Profile, state::Database};
use std::path::PathBuf;

/// The two folders of file mode.
#[derive(Clone, Debug)]
pub struct RowFiles {
    /// `TEMPLATES_DIR`.
    pub templates: PathBuf,
    /// `ASSETS_DIR`.
    pub assets: PathBuf,
}

impl RowFiles {
    /// Reads everything as the profile's file mode says.
    pub fn capture(&self, _profile: &Profile) -> Result<Database, Trouble> {
        Err(Trouble::usage("file mode can't be drilled yet"))
    }
}
