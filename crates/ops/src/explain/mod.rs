//! What a number is made of: the formula of a KPI, its terms, the parts under each, and the events
//! under these with their places in the log. What is listed adds up to the number, and says so.

mod asked;
mod events;
mod find;
mod kpi;
mod term;
mod told;

pub use asked::{Window, subject};
pub use told::{
    Event, Events, Explanation, Formula, Group, Input, Part, Parts, Price, Said, Term, WindowTold,
};

use anyhow::{Result, anyhow};
use find::{Base, Found};
use std::collections::BTreeMap;
use weir_catalog::{Catalog, JudgedWindow, suggest};
use weir_model::codes::QUERY;
use weir_store::Store;

/// Whose numbers are explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose<'a> {
    /// A tenant among all; `None`: there is one only. Others may be named in an error.
    Among(Option<&'a str>),
    /// This tenant: for who asks, there is no other.
    Sole(&'a str),
}

/// Whom is asked about what.
pub struct Explain<'a> {
    /// The catalog of the run.
    pub catalog: &'a Catalog,
    /// ClickHouse, opened for weir itself: the questions bring settings of their own.
    pub store: &'a Store,
    /// Whose number.
    pub whose: Whose<'a>,
    /// Values of the dimensions, by name.
    pub subject: &'a BTreeMap<String, String>,
    /// When.
    pub window: Window,
    /// Most parts and most events that are listed of each term.
    pub limit: usize,
}

impl Explain<'_> {
    /// Of a KPI or a score.
    ///
    /// # Errors
    /// There is no such KPI, subject or window (WEIR-0305, with what there is), or ClickHouse does
    /// not answer.
    pub async fn kpi(&self, name: &str) -> Result<Explanation> {
        let Some(kpi) = self.catalog.kpi(name) else {
            let known = self.catalog.kpis.iter().map(|k| k.name.as_str());
            let near = suggest(name, known);
            return Err(anyhow!("{QUERY}: there is no KPI \"{name}\"; {near}"));
        };
        let base = Base::Kpi(kpi);
        let found = self.find(&base, kpi.window).await?;
        kpi::explain(self, kpi, &found).await
    }

    /// Of a statistic of a measure, `llm.call.cost` or `llm.call.latency.p95`.
    ///
    /// # Errors
    /// As of [`Explain::kpi`].
    pub async fn measure(&self, path: &str) -> Result<Explanation> {
        let named = self.catalog.statistic(path);
        let (event, measure, stat) =
            named.map_err(|(what, remedy)| anyhow!("{QUERY}: {what}; {remedy}"))?;
        let def = &self.catalog.events[event];
        let names: Vec<&str> = self.subject.keys().map(String::as_str).collect();
        let Some(rollup) = def.rollup_id(&names) else {
            let kept = def.rollups.iter();
            let kept = kept.map(|r| format!("[{}]", def.rollup_dimensions(r).join(", ")));
            let kept: Vec<String> = kept.collect();
            return Err(anyhow!(
                "{QUERY}: {} is not kept by [{}]; name a subject of {}",
                def.name,
                names.join(", "),
                kept.join(" or ")
            ));
        };
        let size = self.window.size_of(&def.rollups[rollup].windows)?;
        let base = Base::Measure {
            event,
            rollup,
            size,
        };
        let found = self.find(&base, JudgedWindow::Tumbling(size)).await?;
        let of = term::Of {
            name: path.to_owned(),
            event,
            rollup,
            measure,
            stat,
            subject: found.subject.clone(),
            size,
            span: (found.start, found.end),
            value: None,
        };
        let term = term::explain(self, &found.tenant, of).await?;
        let m = &def.measures[measure];
        Ok(Explanation {
            what: "measure",
            name: path.to_owned(),
            title: m.title.clone(),
            unit: m.unit.clone(),
            tenant: found.tenant.clone(),
            subject: self.subject.clone(),
            window: found.window(size.label()),
            formula: None,
            published: None,
            current: Said {
                value: term.value,
                score: None,
                status: None,
            },
            adds_up: term.adds_up,
            inputs: Vec::new(),
            terms: vec![term],
        })
    }

    async fn find(&self, base: &Base<'_>, window: JudgedWindow) -> Result<Found> {
        let tenant = match self.whose {
            Whose::Sole(tenant) => tenant.to_owned(),
            Whose::Among(asked) => crate::tenant::meant(self.store, asked).await?,
        };
        find::find(self, base, tenant, window).await
    }
}
