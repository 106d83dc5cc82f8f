//! What has to be read so that something can be judged: windows as they are kept, the archive where
//! none are kept that would do, and why.

use anyhow::{Result, bail};
use weir_catalog::{Catalog, EventDef, RuleOn, counted_alike, suggest};
use weir_model::WindowSize;
use weir_model::codes::QUERY;
use weir_store::history::Kept;

/// What is to be judged, by name; all of it where nothing is named.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// KPIs and scores.
    pub kpis: Vec<String>,
    /// Detectors.
    pub detectors: Vec<String>,
    /// Alert rules.
    pub rules: Vec<String>,
}

/// By index in the catalog: what is judged, with all that it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scope {
    pub kpis: Vec<bool>,
    pub detectors: Vec<bool>,
    pub rules: Vec<bool>,
}

/// How the history of an event type is read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Read {
    /// Index in the catalog that judges.
    pub event: usize,
    /// Index in the catalog of the run.
    pub kept_as: usize,
    pub from: From,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum From {
    Windows(KeptWindows),
    /// Event by event, through stage 1; what is not kept, in words.
    Archive {
        lacking: String,
    },
}

/// Windows that are kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct KeptWindows {
    /// Rollups and sizes, as the run has them.
    pub kept: Vec<Kept>,
    /// By rollup of the run: the one of the catalog that judges.
    pub rollups: Vec<Option<usize>>,
    /// By rollup of the run: a rule on silence looks at it.
    pub watched: Vec<bool>,
    /// By measure of the catalog that judges: the place of its values.
    pub measures: Vec<Option<usize>>,
}

/// What is asked of a rollup.
#[derive(Debug, Clone, Default)]
struct Needs {
    sizes: Vec<WindowSize>,
    measures: Vec<usize>,
    watched: bool,
}

impl Scope {
    /// What is wanted, with all that it stands on.
    pub fn of(catalog: &Catalog, wanted: &Wanted) -> Result<Scope> {
        let all = wanted.kpis.is_empty() && wanted.detectors.is_empty() && wanted.rules.is_empty();
        let mut scope = Scope {
            kpis: vec![all; catalog.kpis.len()],
            detectors: vec![all; catalog.detectors.len()],
            rules: vec![all; catalog.rules.len()],
        };
        for name in &wanted.kpis {
            let known = catalog.kpis.iter().map(|k| k.name.as_str());
            scope.add_kpi(catalog, place("KPI", name, known)?);
        }
        for name in &wanted.detectors {
            let known = catalog.detectors.iter().map(|d| d.name.as_str());
            scope.detectors[place("detector", name, known)?] = true;
        }
        for name in &wanted.rules {
            let known = catalog.rules.iter().map(|r| r.name.as_str());
            scope.add_rule(catalog, place("rule", name, known)?);
        }
        Ok(scope)
    }

    fn add_kpi(&mut self, catalog: &Catalog, kpi: usize) {
        if std::mem::replace(&mut self.kpis[kpi], true) {
            return;
        }
        if let Some(mix) = &catalog.kpis[kpi].mix {
            mix.inputs
                .iter()
                .for_each(|(input, _)| self.add_kpi(catalog, *input));
        }
    }

    fn add_rule(&mut self, catalog: &Catalog, rule: usize) {
        if std::mem::replace(&mut self.rules[rule], true) {
            return;
        }
        let def = &catalog.rules[rule];
        for on in def.on.conditions() {
            match on {
                RuleOn::Kpi { kpi, .. } | RuleOn::Off(kpi) => self.add_kpi(catalog, *kpi),
                RuleOn::Detector(d) => self.detectors[*d] = true,
                RuleOn::NoData { .. } | RuleOn::Several { .. } => {}
            }
        }
        if let Some(other) = def.unless {
            self.add_rule(catalog, other);
        }
    }

