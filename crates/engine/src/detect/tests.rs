#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;
use weir_catalog::types::{Expr, JudgedWindow};
use weir_model::WindowSize;

fn detector(kind: DetectorKind, direction: Direction) -> DetectorDef {
    DetectorDef {
        name: "spend".into(),
        version: 2,
        title: String::new(),
        event: 0,
        rollup: 0,
        window: JudgedWindow::Tumbling(WindowSize::Hour),
        terms: vec![],
        expr: Expr {
            source: String::new(),
            ops: vec![],
        },
        kind,
        direction,
        floor_relative: 0.05,
        floor_absolute: 0.25,
        minimum_sample: None,
        severity: "high".into(),
    }
}

/// What the page on semantics says of the last value, from the whole history.
fn plain(def: &DetectorDef, history: &[(u8, f64)]) -> Option<Finding> {
    let ((slot, x), before) = history.split_last().unwrap();
    let values: Vec<f64> = before.iter().map(|(_, v)| *v).collect();
    let s = |own: f64, expected: f64| {
        [
            own,
            def.floor_relative * expected.abs(),
            def.floor_absolute,
            1e-9,
        ]
        .into_iter()
        .fold(0.0, f64::max)
    };
    let (expected, score, threshold) = match &def.kind {
        DetectorKind::Limit { above, below, .. } => {
            let bound = match (above, below) {
                (Some(a), _) if x > a => *a,
                (_, Some(b)) if x < b => *b,
                _ => return None,
            };
            return Some(Finding {
                expected: bound,
                score: if bound == 0.0 { 0.0 } else { x / bound },
            });
        }
        DetectorKind::ZScore {
            history,
            warmup,
            threshold,
        } => {
            let kept = &values[values.len().saturating_sub(*history)..];
            if kept.len() < *warmup {
                return None;
            }
            let middle = |v: &mut Vec<f64>| {
                v.sort_by(f64::total_cmp);
                let n = v.len();
                if n % 2 == 1 {
                    v[n / 2]
                } else {
                    (v[n / 2 - 1] + v[n / 2]) / 2.0
                }
            };
            let median = middle(&mut kept.to_vec());
            let mad = middle(&mut kept.iter().map(|v| (v - median).abs()).collect());
            (median, (x - median) / s(1.4826 * mad, median), *threshold)
        }
        DetectorKind::Drift {
            fast,
            slow,
            warmup,
            threshold,
        } => {
            let (first, rest) = values.split_first()?;
            let (mut f, mut m, mut v) = (*first, *first, 0.0);
            for x in rest {
                f += fast * (x - f);
                let d = x - m;
                m += slow * d;
                v = (1.0 - slow) * (v + slow * d * d);
            }
            if values.len() < *warmup {
                return None;
            }
            f += fast * (x - f);
            (
                m,
                (f - m) / s((v * fast / (2.0 - fast)).sqrt(), m),
                *threshold,
            )
        }
        DetectorKind::Seasonal {
            warmup,
            weight,
            threshold,
        } => {
            let same: Vec<f64> = before
                .iter()
                .filter(|(h, _)| h == slot)
                .map(|(_, v)| *v)
                .collect();
            let (mut m, mut a) = (0.0, 0.0);
            for (i, x) in same.iter().enumerate() {
                if i == 0 {
                    m = *x;
                } else {
                    a += weight * ((x - m).abs() - a);
                    m += weight * (x - m);
                }
            }
            if same.len() < *warmup as usize {
                return None;
            }
            (m, (x - m) / s(1.2533 * a, m), *threshold)
        }
    };
    let anomalous = match def.direction {
        Direction::Up => score >= threshold,
        Direction::Down => score <= -threshold,
        Direction::Both => score.abs() >= threshold,
    };
    anomalous.then_some(Finding { expected, score })
}

fn kind() -> impl Strategy<Value = DetectorKind> {
    let bound = || prop::option::of(prop::sample::select(vec![0.0, 10.0, 20.0]));
    prop_oneof![
        (bound(), bound(), any::<bool>()).prop_map(|(above, below, early)| DetectorKind::Limit {
            above,
            below,
            early
        }),
        (1usize..12, 1usize..8, 0.5..4.0).prop_map(|(history, warmup, threshold)| {
            DetectorKind::ZScore {
                history,
                warmup: warmup.min(history),
                threshold,
            }
        }),
        (0.2..0.9, 0.01..0.2, 1usize..10, 0.5..3.0).prop_map(|(fast, slow, warmup, threshold)| {
            DetectorKind::Drift {
                fast,
                slow,
                warmup,
                threshold,
            }
        }),
        (1u32..4, 0.1..0.9, 0.5..3.0).prop_map(|(warmup, weight, threshold)| {
            DetectorKind::Seasonal {
                warmup,
                weight,
                threshold,
            }
        }),
    ]
}

proptest! {
    #[test]
    fn judges_like_a_recomputation_from_all_values(
        kind in kind(),
        direction in prop::sample::select(vec![Direction::Up, Direction::Down, Direction::Both]),
        history in prop::collection::vec((0u8..4, prop_oneof![5.0..25.0, Just(10.0), 100.0..200.0]), 1..80),
        cut in 0usize..80,
    ) {
        let def = detector(kind, direction);
        // Hours spread over the week, the last one among them.
        let history: Vec<(u8, f64)> = history.into_iter().map(|(h, x)| (h * 55 + 2, x)).collect();
        let mut state = DetectorState::new(&def);
        for (i, (slot, x)) in history.iter().enumerate() {
            if i == cut {
                let mut bytes = Vec::new();
                state.encode(&mut bytes);
                let mut input = bytes.as_slice();
                let back = DetectorState::decode(&def, &mut input).unwrap();
                prop_assert!(input.is_empty());
                prop_assert_eq!(&back, &state);
                for n in 0..bytes.len() {
                    prop_assert!(DetectorState::decode(&def, &mut &bytes[..n]).is_err());
                }
                state = back;
            }
            prop_assert_eq!(state.judge(&def, *slot, *x), plain(&def, &history[..=i]), "value {}", i);
        }
    }
}

#[test]
fn memory_is_bounded() {
    let z = detector(
        DetectorKind::ZScore {
            history: 30,
            warmup: 5,
            threshold: 3.0,
        },
        Direction::Both,
    );
    let s = detector(
        DetectorKind::Seasonal {
            warmup: 2,
            weight: 0.3,
            threshold: 3.0,
        },
        Direction::Both,
    );
    let (mut zs, mut ss) = (DetectorState::new(&z), DetectorState::new(&s));
    assert_eq!((zs.heap_bytes(), ss.heap_bytes()), (0, 0));
    for i in 0..2000u32 {
        zs.judge(&z, 0, f64::from(i));
        ss.judge(&s, (i % 168) as u8, f64::from(i));
    }
    assert_eq!(zs.heap_bytes(), 240);
    assert!(ss.heap_bytes() <= 200 * 32, "{}", ss.heap_bytes());
}

#[test]
fn only_early_limits_tell_early() {
    let early = detector(
        DetectorKind::Limit {
            above: Some(5.0),
            below: Some(1.0),
            early: true,
        },
        Direction::Up,
    );
    assert_eq!(
        early_limit(&early, 10.0),
        Some(Finding {
            expected: 5.0,
            score: 2.0
        })
    );
    assert_eq!(early_limit(&early, 5.0), None);
    assert_eq!(early_limit(&early, 0.0), None);
    let late = detector(
        DetectorKind::Limit {
            above: Some(5.0),
            below: None,
            early: false,
        },
        Direction::Up,
    );
    assert_eq!(early_limit(&late, 10.0), None);
}
