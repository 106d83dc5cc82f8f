//! The three stages as threads: combine, window, score, each a fold of the engine in the shell of
//! `weir-kafka`.

mod combine;
mod forget;
mod keyed;
pub mod metric;
mod processor;
mod run;
mod score;
mod ticks;
mod window;

pub use processor::{Processor, ProcessorConfig, StageName};
pub use run::{Run, Scope, current, current_catalog, reprocess, run_of};
