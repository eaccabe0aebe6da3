//! Verifies a run's folder without asking anybody: journal, seal, every file, the attestation, the
//! signatures. What was changed is a [`Problem`], a value; an error means that it could not be
//! looked at. Parts of the work that render again are in `verify::again`.

use crate::{
    base::{
        digest::Digest,
        error::{Error, ErrorContext as _},
        sanitize::one_line,
    },
    evidence::{
        ATTESTATION, SIGNATURE, SIGNED_BY, SIGNER, UNSIGNED, chain,
        dsse::Envelope,
        inventory::{self, Inventory},
        key::VerifyingKey,
        signer_of, statement,
    },
    journal::{
        self,
        read::{EVENTS, Flaw, SEAL, StoredJournal, seal_in},
    },
    model::{
        event::Entry,
        record::{Integrity, RunRecord},
    },
};
use rerender::Rendered;
use std::{collections::BTreeSet, fmt, fs, path::Path};

mod rerender;

/// A journal over this many bytes has its signature not looked at: it would have to be in memory.
const LARGEST_SIGNED: u64 = 1 << 30;

/// Whom to believe.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    /// The keys that may sign; with none, any may, and nobody vouches for it.
    pub keys: Vec<VerifyingKey>,
    /// Whether a run without a signature is a problem.
    pub signed: bool,
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, below the run's folder.
    pub file: String,
    /// What is wrong, and where in the file.
    pub what: String,
    /// The digest that it should have, and has, where that is known.
    pub digests: Option<(Digest, Digest)>,
    /// Whether it is only that the run is not signed as was asked: nothing in it was changed.
    pub only_signer: bool,
}

/// Who signed a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signed {
    /// Nobody.
    No,
    /// A key that nobody vouched for, by its fingerprint.
    BySomebody(String),
    /// A key that was asked for, by its fingerprint.
    ByTrusted(String),
}

/// What was found of a run.
#[derive(Clone, Debug)]
pub struct EvidenceCheck {
    /// What its journal holds.
    pub record: RunRecord,
    /// The run's id.
    pub run: String,
    /// The program and version that wrote it.
    pub harness: String,
    /// Events that hold.
    pub events: usize,
    /// Files in its folder.
    pub files: usize,
    /// The attested result, and how many scenarios passed, passed with warnings, did not pass.
    pub result: (&'static str, [usize; 3]),
    /// Who signed it.
    pub signed: Signed,
    /// What a reader should know.
    pub notes: Vec<String>,
    /// What is wrong; empty where all is as it was written.
    pub problems: Vec<Problem>,
    /// Its place in the chain over runs; none where its first line can't be read.
    pub link: Option<chain::Link>,
}

impl EvidenceCheck {
    /// What is found where nothing could be read.
    pub(super) fn nothing() -> Self {
        Self {
            record: RunRecord::default(),
            run: "-".to_owned(),
            harness: "-".to_owned(),
            events: 0,
            files: 0,
            result: statement::result(&RunRecord::default()),
            signed: Signed::No,
            notes: Vec::new(),
            problems: Vec::new(),
            link: None,
        }
    }

    /// What reports of the run state about its integrity.
    pub fn integrity(&self) -> Integrity {
        match &self.problems[..] {
            [] => Integrity::Intact,
            problems => Integrity::Violated(problems.iter().map(Problem::line).collect()),
        }
    }
}

impl Problem {
    /// What is not as it was written, with the digest that it should have and has, where that is known.
    pub fn new(file: impl Into<String>, what: impl Into<String>, digests: Option<(Digest, Digest)>) -> Self {
        Self { file: file.into(), what: what.into(), digests, only_signer: false }
    }

    /// The file and what is wrong with it, without the digests.
    fn line(&self) -> String {
        // A name in a folder from elsewhere may hold anything, escape codes included.
        format!("{}: {}", self.file.escape_debug(), one_line(&self.what))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line())?;
        if let Some((expected, found)) = &self.digests {
            write!(f, "\n  expected {expected}\n  found    {found}")?;
        }
        Ok(())
    }
}

