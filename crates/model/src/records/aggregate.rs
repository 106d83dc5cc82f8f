//! Blocks of aggregate rows: written row by row into one buffer, read row by row without copies.

use super::codec::{AGGREGATE_ID, Field, RecordError, body};
use super::{Aggregate, AggregateBlock, Distribution, Last, MeasureValue, Part, Subject};
use crate::avro::{Cursor, DecodeError, put_bytes, put_long};
use crate::headers::SchemaRef;
use crate::{Fixed, Micros, WindowSize, wire};

const COUNT: i64 = 0;
const SUM: i64 = 1;
const MIN: i64 = 2;
const MAX: i64 = 3;
const SUM_SQ: i64 = 4;
const LAST: i64 = 5;
const DISTRIBUTION: i64 = 6;
const DISTINCT: i64 = 7;

/// Builds the value of a record of [`crate::topics::AGGREGATES`] in a buffer of its own.
///
/// Each row: [`AggregateWriter::row`], then one call per measure in order. Every row is an Avro block of its own, so that
/// nothing has to be counted beforehand.
#[derive(Debug)]
pub struct AggregateWriter {
    out: Vec<u8>,
    measures: usize,
    /// Number of dimensions of each rollup.
    rollups: Vec<usize>,
    rows: usize,
    /// Window of the last row, and its bytes: rows that follow on each other are mostly of the same one.
    span: Option<(WindowSize, Micros, Micros)>,
    span_bytes: Vec<u8>,
    /// Values that the open row still needs.
    missing: usize,
    broken: bool,
}

impl AggregateWriter {
    /// Starts a block into `out` (emptied, its memory is used again). `rollups` are the dimension names, sorted, that rows refer to by index.
    pub fn new(
        mut out: Vec<u8>,
        event: &str,
        catalog: u64,
        run: u32,
        measures: &[impl AsRef<str>],
        rollups: &[impl AsRef<[String]>],
    ) -> AggregateWriter {
        out.clear();
        wire::put_frame(&mut out, SchemaRef::Id(*AGGREGATE_ID));
        put_bytes(&mut out, event.as_bytes());
        catalog.put(&mut out);
        run.put(&mut out);
        put_list(&mut out, measures.iter().map(AsRef::as_ref));
        if !rollups.is_empty() {
            put_long(&mut out, rollups.len() as i64);
            for names in rollups {
                put_list(&mut out, names.as_ref().iter().map(String::as_str));
            }
        }
        out.push(0);
        AggregateWriter {
            out,
            measures: measures.len(),
            rollups: rollups.iter().map(|r| r.as_ref().len()).collect(),
            rows: 0,
            span: None,
            span_bytes: Vec::new(),
            missing: 0,
            broken: false,
        }
    }

