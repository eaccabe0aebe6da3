//! Two PDFs side by side, page by page: what `pdf diff --out` writes beside the pictures.

use crate::{base::sanitize::one_line, report::pages::likeness::Likeness};
use maud::{DOCTYPE, PreEscaped, html};
use std::path::Path;

const STYLE: &str = "body { font-family: sans-serif; margin: 1rem } table { border-collapse: collapse } \
    td, th { border: 1px solid #ccc; padding: .25rem; vertical-align: top; text-align: left } \
    img { max-width: 30vw; height: auto }";

/// Renders the page. The pictures are files beside it.
pub fn render(expected: &Path, actual: &Path, likeness: &Likeness) -> String {
    let shown = |path: &Path| one_line(&path.display().to_string());
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src 'self' file:; style-src 'unsafe-inline'";
                title { "PDF comparison" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "PDF comparison" }
                p { "Expected: " code { (shown(expected)) } ", " (likeness.counts.0) " page(s)" }
                p { "Actual: " code { (shown(actual)) } ", " (likeness.counts.1) " page(s)" }
                @if likeness.not_compared() > 0 {
                    p { strong { (likeness.not_compared()) " page(s) were not compared." } }
                }
                @for page in &likeness.pages {
                    h2 { "Page " (page.number) }
                    p { (page.misplaced.as_deref().unwrap_or("Text and layout are the same.")) }
                    p { (page.pixels) " pixel(s) differ." }
                    table {
                        tr { th { "expected" } th { "actual" } th { "difference" } }
                        tr {
                            @for (name, _) in page.files() {
                                td { img src=(name) alt={ "Page " (page.number) ": " (name) }; }
                            }
                        }
                    }
                }
            }
        }
    };
    page.into_string() + "\n"
}
