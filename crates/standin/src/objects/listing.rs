//! Pages of sorted names with prefix, delimiter and limit: the one rule behind every list operation.
//! It depends neither on the store nor on the protocol.

/// What a client wants of a list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query<'a> {
    /// Only names that begin with it.
    pub(crate) prefix: &'a str,
    /// Names that hold it after the prefix are rolled up into one entry that ends with it.
    pub(crate) delimiter: Option<&'a str>,
    /// A rolled-up prefix that an earlier page gave is not given again. Skipping names is up to who
    /// makes the iterator.
    pub(crate) after: Option<&'a str>,
    /// The most entries of either kind.
    pub(crate) limit: usize,
}

/// One entry of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry<T> {
    Item(T),
    /// All names that begin with this text.
    Prefix(String),
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page<T> {
    /// In the order of names.
    pub(crate) entries: Vec<Entry<T>>,
    /// Whether there are more.
    pub(crate) truncated: bool,
}

/// Makes a page of `items`, which come sorted by name.
pub(crate) fn page<'a, T>(items: impl Iterator<Item = (&'a str, T)>, query: &Query<'_>) -> Page<T> {
    let mut entries: Vec<Entry<T>> = Vec::new();
    let given = query.after.filter(|after| rolled_up(after, query) == Some(*after));
    for (name, item) in items {
        if !name.starts_with(query.prefix) {
            if name > query.prefix {
                break;
            }
            continue;
        }
        let entry = match rolled_up(name, query) {
            Some(prefix) if Some(prefix) == given => continue,
            Some(prefix) => match entries.last() {
                Some(Entry::Prefix(last)) if last == prefix => continue,
                Some(Entry::Prefix(_) | Entry::Item(_)) | None => Entry::Prefix(prefix.to_owned()),
            },
            None => Entry::Item(item),
        };
        if entries.len() == query.limit {
            // A limit of nothing asks nothing, so nothing is missing.
            return Page { entries, truncated: query.limit > 0 };
        }
        entries.push(entry);
    }
    Page { entries, truncated: false }
}

/// The prefix that a name is rolled up into.
fn rolled_up<'n>(name: &'n str, query: &Query<'_>) -> Option<&'n str> {
    let delimiter = query.delimiter.filter(|delimiter| !delimiter.is_empty())?;
    let rest = name.strip_prefix(query.prefix)?;
    let end = rest.find(delimiter)? + delimiter.len();
    name.get(..query.prefix.len() + end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads all pages the way a client does and gives the entries as text.
    fn all(names: &[String], prefix: &str, delimiter: Option<&str>, limit: usize) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        loop {
            let after = found.last().cloned();
            let rest = names.iter().filter(|name| after.as_ref().is_none_or(|after| *name > after));
            let query = Query { prefix, delimiter, after: after.as_deref(), limit };
            let page = page(rest.map(|name| (name.as_str(), name.clone())), &query);
            assert!(page.entries.len() <= limit);
            assert!(!page.truncated || page.entries.len() == limit);
            found.extend(page.entries.into_iter().map(|entry| match entry {
                Entry::Item(name) | Entry::Prefix(name) => name,
            }));
            if !page.truncated {
                return found;
            }
        }
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn names_below_a_delimiter_are_one_entry() {
        let keys = names(&["a", "a/", "a/b", "a/b/c", "b", "c/d"]);
        assert_eq!(all(&keys, "", Some("/"), 1000), ["a", "a/", "b", "c/"]);
        assert_eq!(all(&keys, "a/", Some("/"), 1000), ["a/", "a/b", "a/b/"]);
        assert_eq!(all(&keys, "a", Some("/"), 1000), ["a", "a/"]);
        assert_eq!(all(&keys, "", Some(""), 1000), keys);
    }

    #[test]
    fn a_marker_inside_a_prefix_still_shows_the_prefix() {
        let keys = names(&["a/2", "a/3"]);
        let query = Query { delimiter: Some("/"), after: Some("a/1"), limit: 9, ..Query::default() };
        let page = page(keys.iter().map(|name| (name.as_str(), ())), &query);
        assert_eq!(page.entries, [Entry::Prefix("a/".to_owned())]);
    }

    #[test]
    fn no_entries_asked_for_is_the_end() {
        let query = Query { limit: 0, ..Query::default() };
        assert_eq!(page([("a", ())].into_iter(), &query), Page { entries: vec![], truncated: false });
    }

    proptest! {
        #[test]
        fn pages_of_any_size_add_up_to_the_whole(
            names in proptest::collection::btree_set("[ab/é]{1,6}", 0..40),
            prefix in "[ab/]{0,2}",
            delimiter in proptest::option::of(Just("/")),
            limit in 1usize..5,
        ) {
            let names: Vec<String> = names.into_iter().collect();
            let whole = all(&names, &prefix, delimiter, 1000);
            prop_assert_eq!(&all(&names, &prefix, delimiter, limit), &whole);
            let covered = names.iter().filter(|name| name.starts_with(&prefix));
            for name in covered {
                prop_assert!(whole.iter().any(|entry| entry == name || (delimiter.is_some() && entry.ends_with('/') && name.starts_with(entry))));
            }
        }
    }
}
