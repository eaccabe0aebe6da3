//! What is wrong with a scenario file, shown at its line, with a suggestion.