    /// Rows so far.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether no row was written yet.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Begins a row. `values` are those of the rollup's dimensions, in its order.
    #[allow(clippy::too_many_arguments)]
    pub fn row<'v>(
        &mut self,
        tenant: &str,
        rollup: usize,
        values: impl IntoIterator<Item = &'v str>,
        window: WindowSize,
        start: Micros,
        end: Micros,
        part: Part,
    ) {
        self.close();
        self.rows += 1;
        self.missing = self.measures;
        let out = &mut self.out;
        put_long(out, 1);
        put_bytes(out, tenant.as_bytes());
        put_long(out, rollup as i64);
        let dimensions = self.rollups.get(rollup).copied();
        let mut given = 0;
        if dimensions.is_some_and(|n| n > 0) {
            put_long(out, dimensions.unwrap_or_default() as i64);
        }
        for v in values {
            put_bytes(out, v.as_bytes());
            given += 1;
        }
        out.push(0);
        self.broken |= dimensions != Some(given);
        let span = (window, start, end);
        if self.span != Some(span) {
            let bytes = &mut self.span_bytes;
            bytes.clear();
            let size = WindowSize::ALL.iter().position(|w| *w == window);
            put_long(bytes, size.unwrap_or_default() as i64);
            start.put(bytes);
            end.put(bytes);
            self.span = Some(span);
        }
        out.extend_from_slice(&self.span_bytes);
        match part {
            Part::OnTime => out.push(0),
            Part::Late {
                partition,
                offset,
                row,
            } => {
                out.push(2);
                partition.put(out);
                offset.put(out);
                row.put(out);
            }
        }
        if self.measures > 0 {
            put_long(out, self.measures as i64);
        }
    }

    #[inline]
    fn value(&mut self, branch: i64) -> &mut Vec<u8> {
        match self.missing.checked_sub(1) {
            Some(left) => self.missing = left,
            None => self.broken = true,
        }
        put_long(&mut self.out, branch);
        &mut self.out
    }

    fn close(&mut self) {
        self.broken |= self.missing != 0;
        if self.rows > 0 {
            self.out.push(0);
        }
    }

    /// [`MeasureValue::Count`]
    pub fn count(&mut self, n: u64) {
        n.put(self.value(COUNT));
    }
    /// [`MeasureValue::Sum`]
    pub fn sum(&mut self, v: Fixed) {
        put_decimal(self.value(SUM), v);
    }
    /// [`MeasureValue::Min`]
    pub fn min(&mut self, v: Option<f64>) {
        v.put(self.value(MIN));
    }
    /// [`MeasureValue::Max`]
    pub fn max(&mut self, v: Option<f64>) {
        v.put(self.value(MAX));
    }
    /// [`MeasureValue::SumSq`]
    pub fn sum_sq(&mut self, v: Fixed) {
        put_decimal(self.value(SUM_SQ), v);
    }
    /// [`MeasureValue::Last`]
    pub fn last(&mut self, v: Option<Last>) {
        let out = self.value(LAST);
        match v {
            None => out.push(0),
            Some(last) => {
                out.push(2);
                last.at.put(out);
                last.id.put(out);
                last.value.put(out);
            }
        }
    }
    /// [`MeasureValue::Distribution`]; bins ascending.
    pub fn distribution(
        &mut self,
        count: u64,
        sum: Fixed,
        min: f64,
        max: f64,
        bins: impl IntoIterator<Item = (u16, u64)>,
    ) {
        let out = self.value(DISTRIBUTION);
        count.put(out);
        put_decimal(out, sum);
        min.put(out);
        max.put(out);
        // How many bins there are stands first and is known last: there are rarely more than values.
        let at = out.len();
        put_long(out, count.min(MANY_BINS) as i64);
        let room = out.len() - at;
        let (mut before, mut n) = (0, 0);
        for (bin, count) in bins {
            let step = i64::from(bin) - before;
            before = i64::from(bin);
            n += 1;
            // Two bytes for most of them, written at once.
            if (0..64).contains(&step) && count < 64 {
                out.extend_from_slice(&[(step << 1) as u8, (count << 1) as u8]);
            } else {
                put_long(out, step);
                count.put(out);
            }
        }
        put_number(out, at..at + room, n);
        out.push(0);
    }
    /// [`MeasureValue::Distinct`]; `n` hashes, ascending.
    pub fn distinct(&mut self, hashes: impl IntoIterator<Item = u64>, n: usize) {
        let out = self.value(DISTINCT);
        put_long(out, (n * 8) as i64);
        let start = out.len();
        for h in hashes {
            out.extend_from_slice(&h.to_le_bytes());
        }
        let broken = out.len() - start != n * 8;
        self.broken |= broken;
    }
    /// [`MeasureValue::Distinct`]; hashes ascending, each little endian.
    pub fn hashes(&mut self, hashes: &[[u8; 8]]) {
        put_bytes(self.value(DISTINCT), hashes.as_flattened());
    }
    /// Any value.
    pub fn measure(&mut self, value: &MeasureValue) {
        match value {
            MeasureValue::Count(n) => self.count(*n),
            MeasureValue::Sum(v) => self.sum(*v),
            MeasureValue::Min(v) => self.min(*v),
            MeasureValue::Max(v) => self.max(*v),
            MeasureValue::SumSq(v) => self.sum_sq(*v),
            MeasureValue::Last(v) => self.last(v.clone()),
            MeasureValue::Distribution(d) => {
                self.distribution(d.count, d.sum, d.min, d.max, d.bins.iter().copied());
            }
            MeasureValue::Distinct(hashes) => self.distinct(hashes.iter().copied(), hashes.len()),
        }
    }

    /// Ends the block: the record's value.
    ///
    /// # Errors
    /// `RowShape` where a row was given another number of values, dimensions or hashes than announced.
    pub fn finish(mut self) -> Result<Vec<u8>, RecordError> {
        self.close();
        self.out.push(0);
        if self.broken {
            Err(RecordError::RowShape)
        } else {
            Ok(self.out)
        }
    }
}

fn put_list<'v>(out: &mut Vec<u8>, list: impl ExactSizeIterator<Item = &'v str>) {
    if list.len() > 0 {
        put_long(out, list.len() as i64);
        for v in list {
            put_bytes(out, v.as_bytes());
        }
    }
    out.push(0);
}

/// More than one byte says as a number of bins, fewer than a third would.
const MANY_BINS: u64 = 64;

/// Writes the number of a list's items, nothing for none, where room was kept for it before them.
#[inline]
fn put_number(out: &mut Vec<u8>, room: std::ops::Range<usize>, n: i64) {
    if n > 0 && n < 64 && room.len() == 1 {
        out[room.start] = (n as u8) << 1;
        return;
    }
    let mut number = Vec::new();
    if n > 0 {
        put_long(&mut number, n);
    }
    out.splice(room, number);
}

