//! pulp-drill completions and man page.
