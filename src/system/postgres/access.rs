//! How to reach a database, in the forms that programs want it in. Nothing here connects.

use crate::base::trouble::{OrTrouble, Trouble};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::Url;

/// A database and who may use it.
#[derive(Clone, PartialEq, Eq)]
pub struct Access {
    /// A host name, an address, or the absolute path of a folder with the server's socket.
    pub host: String,
    /// The port; it names the socket too.
    pub port: u16,
    /// The role.
    pub user: String,
    /// Its password; empty for none.
    pub password: String,
    /// The database.
    pub database: String,
}

impl Access {
    /// The connection URL with the password, as an engine takes it in `DATABASE_URL`. Never for
    /// program arguments: those are seen by every user of the machine.
    pub fn url(&self) -> String {
        let colon = if self.password.is_empty() { "" } else { ":" };
        self.url_as(&format!("{}{colon}{}", encoded(&self.user), encoded(&self.password)))
    }

    /// The connection URL without the password, for program arguments; the password goes by
    /// [`Access::client_env`].
    pub fn url_without_password(&self) -> String {
        self.url_as(&encoded(&self.user))
    }

    fn url_as(&self, who: &str) -> String {
        let (port, database) = (self.port, encoded(&self.database));
        if self.host.starts_with('/') {
            // libpq and sqlx both take a socket folder as the parameter `host`.
            return format!("postgresql://{who}@localhost:{port}/{database}?host={}", encoded(&self.host));
        }
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("postgresql://{who}@{host}:{port}/{database}")
    }

    /// Server and database, without the role: `postgresql://host:5432/pulp-engine`.
    pub fn place(&self) -> String {
        self.url_as("").replacen("://@", "://", 1)
    }

    /// The same server's database `postgres`, from which others are made and dropped.
    #[must_use]
    pub fn maintenance(&self) -> Self {
        self.with_database("postgres")
    }

    /// Another database of the same server.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        Self { database: name.to_owned(), ..self.clone() }
    }

    /// The environment for PostgreSQL's client programs.
    pub fn client_env(&self) -> Vec<(String, String)> {
        [("PGPASSWORD", self.password.as_str()), ("PGCONNECT_TIMEOUT", "10"), ("PGAPPNAME", "pulp-drill")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    }

    /// The environment that libpq reads, in full: for programs that connect by it.
    pub fn libpq(&self) -> Vec<(String, String)> {
        let port = self.port.to_string();
        [
            ("PGHOST", &self.host),
            ("PGPORT", &port),
            ("PGUSER", &self.user),
            ("PGPASSWORD", &self.password),
            ("PGDATABASE", &self.database),
        ]
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .into()
    }

    /// Reads a `postgresql://` URL.
    ///
    /// # Errors
    /// One that is no such URL, or that names no role or database. The message leaves the URL out:
    /// it may hold a password.
    pub fn parse(text: &str) -> Result<Self, Trouble> {
        let hint = "write it like postgresql://user:password@host:5432/database";
        let url = Url::parse(text).or_usage(|| "not a database URL".to_owned()).map_err(|t| t.hint(hint))?;
        let refuse = |why: &str| Err(Trouble::usage(format!("not a database URL: {why}")).hint(hint));
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return refuse("it does not begin with postgresql://");
        }
        let socket = url.query_pairs().find(|(name, _)| name == "host").map(|(_, value)| value.into_owned());
        let host = socket.or_else(|| url.host_str().map(|h| decoded(h.trim_matches(['[', ']']))));
        let access = Self {
            host: host.filter(|h| !h.is_empty()).unwrap_or_else(|| "localhost".to_owned()),
            port: url.port().unwrap_or(5432),
            user: decoded(url.username()),
            password: decoded(url.password().unwrap_or_default()),
            database: decoded(url.path().trim_start_matches('/')),
        };
        match (access.user.is_empty(), access.database.is_empty()) {
            (true, _) => refuse("it names no role"),
            (false, true) => refuse("it names no database"),
            (false, false) => Ok(access),
        }
    }
}

impl std::fmt::Debug for Access {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Access({})", self.url_without_password())
    }
}

/// All that must be encoded in any part of a URL.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Quotes a name for SQL. The one place that does.
pub fn quote_ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nasty() -> Access {
        Access {
            host: "127.0.0.1".to_owned(),
            port: 5433,
            user: "us er@x".to_owned(),
            password: "p+a/ss:w%rd?#&=é".to_owned(),
            database: "pulp-engine/\"x\"".to_owned(),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let socket = Access { host: "/tmp/a b/sock".to_owned(), ..nasty() };
        let six = Access { host: "::1".to_owned(), ..nasty() };
        for access in [nasty(), socket, six] {
            assert_eq!(Access::parse(&access.url()).unwrap(), access);
            let without = Access { password: String::new(), ..access.clone() };
            assert_eq!(Access::parse(&access.url_without_password()).unwrap(), without);
        }
    }

    #[test]
    fn the_password_shows_in_its_url_and_nowhere_else() {
        let access = nasty();
        assert!(access.url().contains("p%2Ba%2Fss%3Aw%25rd%3F%23%26%3D%C3%A9"));
        let shown = format!("{access:?} {}", access.url_without_password());
        assert!(!shown.contains("ss%3Aw") && !shown.contains("ss:w"), "{shown}");
        let refused = Access::parse("mysql://u:geheim99@h/d").unwrap_err();
        assert!(!refused.to_string().contains("geheim99"), "{refused}");
        assert!(Access::parse("postgresql://u@h/").is_err() && Access::parse("postgresql://h/d").is_err());
    }

    #[test]
    fn names_are_quoted() {
        assert_eq!(quote_ident("pulp-engine"), "\"pulp-engine\"");
        assert_eq!(quote_ident("a\"b"), "\"a\"\"b\"");
    }
}