/// The fewest bytes of two's complement, big endian.
#[inline]
fn put_decimal(out: &mut Vec<u8>, v: Fixed) {
    let sign_bits = if v.0 < 0 {
        v.0.leading_ones()
    } else {
        v.0.leading_zeros()
    };
    let skip = (sign_bits as usize - 1) / 8;
    let skip = skip.min(15);
    // All sixteen with the length before them, and those too many taken back: nothing depends on how many there are.
    let end = out.len() + 1 + 16 - skip;
    let mut bytes = [0; 17];
    bytes[0] = (16 - skip as u8) << 1;
    bytes[1..].copy_from_slice(&(v.0 << (skip * 8)).to_be_bytes());
    out.extend_from_slice(&bytes);
    out.truncate(end);
}

fn get_decimal(c: &mut Cursor) -> Result<Fixed, DecodeError> {
    let bytes = c.bytes()?;
    let Some(first) = bytes.first() else {
        return Err(DecodeError::BadLength);
    };
    let mut wide = if *first >= 0x80 { [0xff; 16] } else { [0; 16] };
    let start = 16usize
        .checked_sub(bytes.len())
        .ok_or(DecodeError::BadLength)?;
    wide[start..].copy_from_slice(bytes);
    Ok(Fixed(i128::from_be_bytes(wide)))
}

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
fn advance(c: &mut Cursor, left: &mut u64) -> Result<bool, DecodeError> {
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

// The bytes were checked when the row was read, so that an error cannot come; the end stays the end.
fn ended<'a, T>(step: Result<Option<T>, DecodeError>, c: &mut Cursor<'a>) -> Option<T> {
    let item = step.ok().flatten();
    if item.is_none() {
        *c = Cursor::new(&[]);
    }
    item
}

/// A value of a row.
#[derive(Debug, Clone, Copy)]
pub enum ValueRef<'a> {
    /// [`MeasureValue::Count`]
    Count(u64),
    /// [`MeasureValue::Sum`]
    Sum(Fixed),
    /// [`MeasureValue::Min`]
    Min(Option<f64>),
    /// [`MeasureValue::Max`]
    Max(Option<f64>),
    /// [`MeasureValue::SumSq`]
    SumSq(Fixed),
    /// [`MeasureValue::Last`]
    Last(Option<(Micros, u64, f64)>),
    /// [`MeasureValue::Distribution`]
    Distribution(DistributionRef<'a>),
    /// [`MeasureValue::Distinct`]
    Distinct(HashesRef<'a>),
}

/// A distribution of a row.
#[derive(Debug, Clone, Copy)]
pub struct DistributionRef<'a> {
    /// Values.
    pub count: u64,
    /// Exact sum.
    pub sum: Fixed,
    /// Smallest, 0 where empty.
    pub min: f64,
    /// Largest, 0 where empty.
    pub max: f64,
    /// (bin, count), ascending.
    pub bins: BinsRef<'a>,
}

/// Bins with their counts, ascending.
#[derive(Debug, Clone, Copy)]
pub struct BinsRef<'a> {
    cursor: Cursor<'a>,
    left: u64,
    bin: i64,
}

impl BinsRef<'_> {
    fn step(&mut self) -> Result<Option<(u16, u64)>, DecodeError> {
        if !advance(&mut self.cursor, &mut self.left)? {
            return Ok(None);
        }
        self.bin = self
            .bin
            .checked_add(self.cursor.long()?)
            .ok_or(DecodeError::Overflow)?;
        let bin = u16::try_from(self.bin).map_err(|_| DecodeError::Overflow)?;
        Ok(Some((bin, u64::get(&mut self.cursor)?)))
    }
}

impl Iterator for BinsRef<'_> {
    type Item = (u16, u64);
    fn next(&mut self) -> Option<(u16, u64)> {
        let step = self.step();
        ended(step, &mut self.cursor)
    }
}

/// The hashes of a distinct count, ascending.
#[derive(Debug, Clone, Copy)]
pub struct HashesRef<'a> {
    bytes: &'a [u8],
}

