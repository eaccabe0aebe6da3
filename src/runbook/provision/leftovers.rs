//! Finds and removes what dead runs left behind, and only that.
