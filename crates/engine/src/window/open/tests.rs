use super::*;
use proptest::prelude::*;
use std::cmp::Reverse;
use std::collections::BTreeMap;

type Plain = BTreeMap<(Reverse<WindowKind>, Micros), Vec<u8>>;

/// What happens to the window of a kind that starts at a minute: it is opened or gets another row;
/// or it is closed.
type Step = (WindowKind, Micros, Option<Vec<u8>>);

fn apply(open: &mut OpenWindows, plain: &mut Plain, (kind, start, row): Step) {
    let key = (Reverse(kind), start);
    let Some(row) = row else {
        let mut closed = Vec::new();
        assert_eq!(
            open.remove(kind, start, &mut closed),
            plain.contains_key(&key)
        );
        assert_eq!(plain.remove(&key).unwrap_or_default(), closed);
        return;
    };
    match open.find(kind, start) {
        Ok(at) => {
            assert_eq!(Some(open.row(&at)), plain.get(&key).map(Vec::as_slice));
            open.replace(&at, &row);
        }
        Err(gap) => open.insert(gap, kind, start, &row),
    }
    plain.insert(key, row);
}

/// All that can be asked.
fn compare(open: &OpenWindows, plain: &Plain, kind: WindowKind, from: i64) {
    let all = open
        .iter()
        .map(|o| ((Reverse(o.kind()), o.start()), o.row.to_vec()));
    assert!(all.eq(plain.clone()));
    let span = (minutes(from), minutes(from + 30));
    let some = open.between(kind, span.0, span.1).map(|o| o.start());
    let want = plain.range((Reverse(kind), span.0)..(Reverse(kind), span.1));
    assert!(some.eq(want.map(|(k, _)| k.1)));
    let newest = plain.keys().filter(|k| k.0.0 == kind).map(|k| k.1).max();
    assert_eq!(open.newest(kind), newest);
    assert_eq!(open.is_empty(), plain.is_empty());
    assert!(open.capacity() >= plain.values().map(|row| Page::size_of(row)).sum());
    let Held::Many(many) = &open.0 else { return };
    let sizes = plain.values().map(|row| Page::size_of(row));
    assert_eq!(many.bytes, sizes.sum::<usize>());
    let mut pages = many.runs.iter().flat_map(Run::pages);
    assert!(pages.all(|p| !p.is_empty()));
}

fn minutes(n: i64) -> Micros {
    Micros(n * Micros::MINUTE.0)
}

fn row(most: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..most)
}

proptest! {
    #[test]
    fn they_are_an_ordered_map(steps in prop::collection::vec(
        (0u8..5, -3i64..6, row(300), any::<bool>()), 0..60,
    )) {
        let (mut open, mut plain) = (OpenWindows::default(), Plain::new());
        for (kind, minute, row, close) in steps {
            let kind = WindowKind(kind);
            apply(&mut open, &mut plain, (kind, minutes(minute), (!close).then_some(row)));
            compare(&open, &plain, kind, 0);
        }
    }

    /// In any order, of any size, up to many and down to none.
    #[test]
    fn many_are_an_ordered_map_too(
        steps in prop::collection::vec(
            (0u8..5, -99i64..400, prop_oneof![9 => row(60), 2 => row(900), 1 => row(6000)], 0u8..4),
            0..600,
        ),
        rest in any::<prop::sample::Selector>(),
    ) {
        let (mut open, mut plain) = (OpenWindows::default(), Plain::new());
        for (i, (kind, minute, row, close)) in steps.into_iter().enumerate() {
            let kind = WindowKind(kind);
            apply(&mut open, &mut plain, (kind, minutes(minute), (close > 0).then_some(row)));
            if i % 20 == 0 {
                compare(&open, &plain, kind, minute);
            }
        }
        while !plain.is_empty() {
            let (Reverse(kind), start) = *rest.select(plain.keys());
            apply(&mut open, &mut plain, (kind, start, None));
            if plain.len().is_multiple_of(20) {
                compare(&open, &plain, kind, start.0 / Micros::MINUTE.0);
            }
        }
        prop_assert!(open.is_empty());
        prop_assert_eq!(open.capacity(), 0);
    }

    /// As a log with pauses does it: a week opens, then all is let go from the oldest on, and
    /// larger windows open meanwhile.
    #[test]
    fn a_week_opens_and_closes(
        gaps in prop::collection::vec(1i64..40, 1..700), bytes in 1usize..90, five: bool,
    ) {
        let (mut open, mut plain) = (OpenWindows::default(), Plain::new());
        let mut starts = Vec::new();
        let mut at = 0;
        for gap in gaps {
            at += gap;
            starts.push(at);
            apply(&mut open, &mut plain, (WindowKind(0), minutes(at), Some(vec![at as u8; bytes])));
        }
        compare(&open, &plain, WindowKind(0), 0);
        if let Held::Many(many) = &open.0 {
            let mut pages = many.runs.iter().flat_map(Run::pages);
            prop_assert!(pages.all(|p| p.len() <= run::PAGE));
        }
        for (i, start) in starts.into_iter().enumerate() {
            apply(&mut open, &mut plain, (WindowKind(0), minutes(start), None));
            if five {
                let larger = minutes(start / 5 * 5);
                apply(&mut open, &mut plain, (WindowKind(1), larger, Some(vec![i as u8; bytes * 2])));
            }
            if i % 50 == 0 {
                compare(&open, &plain, WindowKind(1), start);
            }
        }
        compare(&open, &plain, WindowKind(1), 0);
    }
}