    /// What is asked of each rollup of each event type.
    fn needs(&self, catalog: &Catalog) -> Vec<Vec<Needs>> {
        let rollups = |e: &EventDef| vec![Needs::default(); e.rollups.len()];
        let mut needs: Vec<Vec<Needs>> = catalog.events.iter().map(rollups).collect();
        let chosen = |chosen: &[bool], i: usize| chosen.get(i) == Some(&true);
        for (i, kpi) in catalog.kpis.iter().enumerate() {
            for term in kpi.terms.iter().filter(|_| chosen(&self.kpis, i)) {
                let of = &mut needs[term.event][term.rollup];
                of.sizes.push(kpi.window.stored());
                of.measures.push(term.measure);
            }
        }
        for (i, detector) in catalog.detectors.iter().enumerate() {
            if chosen(&self.detectors, i) {
                let of = &mut needs[detector.event][detector.rollup];
                of.sizes.push(detector.window.stored());
                of.measures.extend(detector.terms.iter().map(|t| t.measure));
            }
        }
        for (i, rule) in catalog.rules.iter().enumerate() {
            for on in rule.on.conditions() {
                if let (RuleOn::NoData { event, rollup, .. }, true) = (on, chosen(&self.rules, i)) {
                    needs[*event][*rollup].watched = true;
                    needs[*event][*rollup].sizes.push(WindowSize::Hour);
                }
            }
        }
        needs
    }

    /// What is read for it, of what a run keeps. `odd_days`: days of the tenant do not begin with
    /// an hour of UTC. Event types that the run does not have have no history.
    pub fn reads(&self, judging: &Catalog, run: &Catalog, odd_days: bool) -> Vec<Read> {
        let needs = self.needs(judging).into_iter().enumerate();
        let asked = needs.filter(|(_, of)| of.iter().any(|n| !n.sizes.is_empty()));
        let reads = asked.filter_map(|(event, needs)| {
            let kept_as = run.event_id(&judging.events[event].name)?;
            let (now, was) = (&judging.events[event], &run.events[kept_as]);
            let alike = counted_alike((run, was), (judging, now));
            let windows = alike
                .ok_or_else(|| format!("{} was counted in another way", now.name))
                .and_then(|measures| windows(now, was, &needs, measures, odd_days));
            Some(Read {
                event,
                kept_as,
                from: match windows {
                    Ok(windows) => From::Windows(windows),
                    Err(lacking) => From::Archive { lacking },
                },
            })
        });
        reads.collect()
    }
}

fn place<'n>(
    what: &str,
    name: &str,
    mut known: impl Iterator<Item = &'n str> + Clone,
) -> Result<usize> {
    match known.clone().position(|n| n == name) {
        Some(i) => Ok(i),
        None => {
            let near = suggest(name, &mut known);
            bail!("{QUERY}: there is no {what} \"{name}\"; {near}")
        }
    }
}

