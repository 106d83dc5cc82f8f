//! Snapshot files: a span of the raw log as one zstd stream, with the writer schemas and the ticks
//! in it.
//!
//! First line: the header as JSON. Then records in order of log time: `topic u8 · partition u16 ·
//! flags u8 · log time i64 · [tick i64] · [key u32 + bytes] · [value u32 + bytes]`, little endian.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;
use weir_model::Micros;
use weir_model::codes::{INPUT, SNAPSHOT};

use crate::Outgoing;

/// Version of the format.
const VERSION: u32 = 1;
const HAS_TICK: u8 = 1;
const HAS_KEY: u8 = 2;
const HAS_VALUE: u8 = 4;

/// Longest first line: it carries the schemas.
const HEADER: u64 = 8 << 20;
/// Longest key or value: more than a broker takes in one record.
const BYTES: u64 = 64 << 20;
/// Largest window of the compression, as a power of two: what is kept of the stream to unpack it. A
/// writer takes 23.
const WINDOW: u32 = 26;

/// First line of a snapshot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Format version.
    pub weir_snapshot: u32,
    /// Topics with their number of partitions; records refer to them by position.
    pub topics: Vec<(String, u32)>,
    /// Writer schemas: (subject, JSON text).
    pub schemas: Vec<(String, String)>,
    /// Records, known when the file is complete (kept beside, in the last frame of the file).
    pub from: Option<Micros>,
    /// End of the span asked for.
    pub through: Option<Micros>,
}

impl Header {
    /// A header of the current version.
    pub fn new(topics: Vec<(String, u32)>, schemas: Vec<(String, String)>) -> Header {
        Header {
            weir_snapshot: VERSION,
            topics,
            schemas,
            from: None,
            through: None,
        }
    }
}

/// Writes a snapshot.
pub struct Writer {
    out: zstd::Encoder<'static, BufWriter<File>>,
    records: u64,
}

impl Writer {
    /// Creates the file.
    pub fn create(path: &Path, header: &Header) -> Result<Writer> {
        let file =
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let mut out = zstd::Encoder::new(BufWriter::new(file), 9)?;
        serde_json::to_writer(&mut out, header)?;
        out.write_all(b"\n")?;
        Ok(Writer { out, records: 0 })
    }

    /// Appends a record; `topic` is its position in the header.
    pub fn write(&mut self, topic: u8, r: &Outgoing) -> Result<()> {
        let (has_key, value) = (!r.key.is_empty(), r.value.as_deref());
        let flags = (u8::from(r.tick.is_some()) * HAS_TICK)
            | (u8::from(has_key) * HAS_KEY)
            | (u8::from(value.is_some()) * HAS_VALUE);
        let log_time = r.log_time.context("a snapshot record needs its log time")?;
        let partition = u16::try_from(r.partition.unwrap_or(0))
            .context("too many partitions for a snapshot")?;
        self.out.write_all(&[topic])?;
        self.out.write_all(&partition.to_le_bytes())?;
        self.out.write_all(&[flags])?;
        self.out.write_all(&log_time.0.to_le_bytes())?;
        if let Some(t) = r.tick {
            self.out.write_all(&t.0.to_le_bytes())?;
        }
        for bytes in [has_key.then_some(r.key.as_slice()), value]
            .into_iter()
            .flatten()
        {
            self.out
                .write_all(&u32::try_from(bytes.len())?.to_le_bytes())?;
            self.out.write_all(bytes)?;
        }
        self.records += 1;
        Ok(())
    }

    /// Completes the file; number of records.
    pub fn finish(self) -> Result<u64> {
        self.out
            .finish()?
            .into_inner()
            .context("cannot complete the snapshot")?
            .sync_all()?;
        Ok(self.records)
    }
}

/// Reads a snapshot.
pub struct Reader {
    input: BufReader<zstd::Decoder<'static, BufReader<File>>>,
    /// Its header.
    pub header: Header,
}

impl Reader {
    /// Opens the file.
    pub fn open(path: &Path) -> Result<Reader> {
        let file =
            File::open(path).with_context(|| format!("{INPUT}: cannot read {}", path.display()))?;
        let none = || {
            format!(
                "{SNAPSHOT}: {} is no snapshot; make one with `weir record`",
                path.display()
            )
        };
        let mut packed = zstd::Decoder::new(file)?;
        packed.window_log_max(WINDOW)?;
        let mut input = BufReader::with_capacity(1 << 16, packed);
        let mut line = Vec::new();
        let mut first = Read::take(&mut input, HEADER);
        first.read_until(b'\n', &mut line).with_context(none)?;
        if line.last() != Some(&b'\n') {
            bail!(
                "{}: its first line does not end within {HEADER} bytes",
                none()
            );
        }
        let header: Header = serde_json::from_slice(&line).with_context(none)?;
        if header.weir_snapshot != VERSION {
            bail!(
                "{SNAPSHOT}: snapshot version {} is not {VERSION}; record it again with this weir",
                header.weir_snapshot
            );
        }
        Ok(Reader { input, header })
    }

