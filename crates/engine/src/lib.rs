//! The pure core: combine, window, detect, score.
//!
//! Nothing here knows a broker, a socket or a clock: time and bytes come in as arguments, values to
//! produce come out. So the same code runs in the service, in simulations, in tests and in
//! benchmarks.
#![deny(clippy::unwrap_used, clippy::expect_used)]

pub mod combine;
pub mod detect;
pub mod error;
pub mod expr;
pub mod kpi;
pub mod measure;
pub mod partial;
pub mod score;
mod sealed;
pub mod terms;
pub mod varint;
pub mod window;

pub use error::EngineError;
