//! Blocks of aggregate rows, read row by row without copies. How a value is read stands with its
//! accumulator in `crate::measure`.

use crate::avro::{Cursor, DecodeError};
use crate::measure::{self, ValueRef};
use crate::records::Part;
use crate::records::codec::{AGGREGATE_ID, Field, RecordError, body};
use crate::{Micros, WindowSize};

/// Reads the value of a record of [`crate::topics::AGGREGATES`] row by row.
#[derive(Debug, Clone)]
pub struct AggregateReader<'a> {
    /// Event type.
    pub event: &'a str,
    /// Hash of the catalog.
    pub catalog: u64,
    /// Run of the derivation.
    pub run: u32,
    /// Names of the measures.
    pub measures: Vec<&'a str>,
    /// Names of the dimensions of each rollup.
    pub rollups: Vec<Vec<&'a str>>,
    cursor: Cursor<'a>,
    left: u64,
    done: bool,
}

/// One row; everything in it was checked and reads without allocating.
#[derive(Debug, Clone, Copy)]
pub struct RowRef<'a> {
    /// The tenant.
    pub tenant: &'a str,
    /// Index into [`AggregateReader::rollups`].
    pub rollup: usize,
    /// Label of the window's size.
    pub window: WindowSize,
    /// Start.
    pub start: Micros,
    /// End.
    pub end: Micros,
    /// On time or late.
    pub part: Part,
    dimensions: Cursor<'a>,
    values: Cursor<'a>,
}

impl<'a> AggregateReader<'a> {
    /// Reads the head of a block.
    pub fn new(value: &'a [u8]) -> Result<AggregateReader<'a>, RecordError> {
        let mut c = Cursor::new(body(value, *AGGREGATE_ID)?);
        let event = c.text()?;
        let catalog = u64::get(&mut c)?;
        let run = u32::get(&mut c)?;
        let measures = texts(&mut c)?;
        let mut rollups = Vec::new();
        loop {
            let n = c.block()?.items;
            if n == 0 {
                break;
            }
            for _ in 0..n {
                rollups.push(texts(&mut c)?);
            }
        }
        Ok(AggregateReader {
            event,
            catalog,
            run,
            measures,
            rollups,
            cursor: c,
            left: 0,
            done: false,
        })
    }

    /// The next row, or `None` after the last.
    pub fn next_row(&mut self) -> Result<Option<RowRef<'a>>, RecordError> {
        if self.done {
            return Ok(None);
        }
        let c = &mut self.cursor;
        if self.left == 0 {
            self.left = c.block()?.items;
            if self.left == 0 {
                self.done = true;
                return match c.remaining() {
                    0 => Ok(None),
                    n => Err(DecodeError::Leftover(n).into()),
                };
            }
        }
        self.left -= 1;
        let tenant = c.text()?;
        let rollup = usize::try_from(c.long()?).map_err(|_| DecodeError::BadIndex)?;
        let width = self.rollups.get(rollup).ok_or(DecodeError::BadIndex)?.len();
        let dimensions = *c;
        let mut n = 0;
        let mut list = DimensionsRef {
            cursor: *c,
            left: 0,
        };
        while list.step()?.is_some() {
            n += 1;
        }
        *c = list.cursor;
        let window = usize::try_from(c.long()?)
            .ok()
            .and_then(|i| WindowSize::ALL.get(i))
            .ok_or(DecodeError::BadIndex)?;
        let start = Micros::get(c)?;
        let end = Micros::get(c)?;
        let part = match c.long()? {
            0 => Part::OnTime,
            1 => Part::Late {
                partition: i32::get(c)?,
                offset: i64::get(c)?,
                row: u32::get(c)?,
            },
            _ => return Err(DecodeError::BadIndex.into()),
        };
        let values = *c;
        let mut given = 0;
        let mut list = ValuesRef {
            cursor: *c,
            left: 0,
        };
        while list.step()?.is_some() {
            given += 1;
        }
        *c = list.cursor;
        if n != width || given != self.measures.len() {
            return Err(RecordError::RowShape);
        }
        Ok(Some(RowRef {
            tenant,
            rollup,
            window: *window,
            start,
            end,
            part,
            dimensions,
            values,
        }))
    }
}

fn texts<'a>(c: &mut Cursor<'a>) -> Result<Vec<&'a str>, DecodeError> {
    let mut list = Vec::new();
    loop {
        let n = c.block()?.items;
        if n == 0 {
            return Ok(list);
        }
        for _ in 0..n {
            list.push(c.text()?);
        }
    }
}

impl<'a> RowRef<'a> {
    /// Values of the rollup's dimensions, in its order.
    pub fn dimensions(&self) -> DimensionsRef<'a> {
        DimensionsRef {
            cursor: self.dimensions,
            left: 0,
        }
    }
    /// One value per measure, in their order.
    pub fn values(&self) -> ValuesRef<'a> {
        ValuesRef {
            cursor: self.values,
            left: 0,
        }
    }
}

/// The count of the block that an iterator stands in; 0 at the end of the list.
pub(crate) fn advance(c: &mut Cursor, left: &mut u64) -> Result<bool, DecodeError> {
    if *left == 0 {
        *left = c.block()?.items;
        if *left == 0 {
            return Ok(false);
        }
    }
    *left -= 1;
    Ok(true)
}

/// See [`RowRef::dimensions`].
#[derive(Debug, Clone, Copy)]
pub struct DimensionsRef<'a> {
    cursor: Cursor<'a>,
    left: u64,
}

impl<'a> DimensionsRef<'a> {
    fn step(&mut self) -> Result<Option<&'a str>, DecodeError> {
        if advance(&mut self.cursor, &mut self.left)? {
            self.cursor.text().map(Some)
        } else {
            Ok(None)
        }
    }
}

impl<'a> Iterator for DimensionsRef<'a> {
    type Item = &'a str;
    fn next(&mut self) -> Option<&'a str> {
        ended(self.step(), &mut self.cursor)
    }
}

/// What an iterator gives for a step. The bytes were checked when the row was read, so that an
/// error cannot come; the end stays the end.
pub(crate) fn ended<'a, T>(step: Result<Option<T>, DecodeError>, c: &mut Cursor<'a>) -> Option<T> {
    let item = step.ok().flatten();
    if item.is_none() {
        *c = Cursor::new(&[]);
    }
    item
}

/// See [`RowRef::values`].
#[derive(Debug, Clone, Copy)]
pub struct ValuesRef<'a> {
    cursor: Cursor<'a>,
    left: u64,
}

impl<'a> ValuesRef<'a> {
    fn step(&mut self) -> Result<Option<ValueRef<'a>>, DecodeError> {
        if !advance(&mut self.cursor, &mut self.left)? {
            return Ok(None);
        }
        measure::get(&mut self.cursor).map(Some)
    }
}

impl<'a> Iterator for ValuesRef<'a> {
    type Item = ValueRef<'a>;
    fn next(&mut self) -> Option<ValueRef<'a>> {
        let step = self.step();
        ended(step, &mut self.cursor)
    }
}
