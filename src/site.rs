//! Site<Source> and Site<Restored>: handles and teardown, nothing else.
