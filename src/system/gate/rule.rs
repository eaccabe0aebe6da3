//! Which requests a rule of the gate selects. `rules` decides what happens to them.

use crate::base::pattern::matches;
use crate::system::gate::request::{S3Operation, S3Request};
use hyper::Method;

/// Which requests something is done with. A rule names nothing at first, which is every request;
/// each method narrows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    operation: Option<S3Operation>,
    method: Option<Method>,
    bucket: Option<String>,
    key: Option<Key>,
    which: Which,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Key {
    Is(String),
    Like(String),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Which {
    #[default]
    All,
    Only(u64),
    Every(u64),
}

impl Rule {
    /// Every request.
    pub fn any() -> Self {
        Self::default()
    }

    /// Requests for this operation.
    pub fn on(operation: S3Operation) -> Self {
        Self { operation: Some(operation), ..Self::default() }
    }

    /// Requests with this HTTP method only.
    #[must_use]
    pub fn method(mut self, method: Method) -> Self {
        self.method = Some(method);
        self
    }

    /// Requests to this bucket and its objects only.
    #[must_use]
    pub fn bucket(mut self, bucket: impl Into<String>) -> Self {
        self.bucket = Some(bucket.into());
        self
    }

    /// The object with exactly this key only.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(Key::Is(key.into()));
        self
    }

    /// Objects whose key looks like this; `*` stands for any text, also with slashes in it.
    #[must_use]
    pub fn key_like(mut self, pattern: impl Into<String>) -> Self {
        self.key = Some(Key::Like(pattern.into()));
        self
    }

    /// Of all these, the n-th alone, counted from 1 and from when the rule is set.
    #[must_use]
    pub fn nth(mut self, n: u64) -> Self {
        self.which = Which::Only(n);
        self
    }

    /// Of all these, every n-th: the n-th, the 2n-th and so on. 0 and 1 are all.
    #[must_use]
    pub fn every(mut self, n: u64) -> Self {
        self.which = Which::Every(n.max(1));
        self
    }

    /// Whether a request is one of them, however often it came.
    pub(super) fn fits(&self, request: &S3Request) -> bool {
        self.operation.is_none_or(|operation| operation == request.operation)
            && self.method.as_ref().is_none_or(|method| *method == request.method)
            && self.bucket.as_ref().is_none_or(|bucket| *bucket == request.bucket)
            && match &self.key {
                None => true,
                Some(Key::Is(key)) => *key == request.key,
                Some(Key::Like(pattern)) => !request.key.is_empty() && matches(pattern, &request.key),
            }
    }

    /// Whether the n-th of them, from 1, is meant.
    pub(super) fn means(&self, n: u64) -> bool {
        match self.which {
            Which::All => true,
            Which::Only(wanted) => n == wanted,
            Which::Every(every) => n.is_multiple_of(every),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::HeaderMap;

    #[test]
    fn a_rule_is_as_narrow_as_it_says() {
        let request = |method: &str, uri: &str| {
            S3Request::read(&method.parse().unwrap(), &uri.parse().unwrap(), &HeaderMap::new())
        };
        let put = request("PUT", "/assets/a/logo.png");
        assert!(Rule::any().fits(&put) && Rule::on(S3Operation::PutObject).fits(&put));
        assert!(!Rule::on(S3Operation::GetObject).fits(&put));
        assert!(Rule::any().method(Method::PUT).fits(&put) && !Rule::any().method(Method::GET).fits(&put));
        assert!(Rule::any().bucket("assets").fits(&put) && !Rule::any().bucket("asset").fits(&put));
        assert!(Rule::any().key("a/logo.png").fits(&put) && !Rule::any().key("*").fits(&put));
        assert!(Rule::any().key_like("*.png").fits(&put) && !Rule::any().key_like("*.svg").fits(&put));
        assert!(!Rule::any().key_like("*").fits(&request("GET", "/assets?list-type=2")));
    }

    #[test]
    fn occurrences_are_counted_from_one() {
        let meant = |rule: Rule| (1..=6).filter(|n| rule.means(*n)).collect::<Vec<_>>();
        assert_eq!(meant(Rule::any()), [1, 2, 3, 4, 5, 6]);
        assert_eq!(meant(Rule::any().nth(2)), [2]);
        assert_eq!(meant(Rule::any().every(3)), [3, 6]);
        assert_eq!(meant(Rule::any().every(0)), [1, 2, 3, 4, 5, 6]);
    }
}
