//! An alert consumer of one's own: prints each step of each alert once.

use rdkafka::Message;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use std::collections::HashMap;
use std::time::Duration;
use weir_model::records::Alert;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let brokers = std::env::args()
        .nth(1)
        .ok_or("usage: consume BROKERS GROUP")?;
    let group = std::env::args()
        .nth(2)
        .ok_or("usage: consume BROKERS GROUP")?;
    let consumer: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("group.id", group)
        .set("isolation.level", "read_committed") // what was aborted was never said
        .set("auto.offset.reset", "earliest")
        .set("enable.auto.commit", "false")
        .create()?;
    consumer.subscribe(&["weir.alerts"])?;
    let mut steps: HashMap<String, u32> = HashMap::new();
    loop {
        let Some(record) = consumer.poll(Duration::from_millis(200)) else {
            continue;
        };
        let record = record?;
        let Ok(alert) = Alert::decode(record.payload().unwrap_or_default()) else {
            continue;
        };
        // A run that counts the log again says the same again: id and step name what was said.
        if steps.get(&alert.id).is_none_or(|step| *step < alert.step) {
            println!(
                "{:?} {} {} {:?}",
                alert.state, alert.id, alert.rule, alert.value
            );
            steps.insert(alert.id, alert.step);
        }
        consumer.commit_message(&record, CommitMode::Async)?; // after it was dealt with
    }
}
