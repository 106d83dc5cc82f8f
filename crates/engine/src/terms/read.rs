//! Messages into facts, borrowed.

use super::{
    ACTIVE, ANOMALOUS, FACT, FINAL_THROUGH, FORMAT, Fact, HAS_VALUE, KPI_VALUE, SETTING,
    SubjectKey, TERM, VERDICT,
};
use crate::detect::Finding;
use crate::partial::PARTITIONS;
use crate::{EngineError, varint};
use weir_model::Micros;

const fn corrupt(why: &'static str) -> EngineError {
    EngineError::corrupt("a message of terms", why)
}

/// Reads one message; iterates over its facts. Ends after the first error.
#[derive(Debug)]
pub struct TermsReader<'a> {
    /// Hash of the catalog it was written under.
    pub catalog: u64,
    /// Run it belongs to.
    pub run: u32,
    /// Partials partition it comes from.
    pub partition: u32,
    /// Number of partials partitions.
    pub partitions: u32,
    rest: &'a [u8],
    heading: Option<Heading>,
    last_end: i64,
    subjects: Vec<&'a str>,
}

#[derive(Debug, Clone, Copy)]
struct Heading {
    tag: u8,
    index: usize,
    term: usize,
    start: Micros,
    end: Micros,
}

impl<'a> TermsReader<'a> {
    /// Reads the head of a message.
    pub fn parse(mut bytes: &'a [u8]) -> Result<TermsReader<'a>, EngineError> {
        let input = &mut bytes;
        if varint::byte(input)? != FORMAT {
            return Err(corrupt("its format is unknown"));
        }
        let (catalog, rest) = input
            .split_first_chunk::<8>()
            .ok_or(corrupt("it ends inside its head"))?;
        *input = rest;
        let catalog = u64::from_le_bytes(*catalog);
        let run = varint::u32(input)?;
        let (partition, partitions) = (varint::u32(input)?, varint::u32(input)?);
        if partition >= partitions || partitions > PARTITIONS {
            return Err(corrupt("it comes from a partition that cannot be"));
        }
        Ok(TermsReader {
            catalog,
            run,
            partition,
            partitions,
            rest: bytes,
            heading: None,
            last_end: 0,
            subjects: Vec::new(),
        })
    }

    fn fact(&mut self) -> Result<Fact<'a>, EngineError> {
        loop {
            let tag = varint::byte(&mut self.rest)?;
            match tag {
                TERM | KPI_VALUE | VERDICT | ACTIVE | SETTING => self.head(tag)?,
                FINAL_THROUGH => return self.final_through(),
                _ if tag & !(HAS_VALUE | ANOMALOUS) == FACT => return self.body(tag),
                _ => return Err(corrupt("it holds an unknown kind of fact")),
            }
        }
    }

    fn head(&mut self, tag: u8) -> Result<(), EngineError> {
        let input = &mut self.rest;
        let index = varint::usize(input)?;
        let term = if matches!(tag, TERM | SETTING) {
            varint::usize(input)?
        } else {
            0
        };
        let end = self.last_end.wrapping_add(varint::i64(input)?);
        let length = if tag == ACTIVE {
            0
        } else {
            varint::i64(input)?
        };
        self.last_end = end;
        let (start, end) = (Micros(end.wrapping_sub(length)), Micros(end));
        self.heading = Some(Heading {
            tag,
            index,
            term,
            start,
            end,
        });
        Ok(())
    }

    fn final_through(&mut self) -> Result<Fact<'a>, EngineError> {
        let n = varint::usize(&mut self.rest)?;
        if n > self.rest.len() {
            return Err(corrupt("it ends inside its times"));
        }
        let through = (0..n)
            .map(|_| varint::i64(&mut self.rest).map(Micros))
            .collect::<Result<_, _>>()?;
        Ok(Fact::FinalThrough {
            partition: self.partition,
            partitions: self.partitions,
            through,
        })
    }

    fn body(&mut self, tag: u8) -> Result<Fact<'a>, EngineError> {
        let input = &mut self.rest;
        let value = if tag & HAS_VALUE != 0 {
            Some(varint::f64(input)?)
        } else {
            None
        };
        let found = if tag & ANOMALOUS != 0 {
            Some(Finding {
                expected: varint::f64(input)?,
                score: varint::f64(input)?,
                crosses: None,
            })
        } else {
            None
        };
        let subject = self.subject()?;
        let Heading {
            tag: kind,
            index,
            term,
            start,
            end,
        } = self
            .heading
            .ok_or(corrupt("a fact stands before every heading"))?;
        Ok(match kind {
            TERM => Fact::Term {
                kpi: index,
                term,
                subject,
                start,
                end,
                value,
            },
            SETTING => Fact::Setting {
                kpi: index,
                term,
                subject,
                from: end,
                value,
            },
            KPI_VALUE => Fact::KpiValue {
                kpi: index,
                subject,
                start,
                end,
                value,
            },
            VERDICT => Fact::Verdict {
                detector: index,
                subject,
                start,
                end,
                value: value.ok_or(corrupt("a verdict has no value"))?,
                found,
            },
            _ => Fact::Active {
                rule: index,
                subject,
                last_minute_end: end,
            },
        })
    }

    fn subject(&mut self) -> Result<SubjectKey<'a>, EngineError> {
        let n = varint::usize(&mut self.rest)?;
        if n == self.subjects.len() {
            self.subjects.push(varint::str(&mut self.rest)?);
        }
        self.subjects
            .get(n)
            .map(|s| SubjectKey(s))
            .ok_or(corrupt("it names a subject that it did not spell"))
    }
}

impl<'a> Iterator for TermsReader<'a> {
    type Item = Result<Fact<'a>, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let fact = self.fact();
        if fact.is_err() {
            self.rest = &[];
        }
        Some(fact)
    }
}
