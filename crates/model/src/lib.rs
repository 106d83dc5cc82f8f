//! Event and record types, the wire formats, and the names everything else agrees on.
//!
//! Nothing here reads a clock, a socket or a file: the crate is the vocabulary of the system.

pub mod avro;
pub mod bytes;
pub mod codes;
pub mod expression;
pub mod fixed;
pub mod hash;
pub mod headers;
pub mod measure;
pub mod near;
pub mod person;
pub mod prefetch;
pub mod records;
pub mod schemas;
pub mod sketch;
pub mod time;
pub mod topics;
pub mod wire;

pub use codes::Code;
pub use fixed::Fixed;
pub use time::{Micros, Since, WindowSize};
