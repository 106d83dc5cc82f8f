//! `shift`: the values of a window are spread otherwise than those before. Its formula:
//! `docs/semantics.md`, Judging, *shift*.

use super::{Context, Judge, refuse_distance, threshold, whole};
use crate::meaning::text;
use crate::reader::Fields;
use crate::types::{Direction, JudgedWindow, Op};
use weir_model::codes;

/// Population stability index of a distribution against a reference.
#[derive(Debug, Clone, PartialEq)]
pub struct Shift {
    /// Index of the distribution among the measures of the event type.
    pub measure: usize,
    /// What it is held against.
    pub reference: Reference,
    /// Groups of about as many values each that the reference is divided into.
    pub groups: u32,
    /// Anomalous from.
    pub threshold: f64,
    /// Values that the window and the reference need, each.
    pub minimum_sample: u64,
}

/// What a distribution is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// So many final windows of the subject before it.
    Windows(usize),
    /// The final windows of the subject in so many days before its own.
    Days(usize),
}

impl Judge for Shift {
    const NAME: &'static str = "shift";
    const LOOKS_AT: Option<&'static str> = Some("of");

    fn read(cx: &Context<'_>) -> Option<Shift> {
        let allowed = ["of", "reference", "groups", "threshold", "minimum_sample"];
        let k = cx.fields(Self::NAME, &allowed)?;
        refuse_distance(cx, "a shift");
        if matches!(cx.window, Some(w) if !matches!(w, JudgedWindow::Tumbling(_))) {
            cx.file.say(
                cx.node.at,
                codes::CATALOG_IMPOSSIBLE,
                "windows that overlap are their own reference",
                "judge a shift in windows of 1m, 5m, 1h or 1d",
            );
        }
        // The value is the count of the distribution that `of` names.
        let [Op::Term(term)] = cx.value.ops[..] else {
            return None;
        };
        let measure = cx.scope.borrow().terms.get(term)?.measure;
        Some(Shift {
            measure,
            reference: reference(cx, &k)?,
            groups: whole(&k, "groups", 10, 2, 100)?,
            threshold: threshold(&k, 0.2)?,
            minimum_sample: u64::from(whole(&k, "minimum_sample", 100, 1, 1_000_000)?),
        })
    }

    fn side(&self) -> Option<Direction> {
        Some(Direction::Up)
    }

    fn meaning(&self) -> String {
        let reference = match self.reference {
            Reference::Windows(n) => format!("Windows({n})"),
            Reference::Days(n) => format!("Days({n})"),
        };
        format!(
            "Shift {{ reference: {reference}, groups: {}, threshold: {}, minimum_sample: {} }}",
            self.groups,
            text::float(self.threshold),
            self.minimum_sample
        )
    }

    fn words(&self, _: &str) -> String {
        let reference = match self.reference {
            Reference::Windows(n) => format!("{n} windows"),
            Reference::Days(n) => format!("{n} days"),
        };
        format!(
            "spread otherwise than in the {reference} before: stability index of {} or more in {} \
             groups, of {} values or more",
            self.threshold, self.groups, self.minimum_sample
        )
    }
}

fn reference(cx: &Context<'_>, k: &Fields<'_>) -> Option<Reference> {
    let node = k.need("reference", "the shift")?;
    let r = cx
        .file
        .fields(node, "the reference", &["windows", "weeks"])?;
    match (r.get("windows"), r.get("weeks")) {
        (Some(n), None) => {
            let windows = cx.file.whole(n, "windows", 1, 100)?;
            Some(Reference::Windows(windows as usize))
        }
        (None, Some(n)) => {
            let weeks = cx.file.whole(n, "weeks", 1, 12)?;
            Some(Reference::Days(weeks as usize * 7))
        }
        _ => {
            cx.file.say(
                node.at,
                codes::CATALOG_SYNTAX,
                "the shift has not one reference",
                "write `{windows: 28}` or `{weeks: 4}`",
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tests::of_value;
    use super::*;

    #[test]
    fn a_shift_has_a_distribution_and_a_reference() {
        let shift = |reference, groups, threshold, minimum_sample| {
            move |measure| Shift {
                measure,
                reference,
                groups,
                threshold,
                minimum_sample,
            }
        };
        for (lines, want) in [
            (
                "shift: {of: latency, reference: {windows: 28}}",
                shift(Reference::Windows(28), 10, 0.2, 100),
            ),
            (
                "shift: {of: llm.call.latency, reference: {weeks: 4}, groups: 5, \
                 threshold: 0.1, minimum_sample: 20}",
                shift(Reference::Days(28), 5, 0.1, 20),
            ),
        ] {
            let catalog = crate::types::Catalog::embedded().unwrap();
            let measures = &catalog.event("llm.call").unwrap().measures;
            let latency = measures.iter().position(|m| m.name == "latency");
            assert_eq!(
                of_value("", lines),
                Ok(want(latency.unwrap()).into()),
                "{lines}"
            );
        }
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        for (lines, told) in [
            ("shift: {of: latency}", "the shift has no \"reference\""),
            (
                "shift: {of: latency, reference: {windows: 4, weeks: 4}}",
                "the shift has not one reference",
            ),
            (
                "shift: {reference: {windows: 4}}",
                "the detector has no \"of\"",
            ),
            (
                "shift: {of: calls, reference: {windows: 4}}",
                "measure \"calls\" has no statistic \"count\": it is one number",
            ),
            (
                "value: calls, shift: {of: latency, reference: {windows: 4}}",
                "a detector that looks at all of a distribution has no value",
            ),
            (
                "window: 1h/5m, shift: {of: latency, reference: {windows: 4}}",
                "windows that overlap are their own reference",
            ),
            (
                "shift: {of: latency, reference: {weeks: 4}, threshold: 0}",
                "threshold is 0",
            ),
            (
                "shift: {of: latency, reference: {weeks: 4}}, floor: {absolute: 1}",
                "a shift has no direction and no floor",
            ),
        ] {
            assert_eq!(of_value("", lines), Err(vec![told.to_owned()]), "{lines}");
        }
    }
}
