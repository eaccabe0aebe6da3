//! "Did you mean": the nearest of the words that can stand somewhere.

/// As near as `clap` wants its suggestions, measured without regard to case.
const NEAR: f64 = 0.8;
/// Longer words are not compared: nobody mistypes that much, and comparing takes time.
const COMPARED: usize = 100;
/// So many words are listed.
const LISTED: usize = 30;

/// The allowed word that is nearest, if one is near.
pub fn nearest<'a>(word: &str, allowed: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > COMPARED {
        return None;
    }
    let word = word.to_lowercase();
    allowed
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&word, &candidate.to_lowercase()), candidate))
        .filter(|(score, _)| *score >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// The nearest as a question, else all that can stand here.
pub fn instead_of<'a>(word: &str, allowed: impl IntoIterator<Item = &'a str>) -> String {
    let allowed: Vec<&str> = allowed.into_iter().collect();
    match nearest(word, allowed.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => one_of(&allowed),
    }
}

/// What can stand somewhere, as a list.
pub fn one_of(allowed: &[&str]) -> String {
    if allowed.is_empty() {
        return "nothing can stand here".to_owned();
    }
    let listed: Vec<String> = allowed.iter().take(LISTED).map(|word| format!("`{word}`")).collect();
    let more = match allowed.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("can be {}{more}", listed.join(", "))
}

/// A word from a file, cut where it would fill the screen.
pub fn short(word: &str) -> String {
    const MOST: usize = 60;
    if word.chars().count() <= MOST {
        return word.to_owned();
    }
    word.chars().take(MOST).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_offered_and_far_ones_are_listed() {
        let description = ["upload", "replace", "fault in backup"];
        assert_eq!(nearest("uplaod", description), Some("upload"));
        assert_eq!(nearest("Fault in back up", description), Some("fault in backup"));
        assert_eq!(nearest("explode", description), None);
        assert_eq!(instead_of("explode", description), "can be `upload`, `replace`, `fault in backup`");
    }

    #[test]
    fn a_long_word_is_cut() {
        assert_eq!(short(&"x".repeat(1000)).chars().count(), 61);
    }
}
