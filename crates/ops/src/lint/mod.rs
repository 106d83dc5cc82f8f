//! Declarations that can be read but are hardly meant: what `weir catalog check` says beyond
//! errors. Each check is a file; a finding names its code, its place and what to do.

mod direction;
mod examples;
mod measures;
mod sample;
mod units;
mod unread;

use weir_catalog::{Catalog, KpiDef, Problem};
use weir_model::Code;

/// Everything that looks wrong, sorted by place. `read_elsewhere` says whether anything outside of
/// the catalog, such as a named question, speaks of a name.
pub fn lint(catalog: &Catalog, read_elsewhere: &dyn Fn(&str) -> bool) -> Vec<Problem> {
    let mut found = Findings {
        catalog,
        all: Vec::new(),
    };
    for event in &catalog.events {
        measures::check(event, &mut found);
    }
    for kpi in &catalog.kpis {
        units::check(kpi, &mut found);
        direction::check(kpi, &mut found);
        sample::check(kpi, &mut found);
        examples::check(kpi, &mut found);
        unread::check(kpi, read_elsewhere, &mut found);
    }
    direction::check_rules(&mut found);
    found.all.sort();
    found.all.dedup();
    found.all
}

/// What was found so far.
struct Findings<'a> {
    catalog: &'a Catalog,
    all: Vec<Problem>,
}

impl Findings<'_> {
    /// Notes one. `path` leads to the definition: `["kpis", "roi"]`, `["llm.call", "measures",
    /// "cost"]`.
    fn say(&mut self, path: &[&str], code: Code, message: String, remedy: impl Into<String>) {
        let (file, line, column) = self.catalog.place(path);
        self.all.push(Problem {
            file,
            line,
            column,
            code,
            message,
            remedy: remedy.into(),
        });
    }

    fn of_kpi(&mut self, kpi: &KpiDef, code: Code, message: String, remedy: impl Into<String>) {
        self.say(&["kpis", &kpi.name], code, message, remedy);
    }
}
