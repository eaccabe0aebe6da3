//! The lifecycle of a site: created, taken by a run, cleared, returned, removed. Every drop and every
//! emptying goes through the guard; refusals come before any change.

use super::found::{BucketFound, DatabaseFound, SiteInventory};
use super::marker::{Marker, SiteState};
use super::{SiteLease, refusal};
use crate::base::digest::Digest;
use crate::base::error::Error;
use crate::system::destroy::Guard;
use crate::system::postgres::{Access, contents, create_database, drop_database, tables_with_rows};
use std::sync::Arc;
use std::time::Duration;

/// How often ending sessions are counted, and for how long in all.
const LOOK: Duration = Duration::from_millis(50);
const ENDING: Duration = Duration::from_secs(3);

impl SiteLease {
    /// Makes the site: database and buckets must not be there, or have nothing in them. Gives its id.
    pub async fn create(&self, id: &str, now: String) -> Result<String, Error> {
        let id = &format!("{id}{}", self.of_database());
        let found = self.look().await?;
        self.must_be_free(&found).await?;
        let (database, names) = (&self.place.database, self.place.buckets());
        if found.database == DatabaseFound::Absent {
            create_database(&database.maintenance(), &database.database, &database.user).await?;
        }
        let names = names.into_iter().map(|name| name.0).collect();
        let marker = Marker::new(id, names, &self.place.s3.endpoint, now);
        let half = |error: Error| {
            error.hint("what was made carries the marker: `pulp-drill site remove` takes it away again")
        };
        self.write(&database.database, marker).await?;
        for (bucket, found) in &found.buckets {
            if *found == BucketFound::Absent {
                self.store.create_bucket(bucket).await.map_err(half)?;
            }
            self.tag(bucket, id).await.map_err(half)?;
        }
        Ok(id.clone())
    }

    /// The end of a site's id: which database of which server it is of. Where that database is not there,
    /// nothing else than its buckets' tags could tell.
    fn of_database(&self) -> String {
        format!("-{}", Digest::of(format!("{} {}", self.server, self.place.database.database)).short())
    }

    /// Whether a site can be made here.
    async fn must_be_free(&self, found: &SiteInventory) -> Result<(), Error> {
        let name = &self.place.database.database;
        let taken = |why: String| Err(Error::usage(why).hint("choose other names: nothing was changed"));
        match &found.database {
            DatabaseFound::Absent => {}
            DatabaseFound::Unmarked => self.must_hold_nothing_in(&self.place.database).await?,
            DatabaseFound::Foreign(_) | DatabaseFound::Marked(_) => {
                return taken(format!("database {name:?} is there already: {}", found.database));
            }
        }
        if found.restored != DatabaseFound::Absent {
            return taken(format!("database {:?} is there already", self.place.restored().database));
        }
        for (bucket, found) in &found.buckets {
            match found {
                BucketFound::Absent => continue,
                BucketFound::Of(id) => return taken(format!("bucket {bucket} belongs to site {id}")),
                BucketFound::Unmarked => {}
                BucketFound::Untaggable => {
                    self.must_be_named(
                        bucket.as_str(),
                        "this store keeps no tags of buckets, so it can't be marked",
                    )?;
                }
            }
            if let Some(what) = self.store.bucket(bucket).something_in_it().await? {
                return taken(format!("bucket {bucket} is not empty: it holds {what}"));
            }
        }
        Ok(())
    }

    /// Takes the site for a run.
    ///
    /// # Errors
    /// As [`SiteLease::must_be_ready`].
    pub async fn begin(&self, run: &str, now: String) -> Result<(), Error> {
        let marker = self.must_be_ready().await?;
        self.take(marker.with(SiteState::InUse { run: run.to_owned(), since: now }))?;
        self.mark(&self.place.database.database).await
    }

