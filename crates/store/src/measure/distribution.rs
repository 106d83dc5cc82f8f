//! Distribution: `m_count`, `m_sum`, `m_min`, `m_max`, `m_bins`.

use super::{Names, Shown, Stored, nearest};
use crate::row_binary::{Input, fixed, length};
use weir_catalog::Stat;
use weir_model::Fixed;
use weir_model::measure::{Distribution, DistributionRef, PERCENTILES};

pub(super) const STORED: Stored = Stored {
    columns: &[
        ("_count", "UInt64 CODEC(T64, ZSTD(1))"),
        ("_sum", "Decimal(38, 9) CODEC(ZSTD(1))"),
        ("_min", "Float64 CODEC(ZSTD(1))"),
        ("_max", "Float64 CODEC(ZSTD(1))"),
        ("_bins", "Map(UInt16, UInt64) CODEC(ZSTD(1))"),
    ],
    shown,
    statistic,
    beneath: |m| {
        let bins = m.column("_bins");
        let list = format!("CAST(sumMap({bins}), 'Array(Tuple(UInt16, UInt64))')");
        vec![("_bins", format!("arraySort({list})"))]
    },
};

fn shown() -> Vec<(String, Shown)> {
    let mut all = vec![
        ("_count".to_owned(), Shown::Stat(Stat::Count)),
        ("_sum".to_owned(), Shown::Stat(Stat::Sum)),
        ("_sum_exact".to_owned(), Shown::Exact("_sum")),
        ("_mean".to_owned(), Shown::Stat(Stat::Mean)),
        ("_min".to_owned(), Shown::Stat(Stat::Min)),
        ("_max".to_owned(), Shown::Stat(Stat::Max)),
    ];
    for p in PERCENTILES {
        all.push((format!("_p{p}"), Shown::Stat(Stat::Percentile(p * 10))));
    }
    all
}

fn statistic(m: &Names<'_>, stat: Stat) -> String {
    let c = |suffix| m.column(suffix);
    let count = format!("sum({})", c("_count"));
    match stat {
        Stat::Count => count,
        Stat::Value | Stat::Sum => nearest(&c("_sum"), Fixed::SCALE),
        Stat::Mean => format!("{} / nullIf({count}, 0)", nearest(&c("_sum"), Fixed::SCALE)),
        Stat::Min => format!("minIfOrNull({}, {} > 0)", c("_min"), c("_count")),
        Stat::Max => format!("maxIfOrNull({}, {} > 0)", c("_max"), c("_count")),
        Stat::Percentile(p) => {
            let q = f64::from(p) / 1000.0;
            let (bins, some) = (c("_bins"), format!("{} > 0", c("_count")));
            format!(
                "if({count} = 0, NULL, weirWithin(weirBin(quantileExactWeightedArray({q:?})(\
                 mapKeys({bins}), mapValues({bins}))), minIf({}, {some}), maxIf({}, {some})))",
                c("_min"),
                c("_max"),
            )
        }
    }
}

pub(super) fn encode(out: &mut Vec<u8>, d: &DistributionRef<'_>) {
    out.extend_from_slice(&d.count.to_le_bytes());
    fixed(out, d.sum);
    out.extend_from_slice(&d.min.to_le_bytes());
    out.extend_from_slice(&d.max.to_le_bytes());
    length(out, d.bins.count());
    for (bin, n) in d.bins {
        out.extend_from_slice(&bin.to_le_bytes());
        out.extend_from_slice(&n.to_le_bytes());
    }
}

pub(super) fn decode(input: &mut Input<'_>) -> Option<Distribution> {
    let (count, sum) = (input.u64()?, input.fixed()?);
    let (min, max) = (input.float()?, input.float()?);
    let n = input.length()?;
    let bins = (0..n).map(|_| Some((input.u16()?, input.u64()?)));
    Some(Distribution {
        count,
        sum,
        min,
        max,
        bins: bins.collect::<Option<_>>()?,
    })
}
