//! Measures forecasts on series that were held back: MASE beside the seasonal naive forecast, and
//! the share of values inside the intervals.
//!
//! ```text
//! measure_forecast long FILE.csv SEASONS HORIZON [LENGTH [WINDOWS]]   columns id,time,value
//! measure_forecast m4 Hourly-train.csv Hourly-test.csv SEASONS        one series per row
//! measure_forecast made SEED SEASONS HORIZON                          synthetic ones
//! ```
//!
//! With `LENGTH`, windows of so many values are forecast in turn, each with the horizon after it.
#![allow(clippy::unwrap_used)]

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::collections::BTreeMap;
use weir_analysis::Series;
use weir_analysis::forecast::{Method, Options, forecast};
use weir_model::Micros;

type Case = (Vec<Option<f64>>, Vec<Option<f64>>);

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |i: usize| args.get(i).map(|s| s.parse::<usize>().unwrap());
    let seasons =
        |i: usize| -> Vec<usize> { args[i].split(',').map(|s| s.parse().unwrap()).collect() };
    match args.first().map(String::as_str) {
        Some("long") => {
            let (horizon, length) = (number(3).unwrap(), number(4));
            let windows = number(5).unwrap_or(usize::MAX);
            for (id, values) in long(&args[1]) {
                report(&id, &cut(&values, horizon, length, windows), &seasons(2));
            }
            let all: Vec<Case> = long(&args[1])
                .values()
                .flat_map(|v| cut(v, horizon, length, windows))
                .collect();
            report("all", &all, &seasons(2));
        }
        Some("m4") => report("all", &m4(&args[1], &args[2]), &seasons(3)),
        Some("made") => {
            let cases = made(number(1).unwrap() as u64, &seasons(2), number(3).unwrap());
            report("all", &cases, &seasons(2));
        }
        _ => eprintln!("see the head of crates/analysis/examples/measure_forecast.rs"),
    }
}

fn long(path: &str) -> BTreeMap<String, Vec<Option<f64>>> {
    let mut out: BTreeMap<String, Vec<Option<f64>>> = BTreeMap::new();
    for row in csv::Reader::from_path(path).unwrap().records() {
        let row = row.unwrap();
        let series = out.entry(row[0].to_owned()).or_default();
        series.push(row[2].parse().ok());
    }
    out
}

fn cut(values: &[Option<f64>], horizon: usize, length: Option<usize>, most: usize) -> Vec<Case> {
    let length = length.unwrap_or(values.len() - horizon);
    let size = length + horizon;
    (0..)
        .map_while(|i| values.len().checked_sub(size + i * size))
        .take(most)
        .map(|at| {
            let window = &values[at..at + size];
            (window[..length].to_vec(), window[length..].to_vec())
        })
        .collect()
}

fn m4(train: &str, test: &str) -> Vec<Case> {
    let read = |path: &str| -> Vec<Vec<Option<f64>>> {
        let rows = csv::Reader::from_path(path).unwrap().into_records();
        rows.map(|row| {
            let row = row.unwrap();
            row.iter()
                .skip(1)
                .filter_map(|c| c.parse().ok().map(Some))
                .collect()
        })
        .collect()
    };
    read(train).into_iter().zip(read(test)).collect()
}

/// Seasons whose shape differs from day to day, a drifting level, noise that is no normal one.
fn made(seed: u64, seasons: &[usize], horizon: usize) -> Vec<Case> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let length = 4 * seasons.last().unwrap() + 60;
    (0..100)
        .map(|_| {
            let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
            let shapes: Vec<Vec<f64>> = seasons
                .iter()
                .map(|s| (0..*s).map(|_| 10.0 * normal()).collect())
                .collect();
            let (mut level, mut noise) = (100.0, 0.0);
            let values: Vec<Option<f64>> = (0..length + horizon)
                .map(|t| {
                    level += 0.3 * normal();
                    noise = 0.7 * noise + 3.0 * normal();
                    let season: f64 = shapes.iter().map(|s| s[t % s.len()]).sum();
                    Some((level + season + noise).max(0.0))
                })
                .collect();
            (values[..length].to_vec(), values[length..].to_vec())
        })
        .collect()
}

fn report(name: &str, cases: &[Case], seasons: &[usize]) {
    let season = seasons[0];
    let (mut mase, mut naive, mut inside, mut n) = (0.0, 0.0, [0.0; 2], 0.0);
    let (mut counted, mut combined) = (0.0, 0);
    for (past, future) in cases {
        let series = Series::regular(Micros(0), Micros::HOUR, past.iter().copied()).unwrap();
        let options = Options {
            seasons: seasons.to_vec(),
            horizon: future.len(),
            non_negative: None,
        };
        let Ok(f) = forecast(&series, &options) else {
            continue;
        };
        let pairs = (season..past.len()).filter_map(|t| past[t].zip(past[t - season]));
        let changes: Vec<f64> = pairs.map(|(a, b)| (a - b).abs()).collect();
        let scale = changes.iter().sum::<f64>() / changes.len() as f64;
        let last = &past[past.len() - season..];
        let (mut e, mut e_naive, mut k) = (0.0, 0.0, 0.0);
        for (h, truth) in future.iter().enumerate() {
            let (Some(truth), Some(before)) = (truth, last[h % season]) else {
                continue;
            };
            let p = &f.points[h];
            e += (p.point - truth).abs();
            e_naive += (before - truth).abs();
            inside[0] += f64::from(u8::from(p.lower_80 <= *truth && *truth <= p.upper_80));
            inside[1] += f64::from(u8::from(p.lower_95 <= *truth && *truth <= p.upper_95));
            k += 1.0;
        }
        if k == 0.0 || scale == 0.0 {
            continue;
        }
        n += k;
        mase += e / k / scale;
        naive += e_naive / k / scale;
        counted += 1.0;
        combined += usize::from(f.method == Method::Combined);
    }
    println!(
        "{name}: {counted} forecasts ({combined} combined), MASE {:.3}, seasonal naive {:.3} \
         (ratio {:.3}), coverage of 80 % {:.3}, of 95 % {:.3}",
        mase / counted,
        naive / counted,
        mase / naive,
        inside[0] / n,
        inside[1] / n
    );
}