impl<'a> HashesRef<'a> {
    /// Eight bytes each, little endian.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }
    /// How many.
    pub fn len(&self) -> usize {
        self.bytes.len() / 8
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
    /// Each.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = u64> + 'a {
        self.bytes
            .as_chunks::<8>()
            .0
            .iter()
            .map(|b| u64::from_le_bytes(*b))
    }
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
        let c = &mut self.cursor;
        Ok(Some(match c.long()? {
            COUNT => ValueRef::Count(u64::get(c)?),
            SUM => ValueRef::Sum(get_decimal(c)?),
            MIN => ValueRef::Min(Field::get(c)?),
            MAX => ValueRef::Max(Field::get(c)?),
            SUM_SQ => ValueRef::SumSq(get_decimal(c)?),
            LAST => ValueRef::Last(match c.long()? {
                0 => None,
                1 => Some((Micros::get(c)?, u64::get(c)?, f64::get(c)?)),
                _ => return Err(DecodeError::BadIndex),
            }),
            DISTRIBUTION => {
                let (count, sum, min, max) =
                    (u64::get(c)?, get_decimal(c)?, f64::get(c)?, f64::get(c)?);
                let bins = BinsRef {
                    cursor: *c,
                    left: 0,
                    bin: 0,
                };
                let mut walk = bins;
                while walk.step()?.is_some() {}
                *c = walk.cursor;
                ValueRef::Distribution(DistributionRef {
                    count,
                    sum,
                    min,
                    max,
                    bins,
                })
            }
            DISTINCT => {
                let bytes = c.bytes()?;
                if bytes.len() % 8 != 0 {
                    return Err(DecodeError::BadLength);
                }
                ValueRef::Distinct(HashesRef { bytes })
            }
            _ => return Err(DecodeError::BadIndex),
        }))
    }
}

impl<'a> Iterator for ValuesRef<'a> {
    type Item = ValueRef<'a>;
    fn next(&mut self) -> Option<ValueRef<'a>> {
        let step = self.step();
        ended(step, &mut self.cursor)
    }
}

impl ValueRef<'_> {
    /// The value on its own.
    pub fn to_owned(&self) -> MeasureValue {
        match *self {
            ValueRef::Count(n) => MeasureValue::Count(n),
            ValueRef::Sum(v) => MeasureValue::Sum(v),
            ValueRef::Min(v) => MeasureValue::Min(v),
            ValueRef::Max(v) => MeasureValue::Max(v),
            ValueRef::SumSq(v) => MeasureValue::SumSq(v),
            ValueRef::Last(v) => {
                MeasureValue::Last(v.map(|(at, id, value)| Last { at, id, value }))
            }
            ValueRef::Distribution(d) => MeasureValue::Distribution(Distribution {
                count: d.count,
                sum: d.sum,
                min: d.min,
                max: d.max,
                bins: d.bins.collect(),
            }),
            ValueRef::Distinct(h) => MeasureValue::Distinct(h.iter().collect()),
        }
    }
}

impl AggregateBlock {
    /// Id of the schema that blocks are written under.
    pub fn schema_id() -> u32 {
        *AGGREGATE_ID
    }

    /// Appends the block's value, framed. To write many rows use [`AggregateWriter`].
    ///
    /// # Errors
    /// `RowShape` where a row has not one value per measure.
    pub fn encode(&self, out: &mut Vec<u8>) -> Result<(), RecordError> {
        let mut rollups: Vec<Vec<String>> = Vec::new();
        let mut indices = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            let names: Vec<String> = row
                .subject
                .dimensions
                .iter()
                .map(|(name, _)| name.clone())
                .collect();
            indices.push(rollups.iter().position(|r| *r == names).unwrap_or_else(|| {
                rollups.push(names);
                rollups.len() - 1
            }));
        }
        let mut w = AggregateWriter::new(
            Vec::new(),
            &self.event,
            self.catalog,
            self.run,
            &self.measures,
            &rollups,
        );
        for (row, rollup) in self.rows.iter().zip(indices) {
            let values = row
                .subject
                .dimensions
                .iter()
                .map(|(_, value)| value.as_str());
            w.row(
                &row.subject.tenant,
                rollup,
                values,
                row.window,
                row.start,
                row.end,
                row.part,
            );
            for v in &row.values {
                w.measure(v);
            }
        }
        out.extend_from_slice(&w.finish()?);
        Ok(())
    }

    /// From a record's value.
    pub fn decode(value: &[u8]) -> Result<AggregateBlock, RecordError> {
        let mut reader = AggregateReader::new(value)?;
        let mut rows = Vec::new();
        while let Some(row) = reader.next_row()? {
            let names = &reader.rollups[row.rollup];
            let dimensions = names
                .iter()
                .zip(row.dimensions())
                .map(|(n, v)| ((*n).to_owned(), v.to_owned()))
                .collect();
            rows.push(Aggregate {
                subject: Subject {
                    tenant: row.tenant.to_owned(),
                    dimensions,
                },
                window: row.window,
                start: row.start,
                end: row.end,
                part: row.part,
                values: row.values().map(|v| v.to_owned()).collect(),
            });
        }
        Ok(AggregateBlock {
            event: reader.event.to_owned(),
            catalog: reader.catalog,
            run: reader.run,
            measures: reader.measures.iter().map(|m| (*m).to_owned()).collect(),
            rows,
        })
    }
}
