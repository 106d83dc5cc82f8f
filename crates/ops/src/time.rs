//! Times as people read them.

use weir_model::Micros;

/// `2026-01-05 09:00`, in UTC; `-` for a time that no calendar has.
pub fn show(t: Micros) -> String {
    match jiff::Timestamp::from_microsecond(t.0) {
        Ok(ts) => ts.strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => "-".into(),
    }
}
