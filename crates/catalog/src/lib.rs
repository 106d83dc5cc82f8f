//! Loads and checks `schemas/catalog`: what is measured, scored, detected and alerted on.
//!
//! [`load`] turns files into one [`Catalog`], in which every name is already an index, or into the list of
//! everything that is wrong, each with file, line and remedy.

pub mod types;

pub use types::*;
