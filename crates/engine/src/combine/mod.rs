//! Stage 1: raw events to partial aggregates. One [`Combine`] owns any set of raw partitions; what
//! it decides about a record depends on the log of the record's own partition and on nothing else.

mod alias;
mod check;
mod dedup;
mod group;
mod names;
mod position;
mod read;
mod rows;
mod setting;
mod state;
mod subjects;
#[cfg(test)]
mod tests;

pub use check::Check;
pub use position::Position;

use crate::EngineError;
use crate::measure::Words;
use crate::measure::event::Measures;
use crate::partial::{BlockWriter, WatermarkEntry};
use alias::People;
use group::{Buffers, Decoded, GROUP};
use names::Names;
use read::{Read, Reader};
use rows::{GroupHead, Rows};
use setting::LateSettings;
use state::State;
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_catalog::types::{Catalog, EventId};
use weir_model::avro::Value;
use weir_model::headers::{Meta, SchemaRef};
use weir_model::{Code, Micros, records, topics, wire};

/// A raw partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Input {
    /// Event type of the topic.
    pub event: EventId,
    /// Partition of it.
    pub partition: u32,
}

/// A record of a raw partition.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Offset.
    pub offset: i64,
    /// When the broker appended it.
    pub append_time: Micros,
    /// Value.
    pub value: Option<&'a [u8]>,
    /// What its headers said.
    pub meta: Meta,
}

/// Settings of a [`Combine`].
#[derive(Debug, Clone)]
pub struct CombineOptions {
    /// Number of partitions of the partials.
    pub partials: u32,
    /// Run of the derivation.
    pub run: u32,
    /// A block is closed when it has so many bytes.
    pub max_block: usize,
    /// Number of partitions of each raw topic, by event type.
    pub partitions: Vec<u32>,
}

/// Why a record is a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    /// Code.
    pub code: Code,
    /// In words.
    pub message: String,
    /// Whose record it is; empty where its bytes do not tell.
    pub tenant: String,
}

impl Dead {
    fn new(code: Code, message: String) -> Dead {
        Dead {
            code,
            message,
            tenant: String::new(),
        }
    }
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fold {
    /// An event that counts.
    Counted {
        /// Too late to be judged.
        late: bool,
        /// From a future that was cut.
        clamped: bool,
    },
    /// An event read before.
    Duplicate,
    /// A tick that counts.
    Tick,
    /// A mark of a player.
    Mark,
    /// A tick that does not count.
    Skipped,
    /// A record that cannot be read: to be written as a dead letter.
    Dead(Dead),
    /// The record was **not** folded: make its schema known ([`Combine::add_schema`]) and fold it
    /// again, or give it to [`Combine::fold_dead`].
    UnknownSchema(SchemaRef),
}

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

/// Stage 1: see the module.
#[derive(Debug)]
pub struct Combine {
    catalog: Arc<Catalog>,
    options: CombineOptions,
    types: Vec<Type>,
    inputs: BTreeMap<Input, State>,
    names: Names,
    writer: BlockWriter,
    scratch: Scratch,
}

/// One event type.
#[derive(Debug)]
struct Type {
    disorder: Micros,
    reader: Reader,
    measures: Measures,
    people: People,
    rows: Rows,
    /// Of a setting.
    late: Option<LateSettings>,
}

/// Buffers that are used again.
#[derive(Debug, Default)]
struct Scratch {
    group: Buffers,
    bytes: Vec<u8>,
    indices: Vec<u32>,
    block: Vec<u8>,
}

/// Bytes of texts remembered across drains.
const TEXTS_KEPT: usize = 48 << 20;

impl Combine {
    /// An instance without inputs.
    ///
    /// # Errors
    /// A catalog whose paths do not fit its schemas, options that do not fit the catalog.
    pub fn new(catalog: Arc<Catalog>, options: CombineOptions) -> Result<Combine, EngineError> {
        if options.partials == 0 || options.partitions.len() != catalog.events.len() {
            let why = "partials need a partition, and every event type its number of partitions";
            return Err(EngineError::Catalog(why.to_owned()));
        }
        let mut types = Vec::with_capacity(catalog.events.len());
        for event in &catalog.events {
            let (reader, measures) = Reader::new(event)?;
            let people = People::new(&catalog, event, &reader);
            let rows = Rows::new(event, &measures.words, options.partials);
            let late = LateSettings::new(event, &measures.words, options.partials);
            types.push(Type {
                disorder: event.disorder,
                reader,
                measures,
                people,
                rows,
                late,
            });
        }
        let writer = BlockWriter::new(catalog.hash, options.run);
        Ok(Combine {
            catalog,
            options,
            types,
            inputs: BTreeMap::new(),
            names: Names::default(),
            writer,
            scratch: Scratch::default(),
        })
    }

