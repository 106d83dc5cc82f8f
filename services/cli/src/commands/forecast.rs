//! `weir forecast`

use crate::args::ForecastArgs;
use crate::output;
use anyhow::{Context, Result, anyhow, bail};
use std::path::Path;
use std::process::ExitCode;
use weir_analysis::Series;
use weir_analysis::forecast::{Forecast, Method, Options, forecast};
use weir_model::Micros;
use weir_model::codes::{INPUT, SERIES_CELL, SERIES_COLUMN};
use weir_ops::time::show;

/// Columns that are taken for the time where none is named.
const TIMES: [&str; 6] = ["time", "timestamp", "date", "ds", "day", "window_start"];
/// Columns that are taken for the value where none is named.
const VALUES: [&str; 3] = ["value", "y", "values"];

pub fn run(a: &ForecastArgs) -> Result<ExitCode> {
    let points = read(&a.csv, a.time.as_deref(), a.value.as_deref())?;
    let coded = |e: weir_analysis::Error| anyhow!("{}: {}: {e}", e.code(), a.csv.display());
    let series = Series::from_points(&points).map_err(coded)?;
    let options = Options {
        seasons: a.season.clone(),
        horizon: a.horizon,
        non_negative: None,
    };
    let told = forecast(&series, &options).map_err(coded)?;
    match a.json {
        true => output::json(&as_json(&told))?,
        false => print(&series, &told)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The points of a file; an empty value is a gap.
fn read(path: &Path, time: Option<&str>, value: Option<&str>) -> Result<Vec<(Micros, f64)>> {
    let file = path.display();
    let unreadable = || format!("{INPUT}: cannot read {file}");
    let bytes = std::fs::read(path).with_context(unreadable)?;
    let mut reader = csv::Reader::from_reader(bytes.as_slice());
    let header = reader.headers().with_context(unreadable)?.clone();
    let time = column(&header, time, "time", &TIMES, path)?;
    let value = column(&header, value, "value", &VALUES, path)?;
    let mut points = Vec::new();
    for record in reader.records() {
        let record = record.with_context(unreadable)?;
        let line = || line_of(&bytes, record.position().map_or(0, csv::Position::byte));
        let at = |i: usize| record.get(i).unwrap_or("").trim();
        let when = moment(at(time)).with_context(|| {
            format!(
                "{SERIES_CELL}: {file}, line {}: `{}` is no time; write 2026-01-05, \
                 2026-01-05T00:00:00Z or seconds since 1970",
                line(),
                at(time)
            )
        })?;
        match at(value) {
            "" => points.push((when, f64::NAN)),
            cell => match cell.parse::<f64>() {
                Ok(v) => points.push((when, v)),
                Err(_) => bail!(
                    "{SERIES_CELL}: {file}, line {}: `{cell}` is no number; leave gaps empty",
                    line()
                ),
            },
        }
    }
    Ok(points)
}

/// The line of a record that begins at `byte`. The reader counts a line as ended before the second
/// of the two characters that end it on some systems, so it would tell the line before.
fn line_of(bytes: &[u8], byte: u64) -> usize {
    let start = usize::try_from(byte).unwrap_or(0).min(bytes.len());
    let ends = |b: &&u8| matches!(b, b'\r' | b'\n');
    let skipped = bytes[start..].iter().take_while(ends).count();
    1 + bytes[..start + skipped]
        .iter()
        .filter(|b| **b == b'\n')
        .count()
}

/// Where a column stands: the named one, else the one that is called as such columns are.
fn column(
    header: &csv::StringRecord,
    named: Option<&str>,
    what: &str,
    usual: &[&str],
    path: &Path,
) -> Result<usize> {
    let find = |name: &str| header.iter().position(|h| h.trim() == name);
    let found = match named {
        Some(name) => find(name),
        None => usual.iter().find_map(|name| find(name)),
    };
    found.with_context(|| {
        let all: Vec<&str> = header.iter().collect();
        let wanted = named.map_or(format!("that looks like a {what}"), |n| format!("`{n}`"));
        format!(
            "{SERIES_COLUMN}: {} has no column {wanted}; name one with --{what}: {}",
            path.display(),
            all.join(", ")
        )
    })
}

/// Largest number that is taken for seconds: the year 5138; larger ones are milliseconds.
const SECONDS: f64 = 1e11;

/// A date, a time with or without a zone (UTC), or seconds or milliseconds since 1970.
fn moment(cell: &str) -> Option<Micros> {
    if let Ok(t) = cell.parse::<jiff::Timestamp>() {
        return Some(Micros(t.as_microsecond()));
    }
    if let Ok(n) = cell.parse::<f64>() {
        let scale = if n.abs() < SECONDS { 1e6 } else { 1e3 };
        return (n.is_finite() && n.abs() < 1e15).then_some(Micros((n * scale) as i64));
    }
    let at: jiff::civil::DateTime = cell.parse().ok()?;
    let at = at.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Micros(at.timestamp().as_microsecond()))
}

/// A time for programs.
fn rfc3339(t: Micros) -> String {
    jiff::Timestamp::from_microsecond(t.0).map_or_else(|_| t.0.to_string(), |t| t.to_string())
}

/// The answer for programs.
fn as_json(f: &Forecast) -> serde_json::Value {
    let points: Vec<_> = f
        .points
        .iter()
        .map(|p| {
            serde_json::json!({
                "time": rfc3339(p.time), "point": p.point,
                "lower_80": p.lower_80, "upper_80": p.upper_80,
                "lower_95": p.lower_95, "upper_95": p.upper_95,
            })
        })
        .collect();
    serde_json::json!({
        "method": f.method, "seasons": f.seasons, "points": points,
        "backtest": f.backtest, "naive": f.naive,
    })
}

fn print(series: &Series, f: &Forecast) -> Result<()> {
    let rows: Vec<Vec<String>> = f
        .points
        .iter()
        .map(|p| {
            let mut row = vec![show(p.time)];
            let numbers = [p.point, p.lower_80, p.upper_80, p.lower_95, p.upper_95];
            row.extend(numbers.map(output::short));
            row
        })
        .collect();
    let header = [
        "time", "point", "lower 80", "upper 80", "lower 95", "upper 95",
    ];
    output::table(&header, &rows)?;
    let past: Vec<f64> = series.points().map(|(_, v)| v).collect();
    let recent = &past[past.len().saturating_sub(f.points.len())..];
    let ahead: Vec<f64> = f.points.iter().map(|p| p.point).collect();
    println!("{}", sparkline(recent, &ahead));
    println!("{}", in_words(f));
    Ok(())
}

/// How the forecast was made, and how far to trust it.
fn in_words(f: &Forecast) -> String {
    let name = |m: Method, season: usize| match m {
        Method::Combined => "naive forecast and regressions, weighted by their back-test".into(),
        Method::SeasonalNaive => format!("the last season of {season} steps goes on"),
        Method::Naive => String::from("the last value goes on"),
    };
    let number = |v: Option<f64>| v.map_or("-".into(), output::short);
    let share = |v: Option<f64>| v.map_or("-".into(), |v| format!("{:.0} %", v * 100.0));
    let (b, n) = (&f.backtest, &f.naive);
    let mut out = format!("method: {}\n", name(f.method, n.season));
    out += &format!(
        "back-test: {} moments, {} steps ahead: mean error {} (MASE {}); inside 80 %: {}, 95 %: {}\n",
        b.origins,
        b.horizon,
        number(b.mae),
        number(b.mase),
        share(b.coverage_80),
        share(b.coverage_95)
    );
    out += &format!(
        "naive ({}): mean error {} (MASE {})",
        name(n.method, n.season),
        number(n.mae),
        number(n.mase)
    );
    if f.method != Method::Combined {
        out += "\nno method beat the naive forecast, so it is what is shown";
    }
    out
}

/// Widest half of the line, in characters.
const HALF: usize = 50;

/// The last values, a bar, and the forecast, in eight heights.
fn sparkline(past: &[f64], ahead: &[f64]) -> String {
    let thin = |values: &[f64]| -> Vec<f64> {
        let each = values.len().div_ceil(HALF).max(1);
        let mean = |c: &[f64]| c.iter().map(|v| v / c.len() as f64).sum::<f64>();
        values.chunks(each).map(mean).collect()
    };
    let (past, ahead) = (thin(past), thin(ahead));
    let all = || past.iter().chain(&ahead);
    let low = all().copied().fold(f64::INFINITY, f64::min);
    let high = all().copied().fold(f64::NEG_INFINITY, f64::max);
    let heights: Vec<char> = "▁▂▃▄▅▆▇█".chars().collect();
    let draw = |values: &[f64]| -> String {
        let height = |v: &f64| match high > low {
            true => (((v / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)) * 7.0).round() as usize,
            false => 0,
        };
        values.iter().map(|v| heights[height(v).min(7)]).collect()
    };
    format!("{} │ {}", draw(&past), draw(&ahead))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut f = tempfile::NamedTempFile::new().unwrap();
        f.write_all(text.as_bytes()).unwrap();
        f
    }

    fn refused(text: &str, time: Option<&str>, value: Option<&str>) -> String {
        let f = file(text);
        let e = read(f.path(), time, value).unwrap_err();
        format!("{e:#}").replace(&f.path().display().to_string(), "FILE")
    }

    #[test]
    fn columns_are_named_or_known() {
        let f = file("day,cost,y\n2026-01-05,1.5,7\n2026-01-06T12:00:00+02:00,,8\n");
        let by_name = read(f.path(), Some("day"), Some("cost")).unwrap();
        assert_eq!(by_name[0], (Micros(1_767_571_200_000_000), 1.5));
        assert_eq!(by_name[1].0, Micros(1_767_693_600_000_000));
        assert!(by_name[1].1.is_nan());
        let known = read(f.path(), None, None).unwrap();
        assert_eq!(known.iter().map(|p| p.1).collect::<Vec<_>>(), [7.0, 8.0]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        assert_eq!(
            refused("a,b\n1,2\n", Some("t"), None),
            "WEIR-0321: FILE has no column `t`; name one with --time: a, b"
        );
        assert_eq!(
            refused("time,b\n1,2\n", None, None),
            "WEIR-0321: FILE has no column that looks like a value; name one with --value: time, b"
        );
        assert_eq!(
            refused("time,value\n2026-01-05,2\nyesterday,3\n", None, None),
            "WEIR-0322: FILE, line 3: `yesterday` is no time; write 2026-01-05, \
             2026-01-05T00:00:00Z or seconds since 1970"
        );
        assert_eq!(
            refused("time,value\n2026-01-05,two\n", None, None),
            "WEIR-0322: FILE, line 2: `two` is no number; leave gaps empty"
        );
        assert_eq!(
            refused(
                "time,value\r\n2026-01-05,1\r\n\r\n2026-01-06,two\r\n",
                None,
                None
            ),
            "WEIR-0322: FILE, line 4: `two` is no number; leave gaps empty"
        );
    }

    #[test]
    fn numbers_are_seconds_or_milliseconds() {
        assert_eq!(moment("1767571200"), moment("1767571200000"));
        assert_eq!(moment("1767571200"), moment("2026-01-05"));
        assert_eq!(
            moment("2026-01-05 06:30:00"),
            moment("2026-01-05T06:30:00Z")
        );
        assert_eq!(
            (moment(""), moment("NaN"), moment("1e300")),
            (None, None, None)
        );
    }

    #[test]
    fn a_file_becomes_a_forecast_as_json() {
        let mut text = String::from("time,value\n");
        for t in 0..96_i64 {
            text += &format!("{},{}\n", t * 3600, 10 + t % 24);
        }
        let f = file(&text);
        let series = Series::from_points(&read(f.path(), None, None).unwrap()).unwrap();
        let options = Options {
            seasons: vec![24],
            horizon: 3,
            non_negative: None,
        };
        let told = as_json(&forecast(&series, &options).unwrap());
        assert_eq!(told["points"][1]["time"], "1970-01-05T01:00:00Z");
        assert!((told["points"][1]["upper_95"].as_f64().unwrap() - 11.0).abs() < 1e-6);
        assert_eq!(told["naive"]["season"], 24);
        assert_eq!(told["backtest"]["origins"], 4);
    }

    #[test]
    fn a_sparkline_shows_low_and_high() {
        assert_eq!(sparkline(&[0.0, 7.0], &[3.0, 4.0]), "▁█ │ ▄▅");
        assert_eq!(sparkline(&[1.0], &[1.0]), "▁ │ ▁");
        assert_eq!(sparkline(&[-f64::MAX, f64::MAX], &[]), "▁█ │ ");
    }
}
