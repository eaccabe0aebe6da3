//! The variables that describe a site of the user's own: from the environment, or from a file of
//! `NAME=value` lines. Such files hold credentials, so others must not be able to read them; no shell
//! reads them, and nothing in them is expanded.

use crate::{
    base::{
        error::{Error, ErrorContext},
        input_file,
    },
    system::{external_site::SiteLocation, postgres::Access},
};
use std::{collections::BTreeMap, os::unix::fs::MetadataExt as _, path::Path};

/// The most bytes of such a file.
const LONGEST: u64 = 1 << 20;

/// Looks a variable up by its name.
pub type Variables = Box<dyn Fn(&str) -> Option<String>>;

/// The variables of a site: of the file, if one is named, else of the environment. Never of both.
///
/// # Errors
/// Blames the user where the file can be read by others, or is not `NAME=value` lines.
pub fn variables(file: Option<&Path>) -> Result<Variables, Error> {
    Ok(match file {
        Some(file) => {
            let variables = read_file(file)?;
            Box::new(move |name| variables.get(name).cloned())
        }
        None => Box::new(|name| std::env::var(name).ok()),
    })
}

/// Refuses a site whose bucket the environment's own engine uses with another database.
///
/// # Errors
/// Blames the user.
pub fn must_not_be_of_the_environment(place: &SiteLocation) -> Result<(), Error> {
    let Ok(bucket) = std::env::var("S3_BUCKET") else { return Ok(()) };
    let other_database = std::env::var("DATABASE_URL")
        .is_ok_and(|url| Access::parse(&url).map_or(true, |there| there.place() != place.database.place()));
    let same_store =
        std::env::var("S3_ENDPOINT").is_ok_and(|at| at.trim_end_matches('/') == place.s3.endpoint);
    if other_database && same_store && place.buckets().iter().any(|ours| ours.as_str() == bucket) {
        return Err(Error::usage(format!("bucket {bucket} is that of the environment's own DATABASE_URL"))
            .hint("give the site buckets of its own in the file of --env-file"));
    }
    Ok(())
}

/// Reads a file. Errors name lines, never what stands on them.
fn read_file(path: &Path) -> Result<BTreeMap<String, String>, Error> {
    let context = || format!("can't read {}", path.display());
    let file = input_file::open(path).or_usage(context)?;
    // The file that is open is the one that is looked at.
    let metadata = file.metadata().or_usage(context)?;
    if metadata.mode() & 0o077 != 0 {
        return Err(Error::usage(format!(
            "others may read {} (mode {:o})",
            path.display(),
            metadata.mode() & 0o777
        ))
        .hint(format!("chmod 600 {}", path.display())));
    }
    let text = input_file::text_of(file, LONGEST).or_usage(context)?;
    parse(&text).map_err(|why| Error::usage(context()).cause(why).hint("write NAME=value, a line for each"))
}

fn parse(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut variables = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else {
            return Err(format!("line {number} has no ="));
        };
        let name = name.trim_end();
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(format!("line {number} begins with no name"));
        }
        let value = value.trim();
        let quoted = ['"', '\''].into_iter().find_map(|q| value.strip_prefix(q)?.strip_suffix(q));
        if quoted.is_none() && value.starts_with(['"', '\'']) {
            return Err(format!("line {number} has a quote that does not end"));
        }
        if variables.insert(name.to_owned(), quoted.unwrap_or(value).to_owned()).is_some() {
            return Err(format!("line {number} sets {name} again"));
        }
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn values_are_taken_as_they_stand() {
        let read = parse("# drills\n\nexport A = \"x y\"\nB='$(id) `id` ${A}'\nC=p#=1\n").unwrap();
        let wanted = [("A", "x y"), ("B", "$(id) `id` ${A}"), ("C", "p#=1")];
        assert_eq!(read, wanted.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
    }

    #[test]
    fn mistakes_are_told_without_what_stands_there() {
        for wrong in ["geheim99", "A=1\nA=geheim99", "A='geheim99", "=geheim99", "a b=geheim99"] {
            let why = parse(wrong).unwrap_err();
            assert!(why.starts_with("line ") && !why.contains("geheim"), "{why}");
        }
    }

    #[test]
    fn a_file_that_others_may_read_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "A=1\n").unwrap();
        let mode =
            |mode| std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        mode(0o640);
        let refused = read_file(file.path()).unwrap_err().to_string();
        assert!(refused.contains("mode 640") && refused.contains("chmod 600"), "{refused}");
        mode(0o600);
        assert_eq!(read_file(file.path()).unwrap().len(), 1);
    }
}
