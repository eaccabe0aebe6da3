//! Whether two PDFs are the same, and where they differ.
