//! What happens, as it happens: alerts and anomalies once they are said for good, and what KPIs are
//! so far. One reader of Kafka for the process; each stream has a place of its own in what was
//! read, so that it can go on where it was.

mod follow;
mod hub;
mod place;
mod provisional;
mod stream;

pub(crate) use hub::Hub;
pub(crate) use stream::{__path_stream, stream};
