//! What moves together, what explains an anomaly, and what slows the whole down.
//!
//! - Correlation: Pearson's, at the lag where it is strongest. The sample is corrected for values
//!   that follow from those before them (Bartlett, 1935), the p value for the lags that were tried
//!   (Bonferroni), and over all pairs for their number (Benjamini and Hochberg, 1995). Assumption: a
//!   straight relation; and correlation is no cause.
//! - [`explain`]: an anomaly of a sum, by the dimension values that moved more than their share.
//! - [`profile`]: the shape of a season and its strength (Wang, Smith and Hyndman, 2006).
//! - [`bottlenecks`]: the share of a total's variance that goes with each of its parts.

mod correlation;
mod explain;
mod profile;

pub use correlation::{Relation, adjust, pearson, relations};
pub use explain::{Cause, Cell, explain};
pub use profile::{Bottleneck, Profile, bottlenecks, profile};
