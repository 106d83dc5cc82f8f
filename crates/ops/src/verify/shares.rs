//! The bucket of a subject in SQL: that of the text of [`Share::text`], made by ClickHouse.

use weir_catalog::EventDef;
use weir_oracle::BUCKETS;
#[cfg(doc)]
use weir_oracle::Share;

/// Of windows of an event type, where a dimension that a rollup does not have is empty.
pub fn of_windows(event: &EventDef) -> String {
    let mut names: Vec<&str> = event.dimensions.iter().map(|d| d.name.as_str()).collect();
    // As the pieces are, whose names end with `=`.
    names.sort_unstable_by_key(|n| format!("{n}="));
    let parts = names
        .iter()
        .map(|n| format!(", if(`{n}` = '', '', concat('\\0{n}=', `{n}`))"));
    bucket(&format!("concat(tenant, ''{})", parts.collect::<String>()))
}

/// Of anomalies, KPIs and alerts, which have their dimensions as a map.
pub fn of_rows() -> String {
    let parts = "arraySort(arrayMap((k, v) -> concat('\\0', k, '=', v), \
                 arrayFilter((k, v) -> v != '', mapKeys(dimensions), mapValues(dimensions)), \
                 arrayFilter(v -> v != '', mapValues(dimensions))))";
    bucket(&format!("concat(tenant, arrayStringConcat({parts}))"))
}

fn bucket(text: &str) -> String {
    format!("toUInt16(xxh3({text}) % {BUCKETS})")
}
