//! The permission to destroy one thing. Only the guard makes one.

/// Something that may be destroyed, once, now. Whoever destroys takes it by value.
#[derive(Debug)]
pub struct Destructible<T>(T);

impl<T> Destructible<T> {
    pub(super) fn new(what: T) -> Self {
        Self(what)
    }

    /// What.
    pub fn what(&self) -> &T {
        &self.0
    }
}
