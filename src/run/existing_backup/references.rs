//! What a test of an existing backup is compared with: the manifest, the last proven restore in a ledger, and the
//! live source.

use super::options::BackupTestOptions;
use crate::{
    base::{clock, error::Error, ids::TableName},
    history::{self, LastProven, LedgerEntry},
    model::{
        figures::{EarlierFigures, SchemaFigures, SchemaOrigin, SchemaReference},
        profile::Profile,
    },
    procedure::manifest::Manifest,
    run::ledger::{self, LineComparison},
    system::postgres::Survey,
};
use std::collections::{BTreeMap, BTreeSet};

/// What the backup is compared with, as far as it has figures and schemas.
#[derive(Default)]
pub(super) struct References {
    /// Figures of another time.
    pub earlier: Vec<EarlierFigures>,
    /// Schemas.
    pub schemas: Vec<SchemaReference>,
    /// Why a part of one can't be compared.
    pub not_read: Vec<String>,
}

impl References {
    /// Reads the ledger, the manifest and the live source, as far as they are named.
    ///
    /// # Errors
    /// One cannot be read, or is not what its evidence covers.
    pub async fn read(
        options: &BackupTestOptions,
        profile: &Profile,
        manifest: Option<&Manifest>,
    ) -> Result<Self, Error> {
        let mut all = Self::default();
        if let Some(LastProven { run, ended, figures }) = last_proven(options, &mut all.not_read)? {
            let origin = format!("in run {} of {}", run, clock::iso(ended));
            let recorded = (origin.clone(), SchemaOrigin::EarlierRun);
            all.schemas
                .extend(figures.schema.as_ref().map(|schema| of_record(recorded, schema, &figures.tables)));
            all.earlier.push(EarlierFigures {
                origin,
                large_objects: figures.schema.map(|schema| schema.large_objects),
                tables: figures.tables,
                objects: Some((figures.objects, figures.bytes)),
            });
        }
        if let Some((manifest, schema)) = manifest.and_then(|m| Some((m, m.schema.as_ref()?))) {
            let rows = manifest.tables.iter().map(|(name, table)| (name.as_str().into(), table.rows as u64));
            let recorded = ("in the manifest".to_owned(), SchemaOrigin::Manifest);
            all.schemas.push(of_record(recorded, schema, &rows.collect()));
        }
        if let Some(access) = &options.source {
            let survey = Survey::of(access, profile).await;
            let survey = survey.map_err(|error| error.while_doing("can't read the live source"))?;
            let Survey { major, tables, catalog, large_objects, sequences } = survey;
            let origin = "in the source".to_owned();
            let unread = sequences.as_ref().err();
            all.not_read
                .extend(unread.map(|why| format!("the sequences of the source were not compared: {why}")));
            all.schemas.push(SchemaReference {
                origin: origin.clone(),
                read_from: SchemaOrigin::Source,
                major,
                tables: tables.clone(),
                parts: catalog.parts,
                sequences: sequences.ok(),
            });
            let large_objects = Some(large_objects);
            all.earlier.push(EarlierFigures { origin, tables, objects: None, large_objects });
        }
        Ok(all)
    }
}

/// A schema that was recorded in digests.
fn of_record(
    (origin, read_from): (String, SchemaOrigin),
    schema: &SchemaFigures,
    tables: &BTreeMap<TableName, u64>,
) -> SchemaReference {
    let (parts, sequences) = (schema.parts.clone(), Some(schema.sequences.clone()));
    SchemaReference { origin, read_from, major: schema.major, tables: tables.clone(), parts, sequences }
}

/// The last proven restore in the ledger. `notes` gets what could not be compared.
fn last_proven(options: &BackupTestOptions, notes: &mut Vec<String>) -> Result<Option<LastProven>, Error> {
    let Some(path) = &options.ledger else { return Ok(None) };
    let file = history::file::file_of(path);
    let context = || format!("{} is no reference", file.display());
    let lines =
        history::file::read(&file)?.map_err(|broken| Error::usage(context()).cause(broken.to_string()))?;
    let found = history::last_proven(&lines, &options.profile);
    let line = lines.iter().find(|line| found.as_ref().is_some_and(|found| found.run == line.run));
    match line.zip(file.parent()).map(|(line, beside)| (line, ledger::compare(beside, line))) {
        Some((_, LineComparison::Differs(why))) => {
            return Err(Error::usage(context())
                .cause(why)
                .hint("restore the ledger or the run's folder from a copy"));
        }
        Some((line, LineComparison::NoFolder)) => notes.push(format!(
            "the figures of run {} are those of the ledger alone: its folder is not beside {}, so that they were not \
             compared with the run",
            line.run,
            file.display()
        )),
        Some((_, LineComparison::Same)) | None => {}
    }
    found.map(Some).ok_or_else(|| {
        let why = format!(
            "it has no proven restore of an existing backup with the profile {}, but with: {}",
            options.profile,
            proven_profiles(&lines)
        );
        let hint =
            "name the profile as in that run, add a run with `pulp-drill history add`, or leave out --ledger";
        Error::usage(context()).cause(why).hint(hint)
    })
}

/// The profiles that the ledger has proven restores of existing backups of.
fn proven_profiles(lines: &[LedgerEntry]) -> String {
    let groups = lines.iter().flat_map(|line| &line.groups).filter(|(_, result)| result.is_proven());
    let profiles: BTreeSet<&str> =
        groups.filter_map(|(name, _)| name.strip_prefix("existing backup / ")).collect();
    match profiles.is_empty() {
        true => "none".to_owned(),
        false => profiles.into_iter().collect::<Vec<_>>().join(", "),
    }
}
