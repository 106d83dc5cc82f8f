//! The text and the hash stay as they are, whatever the code is called.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::measure::KINDS;
use proptest::prelude::*;
use std::path::Path;

fn every_kind() -> Catalog {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/every_kind");
    crate::load(&dir).unwrap_or_else(|e| panic!("{e}"))
}

/// Another value here begins a new run in every system that is updated. Where that is wanted
/// (declarations were added, or changed under a new version), write the new value; where it is not,
/// undo the change.
const SHIPPED: u64 = 0xd658_2c30_00a7_ec27;

#[test]
fn the_shipped_catalog_has_the_hash_that_systems_run_under() {
    let hash = Catalog::embedded().unwrap().hash;
    assert_eq!(hash, SHIPPED, "{hash:#018x} now");
}

/// Changes with [`SEMANTICS`], and where a declaration of this catalog is read otherwise than by
/// versions before (as rollups without windows once were).
const EVERY_KIND: u64 = 0x94dd_1c34_4de5_163d;

#[test]
fn a_catalog_with_every_kind_keeps_its_meaning_to_the_byte() {
    let catalog = every_kind();
    let pinned = include_str!("../../tests/every_kind/meaning.txt");
    for (now, then) in meaning(&catalog).lines().zip(pinned.lines()) {
        assert_eq!(now, then);
    }
    assert_eq!(meaning(&catalog), pinned);
    assert_eq!(catalog.hash, EVERY_KIND, "{:#018x} now", catalog.hash);
}

/// The catalog of the test above would guard nothing that is not in it.
#[test]
fn every_kind_of_thing_is_in_it() {
    let catalog = every_kind();
    for name in DetectorKind::NAMES {
        assert!(
            catalog.detectors.iter().any(|d| d.kind.name() == *name),
            "{name}"
        );
    }
    let text = meaning(&catalog);
    for kind in KINDS {
        let told = [" ", "("].map(|end| format!(" {}{end}", kind.meaning));
        assert!(told.iter().any(|t| text.contains(t)), "{}", kind.name);
    }
    let measures = " Count [| cost None | unpriced Some";
    let conditions = "Null }|Bool(|Number(|Text(|Holds([";
    let fields = " Sum([Number(| Distribution([|Truth(|Is(|Seconds(";
    let statistics = " Value at| Count at| Sum at| Mean at| Min at| Max at| Percentile(999) at";
    let steps = "Term(|Number(|Null,|Add,|Sub,|Mul,|Div,|Neg,|Lt,|Le,|Gt,|Ge,|Eq,|Ne,|And,|Or,|Not,\
                 |Min2,|Max2,|Abs,|Coalesce,|Sqrt,|Ln,|Exp,|Floor,|Pow,|Days,|Select]";
    let windows = "Minute,|FiveMinutes,|Hour,|Day]| 1m | 5m | 1h | 1d ";
    let rolling = " 5m/1m | 1h/5m | 6h/5m | 3d/1h | 30d/1d ";
    let others = " 30m/5m | 7d/1d | 28d/1d | 1d/5m | 1d/1h | 1mo/1h | 1mo/1d | all/1h | all/1d ";
    let settings = "] setting";
    let judges = "fixed [(| category |score of_|Target {|}) targets \"crew\" [(| Up | Down | Both | kpi days| detector zscore| no data ";
    for words in [
        measures, conditions, fields, statistics, steps, windows, rolling, others, settings, judges,
    ] {
        for word in words.split('|') {
            assert!(text.contains(word), "{word}");
        }
    }
}

proptest! {
    // What Rust prints for these is what the text has always held.
    #[test]
    fn numbers_and_texts_are_written_as_rust_prints_them(
        v in any::<f64>().prop_filter("the catalog holds finite numbers", |v| v.is_finite()),
        decimals in -400i32..400,
        s in any::<String>(),
    ) {
        let round = f64::from(decimals) / 100.0;
        for v in [v, v.fract(), round, round * 1e15, round * 1e-4, 10f64.powi(decimals / 20)] {
            prop_assert_eq!(text::float(v), format!("{v:?}"));
        }
        prop_assert_eq!(text::quoted(&s), format!("{s:?}"));
    }
}
