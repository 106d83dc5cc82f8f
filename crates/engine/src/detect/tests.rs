//! What the tests of the kinds have in common: a history of values, judged step by step and anew
//! from all of them.
#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;
use weir_catalog::types::{Expr, JudgedWindow};
use weir_model::WindowSize;

pub(super) fn detector(kind: impl Into<DetectorKind>, direction: Direction) -> DetectorDef {
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
        kind: kind.into(),
        direction,
        floor_relative: 0.05,
        floor_absolute: 0.25,
        minimum_sample: None,
        severity: "high".into(),
    }
}

/// Values by hour of the week, the last of which is judged.
#[derive(Debug, Clone)]
pub(super) struct Case {
    direction: Direction,
    history: Vec<(u8, f64)>,
    /// Before this value the state goes through a snapshot.
    cut: usize,
}

impl Case {
    /// The value that is judged.
    pub(super) fn last(&self) -> f64 {
        self.history.last().unwrap().1
    }

    /// Those before it.
    pub(super) fn before(&self) -> Vec<f64> {
        let (_, before) = self.history.split_last().unwrap();
        before.iter().map(|(_, v)| *v).collect()
    }

    /// Those of them in the same hour of the week.
    pub(super) fn before_in_this_hour(&self) -> Vec<f64> {
        let ((hour, _), before) = self.history.split_last().unwrap();
        let same = before.iter().filter(|(h, _)| h == hour);
        same.map(|(_, v)| *v).collect()
    }

    /// What is said of a distance, by its own scale or the floors of [`detector`].
    pub(super) fn told(
        &self,
        threshold: f64,
        distance: f64,
        own: f64,
        expected: f64,
    ) -> Option<Finding> {
        let scales = [own, 0.05 * expected.abs(), 0.25, 1e-9];
        let score = distance / scales.into_iter().fold(0.0, f64::max);
        let anomalous = match self.direction {
            Direction::Up => score >= threshold,
            Direction::Down => score <= -threshold,
            Direction::Both => score.abs() >= threshold,
        };
        anomalous.then_some(Finding {
            expected,
            score,
            crosses: None,
        })
    }
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    let value = prop_oneof![5.0..25.0, Just(10.0), 100.0..200.0];
    (
        prop::sample::select(vec![Direction::Up, Direction::Down, Direction::Both]),
        // Hours spread over the week, the last one among them.
        prop::collection::vec(((0u8..4).prop_map(|h| h * 55 + 2), value), 1..80),
        0usize..80,
    )
        .prop_map(|(direction, history, cut)| Case {
            direction,
            history,
            cut,
        })
}

/// What is said of each value is what `plain` makes of it and all values before it.
pub(super) fn agrees<K: Clone + Into<DetectorKind>>(
    kind: K,
    case: Case,
    plain: fn(&Case, &K) -> Option<Finding>,
) -> Result<(), TestCaseError> {
    let def = detector(kind.clone(), case.direction);
    let mut state = DetectorState::new(&def);
    for (i, (hour, x)) in case.history.iter().enumerate() {
        if i == case.cut {
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
        let so_far = Case {
            history: case.history[..=i].to_vec(),
            ..case
        };
        let seen = Seen {
            hour_of_week: *hour,
            x: *x,
            ..Seen::default()
        };
        let want = Some((*x, plain(&so_far, &kind)));
        prop_assert_eq!(state.judge(&def, &seen), want, "value {}", i);
    }
    Ok(())
}