    /// Makes a writer's schema known. One that cannot be read as the event type is kept: records
    /// with it are dead letters (WEIR-0005).
    ///
    /// # Errors
    /// No such event type.
    pub fn add_schema(
        &mut self,
        event: EventId,
        id: u32,
        guid: [u8; 16],
        writer_json: &str,
    ) -> Result<(), EngineError> {
        let Some(of) = self.types.get_mut(event) else {
            return Err(EngineError::Invariant(format!(
                "there is no event type {event}"
            )));
        };
        of.reader.add_schema(id, guid, writer_json);
        Ok(())
    }

    /// Takes up a partition where its position says. If that has a [`Position::horizon_start`], the
    /// records from there to the committed offset have to be given to [`Combine::warm`] before
    /// others are folded.
    pub fn open(&mut self, input: Input, position: Position) {
        self.inputs.insert(input, State::open(position));
    }

    /// Rebuilds de-duplication from a record that was folded before. An unknown schema is returned
    /// as by [`Combine::fold`]: then give the record again, or to [`Combine::warm_dead`].
    pub fn warm(&mut self, input: Input, record: &Record) -> Fold {
        let (Some(of), Some(state)) =
            (self.types.get_mut(input.event), self.inputs.get_mut(&input))
        else {
            return Fold::Skipped;
        };
        let Some(value) = record.value else {
            return state.warm(record, None);
        };
        let mut row = vec![Value::Null; of.reader.width()];
        match of.reader.read(value, &record.meta, &mut row) {
            Read::Event(head) => state.warm(record, Some(&head)),
            Read::Dead(dead) => {
                state.warm_dead(record);
                Fold::Dead(dead)
            }
            Read::Unknown(schema) => Fold::UnknownSchema(schema),
        }
    }

    /// As [`Combine::warm`], for a record that is a dead letter whatever its bytes say.
    pub fn warm_dead(&mut self, input: Input, record: &Record) {
        if let Some(state) = self.inputs.get_mut(&input) {
            state.warm_dead(record);
        }
    }

    /// Takes in the next record of an open partition. A record of one that is not open is skipped.
    pub fn fold(&mut self, input: Input, record: &Record) -> Fold {
        let mut result = Fold::Counted {
            late: false,
            clamped: false,
        };
        self.fold_batch(input, std::slice::from_ref(record), &mut |_, fold| {
            result = fold
        });
        result
    }

    /// Takes in the next records of an open partition, in order. `on` is called, in order, for
    /// every record that is not simply counted (on time and not clamped).
    ///
    /// Returns how many were folded: all of them, or those before the first with an unknown schema
    /// (`on` is called for that one too, but it is not folded).
    pub fn fold_batch(
        &mut self,
        input: Input,
        records: &[Record],
        on: &mut dyn FnMut(usize, Fold),
    ) -> usize {
        let (Some(of), Some(state)) =
            (self.types.get_mut(input.event), self.inputs.get_mut(&input))
        else {
            for i in 0..records.len() {
                on(i, Fold::Skipped);
            }
            return records.len();
        };
        // Names that hold for spellings are lent to rows.
        let catalog = self.catalog.clone();
        let mut decoded = Decoded::new(&of.reader, records.len());
        let mut done = 0;
        for group in records.chunks(GROUP) {
            let (buffers, names) = (&mut self.scratch.group, &mut self.names);
            let on = &mut |i, f| on(done + i, f);
            let lent = &catalog.aliases;
            let folded = of.fold_group(state, group, (&mut decoded, lent), (buffers, names), on);
            done += folded;
            if folded < group.len() {
                break;
            }
        }
        done
    }

    /// Takes in a record that is a dead letter, whatever its bytes say: log time moves, nothing
    /// else.
    pub fn fold_dead(&mut self, input: Input, record: &Record) {
        if let Some(state) = self.inputs.get_mut(&input) {
            state.advance(record);
        }
    }

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
    fn clear_rows(&mut self) {
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

    /// Forgets a partition, after a drain. (Its rows are not kept apart: those not drained stay.)
    pub fn close(&mut self, input: Input) {
        self.inputs.remove(&input);
    }

    /// Forgets all rows and all partitions, after an abort: open them again from what is committed.
    pub fn discard(&mut self) {
        self.inputs.clear();
        self.clear_rows();
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
