//! Takes power away from whoever restores: rows of a backup that was made elsewhere are SQL that
//! somebody else wrote. As the cluster's superuser it could start programs and read files
//! (`COPY … TO PROGRAM`); as a plain role it can do harm to its own database only.

use super::Substrate;
use crate::{
    base::{clock, error::Error},
    site::{Site, Source},
    system::postgres::{Access, Postgres, quote_ident},
};

impl Substrate {
    /// Hands a site over to a role of its own that may make databases and nothing else, as an
    /// operator's application role may. What is restored from then on is restored by it.
    pub async fn confine(&self, site: &Site<Source>) -> Result<(), Error> {
        let was = site.database()?;
        let password = clock::password();
        self.redactor.add(&password);
        let role = format!("{}-restorer", was.database);
        let server = Postgres::connect(&was.maintenance()).await?;
        let make = format!("create role {} login createdb password '{password}'", quote_ident(&role));
        // The statement holds the password, so that its own error is not shown.
        let made = server.execute(&make, &[]).await;
        made.map_err(|_| Error::environment("can't make a role to restore with"))?;
        let (database, owner) = (quote_ident(&was.database), quote_ident(&role));
        server.execute(&format!("alter database {database} owner to {owner}"), &[]).await?;
        server.close().await;
        site.flip(Access { user: role, password, ..was }).await
    }
}
