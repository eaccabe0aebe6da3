//! Restores with few rights: a dump of unknown origin is SQL that somebody else wrote. A superuser
//! would run its programs and read files for it (`COPY … TO PROGRAM`); a plain role can damage its
//! own database only.

use super::substrate::Substrate;
use crate::{
    base::{clock, error::Error},
    site::{Site, Source},
    system::postgres::{Access, Postgres, quote_ident},
};

impl Substrate {
    /// Gives a site's database to a role of its own that may create databases, like an operator's
    /// application role, and that row security does not apply to: rows that it hides could be neither
    /// restored nor verified. Later restores use this role.
    pub async fn restrict_role(&self, site: &Site<Source>) -> Result<(), Error> {
        let was = site.database()?;
        let password = clock::password();
        self.redactor.add(&password);
        let role = format!("{}-restorer", was.database);
        let server = Postgres::connect(&was.maintenance()).await?;
        let make =
            format!("create role {} login createdb bypassrls password '{password}'", quote_ident(&role));
        // The statement holds the password, so that its own error is not shown.
        let made = server.execute(&make, &[]).await;
        made.map_err(|_| Error::environment("can't make a role to restore with"))?;
        let (database, owner) = (quote_ident(&was.database), quote_ident(&role));
        server.execute(&format!("alter database {database} owner to {owner}"), &[]).await?;
        server.close().await;
        site.flip(Access { user: role, password, ..was }).await
    }
}