/// Verifies the folder of one run.
///
/// # Errors
/// Blames the user where it is no run's folder, the environment where it can't be read.
pub fn folder(dir: &Path, trust: &Trust) -> Result<EvidenceCheck, Error> {
    let dir = &journal::read::folder_of(dir);
    let inventory = match dir.join(EVENTS).is_file() {
        true => inventory::take(dir)?,
        // Says what it is instead.
        false => return Err(journal::read(dir).err().unwrap_or_else(|| Error::usage("no run"))),
    };
    let mut look = Look { dir, inventory, problems: Vec::new(), notes: Vec::new() };
    look.odd();
    let stored = match journal::read(dir) {
        Ok(stored) => stored,
        // A number that was changed in the first line can look like another version's.
        Err(error) if look.sealed() => return Err(error),
        Err(error) => {
            look.problem(EVENTS, error.what);
            StoredJournal { entries: Vec::new(), flaw: None }
        }
    };
    let record = RunRecord::fold(&stored.entries);
    let signed = match (&stored.flaw, &record.finished) {
        (None, Some(_)) => look.whole_run(&stored.entries, &record, trust)?,
        (Some(flaw), _) => look.broken(flaw),
        (None, None) => {
            look.problem(EVENTS, "it has no end: the run was killed, or its end was taken away");
            Signed::No
        }
    };
    let harness = record.started.as_ref().map_or("-", |s| &s.harness).escape_debug().to_string();
    Ok(EvidenceCheck {
        run: record.id().as_str().escape_debug().to_string(),
        harness,
        events: stored.entries.len(),
        files: look.inventory.files.len(),
        result: statement::result(&record),
        record,
        signed,
        notes: look.notes,
        problems: look.problems,
        link: chain::link(dir),
    })
}

/// A folder that is being looked at.
struct Look<'a> {
    dir: &'a Path,
    inventory: Inventory,
    problems: Vec<Problem>,
    notes: Vec<String>,
}

