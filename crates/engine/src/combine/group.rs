//! Some records at a time, in three passes, each of which fetches the memory of the next one: what
//! the bytes say, which events count, what they add.

use super::names::{Id, Names};
use super::read::{Head, Read, Reader};
use super::rows::Key;
use super::setting::LateSetting;
use super::state::{Seen, State};
use super::{Dead, Fold, Record, Type};
use crate::measure::Delta;
use weir_catalog::Aliases;
use weir_model::avro::Value;
use weir_model::headers::SchemaRef;
use weir_model::prefetch::{LINE, prefetch_lines};
use weir_model::{Micros, codes};

/// Records folded together.
pub(super) const GROUP: usize = 32;
/// Records between the one whose bytes are decoded and the one whose bytes are fetched.
const AHEAD: usize = 4;
/// The processor itself fetches what lies further on.
const MOST_LINES: usize = 6;

/// A record of a group, on its way.
enum Step {
    /// Neither event nor dead letter.
    Other,
    Event(Head),
    Dead(Dead),
    Unknown(SchemaRef),
    Counted(Counted),
    Done,
}

/// An event that counts.
#[derive(Clone, Copy)]
struct Counted {
    /// Which of its subjects' rows it is added to.
    key: Key,
    t: Micros,
    id: u64,
}

/// What the bytes of a group's records say. It borrows from them.
pub(super) struct Decoded<'a> {
    /// The row of each record, as wide as the reader says.
    values: Vec<Value<'a>>,
    width: usize,
    /// Tenant and dimensions of each record.
    texts: Vec<&'a str>,
    text_count: usize,
    steps: [Step; GROUP],
}

impl<'a> Decoded<'a> {
    /// Room for groups of at most `records`.
    pub fn new(reader: &Reader, records: usize) -> Decoded<'a> {
        let (width, text_count) = (reader.width(), reader.text_count());
        let most = GROUP.min(records);
        Decoded {
            values: vec![Value::Null; width * most],
            width,
            texts: Vec::with_capacity(text_count * most),
            text_count,
            steps: [const { Step::Other }; GROUP],
        }
    }

    fn row(&self, record: usize) -> &[Value<'a>] {
        &self.values[record * self.width..][..self.width]
    }
}

/// Buffers that are used again, group after group.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    /// Hashes of the subjects of each record, one for each rollup that events are added to.
    ids: Vec<Id>,
    /// Hashes of the texts of the record at hand.
    text_ids: Vec<Id>,
    /// Where the subjects of each event that counts stand, as many as hashes.
    slots: Vec<usize>,
    /// Where the rows of each event that counts start, as many as subjects.
    at: Vec<usize>,
    /// What the events that count add, one after the other.
    deltas: Vec<(usize, Delta)>,
    /// Where the deltas of each event end.
    ends: Vec<usize>,
}

impl Type {
    /// Folds up to [`GROUP`] records. Returns how many: all, or those before the first with an
    /// unknown schema.
    pub fn fold_group<'a>(
        &mut self,
        state: &mut State,
        group: &[Record<'a>],
        (decoded, aliases): (&mut Decoded<'a>, &'a Aliases),
        (buffers, names): (&mut Buffers, &mut Names),
        on: &mut dyn FnMut(usize, Fold),
    ) -> usize {
        self.rows.reserve(group.len());
        self.read_group(state, group, (decoded, aliases), buffers);
        let folded = self.decide_group(state, group, decoded, (buffers, names), on);
        self.add_group(folded, decoded, buffers);
        folded
    }

