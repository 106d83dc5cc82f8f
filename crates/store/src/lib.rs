//! The store: what weir keeps in ClickHouse, and how it is asked.
//!
//! [`Store`] is the client. [`Store::prepare`] makes a database ready for a catalog: migrations
//! (`schemas/clickhouse`), columns for measures and fields declared since, views. [`PartsTable`]
//! and [`EventsTable`] are the tables of an event type, [`encode`] writes their rows. [`results`]
//! has the tables of anomalies, KPIs, alerts and what was late or unreadable. [`Question`]s are
//! named queries; [`audit`] has those of the tools that look at everything, [`history`] and
//! [`backtest`] those of what judges history again.

mod acknowledged;
mod assembly;
pub mod audit;
pub mod backtest;
pub mod baseline;
mod calendar;
mod client;
pub mod cluster;
mod config;
mod describe;
pub mod encode;
mod error;
pub mod explain;
pub mod findings;
mod grain;
pub mod grants;
pub mod history;
mod kpi;
mod kpi_period;
mod measure;
mod migrate;
pub mod period;
mod question;
pub mod reader;
pub mod results;
mod row_binary;
mod score;
mod setting;
mod table;
mod to_date;
mod view;

include!(concat!(env!("OUT_DIR"), "/schemas.rs"));

pub use calendar::{Zones, zones};
pub use client::{Answer, Backoff, Column, Param, Rows, Store, ident, text};
pub use config::StoreConfig;
pub use error::StoreError;
pub use grain::kpi_at;
pub use kpi::kpi_current_sql;
pub use kpi_period::kpi_period_sql;
pub use measure::statistic;
pub use migrate::{Migration, Plan, Prepared, built_in, from_dir, statements};
pub use period::Period;
pub use question::{Parameter, Question};
pub use reader::Reader;
pub use table::{EventsTable, Leaf, PartsTable, underscored};
pub use view::{Form, end_of, event_views, merged_sql, rollup_name, start_of, view_of};
