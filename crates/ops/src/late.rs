//! How many of the events that a command published came too late to be judged: counted, not judged.

use crate::Arrival;
use anyhow::{Result, ensure};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use weir_catalog::Catalog;
use weir_kafka::admin::Admin;
use weir_kafka::{Brokers, Consumer, Tp};
use weir_model::records::Late;
use weir_model::topics;

/// Deadline of a call to the broker.
const DEADLINE: Duration = Duration::from_secs(30);
/// Longest wait until the processor has read what was published.
const WAIT: Duration = Duration::from_secs(60);
/// A processor that reads nothing for so long is taken for one that does not run.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at what the processor says of late events from its making on.
pub struct Watch<'a> {
    brokers: &'a Brokers,
    catalog: Arc<Catalog>,
    tenant: &'a str,
    /// Where the topic of late events ended.
    from: BTreeMap<i32, i64>,
}

impl<'a> Watch<'a> {
    /// To be made before the first event is published. Blocks, as what follows does.
    ///
    /// # Errors
    /// Kafka does not answer within 30 s.
    pub fn begin(
        brokers: &'a Brokers,
        catalog: Arc<Catalog>,
        tenant: &'a str,
    ) -> Result<Watch<'a>> {
        Ok(Watch {
            from: ends(brokers)?,
            brokers,
            catalog,
            tenant,
        })
    }

    /// How many events of the tenant came too late to be judged since then; `None` where no processor has read them yet.
    ///
    /// # Errors
    /// Kafka does not answer within 30 s (WEIR-0211).
    pub fn late(&self) -> Result<Option<u64>> {
        // Without a run there is no processor.
        let Ok(run) = crate::run::current(self.brokers, &self.catalog) else {
            return Ok(None);
        };
        let arrival = Arrival {
            brokers: self.brokers,
            catalog: &self.catalog,
            run,
        };
        if !arrival.combined(WAIT, PATIENCE)? {
            return Ok(None);
        }
        let mut late = 0;
        for (partition, end) in ends(self.brokers)? {
            let from = self.from.get(&partition).copied().unwrap_or(0);
            read(self.brokers, partition, from, end, &mut |l| {
                if l.run == run && l.tenant == self.tenant {
                    late += l.events;
                }
            })?;
        }
        Ok(Some(late))
    }
}

fn ends(brokers: &Brokers) -> Result<BTreeMap<i32, i64>> {
    let infos = Admin::new(brokers, DEADLINE)?.topics(&[topics::LATE])?;
    let parts = infos.into_iter().flat_map(|i| i.partitions);
    Ok(parts.map(|p| (p.partition, p.end)).collect())
}

/// Reads the summaries between two offsets of a partition.
fn read(
    brokers: &Brokers,
    partition: i32,
    from: i64,
    end: i64,
    on: &mut dyn FnMut(Late),
) -> Result<()> {
    if from >= end {
        return Ok(());
    }
    let consumer = Consumer::assigned(brokers, &[(Tp::new(topics::LATE, partition), from)])?;
    let until = Instant::now() + DEADLINE;
    let mut next = from;
    while next < end {
        ensure!(
            Instant::now() < until,
            "WEIR-0211: the late events could not be read within 30 s; is the broker up?"
        );
        consumer.poll(Duration::ZERO)?;
        let batch = consumer.next(Duration::from_millis(100), Duration::ZERO, 1024)?;
        for m in batch.iter() {
            if m.offset() < end
                && let Some(Ok(late)) = m.value().map(Late::decode)
            {
                on(late);
            }
            next = next.max(m.offset() + 1);
        }
        for e in batch.ends() {
            next = next.max(e.next);
        }
    }
    Ok(())
}
