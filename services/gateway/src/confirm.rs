//! What is sent as one: acknowledged as a whole, or not at all.

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use weir_kafka::{Courier, Error, Parcel};
use weir_model::topics;
use weir_privacy::Met;

/// Sends all that `send` sends with its parcel, after the entries of whom it met; returns once Kafka
/// has acknowledged everything. `kept` is let go when Kafka has spoken, not before.
///
/// # Errors
/// Why it was not acknowledged, in words; it may be there all the same.
pub async fn confirmed(
    courier: &Courier,
    met: &Met,
    limit: Duration,
    kept: impl Send + 'static,
    send: impl FnOnce(&Arc<Parcel>) -> Result<(), Error>,
) -> Result<(), String> {
    let (told, done) = oneshot::channel();
    let parcel = Parcel::new(move |result| {
        drop(kept);
        // Nobody listens any more where the client went away or the time was over.
        let _ = told.send(result);
    });
    let mut sent = Ok(());
    for (key, value) in met.entries() {
        let (topic, key) = (topics::PEOPLE, Some(key));
        sent = sent.and_then(|()| courier.send(&parcel, topic, key, Some(value), &[]));
    }
    let sent = sent.and_then(|()| send(&parcel));
    drop(parcel);
    match (sent, tokio::time::timeout(limit, done).await) {
        (Err(e), _) => Err(e.to_string()),
        (_, Ok(Ok(result))) => result.map_err(|e| e.to_string()),
        _ => Err("no answer".to_owned()),
    }
}
