//! `weir trends`: which KPIs get better or worse, as it was computed when a day was over.

use super::findings::{field, read, subject};
use crate::args::{SystemArgs, TrendsArgs};
use anyhow::Result;
use std::process::ExitCode;
use weir_store::reader::Row;

pub fn run(system: &SystemArgs, a: &TrendsArgs) -> Result<ExitCode> {
    let equal = [("kpi", &a.kpi), ("verdict", &a.verdict)];
    let read = read(system, &a.of, &equal, weir_store::reader::trends)?;
    if a.of.json {
        return read.json();
    }
    let row = |r: &Row| {
        let range = format!("{} to {}", field(r, "slope_lower"), field(r, "slope_upper"));
        vec![
            field(r, "kpi"),
            subject(r),
            field(r, "verdict"),
            field(r, "latest"),
            field(r, "slope"),
            range,
            field(r, "unit"),
            field(r, "p"),
            field(r, "sample"),
        ]
    };
    let header = [
        "kpi", "of", "verdict", "latest", "a day", "range", "unit", "p", "days",
    ];
    read.table(&header, row)
}
