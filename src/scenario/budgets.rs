//! Reading a file of budgets, reporting mistakes like those in scenario files.

use crate::{
    model::budget::{Budgets, TimeSpan},
    scenario::{
        diagnose::{Diagnostics, Mistake},
        yaml::{
            fields::Fields,
            files::{LARGEST, read_text},
            tree::{self, YamlNode},
        },
    },
};
use std::path::Path;

/// Reads budgets: `rto`, `rpo` and `max-age-of-last-drill`, each a span such as `15m`, each optional.
///
/// # Errors
/// All mistakes in it; a file without a budget is one.
pub fn read_budgets(file: &Path) -> Result<Budgets, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let budgets = read_text(file, LARGEST, &mut diagnostics).and_then(|text| {
        let mut mistakes = Vec::new();
        let root = tree::build(&text, &mut mistakes);
        let budgets = root.and_then(|root| budgets(&root, &mut mistakes));
        diagnostics.add_all(file, mistakes);
        budgets
    });
    diagnostics.or_value(budgets)
}

fn budgets(root: &YamlNode, mistakes: &mut Vec<Mistake>) -> Option<Budgets> {
    let mut fields = Fields::of(root, "a file of budgets", mistakes)?;
    let mut span = |key| fields.optional::<TimeSpan>(key, mistakes).map(|at| at.value);
    let budgets =
        Budgets { rto: span("rto"), rpo: span("rpo"), max_age_of_last_drill: span("max-age-of-last-drill") };
    let place = fields.place;
    fields.finish(mistakes);
    if budgets == Budgets::default() && mistakes.is_empty() {
        let help = "write `rto: 15m`, `rpo: 24h` or `max-age-of-last-drill: 90d`";
        mistakes.push(Mistake::at(place, "the file sets no budget").help(help));
    }
    Some(budgets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Budgets, String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("budgets.yaml");
        std::fs::write(&file, text).unwrap();
        read_budgets(&file).map_err(|d| d.render(false, 100))
    }

    #[test]
    fn budgets_are_spans_and_mistakes_are_reported() {
        let budgets = read("rto: 15m\nmax-age-of-last-drill: 90d\n").unwrap();
        assert_eq!((budgets.rto, budgets.rpo), (Some(TimeSpan { ms: 900_000 }), None));
        assert!(read("rtoo: 15m\n").unwrap_err().contains("did you mean `rto`?"));
        assert!(read("rto: 15\n").unwrap_err().contains("expected text"));
        assert!(read("rto: soon\n").unwrap_err().contains("30s, 15m, 24h or 90d"));
        assert!(read("{}\n").unwrap_err().contains("no budget"));
    }
}
