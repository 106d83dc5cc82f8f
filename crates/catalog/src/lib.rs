//! Loads and checks `schemas/catalog`: what is measured, scored, detected and alerted on.
//!
//! [`load`] turns files into one [`Catalog`], in which every name is already an index, or into the
//! list of everything that is wrong, each with file, line and remedy. [`evolve`] refuses changes of
//! meaning without a new version. [`sql`] writes expressions for the store.

pub mod sql;
pub mod types;

mod aliases;
mod assistants;
mod avro;
mod events;
mod expand;
mod expr;
mod fields;
mod judge;
mod load;
mod lookup;
mod meaning;
mod measure;
mod parts;
mod prices;
mod problem;
mod reader;
mod reading;
mod recognise;
mod setting;
mod stored;
mod terms;
mod windows;
mod yaml;

pub use aliases::{Aliases, TenantAliases};
pub use expand::Expanded;
pub use judge::{SEVERITIES, detector};
pub use load::{load, load_sources};
pub use meaning::{counted_alike, evolve};
pub use prices::{CLASSES, LIFETIMES, NEEDED, WRITTEN};
pub use problem::{CatalogErrors, Problem, Refusal, suggest};
pub use recognise::{Assistant, Assistants};
pub use stored::begins_days_within_hours;
pub use types::*;
