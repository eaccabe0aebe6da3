//! How to reach a database, in the forms that programs want it in. Nothing here connects.

use crate::base::error::{Error, ErrorContext};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::collections::BTreeMap;
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
    /// What the URL says of TLS, of [`TLS`]; where it says nothing, TLS is used where it is offered.
    pub tls: BTreeMap<String, String>,
}

/// The parameters of a URL that say how the connection is protected, in libpq's words. Files are of this
/// machine.
pub const TLS: [&str; 4] = ["sslmode", "sslrootcert", "sslcert", "sslkey"];

/// The values of `sslmode`.
const MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// Those that would lead elsewhere than the rest of the URL says, or ask for a protection that not every
/// client of ours knows.
const REFUSED: [&str; 10] = [
    "port",
    "user",
    "password",
    "dbname",
    "hostaddr",
    "service",
    "passfile",
    "channel_binding",
    "gssencmode",
    "require_auth",
];

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
        // libpq and sqlx both take a socket folder as the parameter `host`.
        let socket = self.host.starts_with('/').then_some(("host", self.host.as_str()));
        let tls = self.tls.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let parameters: Vec<String> =
            socket.into_iter().chain(tls).map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let parameters = match parameters.join("&") {
            none if none.is_empty() => none,
            some => format!("?{some}"),
        };
        let host = match self.host.as_str() {
            folder if folder.starts_with('/') => "localhost".to_owned(),
            six if six.contains(':') => format!("[{six}]"),
            host => host.to_owned(),
        };
        format!("postgresql://{who}@{host}:{port}/{database}{parameters}")
    }

    /// Server and database, without the role: `postgresql://host:5432/pulp-engine`.
    pub fn place(&self) -> String {
        let place = Self { tls: BTreeMap::new(), ..self.clone() };
        place.url_as("").replacen("://@", "://", 1)
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
        let tls = self.tls.iter().map(|(name, value)| (format!("PG{}", name.to_uppercase()), value.clone()));
        [
            ("PGHOST", &self.host),
            ("PGPORT", &port),
            ("PGUSER", &self.user),
            ("PGPASSWORD", &self.password),
            ("PGDATABASE", &self.database),
        ]
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .into_iter()
        .chain(tls)
        .collect()
    }

    /// Reads a `postgresql://` URL. Parameters that are an application's own (`schema`, `pgbouncer`) are
    /// left out.
    ///
    /// # Errors
    /// One that is no such URL, that names no role or database, or whose parameters can't be kept to. The
    /// message leaves the URL out: it may hold a password.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let hint = "write it like postgresql://user:password@host:5432/database";
        // libpq's way to write a socket's folder; `Url` wants a host.
        let text = match text.contains("host=") {
            true => text.replacen("@/", "@localhost/", 1),
            false => text.to_owned(),
        };
        let url = Url::parse(&text).or_usage(|| "not a database URL".to_owned()).map_err(|t| t.hint(hint))?;
        let refuse = |why: &str| Err(Error::usage(format!("not a database URL: {why}")).hint(hint));
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return refuse("it does not begin with postgresql://");
        }
        for (name, _) in url.query_pairs() {
            if REFUSED.contains(&&*name) || name.starts_with("ssl") && !TLS.contains(&&*name) {
                return refuse(&format!("its parameter {name} is not known here"));
            }
        }
        let tls = url.query_pairs().filter(|(name, _)| TLS.contains(&&**name));
        let tls: BTreeMap<String, String> =
            tls.map(|(name, v)| (name.into_owned(), v.into_owned())).collect();
        if tls.get("sslmode").is_some_and(|mode| !MODES.contains(&mode.as_str())) {
            return refuse(&format!("its sslmode is none of {}", MODES.join(", ")));
        }
        let socket = url.query_pairs().find(|(name, _)| name == "host").map(|(_, value)| value.into_owned());
        let host = socket.or_else(|| url.host_str().map(|h| decoded(h.trim_matches(['[', ']']))));
        let access = Self {
            host: host.filter(|h| !h.is_empty()).unwrap_or_else(|| "localhost".to_owned()),
            port: url.port().unwrap_or(5432),
            user: decoded(url.username()),
            password: decoded(url.password().unwrap_or_default()),
            database: decoded(url.path().trim_start_matches('/')),
            tls,
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
            tls: BTreeMap::new(),
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let socket = Access { host: "/tmp/a b/sock".to_owned(), ..nasty() };
        let six = Access { host: "::1".to_owned(), ..nasty() };
        let tls = BTreeMap::from([
            ("sslmode".to_owned(), "verify-full".to_owned()),
            ("sslrootcert".to_owned(), "/etc/our own/ca.pem".to_owned()),
        ]);
        let (safe, both) = (Access { tls: tls.clone(), ..nasty() }, Access { tls, ..socket.clone() });
        for access in [nasty(), socket, six, safe, both] {
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
    fn a_url_is_kept_to_or_refused() {
        let safe = Access::parse("postgresql://u:p@h/d?schema=x&sslmode=require").unwrap();
        assert_eq!(safe.url(), "postgresql://u:p@h:5432/d?sslmode=require");
        assert_eq!(safe.place(), "postgresql://h:5432/d");
        assert!(safe.libpq().contains(&("PGSSLMODE".to_owned(), "require".to_owned())));
        let socket = Access::parse("postgresql://u:p@/d?host=/run/postgresql").unwrap();
        assert_eq!((socket.host.as_str(), socket.database.as_str()), ("/run/postgresql", "d"));
        for (parameter, why) in [
            ("sslmode=verify_full", "its sslmode is none of"),
            ("sslpassword=geheim99", "its parameter sslpassword"),
            ("dbname=production", "its parameter dbname"),
            ("port=5433", "its parameter port"),
            ("service=prod", "its parameter service"),
        ] {
            let refused = Access::parse(&format!("postgresql://u:geheim99@h/d?{parameter}")).unwrap_err();
            assert!(refused.to_string().contains(why), "{parameter}: {refused}");
            assert!(!refused.to_string().contains("geheim99"), "{refused}");
        }
    }

    #[test]
    fn names_are_quoted() {
        assert_eq!(quote_ident("pulp-engine"), "\"pulp-engine\"");
        assert_eq!(quote_ident("a\"b"), "\"a\"\"b\"");
    }
}
