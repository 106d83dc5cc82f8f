#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone, PartialEq)]
struct Plain {
    key: (usize, usize),
    hash: u64,
    tenant: String,
    values: Vec<String>,
    rows: Vec<(i64, bool, Vec<u8>)>,
}

fn group() -> impl Strategy<Value = Plain> {
    let text = "[a-z]{0,3}";
    let row = (
        -5i64..1 << 36,
        any::<bool>(),
        prop::collection::vec(any::<u8>(), 0..40),
    );
    (
        (0usize..5, 0usize..5),
        any::<u64>(),
        text,
        prop::collection::vec(text, 0..9),
        prop::collection::vec(row, 1..5),
    )
        .prop_map(|(key, hash, tenant, values, rows)| Plain {
            key,
            hash,
            tenant,
            values,
            rows,
        })
}

type Content = (Vec<Plain>, Vec<WatermarkEntry>, Vec<u32>);

fn read(bytes: &[u8]) -> Result<Content, EngineError> {
    let block = Block::parse(bytes)?;
    let (mut groups, mut indices) = (Vec::new(), Vec::new());
    for g in block.groups() {
        let g = g?;
        let mut rows = Vec::new();
        for r in g.rows() {
            let r = r?;
            indices.push(r.index);
            rows.push((r.pane.0 / Micros::MINUTE.0, r.late, r.encoded.to_vec()));
        }
        groups.push(Plain {
            key: (g.event, g.rollup),
            hash: g.hash,
            tenant: g.tenant.into(),
            values: g.values.iter().map(|v| v.to_string()).collect(),
            rows,
        });
    }
    Ok((groups, block.watermarks().collect(), indices))
}

#[test]
fn a_watermark_is_of_one_of_so_many_partitions() {
    for (partition, partitions, fine) in [
        (0, 1, true),
        (PARTITIONS - 1, PARTITIONS, true),
        (0, 0, false),
        (3, 3, false),
        (0, PARTITIONS + 1, false),
        (u32::MAX, u32::MAX, false),
        (u32::MAX, 1, false),
    ] {
        let mut writer = BlockWriter::new(7, 3);
        writer.watermark(WatermarkEntry {
            event: 0,
            partition,
            partitions,
            watermark: Micros(5),
        });
        let mut bytes = Vec::new();
        writer.finish(&mut bytes);
        assert_eq!(
            Block::parse(&bytes).is_ok(),
            fine,
            "{partition} of {partitions}"
        );
    }
}

proptest! {
    #[test]
    fn a_block_reads_back_and_its_damage_is_an_error_not_a_panic(
        blocks in prop::collection::vec(prop::collection::vec(group(), 0..8), 1..3),
        marks in prop::collection::vec((0usize..3, 0u32..9, 9u32..99, any::<i64>()), 0..4),
        cut in any::<prop::sample::Index>(), flip in any::<(prop::sample::Index, u8)>(),
    ) {
        let mut writer = BlockWriter::new(7, 3);
        let mut bytes = Vec::new();
        // The writer is used again: the second block must not know the first one's strings.
        for groups in &blocks {
            for g in groups {
                writer.group(g.key, g.hash, &g.tenant, g.values.iter().map(String::as_str));
                for (pane, late, encoded) in &g.rows {
                    writer.row(Micros(pane * Micros::MINUTE.0), *late, encoded);
                }
            }
            let marks: Vec<_> = marks.iter().map(|m| WatermarkEntry {
                event: m.0, partition: m.1, partitions: m.2, watermark: Micros(m.3),
            }).collect();
            for m in &marks {
                writer.watermark(*m);
            }
            prop_assert_eq!(writer.is_empty(), groups.is_empty() && marks.is_empty());
            let size = writer.size();
            writer.finish(&mut bytes);
            prop_assert!(bytes.len() <= size + 24 * (1 + groups.len()));
            let (got, got_marks, indices) = read(&bytes).unwrap();
            prop_assert_eq!(&got, groups);
            prop_assert_eq!(got_marks, marks);
            prop_assert!(indices.iter().enumerate().all(|(i, n)| i as u32 == *n));
        }
        let cut = cut.index(bytes.len());
        prop_assert!(Block::parse(&bytes[..cut]).is_err());
        let at = flip.0.index(bytes.len());
        bytes[at] ^= flip.1;
        let _ = read(&bytes);
    }
}