    /// Whether a run may take the site: it must be whole, marked empty, and be empty.
    ///
    /// # Errors
    /// Blames the user: it is none of that. Nothing was changed.
    pub async fn must_be_ready(&self) -> Result<Marker, Error> {
        let found = self.look().await?;
        let name = &self.place.database.database;
        let marker = match &found.database {
            DatabaseFound::Marked(marker) => marker,
            DatabaseFound::Unmarked => {
                let held = contents(&self.place.database).await?;
                let holds =
                    if held.is_empty() { String::new() } else { format!("; it holds {}", held.join(", ")) };
                return Err(refusal(format!("database {name:?} carries no marker of ours{holds}")));
            }
            DatabaseFound::Absent if found.id_of_buckets().is_some() => {
                return Err(refusal(format!("database {name:?} is not there, and its buckets are marked"))
                    .hint(hint_to_reset(name)));
            }
            DatabaseFound::Absent | DatabaseFound::Foreign(_) => {
                return Err(refusal(format!("database {name:?} is no site: {}", found.database)));
            }
        };
        for (bucket, found) in &found.buckets {
            self.bucket_fits(bucket, found, marker)?;
        }
        if let SiteState::InUse { run, since } = &marker.state {
            return Err(Error::usage(format!("site {name:?} holds what run {run} has left since {since}"))
                .hint(hint_to_reset(name)));
        }
        if found.restored != DatabaseFound::Absent {
            let restored = self.place.restored().database;
            return Err(refusal(format!("database {restored:?} is there, and no run has left it")));
        }
        self.must_hold_nothing().await?;
        Ok((**marker).clone())
    }

    fn take(&self, marker: Marker) -> Result<(), Error> {
        self.in_use.set(marker).map_err(|_| Error::harness("a site is taken twice"))
    }

    /// Whether a site that is marked empty is empty.
    async fn must_hold_nothing(&self) -> Result<(), Error> {
        self.must_hold_nothing_in(&self.place.database).await?;
        for bucket in self.place.buckets() {
            if let Some(what) = self.store.bucket(&bucket).something_in_it().await? {
                return Err(not_ours(&format!("bucket {bucket}"), &what));
            }
        }
        Ok(())
    }

    async fn must_hold_nothing_in(&self, database: &Access) -> Result<(), Error> {
        let name = format!("database {:?}", database.database);
        if let Some(made) = &self.inhabited {
            let tables = tables_with_rows(database, made).await?;
            return if tables.is_empty() { Ok(()) } else { Err(not_ours(&name, &tables.join(", "))) };
        }
        let sessions = self.sessions(&database.database).await?;
        if sessions > 0 {
            return Err(Error::usage(format!("{name} has {sessions} sessions of others: somebody uses it"))
                .hint("end them, if nobody needs them; nothing was changed"));
        }
        let held = contents(database).await?;
        if held.is_empty() { Ok(()) } else { Err(not_ours(&name, &held.join(", "))) }
    }

