//! Blocks of aggregate rows, written row by row into one buffer. How a value is written stands with
//! its accumulator in `crate::measure`.

use crate::avro::{put_bytes, put_long};
use crate::headers::SchemaRef;
use crate::records::Part;
use crate::records::codec::{AGGREGATE_ID, Field, RecordError};
use crate::{Micros, WindowSize, wire};

/// Builds the value of a record of [`crate::topics::AGGREGATES`] in a buffer of its own.
///
/// Each row: [`AggregateWriter::row`], then one call per measure in order. Every row is an Avro
/// block of its own, so that nothing has to be counted beforehand.
#[derive(Debug)]
pub struct AggregateWriter {
    out: Vec<u8>,
    measures: usize,
    /// Number of dimensions of each rollup.
    rollups: Vec<usize>,
    rows: usize,
    /// Window of the last row, and its bytes: rows that follow on each other are mostly of the same
    /// one.
    span: Option<(WindowSize, Micros, Micros)>,
    span_bytes: Vec<u8>,
    /// Values that the open row still needs.
    missing: usize,
    broken: bool,
}

impl AggregateWriter {
    /// Starts a block into `out` (emptied, its memory is used again). `rollups` are the dimension
    /// names, sorted, that rows refer to by index.
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

    /// Where the next value of the row is written.
    #[inline]
    pub(crate) fn value(&mut self) -> &mut Vec<u8> {
        match self.missing.checked_sub(1) {
            Some(left) => self.missing = left,
            None => self.broken = true,
        }
        &mut self.out
    }

    /// Lets the block fail: a value was not what it was announced to be.
    pub(crate) fn spoil(&mut self) {
        self.broken = true;
    }

    fn close(&mut self) {
        self.broken |= self.missing != 0;
        if self.rows > 0 {
            self.out.push(0);
        }
    }

    /// Ends the block: the record's value.
    ///
    /// # Errors
    /// `RowShape` where a row was given another number of values, dimensions or hashes than
    /// announced.
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
