//! How long an expression may be that somebody writes into a file: of a catalog, of a mapping.
//!
//! The parser of expressions bounds how deeply they are nested, but `1+1+1+…` and `row.a.a.a…` are
//! chains: they nest by themselves, without a bracket, and all that walks them later needs stack
//! for each link.

/// Longest text, in characters.
pub const LENGTH: usize = 4096;
/// Most operators, dots and opening brackets, those in texts included: what an expression can be
/// nested by.
pub const LINKS: usize = 256;

/// An expression that is not even parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what}; write it in fewer words, or divide it")]
pub struct TooLong {
    /// Characters into it, where it became too long.
    pub offset: usize,
    /// What there is too much of.
    pub what: &'static str,
}

/// Holds an expression to the bounds, before it is parsed.
///
/// # Errors
/// The place at which it becomes too long.
pub fn check(source: &str) -> Result<(), TooLong> {
    let mut links = 0;
    for (offset, c) in source.chars().enumerate() {
        links += usize::from("+-*/%.<>=!&|?:([{".contains(c));
        let what = if offset >= LENGTH {
            "the expression has more than 4096 characters"
        } else if links > LINKS {
            "the expression has more than 256 operators, dots and brackets"
        } else {
            continue;
        };
        return Err(TooLong { offset, what });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_and_long_texts_are_refused_with_their_place() {
        let chain = |link: &str, n: usize| format!("a{}", link.repeat(n));
        for link in ["+1", ".a", "*b", " ? (", "[0]"] {
            assert!(check(&chain(link, 60)).is_ok());
            assert!(check(&chain(link, 20_000)).is_err());
        }
        assert!(check(&chain("+1", LINKS)).is_ok());
        let e = check(&chain("+1", LINKS + 1)).map_err(|e| e.offset);
        assert_eq!(e, Err(1 + 2 * LINKS));
        assert!(check(&"ä".repeat(LENGTH)).is_ok());
        assert_eq!(
            check(&"ä".repeat(LENGTH + 1)).map_err(|e| e.offset),
            Err(LENGTH)
        );
        let e = check(&chain("+1", 300)).map_err(|e| e.to_string());
        assert!(e.is_err_and(|e| e.contains(&LINKS.to_string())));
        let e = check(&"a".repeat(5000)).map_err(|e| e.to_string());
        assert!(e.is_err_and(|e| e.contains(&LENGTH.to_string())));
    }
}
