//! Reports that people send on: what one tells is declared (`schemas/reports`), read from the views
//! of the store, and shown in formats that compute nothing.
//!
//! [`Order`] and [`read()`] make a [`Report`] of a [`Declaration`]; [`Renderer`] writes it.
//! [`merge`] makes a team's report of those that its engineers exported. `docs/reports.md` is for who
//! uses them.

mod declare;
mod error;
pub mod merge;
pub mod model;
mod order;
mod read;
mod render;
mod say;
mod svg;
mod tree;
mod words;

pub use declare::{ChartDef, ColumnDef, Declaration, FigureDef, PointDef, SectionDef, TableDef};
pub use error::ReportError;
pub use model::Report;
pub use order::{File, Order, is_period};
pub use read::{Asked, Source, read};
pub use render::{Format, Renderer};
pub use tree::{Filled, Tree};
