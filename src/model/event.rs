//! One owned, versioned event: the only contract between the run and its readers.
