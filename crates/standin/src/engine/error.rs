//! Why the engine does not start, or stops by itself.

/// Why the engine did not start, or stopped by itself. No message holds a password.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// An environment variable is missing or wrong.
    #[error("cannot configure the engine: {0}")]
    Settings(String),
    /// The database did not answer or refused.
    #[error("cannot use the database at DATABASE_URL: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema of the database is not the one that this engine works on.
    #[error("the database schema {0}")]
    Schema(String),
    /// The files that hold the rows cannot be used.
    #[error("cannot use the library: {0}")]
    Library(String),
    /// The rows could not be used once they were open.
    #[error("cannot begin: {0}")]
    Begin(String),
    /// A binary store cannot be used.
    #[error("cannot use the {what} ({place}): {failure}")]
    Store {
        /// Which store: `asset store`.
        what: &'static str,
        /// The folder, or the bucket and its endpoint.
        place: String,
        /// Why it cannot be used.
        failure: String,
    },
    /// The address cannot be listened on, or serving broke off.
    #[error("cannot serve on {address}: {source}")]
    Serve {
        /// Host and port.
        address: String,
        /// The error of the system.
        source: std::io::Error,
    },
}
