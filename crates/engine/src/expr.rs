//! Expressions over terms.
