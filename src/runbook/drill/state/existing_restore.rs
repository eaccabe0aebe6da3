//! A drill of an existing backup: there is no source, what was recorded with the backup is the
//! reference, and its age and recovery time are measured.

use crate::{
    base::{clock, error::Error},
    model::{
        event::Event,
        figures::{SchemaOrigin, SchemaReference},
        finding::FindingKind,
        state::{Catalog, State},
        verdict::limit::Limit,
    },
    plan::{ExistingBackup, RowsBackup, TestScope},
    procedure::{
        physical::{self, PhysicalBackup},
        schema,
    },
    runbook::{
        drill::{results::ProcedureFailed, state::DrillState},
        existing_backup, restore,
        verify::{
            self,
            age::{BackupAge, Newest},
            indexes,
        },
    },
    system::{
        cluster::PageChecksums,
        postgres::{Access, Postgres},
    },
};
use std::time::Instant;

impl DrillState<'_> {
    /// The recovery begins with the first read of the backup.
    pub(super) async fn prepare_existing(&mut self, backup: &ExistingBackup) -> Result<(), Error> {
        self.cut.reference.manifest.clone_from(&backup.manifest);
        self.cut.reference.renders.clone_from(&backup.renders);
        self.cut.reference.earlier.clone_from(&backup.earlier);
        self.cut.reference.schemas.clone_from(&backup.schemas);
        self.cut.reference.schema_only = backup.scope == TestScope::Schema;
        for text in backup.not_read.iter().cloned() {
            self.log.event(Event::Noted { text })?;
        }
        if let Some(source) = &backup.source {
            self.dump_source(source).await?;
        }
        self.procedure.limits = backup.limits;
        let measured = &mut self.procedure.measured;
        measured.lost = Some(Instant::now());
        measured.age = Some(BackupAge { now: self.context.clock.now(), ..BackupAge::default() });
        Ok(())
    }

    /// Adds the objects of the live source as `pg_dump` writes them, if its programs are those of the restore.
    async fn dump_source(&mut self, source: &Access) -> Result<(), Error> {
        let (site, ours) = (self.site, self.site.programs.version.major);
        let of_source = |schema: &&mut SchemaReference| {
            schema.read_from == SchemaOrigin::Source && schema.major == Some(ours)
        };
        let Some(reference) = self.cut.reference.schemas.iter_mut().find(of_source) else { return Ok(()) };
        let postgres = Postgres::connect_read_only(source).await?;
        let mut catalog = Catalog::default();
        let failed =
            schema::complete_from(&mut catalog, &postgres, &site.programs, &site.folder, &site.redactor)
                .await;
        postgres.close().await;
        match failed? {
            None => reference.parts.extend(schema::comparable(&catalog)),
            Some(why) => {
                let text = format!(
                    "rarer objects of the source, such as casts and publications, were not compared: pg_dump --schema-only \
                     cannot read them as this role: {why}"
                );
                self.log.event(Event::Noted { text })?;
            }
        }
        Ok(())
    }

    /// Adds the schema that `migrate` makes in an empty database, if it was asked for.
    pub(super) async fn add_schema_of_migrate(&mut self) -> Result<(), Error> {
        if self.plan.existing.as_ref().is_some_and(|existing| existing.schema_of_migrate) {
            let made = restore::reference(self.site, &self.log).await?;
            self.cut.reference.schemas.push(SchemaReference {
                origin: "that the migrations make in an empty database".to_owned(),
                tables: made
                    .tables
                    .into_iter()
                    .map(|(name, table)| (name, table.rows.len() as u64))
                    .collect(),
                read_from: SchemaOrigin::Migrations,
                major: Some(self.site.programs.version.major),
                parts: made.catalog.parts,
                // Nothing was inserted there.
                sequences: None,
            });
        }
        Ok(())
    }

    fn existing(&self) -> Result<&ExistingBackup, Error> {
        self.plan
            .existing
            .as_deref()
            .ok_or_else(|| Error::harness("a plan with a source fetches an existing backup"))
    }

    fn age(&mut self) -> &mut BackupAge {
        self.procedure.measured.age.get_or_insert_default()
    }

    pub(super) async fn fetch_dump(&mut self) -> Result<(), Error> {
        let existing = self.existing()?;
        let as_superuser = existing.as_superuser;
        let fetched = existing_backup::fetch_dump(existing, self.site, &self.log).await?;
        let server = Postgres::connect(&self.site.database()?.maintenance()).await?;
        let roles = existing_backup::prepare_cluster(&fetched.needs, as_superuser, &server).await?;
        server.close().await;
        if !as_superuser {
            self.context.substrate.restrict_role(self.site).await?;
        }
        let note = |text: String| self.log.event(Event::Noted { text });
        if !roles.is_empty() {
            note(format!("roles that the dump names were created without login: {}", roles.join(", ")))?;
        }
        for subscription in &fetched.needs.subscriptions {
            note(format!(
                "subscription {subscription} was left out: a copy must not replicate from a system that still runs"
            ))?;
        }
        if !fetched.others.is_empty() {
            self.log.event(Event::NotProven { limit: Limit::OtherDatabases { names: fetched.others } })?;
        }
        self.backup.dump = Some(fetched.path);
        self.restored.dump = fetched.sha256;
        Ok(())
    }

    fn physical(&self) -> Result<&PhysicalBackup, Error> {
        match &self.existing()?.rows {
            RowsBackup::Physical(backup) => Ok(backup),
            RowsBackup::Dump { .. } => Err(Error::harness("a dump is no physical backup")),
        }
    }

    pub(super) async fn fetch_cluster(&mut self) -> Result<(), Error> {
        let fetched = physical::fetch(self.physical()?, self.site, &self.log).await?;
        if !fetched.verified {
            self.log.event(Event::NotProven { limit: Limit::NoBackupManifest })?;
        }
        self.backup.cluster = Some(fetched);
        Ok(())
    }

    /// Recovers the cluster, puts the site on the database with the profile's tables and examines it. Where a
    /// table can't be read, nothing else is done.
    pub(super) async fn recover_cluster(&mut self) -> Result<Option<ProcedureFailed>, Error> {
        let backup = self.physical()?;
        let fetched = self.backup.cluster.as_ref();
        let fetched = fetched.ok_or_else(|| Error::harness("a cluster is recovered before it is there"))?;
        physical::recover(fetched, backup.target, self.site, &self.log).await?;
        let server = self.site.server.as_ref().ok_or_else(|| Error::harness("the site has no server"))?;
        if server.pages() == Some(PageChecksums::Disabled) {
            self.log.event(Event::NotProven { limit: Limit::NoPageChecksums })?;
        }
        let wanted = self.existing()?.database.clone();
        let (database, names) =
            existing_backup::database_of_cluster(server, &self.site.profile, wanted.as_deref()).await?;
        if !names.is_empty() {
            self.log.event(Event::NotProven { limit: Limit::OtherDatabases { names } })?;
        }
        self.site.flip(server.access(&database).await).await?;
        let intact = indexes::check(self.site).await;
        let damaged = !intact.findings.is_empty();
        let unreadable = intact.findings.iter().any(|finding| finding.kind == FindingKind::DamagedTable);
        self.restored.intact = Some(intact);
        let read = match unreadable {
            true => Err(Error::usage("tables are damaged")),
            false => self.database_loaded().await,
        };
        match read {
            Ok(()) => Ok(None),
            // The findings of the check `indexes` name what is damaged.
            Err(error) if damaged => Ok(Some(ProcedureFailed::Failed(error.to_string()))),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn fetch_objects(&mut self) -> Result<(), Error> {
        let now = self.age().now;
        let fetched = existing_backup::fetch_objects(self.existing()?, self.site, now).await?;
        self.age().object = fetched.newest;
        self.restored.unpacked = fetched.unpacked;
        self.cut.reference.listed = fetched.listed;
        Ok(())
    }

    /// Records what the dump contained: the manifest's digests are of that, and so is the age.
    pub(super) async fn database_loaded(&mut self) -> Result<(), Error> {
        let mut loaded = verify::observe(self.site, None).await?;
        if loaded.database.tables.is_empty() {
            return Err(Error::usage("the dump contains no table"));
        }
        let now = self.age().now;
        if let Some(why) = schema::complete(&mut loaded.database.catalog, self.site).await? {
            let text = format!("the restored schema was not dumped: {why}");
            self.log.event(Event::Noted { text })?;
        }
        let loaded = match self.restored.unpacked.is_empty() {
            true => loaded,
            false => {
                existing_backup::place_unpacked(&self.restored.unpacked, self.site, &loaded.database)?;
                let checksums = self.site.profile.checksums();
                let objects = self.site.objects.inventory("", &checksums).await?;
                State { objects, ..loaded }
            }
        };
        self.age().row = Newest::of_rows(&loaded.database, &self.site.profile, now);
        self.restored.loaded = Some(loaded);
        Ok(())
    }

    pub(super) async fn hold_schedules(&self) -> Result<(), Error> {
        let loaded = self.restored.loaded.as_ref();
        let loaded = loaded.ok_or_else(|| Error::harness("schedules are held before the rows are there"))?;
        existing_backup::hold_schedules(self.site, &loaded.database).await
    }

    /// Now, where the recovery ends when the engine is ready, or all is restored if there is none: no render is
    /// known that would prove more (runbook 3.6).
    pub(super) fn ready_ends_recovery(&self) -> Option<Instant> {
        (self.plan.existing.is_some() && self.cut.reference.renders.is_empty()).then(Instant::now)
    }

    /// Notes what was measured of an existing backup, and what a pass does not prove.
    pub(super) fn note_existing(&self) -> Result<(), Error> {
        let (Some(_), Some(age)) = (&self.plan.existing, &self.procedure.measured.age) else { return Ok(()) };
        if self.existing()?.scope == TestScope::Schema {
            return self.log.event(Event::NotProven { limit: Limit::SchemaOnly });
        }
        let note = |text: String| self.log.event(Event::Noted { text });
        let renders = &self.cut.reference.renders;
        let goldens = renders.values().filter(|wanted| wanted.golden.is_some()).count();
        if let Some(rto) = self.procedure.measured.rto() {
            let until = match (renders.is_empty(), goldens) {
                (true, _) if !self.site.engine.exists() => {
                    "the end of the restore (the profile starts no application)"
                }
                (true, _) => "the engine being ready (no render was asked for)",
                (false, 0) => "the first whole PDF",
                (false, _) => "the first good render",
            };
            note(format!("RTO {}: from the first read of the backup to {until}", clock::span(rto)))?;
        }
        let newest = |what: &str, newest: &Option<Newest>| match newest {
            Some(n) => {
                format!(
                    "newest {what} {} ({}), {} old",
                    clock::iso(n.at),
                    n.place,
                    clock::span(n.age(age.now))
                )
            }
            None => format!("no {what} has a time"),
        };
        let (row, object) = (newest("row", &age.row), newest("object", &age.object));
        note(match (&self.procedure.failed, age.age()) {
            (Some(step), None) => format!("RPO unknown: {step} failed"),
            (_, rpo) => {
                let rpo = rpo.map_or_else(|| "unknown".to_owned(), clock::span);
                format!("RPO {rpo}: {row}; {object} (when its copy was written, where copying kept no times)")
            }
        })?;
        let others = self.existing()?.others;
        let others = (others > 0).then_some(Limit::OtherBackups { backups: others });
        self.limits(goldens)
            .into_iter()
            .chain(others)
            .chain(self.sampled()?)
            .try_for_each(|limit| self.log.event(Event::NotProven { limit }))
    }

    /// How many objects were read, where not all of them were.
    fn sampled(&self) -> Result<Option<Limit>, Error> {
        let listed = self.cut.reference.listed.len();
        let TestScope::Sample { objects, seed } = self.existing()?.scope else { return Ok(None) };
        Ok((listed > 0).then_some(Limit::Sampled { examined: objects, of: objects + listed, seed }))
    }

    /// What a pass does not prove.
    fn limits(&self, goldens: usize) -> Vec<Limit> {
        let asked = self.cut.reference.renders.len();
        let renders = match goldens {
            _ if asked == 0 => self.site.has_api().then_some(Limit::NoRender),
            0 => Some(Limit::NoKnownGood),
            some if some < asked => Some(Limit::SomeWithoutKnownGood),
            _ => None,
        };
        let reference = &self.cut.reference;
        let manifest = match &reference.manifest {
            _ if !reference.earlier.0.is_empty() => None,
            None => Some(Limit::NoManifest),
            Some(manifest) if manifest.tables.is_empty() => Some(Limit::NoTableDigests),
            Some(_) => None,
        };
        let schema = reference.schemas.is_empty().then_some(Limit::SchemaNotRecorded);
        let ours = self.site.programs.version.major;
        let other = reference.schemas.iter().filter(|schema| schema.major != Some(ours));
        let other = other.map(|SchemaReference { origin, major, .. }| Limit::DefinitionsOfOtherMajor {
            origin: origin.clone(),
            theirs: *major,
            ours,
        });
        let unlogged = self.restored.loaded.as_ref();
        let unlogged = unlogged.map(|loaded| loaded.database.unlogged_without_rows());
        let unlogged = unlogged.filter(|tables| !tables.is_empty());
        let unlogged = unlogged.map(|tables| Limit::UnloggedRows { tables });
        renders.into_iter().chain(manifest).chain(schema).chain(other).chain(unlogged).collect()
    }
}
