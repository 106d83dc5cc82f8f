//! What is said of events that came too late to be judged.

use crate::output::thousands;

/// One line for people about what [`weir_ops::Watch::late`] said of a number of events that were
/// published for a tenant; `None` where all are judged.
pub fn tell(tenant: &str, late: Option<u64>, written: u64) -> Option<String> {
    match late {
        _ if written == 0 => None,
        Some(0) => None,
        Some(n) => Some(format!(
            "{} of them are older than the watermark: they are counted, not judged (no published KPIs, anomalies and alerts for their time); `weir backtest --tenant {tenant}` tells what they would have been",
            thousands(n)
        )),
        None => Some(format!(
            "the processor has not read them yet; `weir query late --tenant {tenant}` will tell how many are counted, not judged",
        )),
    }
}
