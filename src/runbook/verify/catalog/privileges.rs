//! Owners and privileges. A way to back up that leaves them out (`--no-owner --no-privileges`, runbook 2.1)
//! brings objects back with the restoring role as owner and default privileges: that is accepted, and noted.
//! What was given to somebody who did not have it is wrong in any case.

use super::explained::{Explained, finding};
use crate::{
    base::ids::TableName,
    model::{
        finding::{Entity, Finding, FindingKind},
        state::{Catalog, ObjectAccess},
    },
    scenario::method::PrivilegesKept,
};
use std::collections::{BTreeMap, BTreeSet};

/// How `pg_identify_object` names the schema that every database has. Restores make it anew, and it is
/// then an ordinary schema, whose owner and default privileges are other ones.
const PUBLIC: &str = "schema public";

/// An object's owner and privileges on both sides.
struct Sides<'a> {
    before: Option<&'a ObjectAccess>,
    after: Option<&'a ObjectAccess>,
    /// The privileges that a new object of its kind has.
    by_default: &'a BTreeSet<String>,
}

impl<'a> Sides<'a> {
    fn granted(&self, side: Option<&'a ObjectAccess>) -> &'a BTreeSet<String> {
        side.map_or(self.by_default, |access| &access.granted)
    }

    fn owner(side: Option<&ObjectAccess>) -> &str {
        side.and_then(|access| access.owner.as_deref()).unwrap_or("the role of the site")
    }

    /// Whether somebody has privileges that the source did not have, nor a new object has.
    fn widened(&self) -> bool {
        let known = self.granted(self.before);
        self.granted(self.after).difference(known).any(|grant| !self.by_default.contains(grant))
    }

    /// Whether the source had other privileges than a new object.
    fn had_privileges(&self) -> bool {
        self.granted(self.before) != self.by_default
    }

    /// Whether privileges are those of a new object now, and were others.
    fn privileges_reset(&self) -> bool {
        self.had_privileges() && self.granted(self.after) == self.by_default
    }

    fn had_owner(&self) -> bool {
        self.before.is_some_and(|access| access.owner.is_some())
    }

    /// Whether it belongs to the restoring role now, and belonged to another one.
    fn owner_reset(&self) -> bool {
        self.had_owner() && self.after.is_none_or(|access| access.owner.is_none())
    }
}

/// The objects whose owner or privileges differ, unless the object itself is known to; and a note about
/// what was not compared.
pub(super) fn compare(
    was: &Catalog,
    is: &Catalog,
    kept: PrivilegesKept,
    explained: &Explained,
) -> (Vec<Finding>, Option<String>) {
    let (Some(was), Some(is)) = (&was.access, &is.access) else { return (Vec::new(), None) };
    let sides: BTreeMap<&String, Sides<'_>> = was
        .keys()
        .chain(is.keys())
        .filter(|name| *name != PUBLIC && !explained.explains(name))
        .filter_map(|name| {
            let (before, after) = (was.get(name), is.get(name));
            let by_default = &before.or(after)?.by_default;
            Some((name, Sides { before, after, by_default }))
        })
        .collect();
    let keeps = |had: fn(&Sides<'_>) -> bool, reset: fn(&Sides<'_>) -> bool| match kept {
        PrivilegesKept::All => true,
        PrivilegesKept::None => false,
        PrivilegesKept::Unknown => sides.values().any(|sides| had(sides) && !reset(sides)),
    };
    let owners = keeps(|s| s.had_owner(), |s| s.owner_reset());
    let grants = keeps(|s| s.had_privileges(), |s| s.privileges_reset());
    let mut findings = Vec::new();
    let mut left_out = BTreeSet::new();
    for (name, sides) in &sides {
        let found = |expected: String, actual: String| {
            let entity = Entity::Table(TableName::new(*name));
            finding(FindingKind::PrivilegesDiffer, entity, expected, &actual)
        };
        let (before, after) = (Sides::owner(sides.before), Sides::owner(sides.after));
        if before != after && !owners && sides.owner_reset() {
            left_out.insert(name.as_str());
        } else if before != after {
            findings.push(found(format!("owner {before}"), format!("owner {after}")));
        }
        let (before, after) = (sides.granted(sides.before), sides.granted(sides.after));
        if before != after && (grants || sides.widened()) {
            findings.push(found(list(before.difference(after)), list(after.difference(before))));
        } else if before != after {
            left_out.insert(name.as_str());
        }
    }
    let Some(first) = left_out.first() else { return (findings, None) };
    let note =
        format!("owners and privileges were not compared, the backup leaves them out: {}", some(&left_out));
    if kept == PrivilegesKept::Unknown {
        let entity = Entity::Table(TableName::new(*first));
        let expected = "the owners and privileges of the source".to_owned();
        findings.push(finding(FindingKind::PrivilegesNotRestored, entity, expected, &note));
    }
    (findings, Some(note))
}

fn list<'a>(grants: impl Iterator<Item = &'a String>) -> String {
    match grants.map(String::as_str).collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => "nothing else".to_owned(),
        some => some,
    }
}

