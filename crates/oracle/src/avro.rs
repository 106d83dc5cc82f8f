//! A plain reader of Avro, by `docs/semantics.md`: it looks at every byte, one value after the
//! other, and shares nothing with the engine's.

mod schema;
mod value;

#[cfg(test)]
mod tests;

pub use schema::Types;
pub use value::{Resolved, Value};
