//! Where partitions stand, what came late, and what is held in memory.

use super::rows::Rows;
use super::state::State;
use super::{Combine, Input, Position};
use weir_model::{Micros, records, topics, wire};

/// What a [`Combine`] holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Memory {
    /// Identities remembered.
    pub dedup_entries: usize,
    /// Bytes of their tables.
    pub dedup_bytes: usize,
    /// Rows not drained yet.
    pub rows: usize,
    /// Their bytes, about.
    pub row_bytes: usize,
}

impl Combine {
    /// Where a partition stands after the last record folded: to be committed with the offset after
    /// it.
    pub fn position(&self, input: Input) -> Position {
        self.inputs
            .get(&input)
            .map_or_else(Position::default, State::position)
    }

    /// What is committed with the offset after the last record folded: the position, and what was
    /// told of the watermark.
    pub fn metadata(&self, input: Input) -> String {
        let state = self.inputs.get(&input);
        let told = state.map_or(Micros::MIN, |s| s.told());
        self.position(input).to_metadata_with(told)
    }

    /// Events that came too late to be judged since this was last called, one summary per partition
    /// and tenant that has any.
    pub fn late(&mut self) -> Vec<records::Late> {
        let mut all = Vec::new();
        for (input, state) in &mut self.inputs {
            for (tenant, late) in std::mem::take(&mut state.late) {
                all.push(records::Late {
                    run: self.options.run,
                    topic: topics::events(&self.catalog.events[input.event].name),
                    partition: input.partition as i32,
                    first_offset: late.first_offset,
                    last_offset: late.last_offset,
                    events: late.events,
                    earliest: late.earliest,
                    watermark: state.watermark,
                    tenant,
                });
            }
        }
        all
    }

    /// Watermark of a partition.
    pub fn watermark(&self, input: Input) -> Micros {
        self.inputs.get(&input).map_or(Micros::MIN, |s| s.watermark)
    }

    /// Log time of a partition.
    pub fn log_time(&self, input: Input) -> Micros {
        self.inputs
            .get(&input)
            .map_or(Micros::MIN, |s| s.clock.log_time)
    }

    /// When the last event of a partition was appended; minus infinity where there was none.
    pub fn last_event(&self, input: Input) -> Micros {
        self.inputs.get(&input).map_or(Micros::MIN, |s| s.event)
    }

    /// Whether a partition is under replay.
    pub fn in_replay(&self, input: Input) -> bool {
        self.inputs.get(&input).is_some_and(|s| s.clock.in_replay)
    }

    /// What the values of a partition usually begin with: the frame of the last event of its type.
    /// A record with such a value can be given without its headers: they would not change what it
    /// is. `None` where they might (under replay they tell log time), and where nothing is known
    /// yet.
    pub fn usual_frame(&self, input: Input) -> Option<[u8; wire::FRAME]> {
        let frame = self.types.get(input.event)?.reader.usual_frame();
        frame.filter(|_| !self.in_replay(input))
    }

    /// Rows not drained yet.
    pub fn buffered_rows(&self) -> usize {
        let late = self.types.iter().filter_map(|t| t.late.as_ref());
        let rows = self.types.iter().map(|t| &t.rows);
        rows.chain(late.map(|l| &l.rows)).map(Rows::len).sum()
    }

    /// Their bytes, about.
    pub fn buffered_bytes(&self) -> usize {
        let late = self.types.iter().filter_map(|t| t.late.as_ref());
        let rows = self.types.iter().map(|t| &t.rows);
        rows.chain(late.map(|l| &l.rows)).map(Rows::bytes).sum()
    }

    /// What is held in memory.
    pub fn memory(&self) -> Memory {
        Memory {
            dedup_entries: self.inputs.values().map(|s| s.dedup.len()).sum(),
            dedup_bytes: self.inputs.values().map(|s| s.dedup.bytes()).sum(),
            rows: self.buffered_rows(),
            row_bytes: self.buffered_bytes(),
        }
    }
}