/// Kept windows that answer all needs of an event type, or what is lacking.
fn windows(
    now: &EventDef,
    was: &EventDef,
    needs: &[Needs],
    measures: Vec<Option<usize>>,
    odd_days: bool,
) -> Result<KeptWindows, String> {
    let mut windows = KeptWindows {
        kept: Vec::new(),
        rollups: vec![None; was.rollups.len()],
        watched: vec![false; was.rollups.len()],
        measures,
    };
    for (rollup, need) in needs
        .iter()
        .enumerate()
        .filter(|(_, n)| !n.sizes.is_empty())
    {
        let names = now.rollup_dimensions(&now.rollups[rollup]);
        let by = format!("[{}] of {}", names.join(", "), now.name);
        if let Some(m) = need
            .measures
            .iter()
            .find(|m| windows.measures[**m].is_none())
        {
            return Err(format!("measure {} of {}", now.measures[*m].name, now.name));
        }
        let kept_as = was.rollup_id(&names).ok_or(format!("rollup {by}"))?;
        let least = need.sizes.iter().min().copied().unwrap_or(WindowSize::Day);
        let stored = &was.rollups[kept_as].windows;
        let size = stored.iter().rfind(|s| **s <= least);
        let size = *size.ok_or(format!("windows of {} of {by}", least.label()))?;
        let days = need.sizes.contains(&WindowSize::Day);
        if odd_days && days && size == WindowSize::Hour {
            return Err(format!(
                "windows of 5m of {by}, as days of the tenant begin within an hour"
            ));
        }
        if need.watched && !names.is_empty() {
            return Err(format!("the last active minutes of {by}"));
        }
        windows.kept.push(Kept {
            rollup: kept_as,
            size,
        });
        windows.rollups[kept_as] = Some(rollup);
        windows.watched[kept_as] = need.watched;
    }
    Ok(windows)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn changed(file: &str, old: &str, new: &str) -> Catalog {
        let mut sources = Catalog::embedded_sources();
        let (_, text) = sources.iter_mut().find(|(f, _)| f == file).unwrap();
        assert!(text.contains(old), "{file} has no {old}");
        *text = text.replacen(old, new, 1);
        weir_catalog::load_sources(sources).unwrap()
    }

    fn lacking(reads: &[Read], judging: &Catalog, event: &str) -> Option<String> {
        let of = |r: &&Read| judging.events[r.event].name == event;
        match &reads.iter().find(of).unwrap().from {
            From::Windows(_) => None,
            From::Archive { lacking } => Some(lacking.clone()),
        }
    }

    #[test]
    fn what_runs_is_judged_from_the_windows_that_it_keeps() {
        let catalog = Catalog::embedded().unwrap();
        let scope = Scope::of(&catalog, &Wanted::default()).unwrap();
        let reads = scope.reads(&catalog, &catalog, false);
        assert!(reads.len() > 10);
        for read in &reads {
            let windows = match &read.from {
                From::Windows(windows) => windows,
                // When somebody of a dimension was last active is in no window.
                From::Archive { lacking } => {
                    assert_eq!(catalog.events[read.event].name, "emitter.observed");
                    assert!(lacking.starts_with("the last active minutes"), "{lacking}");
                    continue;
                }
            };
            // No window is made of larger ones, and none is read that smaller ones need not be.
            let needs = &scope.needs(&catalog)[read.event];
            for kept in &windows.kept {
                let least = needs[kept.rollup].sizes.iter().min().unwrap();
                assert!(kept.size <= *least);
                let stored = &catalog.events[read.event].rollups[kept.rollup].windows;
                assert!(!stored.iter().any(|s| kept.size < *s && s <= least));
            }
        }
    }

    #[test]
    fn a_rule_takes_what_it_stands_on_and_nothing_else() {
        let catalog = Catalog::embedded().unwrap();
        let named = |rule: &str| Wanted {
            rules: vec![rule.to_owned()],
            ..Wanted::default()
        };
        for rule in &catalog.rules {
            let scope = Scope::of(&catalog, &named(&rule.name)).unwrap();
            for on in rule.on.conditions() {
                match on {
                    RuleOn::Kpi { kpi, .. } | RuleOn::Off(kpi) => {
                        assert!(scope.kpis[*kpi]);
                        let mix = catalog.kpis[*kpi].mix.iter().flat_map(|m| &m.inputs);
                        assert!(mix.into_iter().all(|(input, _)| scope.kpis[*input]));
                    }
                    RuleOn::Detector(d) => assert!(scope.detectors[*d]),
                    RuleOn::NoData { .. } | RuleOn::Several { .. } => {}
                }
            }
            let rules = scope.rules.iter().filter(|chosen| **chosen).count();
            assert!(rules == 1 || rule.unless.is_some(), "{}", rule.name);
        }
        let wrong = Scope::of(&catalog, &named("no_such_rule")).unwrap_err();
        assert!(wrong.to_string().contains("WEIR-0305"), "{wrong}");
    }

    #[test]
    fn what_is_not_kept_is_counted_from_the_archive() {
        let runs = Catalog::embedded().unwrap();
        let reads = |judging: &Catalog| {
            let scope = Scope::of(judging, &Wanted::default()).unwrap();
            scope.reads(judging, &runs, false)
        };
        // Events are dated in another way.
        let file = "catalog/ai.query.yaml";
        let other = changed(file, "disorder: 1m", "version: 2\ndisorder: 2m");
        let told = lacking(&reads(&other), &other, "ai.query").unwrap();
        assert!(told.contains("counted in another way"), "{told}");
        assert_eq!(lacking(&reads(&other), &other, "llm.call"), None);
        // Days begin within an hour, and no smaller windows are kept.
        let scope = Scope::of(&runs, &Wanted::default()).unwrap();
        let odd = scope.reads(&runs, &runs, true);
        let archived = odd
            .iter()
            .filter(|r| matches!(r.from, From::Archive { .. }));
        assert!(archived.count() > 0);
    }
}
