//! Distribution: `m_count`, `m_sum`, `m_min`, `m_max`, `m_bins`.

use super::{Names, Stored};
use crate::row_binary::{fixed, length};
use weir_catalog::Stat;
use weir_model::measure::DistributionRef;

pub(super) const STORED: Stored = Stored {
    columns: &[
        ("_count", "UInt64 CODEC(T64, ZSTD(1))"),
        ("_sum", "Decimal(38, 9) CODEC(ZSTD(1))"),
        ("_min", "Float64 CODEC(ZSTD(1))"),
        ("_max", "Float64 CODEC(ZSTD(1))"),
        ("_bins", "Map(UInt16, UInt64) CODEC(ZSTD(1))"),
    ],
    shown: &[
        ("_count", Stat::Count),
        ("_sum", Stat::Sum),
        ("_mean", Stat::Mean),
        ("_min", Stat::Min),
        ("_max", Stat::Max),
        ("_p50", Stat::Percentile(500)),
        ("_p90", Stat::Percentile(900)),
        ("_p95", Stat::Percentile(950)),
        ("_p99", Stat::Percentile(990)),
    ],
    statistic,
    merged,
};

fn statistic(m: &Names<'_>, stat: Stat) -> String {
    let c = |suffix| m.column(suffix);
    let count = format!("sum({})", c("_count"));
    match stat {
        Stat::Count => count,
        Stat::Value | Stat::Sum => format!("weirNumber(sum({}))", c("_sum")),
        Stat::Mean => format!("weirNumber(sum({})) / nullIf({count}, 0)", c("_sum")),
        Stat::Min => format!("minIfOrNull({}, {} > 0)", c("_min"), c("_count")),
        Stat::Max => format!("maxIfOrNull({}, {} > 0)", c("_max"), c("_count")),
        Stat::Percentile(p) => {
            let q = f64::from(p) / 1000.0;
            format!(
                "if({count} = 0, NULL, weirBin(quantileExactWeightedArray({q:?})(\
                 mapKeys({bins}), mapValues({bins}))))",
                bins = c("_bins")
            )
        }
    }
}

fn merged(m: &Names<'_>) -> Vec<(&'static str, String)> {
    let c = |suffix| m.column(suffix);
    let extreme = |pick, column| format!("ifNull({pick}({column}, {} > 0), 0.)", c("_count"));
    vec![
        ("_count", format!("sum({})", c("_count"))),
        ("_sum", format!("sum({})", c("_sum"))),
        ("_min", extreme("minIfOrNull", c("_min"))),
        ("_max", extreme("maxIfOrNull", c("_max"))),
        (
            "_bins",
            format!(
                "arraySort(CAST(sumMap({}), 'Array(Tuple(UInt16, UInt64))'))",
                c("_bins")
            ),
        ),
    ]
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
