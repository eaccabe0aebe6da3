//! Writes by the commands of a profile, for targets without an API.

use super::{Order, Sent, Stored, Writer};
use crate::{
    base::{digest::Digest, error::Error, process::Exit},
    model::{
        profile::write_commands::{WRITE_FILE, WRITE_KEY, WRITE_NAME},
        workload::WriteAnswer,
        write::WriteKind,
    },
    procedure::command,
    site::{Site, Source},
};
use std::{collections::BTreeMap, path::Path, time::Duration};

/// How long one write may take.
const LIMIT: Duration = Duration::from_secs(60);

impl Writer {
    /// Sends a write by its command. Only what was acknowledged stays the writer's.
    pub(super) async fn run_command(&mut self, site: &Site<Source>, order: Order, number: u32) -> Sent {
        let Order { operation, at, bytes } = order;
        let own = (operation != WriteKind::Upload).then(|| self.own.swap_remove(at));
        let name = own.as_ref().map_or_else(|| self.name(number, ".png"), |own| own.name.clone());
        let sha256 = (operation != WriteKind::Delete).then(|| Digest::of(&bytes));
        let file = site.folder.join(format!("{}-{number}.png", self.number));
        let key = own.map(|own| own.key.to_string());
        let answer = match write(site, operation, (&name, key.as_deref()), &file, bytes).await {
            Ok(answer) => answer,
            Err(error) => Err(WriteAnswer::Refused { why: error.to_string() }),
        };
        Sent { operation, name, id: key, sha256, answer }
    }
}

/// What a command answered: where the binary is now, if it is anywhere.
type Answer = Result<Option<Stored>, WriteAnswer>;

async fn write(
    site: &Site<Source>,
    operation: WriteKind,
    (name, key): (&str, Option<&str>),
    file: &Path,
    bytes: Vec<u8>,
) -> Result<Answer, Error> {
    let commands = site.profile.write.as_ref();
    let words = commands.map(|commands| commands.command(operation)).unwrap_or_default();
    let failed = |error| Error::environment(format!("can't write {}", file.display())).because(&error);
    tokio::fs::write(file, bytes).await.map_err(failed)?;
    let mut variables = BTreeMap::from([
        (WRITE_NAME.to_owned(), name.to_owned()),
        (WRITE_FILE.to_owned(), file.display().to_string()),
    ]);
    variables.extend(key.map(|key| (WRITE_KEY.to_owned(), key.to_owned())));
    let ran = command::beside(site, operation.describe(), words, &variables, LIMIT).await;
    tokio::fs::remove_file(file).await.map_err(failed)?;
    let ran = ran?;
    let output = String::from_utf8_lossy(ran.stdout.raw());
    let printed = output.lines().map(str::trim).rfind(|line| !line.is_empty());
    Ok(match ran.exit {
        Exit::Code(0) => match (operation, printed.or(key)) {
            (WriteKind::Delete, _) => Ok(None),
            (_, Some(key)) => Ok(Some(Stored { id: key.to_owned(), key: key.into() })),
            (_, None) => {
                let why = "the command of `write.upload` printed no key of an object".to_owned();
                Err(WriteAnswer::Refused { why })
            }
        },
        Exit::Code(_) => Err(WriteAnswer::Refused { why: ran.describe_failure() }),
        Exit::Signal(_) | Exit::TimedOut | Exit::Stalled(_) => {
            Err(WriteAnswer::Unanswered { why: ran.describe_failure() })
        }
    })
}