    /// What the bytes say: nothing here depends on the records before.
    fn read_group<'a>(
        &mut self,
        state: &State,
        group: &[Record<'a>],
        (decoded, aliases): (&mut Decoded<'a>, &'a Aliases),
        buffers: &mut Buffers,
    ) {
        let (direct, each) = (self.rows.direct(), decoded.text_count);
        let (texts, ids) = (&mut decoded.texts, &mut buffers.ids);
        texts.clear();
        ids.clear();
        for (i, record) in group.iter().enumerate() {
            if let Some(Record { value: Some(v), .. }) = group.get(i + AHEAD) {
                prefetch_lines(v.as_ptr(), v.len().div_ceil(LINE).min(MOST_LINES));
            }
            let row = &mut decoded.values[i * decoded.width..][..decoded.width];
            let step = &mut decoded.steps[i];
            *step = match record.value {
                None if record.meta.mark.is_some() || record.meta.tick.is_some() => Step::Other,
                None => {
                    let why = "the record has no value and is no tick or mark".to_owned();
                    Step::Dead(Dead::new(codes::NO_VALUE, why))
                }
                Some(value) => match self.reader.read(value, &record.meta, row) {
                    Read::Event(head) => Step::Event(head),
                    Read::Dead(dead) => Step::Dead(dead),
                    Read::Unknown(schema) => Step::Unknown(schema),
                },
            };
            match step {
                Step::Event(head) => {
                    state.dedup.prefetch(head.identity);
                    self.people.rename(aliases, row);
                    self.reader.texts(row, texts);
                    self.rows
                        .ids(&texts[i * each..], &mut buffers.text_ids, ids);
                }
                Step::Unknown(_) => break,
                _ => {
                    ids.resize((i + 1) * direct, Id::default());
                    texts.resize((i + 1) * each, "");
                }
            }
        }
    }

    /// Which records count, in the order of the log. Returns how many were looked at.
    fn decide_group<'a>(
        &mut self,
        state: &mut State,
        group: &[Record<'a>],
        decoded: &mut Decoded<'a>,
        (buffers, names): (&mut Buffers, &mut Names),
        on: &mut dyn FnMut(usize, Fold),
    ) -> usize {
        let (direct, each) = (self.rows.direct(), decoded.text_count);
        buffers.slots.clear();
        for (i, record) in group.iter().enumerate() {
            let step = &mut decoded.steps[i];
            match std::mem::replace(step, Step::Done) {
                Step::Event(head) => {
                    let seen = state.event(record, &head, self.disorder);
                    let Seen::Counted {
                        t,
                        late,
                        clamped,
                        known,
                    } = seen
                    else {
                        on(i, Fold::Duplicate);
                        continue;
                    };
                    if late {
                        // The first text of a row is its tenant.
                        let tenant = decoded.texts.get(i * each).copied().unwrap_or_default();
                        state.came_late(tenant, record.offset, t);
                    }
                    if late || clamped {
                        on(i, Fold::Counted { late, clamped });
                    }
                    let (key, id) = (Key::new(t, late), head.identity.low());
                    if late && let Some(settings) = &mut self.late {
                        let event = LateSetting {
                            known,
                            t,
                            id,
                            texts: &decoded.texts[i * each..][..each],
                            row: &decoded.values[i * decoded.width..][..decoded.width],
                        };
                        settings.add(&event, &mut self.measures, names);
                    }
                    *step = Step::Counted(Counted { key, t, id });
                    let ids = &buffers.ids[i * direct..][..direct];
                    let texts = &decoded.texts[i * each..];
                    self.rows.find((ids, texts), key, names, &mut buffers.slots);
                }
                Step::Dead(dead) => {
                    state.advance(record);
                    on(i, Fold::Dead(dead));
                }
                Step::Unknown(schema) => {
                    on(i, Fold::UnknownSchema(schema));
                    return i;
                }
                _ => on(i, state.other(record, self.disorder)),
            }
        }
        group.len()
    }

    /// Adds the events that count among the first `folded` records.
    fn add_group(&mut self, folded: usize, decoded: &Decoded<'_>, buffers: &mut Buffers) {
        let direct = self.rows.direct().max(1);
        let Buffers {
            slots,
            at,
            deltas,
            ends,
            ..
        } = buffers;
        let steps = decoded.steps[..folded].iter().enumerate();
        let counted = steps.filter_map(|(i, step)| match step {
            Step::Counted(counted) => Some((i, *counted)),
            _ => None,
        });
        at.clear();
        deltas.clear();
        ends.clear();
        for ((i, event), slots) in counted.zip(slots.chunks_exact(direct)) {
            let (first_row, first_delta) = (at.len(), deltas.len());
            self.rows.at(slots, event.key, at);
            self.measures.of(decoded.row(i), event.t, event.id, deltas);
            self.rows.prefetch(&at[first_row..], &deltas[first_delta..]);
            ends.push(deltas.len());
        }
        let mut start = 0;
        for (end, at) in ends.iter().zip(at.chunks_exact(direct)) {
            self.rows.add(at, &deltas[start..*end]);
            start = *end;
        }
    }
}