    fn next_record(&mut self) -> Result<Option<Outgoing>> {
        let mut first = [0u8; 1];
        if self.input.read(&mut first)? == 0 {
            return Ok(None);
        }
        let mut fixed = [0u8; 11];
        self.input.read_exact(&mut fixed)?;
        let partition = u16::from_le_bytes([fixed[0], fixed[1]]);
        let flags = fixed[2];
        if flags & !(HAS_TICK | HAS_KEY | HAS_VALUE) != 0 {
            bail!("a record has flags of another version");
        }
        let mut time = [0u8; 8];
        time.copy_from_slice(&fixed[3..]);
        let log_time = Micros(i64::from_le_bytes(time));
        let tick = if flags & HAS_TICK != 0 {
            self.input.read_exact(&mut time)?;
            Some(Micros(i64::from_le_bytes(time)))
        } else {
            None
        };
        let key = if flags & HAS_KEY != 0 {
            self.bytes()?
        } else {
            Vec::new()
        };
        let value = if flags & HAS_VALUE != 0 {
            Some(self.bytes()?)
        } else {
            None
        };
        let (topic, _) = self
            .header
            .topics
            .get(usize::from(first[0]))
            .context("it names a topic that it does not list")?;
        Ok(Some(Outgoing {
            topic: topic.clone(),
            partition: Some(i32::from(partition)),
            key,
            value,
            log_time: Some(log_time),
            tick,
        }))
    }

    fn bytes(&mut self) -> Result<Vec<u8>> {
        let mut len = [0u8; 4];
        self.input.read_exact(&mut len)?;
        let len = u64::from(u32::from_le_bytes(len));
        if len > BYTES {
            bail!("a record of {len} bytes");
        }
        // Room is made for what comes, not for what the length says.
        let mut out = Vec::new();
        Read::take(&mut self.input, len).read_to_end(&mut out)?;
        if out.len() as u64 != len {
            bail!("a record ends after {} of {len} bytes", out.len());
        }
        Ok(out)
    }
}

impl Iterator for Reader {
    type Item = Result<Outgoing>;
    fn next(&mut self) -> Option<Self::Item> {
        self.next_record()
            .with_context(|| {
                format!("{SNAPSHOT}: the snapshot is damaged; copy or record it again")
            })
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn records_come_back_and_a_cut_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.weir");
        let header = Header::new(
            vec![("weir.events.a".into(), 2)],
            vec![("s".into(), "{}".into())],
        );
        let records: Vec<Outgoing> = (0..1000)
            .map(|i| Outgoing {
                topic: "weir.events.a".into(),
                partition: Some(i % 2),
                key: if i % 3 == 0 { vec![] } else { vec![i as u8; 5] },
                value: (i % 7 != 0).then(|| vec![i as u8; i as usize % 300]),
                log_time: Some(Micros(i64::from(i))),
                tick: (i % 7 == 0).then_some(Micros(5)),
            })
            .collect();
        let mut w = Writer::create(&path, &header).unwrap();
        for r in &records {
            w.write(0, r).unwrap();
        }
        assert_eq!(w.finish().unwrap(), 1000);
        let back: Vec<_> = Reader::open(&path).unwrap().map(Result::unwrap).collect();
        assert_eq!(back, records);

        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 20]).unwrap();
        assert!(Reader::open(&path).unwrap().any(|r| r.is_err()));
    }

    fn packed(content: &[u8]) -> Vec<u8> {
        zstd::encode_all(content, 1).unwrap()
    }

    /// A small file, unpacked.
    fn small() -> Vec<u8> {
        let header = Header::new(
            vec![("weir.events.a".into(), 2), ("weir.events.b".into(), 1)],
            vec![("weir.events.a-value".into(), "{}".into())],
        );
        let mut content = serde_json::to_vec(&header).unwrap();
        content.push(b'\n');
        for i in 0..20u8 {
            content.extend([i % 2, 0, 0, i % 8]);
            content.extend(i64::from(i).to_le_bytes());
            if (i % 8) & HAS_TICK != 0 {
                content.extend(7i64.to_le_bytes());
            }
            for flag in [HAS_KEY, HAS_VALUE] {
                if (i % 8) & flag != 0 {
                    content.extend(u32::from(i).to_le_bytes());
                    content.extend(vec![i; usize::from(i)]);
                }
            }
        }
        content
    }

    #[test]
    fn lines_and_lengths_without_end_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.weir");
        let refused = |content: &[u8]| {
            std::fs::write(&path, packed(content)).unwrap();
            match Reader::open(&path) {
                Err(e) => format!("{e:#}"),
                Ok(reader) => {
                    let e = reader.filter_map(Result::err).next().unwrap();
                    format!("{e:#}")
                }
            }
        };
        // 1.5 GB would take as little: nothing behind the bound is looked at.
        let e = refused(&vec![b' '; 100 << 20]);
        assert!(
            e.contains("WEIR-0304") && e.contains("does not end within"),
            "{e}"
        );
        let mut long = small();
        long.extend([0, 0, 0, HAS_VALUE]);
        long.extend(1i64.to_le_bytes());
        let mut huge = long.clone();
        huge.extend(u32::MAX.to_le_bytes());
        assert!(refused(&huge).contains("a record of 4294967295 bytes"));
        long.extend((60u32 << 20).to_le_bytes());
        assert!(refused(&long).contains("after 0 of"));
        let mut flags = small();
        flags.extend([0, 0, 0, 8]);
        flags.extend([0; 8]);
        assert!(refused(&flags).contains("flags"));
    }

    #[test]
    fn fuzz_weir_files_that_are_damaged_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.weir");
        let whole = small();
        let (mut read, mut refused) = (0u64, 0u64);
        weir_fuzz::rounds(500, |chance| {
            let mut content = whole.clone();
            let mut file = if weir_fuzz::rand::Rng::random_ratio(chance, 3, 4) {
                weir_fuzz::damage(chance, &mut content);
                packed(&content)
            } else {
                packed(&content)
            };
            if content == whole {
                weir_fuzz::damage(chance, &mut file);
            }
            std::fs::write(&path, file).unwrap();
            let fine = Reader::open(&path).is_ok_and(|mut r| r.all(|r| r.is_ok()));
            read += u64::from(fine);
            refused += u64::from(!fine);
        });
        assert!(read > 5 && refused > 5, "{read} read, {refused} refused");
    }
}
