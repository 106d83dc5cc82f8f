//! What a name that does not exist was meant to be.

/// From here on two names are alike, as [`strsim::jaro_winkler`] has it.
const ALIKE: f64 = 0.8;

/// The one of `names` that is most like `name`, if one is like it.
pub fn nearest<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let name = name.to_ascii_lowercase();
    let alike = |known: &'n str| (strsim::jaro_winkler(known, &name), known);
    let best = names.into_iter().map(alike);
    let best = best.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= ALIKE).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_names_are_told_and_others_are_not() {
        let names = ["tokens_input", "tokens_output", "model"];
        assert_eq!(nearest("token_input", names), Some("tokens_input"));
        assert_eq!(nearest("Model", names), Some("model"));
        assert_eq!(nearest("colour", names), None);
        assert_eq!(nearest("x", []), None);
    }
}
