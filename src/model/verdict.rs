//! From findings and expectations to a verdict.
