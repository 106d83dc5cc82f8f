//! Who is told what and when: pure. Alerts, acknowledgements, silences, outcomes and time go in,
//! messages to send come out. No clock, no I/O.

mod desk;
mod flush;
mod group;
mod health;
mod mute;
mod notice;
mod outcome;
mod plan;
mod step;
mod store;
#[cfg(test)]
mod tests;

pub use desk::{DEAD, Desk, Held};
pub use health::Health;
pub use mute::Silence;
pub use notice::Notice;
pub use plan::{Limit, Maintenance, Matcher, Plan, Route, When};
pub use step::{Part, Step, Why};
pub use store::{Entry, receivers};