    /// The sessions that are on a database and stay: a program that has just ended needs a moment.
    async fn sessions(&self, name: &str) -> Result<i64, Error> {
        let began = std::time::Instant::now();
        loop {
            let sessions = self.maintenance.facts(name).await?.map_or(0, |facts| facts.sessions);
            if sessions == 0 || began.elapsed() > ENDING {
                return Ok(sessions);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Makes the site empty again, in use as before.
    pub async fn clear(self: &Arc<Self>) -> Result<(), Error> {
        let guard = Guard::marked(self);
        let database = &self.place.database;
        drop_database(guard.database(&self.place.restored()).await?).await?;
        drop_database(guard.database(database).await?).await?;
        create_database(&database.maintenance(), &database.database, &database.user).await?;
        self.mark(&database.database).await?;
        for bucket in self.place.buckets() {
            self.store.empty_bucket(guard.bucket(&bucket).await?).await?;
        }
        Ok(())
    }

    /// Makes sure that the site is empty; clears it where it is not.
    pub async fn empty(self: &Arc<Self>) -> Result<(), Error> {
        self.all_must_be_ours().await?;
        if self.must_hold_nothing().await.is_err() || self.look().await?.restored != DatabaseFound::Absent {
            self.clear().await?;
        }
        Ok(())
    }

    /// Gives the site back, if it was taken: empty, and marked so.
    pub async fn end(self: &Arc<Self>) -> Result<(), Error> {
        if self.in_use.get().is_none() {
            return Ok(());
        }
        self.empty().await?;
        let marker = self.ours().await?.clone();
        self.write(&self.place.database.database, marker.with(SiteState::Empty)).await
    }

    /// Clears what a dead run has left. Says whether there was anything to clear.
    pub async fn reset(self: &Arc<Self>, now: String) -> Result<bool, Error> {
        self.must_be_named(&self.place.database.database, "all that is in the site would be destroyed")?;
        let found = self.look().await?;
        let marker = self.left_over(&found).await?;
        for (bucket, found) in &found.buckets {
            if *found != BucketFound::Absent {
                self.bucket_fits(bucket, found, &marker)?;
            }
        }
        let whole = found.buckets.iter().all(|(_, found)| *found != BucketFound::Absent);
        if marker.state == SiteState::Empty && whole {
            return Ok(false);
        }
        self.adopt(marker, "site reset", now, &found).await?;
        for (bucket, found) in &found.buckets {
            if *found == BucketFound::Absent {
                self.store.create_bucket(bucket).await?;
                self.tag(bucket, &self.ours().await?.id.clone()).await?;
            }
        }
        self.clear().await?;
        self.end().await?;
        Ok(true)
    }

    /// Removes the site: the databases and the buckets that carry its marker.
    pub async fn remove(self: &Arc<Self>, now: String) -> Result<(), Error> {
        self.must_be_named(&self.place.database.database, "the site would be removed")?;
        let found = self.look().await?;
        let marker = self.left_over(&found).await?;
        // Half a site has buckets that were not marked yet: those are not ours.
        let marked = |found: &BucketFound| matches!(found, BucketFound::Of(_) | BucketFound::Untaggable);
        for (bucket, found) in found.buckets.iter().filter(|(_, found)| marked(found)) {
            self.bucket_fits(bucket, found, &marker)?;
        }
        self.adopt(marker, "site remove", now, &found).await?;
        let guard = Guard::marked(self);
        for (bucket, _) in found.buckets.iter().filter(|(_, found)| marked(found)) {
            self.store.delete_bucket(guard.bucket(bucket).await?).await?;
        }
        drop_database(guard.database(&self.place.restored()).await?).await?;
        drop_database(guard.database(&self.place.database).await?).await
    }

    /// The marker of what may be cleared: a run's leftovers, or nothing at all.
    async fn left_over(&self, found: &SiteInventory) -> Result<Marker, Error> {
        let database = &self.place.database;
        let buckets = || self.place.buckets().into_iter().map(|name| name.0).collect();
        match &found.database {
            DatabaseFound::Marked(marker) => {
                if marker.state == SiteState::Empty {
                    self.must_hold_nothing().await?;
                }
                Ok((**marker).clone())
            }
            DatabaseFound::Foreign(_) => {
                Err(refusal(format!("database {:?} is no site: {}", database.database, found.database)))
            }
            // A run that was killed between dropping the database and marking the new one.
            DatabaseFound::Absent | DatabaseFound::Unmarked => {
                let Some(id) = found.id_of_buckets() else {
                    let why = format!(
                        "database {:?} is {}, and no bucket is marked",
                        database.database, found.database
                    );
                    return Err(refusal(why));
                };
                if found.database == DatabaseFound::Unmarked {
                    let held = contents(database).await?;
                    if !held.is_empty() {
                        return Err(not_ours(
                            &format!("database {:?}, not marked,", database.database),
                            &held.join(", "),
                        ));
                    }
                }
                if !id.ends_with(&self.of_database()) {
                    let why = format!(
                        "the buckets are those of a site on another database than {}",
                        database.place()
                    );
                    return Err(refusal(why));
                }
                let state = SiteState::InUse { run: "unknown".to_owned(), since: "unknown".to_owned() };
                let marker = Marker::new(id, buckets(), &self.place.s3.endpoint, "unknown".to_owned());
                Ok(marker.with(state))
            }
        }
    }

    /// Marks what is there as ours to clear.
    async fn adopt(
        &self,
        marker: Marker,
        who: &str,
        now: String,
        found: &SiteInventory,
    ) -> Result<(), Error> {
        // Checked before anything is marked: it stops here if that database is not ours.
        if let DatabaseFound::Marked(restored) = &found.restored
            && restored.id != marker.id
        {
            return Err(refusal(format!("database {:?} is another site's", self.place.restored().database)));
        }
        let created = if marker.created == "unknown" { now.clone() } else { marker.created.clone() };
        let mut marker = marker.with(SiteState::InUse { run: who.to_owned(), since: now });
        marker.created = created;
        self.take(marker)?;
        if found.restored != DatabaseFound::Absent {
            self.mark(&self.place.restored().database).await?;
        }
        if found.database == DatabaseFound::Absent {
            Ok(())
        } else {
            self.mark(&self.place.database.database).await
        }
    }
}

/// Somebody wrote there who is not us.
fn not_ours(place: &str, what: &str) -> Error {
    Error::usage(format!("{place} holds what no run of ours has left: {what}"))
        .hint("what we did not write is never destroyed, whatever is named; save it and remove it by hand")
}

fn hint_to_reset(name: &str) -> String {
    format!("if that run is dead, `pulp-drill site reset --i-understand-this-destroys {name}` clears it")
}
