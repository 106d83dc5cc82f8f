//! Watermarks of the raw partitions, and how far each event type is final.

use crate::partial::{PARTITIONS, WatermarkEntry};
use crate::{EngineError, varint};
use weir_model::Micros;

/// The table. Each shard has its own, as of the last block folded into it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Marks {
    events: Vec<EventMarks>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct EventMarks {
    partitions: Vec<Micros>,
    final_through: Micros,
}

impl Marks {
    /// Nothing heard of; `partitions` by event type.
    pub fn new(partitions: &[u32]) -> Marks {
        let events = partitions
            .iter()
            .map(|&n| EventMarks {
                partitions: vec![Micros::MIN; n as usize],
                final_through: Micros::MIN,
            })
            .collect();
        Marks { events }
    }

    /// Takes one entry in. What is final stays final, even if a partition was added.
    pub fn apply(&mut self, entry: &WatermarkEntry) -> Result<(), EngineError> {
        let marks = self
            .events
            .get_mut(entry.event)
            .ok_or(EngineError::corrupt(
                "a watermark",
                "its event type is unknown",
            ))?;
        entry.check()?;
        let known = entry.partitions as usize;
        if marks.partitions.len() < known {
            marks.partitions.resize(known, Micros::MIN);
        }
        let mark = marks.partitions.get_mut(entry.partition as usize);
        let mark = mark.ok_or(EngineError::corrupt(
            "a watermark",
            "its partition is unknown",
        ))?;
        *mark = entry.watermark.max(*mark);
        Ok(())
    }

    /// Moves final times to what the marks say.
    pub fn settle(&mut self) {
        for e in &mut self.events {
            let least = e.partitions.iter().copied().min().unwrap_or(Micros::MIN);
            e.final_through = least.max(e.final_through);
        }
    }

    /// How far an event type is final.
    pub fn final_through(&self, event: usize) -> Micros {
        self.events[event].final_through
    }

    pub fn encode(&self, out: &mut Vec<u8>) {
        varint::put_u64(out, self.events.len() as u64);
        for e in &self.events {
            varint::put_i64(out, e.final_through.0);
            varint::put_u64(out, e.partitions.len() as u64);
            for m in &e.partitions {
                varint::put_i64(out, m.0);
            }
        }
    }

    /// Reads a table back; partitions that were added since count as not heard of.
    pub fn decode(input: &mut &[u8], partitions: &[u32]) -> Result<Marks, EngineError> {
        let mut marks = Marks::new(partitions);
        if varint::usize(input)? != marks.events.len() {
            return Err(EngineError::corrupt(
                "a snapshot",
                "it has another number of event types",
            ));
        }
        for e in &mut marks.events {
            e.final_through = Micros(varint::i64(input)?);
            let n = varint::usize(input)?;
            if n > input.len() || n > PARTITIONS as usize {
                return Err(EngineError::corrupt(
                    "a snapshot",
                    "it says more partitions than there can be",
                ));
            }
            for p in 0..n {
                let mark = Micros(varint::i64(input)?);
                match e.partitions.get_mut(p) {
                    Some(slot) => *slot = mark,
                    None => e.partitions.push(mark),
                }
            }
        }
        Ok(marks)
    }
}
