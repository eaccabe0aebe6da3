//! Why a binary store did not do what it was asked for.

/// Why the store did not answer with the bytes.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum StoreFailure {
    /// The store answered: there is no such object.
    #[error("the object does not exist")]
    Missing,
    /// The store answered: not for you.
    #[error("access to the store is denied: {0}")]
    Denied(String),
    /// The store did not answer, or its bucket or folder as a whole is gone.
    #[error("the store cannot be reached: {0}")]
    Unreachable(String),
}
