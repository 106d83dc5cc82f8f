//! Stage 1: raw events to partial aggregates. One [`Combine`] owns any set of raw partitions; what
//! it decides about a record depends on the log of the record's own partition and on nothing else.

mod alias;
mod check;
mod dedup;
mod drain;
mod figures;
mod group;
mod names;
mod position;
mod read;
mod record;
mod rows;
mod setting;
mod state;
mod subjects;
#[cfg(test)]
mod tests;

pub use check::Check;
pub use figures::Memory;
pub use position::Position;
pub use record::{Dead, Fold, Input, Record};

use crate::EngineError;
use crate::measure::event::Measures;
use crate::partial::BlockWriter;
use alias::People;
use group::{Buffers, Decoded, GROUP};
use names::Names;
use read::{Read, Reader};
use rows::Rows;
use setting::LateSettings;
use state::State;
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_catalog::types::{Catalog, EventId};
use weir_model::Micros;
use weir_model::avro::Value;

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

    /// Forgets a partition, after a drain. (Its rows are not kept apart: those not drained stay.)
    pub fn close(&mut self, input: Input) {
        self.inputs.remove(&input);
    }

    /// Forgets all rows and all partitions, after an abort: open them again from what is committed.
    pub fn discard(&mut self) {
        self.inputs.clear();
        self.clear_rows();
    }
}
