//! Rows leave as blocks of partials, with the watermarks behind them.

use super::names::Names;
use super::rows::{GroupHead, Rows};
use super::state::State;
use super::{Combine, Scratch, Type};
use crate::measure::Words;
use crate::partial::{BlockWriter, WatermarkEntry};
use weir_catalog::types::EventId;

/// Bytes of texts remembered across drains.
const TEXTS_KEPT: usize = 48 << 20;

impl Combine {
    /// Gives out all rows as blocks, by partition of the partials, and forgets them. With
    /// `tell_watermarks`, the watermarks that have crossed the end of a pane since they were last
    /// told go to every partition, in its last block.
    pub fn drain(&mut self, tell_watermarks: bool, emit: &mut dyn FnMut(u32, &[u8])) {
        let mut entries = Vec::new();
        if tell_watermarks {
            for (input, state) in &mut self.inputs {
                if let Some(watermark) = state.tell() {
                    let partitions = self.options.partitions[input.event];
                    let (event, partition) = (input.event, input.partition);
                    entries.push(WatermarkEntry {
                        event,
                        partition,
                        partitions,
                        watermark,
                    });
                }
            }
        }
        let (writer, max) = (&mut self.writer, self.options.max_block);
        let Scratch {
            bytes,
            indices,
            block,
            ..
        } = &mut self.scratch;
        for of in &mut self.types {
            for rows in of.all_rows() {
                rows.0.derive(rows.2, &mut self.names);
            }
        }
        for partition in 0..self.options.partials {
            for (event, of) in self.types.iter_mut().enumerate() {
                let names = &mut self.names;
                for (rows, first, words) in of.all_rows() {
                    let of = (event, first);
                    rows.each(
                        partition as usize,
                        names,
                        &mut |head, rows, spill, names| {
                            start(writer, of, head, names, indices);
                            for (pane, late, row) in rows {
                                bytes.clear();
                                words.encode(row, spill, bytes);
                                if writer.size() + bytes.len() > max && !writer.is_empty() {
                                    writer.finish(block);
                                    emit(partition, block);
                                    start(writer, of, head, names, indices);
                                }
                                writer.row(pane, late, bytes);
                            }
                        },
                    );
                }
            }
            for entry in &entries {
                writer.watermark(*entry);
            }
            if !writer.is_empty() {
                writer.finish(block);
                emit(partition, block);
            }
        }
        self.clear_rows();
    }

    /// Forgets the rows; and the subjects too, where they have become many.
    pub(super) fn clear_rows(&mut self) {
        for of in &mut self.types {
            for rows in of.all_rows() {
                rows.0.clear();
            }
        }
        if self.names.bytes() > TEXTS_KEPT
            || self.types.iter().any(|of| of.rows.subjects.is_large())
        {
            for of in &mut self.types {
                for rows in of.all_rows() {
                    rows.0.subjects.clear();
                }
            }
            self.names.clear();
        }
    }

    /// Lets the next drain that tells watermarks tell all of them.
    pub fn force_watermarks(&mut self) {
        for state in self.inputs.values_mut() {
            state.untell();
        }
    }

    /// True where a drain that tells watermarks would tell one.
    pub fn has_news(&self) -> bool {
        self.inputs.values().any(State::has_news)
    }
}

impl Type {
    /// All rows, with the number of their first rollup.
    fn all_rows(&mut self) -> impl Iterator<Item = (&mut Rows, usize, &Words)> {
        let (words, rollups) = (&self.measures.words, self.rows.rollups());
        let late = self.late.as_mut().map(|l| (&mut l.rows, rollups, words));
        std::iter::once((&mut self.rows, 0, words)).chain(late)
    }
}

/// Starts the group of a subject in the block being written. Its rollup counts from `first`.
fn start(
    writer: &mut BlockWriter,
    (event, first): (EventId, usize),
    head: &GroupHead<'_>,
    names: &mut Names,
    indices: &mut Vec<u32>,
) {
    let block = writer.block();
    indices.clear();
    for n in head.numbers {
        indices.push(names.place(*n, block, |text| writer.new_text(text)));
    }
    if let [tenant, values @ ..] = &indices[..] {
        writer.group_at((event, first + head.rollup), head.hash, *tenant, values);
    }
}
