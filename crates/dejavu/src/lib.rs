//! The two fonts that are built into the program, once: for documents of the stand-in engine and for
//! reports. Their licence is `LICENSE` in this crate.

/// DejaVu Sans, as a TrueType file.
pub const SANS: &[u8] = include_bytes!("../DejaVuSans.ttf");
/// DejaVu Sans Bold, as a TrueType file.
pub const SANS_BOLD: &[u8] = include_bytes!("../DejaVuSans-Bold.ttf");
