//! The modes of a gate.

/// What the gate does with requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Lets them through.
    Open,
    /// Resets connections, old and new: the store can't be reached.
    Refuse,
    /// Answers 403 `AccessDenied`.
    Deny,
    /// Answers with this status and the S3 error that belongs to it: 503 `SlowDown`.
    Fail(u16),
}
