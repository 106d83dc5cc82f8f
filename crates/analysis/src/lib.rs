//! Statistics over series that were read from the store: what needs many windows, not one moment.
//!
//! Every function here is pure. It gets values and returns values; it knows no clock, no file and no
//! network. The same input gives the same output, to the bit, on one machine. Randomness is used
//! nowhere, except where the caller passes a seed.
//!
//! Each module names its source and its assumptions; `docs/analysis.md` has the measured figures.

pub mod cost;
pub mod error;
pub mod experiment;
pub mod forecast;
pub mod learning;
pub mod model_quality;
pub mod relation;
pub mod series;
mod stats;
pub mod trend;

pub use error::Error;
pub use series::Series;