impl Look<'_> {
    fn problem(&mut self, file: &str, what: impl Into<String>) {
        self.problems.push(Problem::new(file, what, None));
    }

    /// What was written is there; it is not signed as was asked.
    fn not_as_asked(&mut self, file: &str, what: impl Into<String>) {
        self.problems.push(Problem { only_signer: true, ..Problem::new(file, what, None) });
    }

    fn odd(&mut self) {
        for (name, what) in std::mem::take(&mut self.inventory.odd) {
            self.problem(&name, format!("it is {what}, which no run leaves"));
        }
    }

    fn sealed(&self) -> bool {
        let text = seal_in(self.dir).unwrap_or_default();
        self.inventory.files.get(EVENTS).is_some_and(|digest| text.starts_with(&digest.to_string()))
    }

    fn broken(&mut self, flaw: &Flaw) -> Signed {
        let text = flaw.to_string();
        // The seal alone may be what was changed; it tells both digests.
        let sealed = seal_in(self.dir).and_then(|text| text.split_whitespace().next()?.parse().ok());
        let digests = sealed.zip(self.inventory.files.get(EVENTS).copied()).filter(|(a, b)| a != b);
        self.problems.push(Problem::new(EVENTS, text, digests));
        Signed::No
    }

    /// Looks at everything but the journal, which holds.
    fn whole_run(&mut self, entries: &[Entry], record: &RunRecord, trust: &Trust) -> Result<Signed, Error> {
        self.artefacts(record);
        let envelope = self.envelope();
        let rendered = rerender::render(self.dir, record)?;
        if rendered.is_some() {
            self.report(&rerender::spelled(entries)?, "it is not written as the run writes events");
        }
        if rendered.is_none() {
            let harness = record.started.as_ref().map_or("?", |s| &s.harness).escape_debug();
            self.notes.push(format!(
                "written by {harness}: its reports are held against the attestation and not rendered again"
            ));
        }
        let reports = match &rendered {
            Some(rendered) => rendered.iter().map(|r| r.name.clone()).collect(),
            None => rerender::attested(envelope.as_ref()),
        };
        let names = statement::names(record, reports);
        self.accounts(&names, record);
        for report in rendered.iter().flatten() {
            self.report(report, "it is not what the record renders");
        }
        if let Some(envelope) = &envelope {
            self.statement(envelope, record, &names, rendered.is_some());
        }
        self.previous(record)?;
        self.signatures(record, envelope.as_ref(), trust)
    }

    /// What the journal kept must be there with its digest.
    fn artefacts(&mut self, record: &RunRecord) {
        for kept in &record.artefacts {
            match self.inventory.files.get(&kept.path) {
                Some(found) if *found == kept.sha256 => {}
                Some(found) => self.problems.push(Problem::new(
                    &kept.path,
                    format!("its {} bytes are not those that the journal names", kept.bytes),
                    Some((kept.sha256, *found)),
                )),
                None => self.problem(&kept.path, format!("it is missing: {}", kept.what.escape_debug())),
            }
        }
    }

    /// Every file belongs to the run, and every file of the run is there.
    fn accounts(&mut self, names: &BTreeSet<String>, record: &RunRecord) {
        let signed = signer_of(record).is_some_and(|signer| signer != UNSIGNED);
        let own: &[&str] =
            if signed { &[SEAL, ATTESTATION, SIGNATURE, SIGNER] } else { &[SEAL, ATTESTATION] };
        let belongs = |name: &str| own.contains(&name) || names.contains(name);
        let extra: Vec<String> = self.inventory.files.keys().filter(|n| !belongs(n)).cloned().collect();
        let listed: BTreeSet<String> = record.artefacts.iter().map(|a| a.path.clone()).collect();
        let wanted = names.difference(&listed).map(String::as_str).chain(own.iter().copied());
        let missing: Vec<&str> = wanted.filter(|name| !self.inventory.files.contains_key(*name)).collect();
        for name in extra {
            self.problem(&name, "it was added: the run did not write it");
        }
        for name in missing {
            self.problem(name, "it is missing");
        }
    }

    /// A file that follows from the events is what it must be.
    fn report(&mut self, report: &Rendered, otherwise: &str) {
        let Some(found) = self.inventory.files.get(&report.name).copied() else { return };
        let expected = Digest::of(&report.bytes);
        if found != expected {
            let at = rerender::first_difference(&self.dir.join(&report.name), &report.bytes);
            let what = format!("{otherwise}, {at}");
            self.problems.push(Problem::new(&report.name, what, Some((expected, found))));
        }
    }

    fn envelope(&mut self) -> Option<Envelope> {
        self.inventory.files.get(ATTESTATION)?;
        match rerender::small(&self.dir.join(ATTESTATION)).and_then(|bytes| Envelope::read(&bytes)) {
            Ok(envelope) => Some(envelope),
            Err(why) => {
                self.problem(ATTESTATION, why);
                None
            }
        }
    }

    /// The statement is what the record and the files of the folder give.
    fn statement(&mut self, envelope: &Envelope, record: &RunRecord, names: &BTreeSet<String>, ours: bool) {
        let payload = match envelope.payload() {
            Ok(payload) => payload,
            Err(why) => return self.problem(ATTESTATION, why),
        };
        let subjects = rerender::subjects(&payload);
        for name in names.iter().filter(|name| !subjects.iter().any(|(subject, _)| subject == *name)) {
            self.problem(ATTESTATION, format!("{} is not attested", name.escape_debug()));
        }
        for (name, digest) in subjects {
            match self.inventory.files.get(&name).copied() {
                Some(found) if Some(found) == digest => {}
                found => self.problems.push(Problem::new(
                    name,
                    "it is not the file that was attested",
                    digest.zip(found),
                )),
            }
        }
        let files = self.inventory.files.iter().filter(|(name, _)| names.contains(*name));
        let files = files.map(|(name, digest)| (name.clone(), *digest)).collect();
        if ours && !statement::text(record, &files).is_ok_and(|text| text.as_bytes() == payload) {
            self.problem(ATTESTATION, "its statement is not what the record and the files give");
        } else if !statement::agrees(record, &payload) {
            self.problem(ATTESTATION, "it attests another result than that of the journal");
        }
    }

    /// The runs that this one names, where they lie beside it.
    fn previous(&mut self, record: &RunRecord) -> Result<(), Error> {
        let named = record.started.as_ref().map_or(&[][..], |s| &s.previous);
        let full =
            fs::canonicalize(self.dir).or_environment(|| format!("can't find {}", self.dir.display()))?;
        let beside =
            if named.is_empty() { Vec::new() } else { chain::runs_in(full.parent().unwrap_or(&full))? };
        for named in named {
            let run = named.run.as_str().escape_debug();
            match beside.iter().find(|link| link.itself.run == named.run) {
                Some(link) if chain::same(&link.itself, named) => {}
                Some(_) => self
                    .notes
                    .push(format!("the run before it, {run}, is not what it was then: verify that one, too")),
                None => self.notes.push(format!("the run before it, {run}, is not beside it")),
            }
        }
        Ok(())
    }

    /// The journal says who signs, and all signatures are that one's.
    fn signatures(
        &mut self,
        record: &RunRecord,
        envelope: Option<&Envelope>,
        trust: &Trust,
    ) -> Result<Signed, Error> {
        let wanted = signer_of(record).unwrap_or(UNSIGNED).to_owned();
        if wanted == UNSIGNED {
            if envelope.is_some_and(|e| !e.is_unsigned()) {
                self.problem(ATTESTATION, "it is signed, and the journal says that the run is not");
            }
            if trust.signed || !trust.keys.is_empty() {
                self.not_as_asked(ATTESTATION, "the run is not signed");
            }
            return Ok(Signed::No);
        }
        let signer =
            rerender::small(&self.dir.join(SIGNER)).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let key = signer.as_deref().and_then(VerifyingKey::from_openssh);
        let Some(key) = key.filter(|key| key.line().ok() == signer) else {
            self.problem(SIGNER, "it is not a public key as a run writes it");
            return Ok(Signed::No);
        };
        if key.fingerprint() != wanted {
            let what = format!(
                "it is {}, and the journal's {SIGNED_BY} is {}",
                key.fingerprint(),
                wanted.escape_debug()
            );
            self.problem(SIGNER, what);
        }
        if let Some(why) = envelope.and_then(|e| e.refused_by(&key)) {
            self.problem(ATTESTATION, why);
        }
        self.signature_of_events(&key)?;
        Ok(match trust.keys.contains(&key) {
            true => Signed::ByTrusted(key.fingerprint()),
            false => {
                if !trust.keys.is_empty() {
                    self.not_as_asked(
                        SIGNER,
                        format!(
                            "the run is signed by {}, which is not among the keys given",
                            key.fingerprint()
                        ),
                    );
                }
                Signed::BySomebody(key.fingerprint())
            }
        })
    }

    fn signature_of_events(&mut self, key: &VerifyingKey) -> Result<(), Error> {
        let events = self.dir.join(EVENTS);
        let unreadable = || format!("can't read {}", events.display());
        let long = fs::metadata(&events).or_environment(unreadable)?.len();
        if long > LARGEST_SIGNED {
            self.problem(EVENTS, format!("it has {long} bytes, too many to verify its signature"));
            return Ok(());
        }
        let bytes = fs::read(&events).or_environment(unreadable)?;
        let signature = rerender::small(&self.dir.join(SIGNATURE))
            .and_then(|b| String::from_utf8(b).map_err(|e| e.to_string()));
        match signature {
            Ok(text) => {
                if let Some(why) = key.refuses(&bytes, &text) {
                    self.problem(SIGNATURE, why);
                }
            }
            Err(why) if self.inventory.files.contains_key(SIGNATURE) => self.problem(SIGNATURE, why),
            // Reported as missing.
            Err(_) => {}
        }
        Ok(())
    }
}