fn some(names: &BTreeSet<&str>) -> String {
    const MOST: usize = 5;
    let shown: Vec<&str> = names.iter().copied().take(MOST).collect();
    match names.len().saturating_sub(MOST) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(owner: Option<&str>, granted: &[&str]) -> ObjectAccess {
        let set = |grants: &[&str]| grants.iter().map(|grant| (*grant).to_owned()).collect();
        ObjectAccess {
            owner: owner.map(str::to_owned),
            granted: set(granted),
            by_default: set(&["EXECUTE to PUBLIC"]),
        }
    }

    fn catalog(objects: &[(&str, ObjectAccess)]) -> Catalog {
        let access = objects.iter().map(|(name, access)| ((*name).to_owned(), access.clone())).collect();
        Catalog { access: Some(access), ..Catalog::default() }
    }

    fn found(
        was: &[(&str, ObjectAccess)],
        is: &[(&str, ObjectAccess)],
        kept: PrivilegesKept,
    ) -> (Vec<String>, bool) {
        let (findings, note) = compare(&catalog(was), &catalog(is), kept, &Explained::default());
        let shown = |f: &Finding| format!("{f}: {} / {}", f.expected, f.actual);
        (findings.iter().map(shown).collect(), note.is_some())
    }

    #[test]
    fn a_backup_without_privileges_may_reset_them_and_nothing_else() {
        use PrivilegesKept::{All, None, Unknown};
        let was = [
            ("function a()", access(Some("bob"), &[])),
            ("function b()", access(Option::None, &["EXECUTE to eve"])),
        ];
        assert_eq!(found(&was, &[], None), (Vec::new(), true));
        assert_eq!(found(&was, &was, All), (Vec::new(), false));
        assert_eq!(
            found(&was, &[], All).0,
            [
                "privileges differ: function a(): owner bob / owner the role of the site",
                "privileges differ: function a(): nothing else / EXECUTE to PUBLIC",
                "privileges differ: function b(): EXECUTE to eve / EXECUTE to PUBLIC",
            ]
        );
        let widened = [("function b()", access(Option::None, &["EXECUTE to PUBLIC", "EXECUTE to mallory"]))];
        let gained =
            "privileges differ: function b(): EXECUTE to eve / EXECUTE to PUBLIC, EXECUTE to mallory";
        assert_eq!(found(&was, &widened, None), (vec![gained.to_owned()], true));
        let given_away = [("function c()", access(Some("mallory"), &["EXECUTE to PUBLIC"]))];
        assert_eq!(
            found(&[], &given_away, None).0,
            ["privileges differ: function c(): owner the role of the site / owner mallory"]
        );
        let (warned, _) = found(&was, &[], Unknown);
        assert!(
            warned.len() == 1 && warned[0].starts_with("privileges not restored: function a()"),
            "{warned:?}"
        );
        assert_eq!(found(&was, &was[..1], Unknown).0.len(), 1);
    }
}
