//! Fills a fresh site through the API.
