//! KPIs, detectors and alert rules.

use crate::expr::{Compiled, range};
use crate::problem::suggest;
use crate::reader::{Fields, File};
use crate::terms::{Scope, find_rollup, read_by, read_window};
use crate::types::*;
use crate::yaml::{Key, Node};
use weir_model::{Micros, WindowSize, codes};

const SEVERITIES: &[&str] = &["low", "medium", "high", "critical"];

/// A definition under check: what later references need to know beside it.
pub(crate) struct Checked<T> {
    pub def: T,
    /// A ratio, mean or percentile without a minimum sample.
    pub unsampled: bool,
    /// Smallest and largest value it can take.
    pub range: (f64, f64),
}

pub(crate) fn kpi(
    file: File<'_>,
    key: &Key,
    node: &Node,
    events: &[EventDef],
) -> Option<Checked<KpiDef>> {
    const FIELDS: &[&str] = &[
        "version",
        "title",
        "unit",
        "decimals",
        "category",
        "weight",
        "by",
        "window",
        "params",
        "terms",
        "value",
        "target",
        "better",
        "minimum_sample",
    ];
    file.check_name(key, "a KPI");
    let f = file.fields(node, "a KPI", FIELDS)?;
    let dimensions = read_by(&f);
    let mut scope = Scope {
        events,
        event: None,
        dimensions: &dimensions,
        params: Vec::new(),
        terms: Vec::new(),
    };
    scope.read(&f, true);
    let value = f
        .need("value", "the KPI")
        .and_then(|n| Some((n, scope.compile(file, n)?)));
    let minimum_sample = scope.minimum_sample(&f);
    let window = read_window(&f, "the KPI");
    if let Some((w, at)) = window {
        scope.check_window(file, at, w);
    }
    let unit = f.text_or("unit", "");
    let decimals = f
        .get("decimals")
        .map_or(Some(2), |n| file.whole(n, "decimals", 0, 9));
    let weight = f.get("weight").map_or(Some(1.0), |n| {
        file.within(n, "weight", |v| v >= 0.0, "a number from 0")
    });
    let range = value.as_ref().map_or(ANYTHING, |(_, (_, c))| {
        within_unit(&unit, range(&c.tree, &|i| scope.bounds(i)))
    });
    let target = target(&f, range);
    let (value_node, (expr, compiled)) = value?;
    if !scope.terms.iter().any(|t| t.at == dimensions) {
        file.say(
            value_node.at,
            codes::CATALOG_IMPOSSIBLE,
            format!(
                "no term stands on the KPI's own subject [{}], so it is never published",
                dimensions.join(", ")
            ),
            "let one term have all its dimensions",
        );
    }
    let unsampled = minimum_sample.is_none() && (compiled.divides() || scope.averages(&compiled));
    let local = scope.terms.iter().all(|t| t.at == dimensions);
    let terms = scope.terms;
    let def = KpiDef {
        name: key.name.clone(),
        version: f.version(),
        title: f.text_or("title", ""),
        unit,
        decimals: decimals?,
        category: f.text_or("category", "other"),
        weight: weight?,
        dimensions,
        window: window?.0,
        terms,
        expr,
        target,
        minimum_sample,
        local,
    };
    Some(Checked {
        def,
        unsampled,
        range,
    })
}

const ANYTHING: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

/// `percent` and `ratio` are parts of a whole. Growth and multiples have other units (`percent_change`, `x`).
fn within_unit(unit: &str, (lo, hi): (f64, f64)) -> (f64, f64) {
    match unit {
        "percent" => (lo.max(0.0), hi.min(100.0)),
        "ratio" => (lo.max(0.0), hi.min(1.0)),
        _ => (lo, hi),
    }
}

fn target(f: &Fields<'_>, (lo, hi): (f64, f64)) -> Option<Target> {
    let better = f.word("better", &["higher", "lower"], "higher");
    let Some(node) = f.get("target") else {
        if let Some(k) = f.key("better") {
            f.file.say(
                k.at,
                codes::CATALOG_SYNTAX,
                "\"better\" is given without a target",
                "add `target:`",
            );
        }
        return None;
    };
    let value = f.file.number(node, "target")?;
    let higher_is_better = better == "higher";
    if f.get("better").is_none() {
        f.file.say(
            node.at,
            codes::CATALOG_SYNTAX,
            "a target needs to know which way is better",
            "add `better: higher` or `better: lower`",
        );
    }
    let problem = if higher_is_better && value > hi {
        Some((
            format!("the target {value} is never reached: the value is at most {hi}"),
            format!("aim at {hi} or less"),
        ))
    } else if !higher_is_better && value < lo {
        Some((
            format!("the target {value} is never reached: the value is at least {lo}"),
            format!("aim at {lo} or more"),
        ))
    } else if higher_is_better && value <= 0.0 {
        Some((
            format!("a target of {value} cannot be scored where higher is better"),
            "aim above 0".to_string(),
        ))
    } else if !higher_is_better && value < 0.0 {
        Some((
            format!("a target of {value} cannot be scored where lower is better"),
            "aim at 0 or more".to_string(),
        ))
    } else {
        None
    };
    if let Some((message, remedy)) = problem {
        f.file
            .say(node.at, codes::CATALOG_IMPOSSIBLE, message, remedy);
    }
    Some(Target {
        value,
        higher_is_better,
    })
}

/// Reads `above` and `below`; they must leave room between them and be reachable.
fn limits(f: &Fields<'_>, (lo, hi): (f64, f64)) -> (Option<f64>, Option<f64>) {
    let (above, below) = (f.number("above"), f.number("below"));
    let impossible = |name: &str, message: String, remedy: &str| {
        if let Some(n) = f.get(name) {
            f.file.say(n.at, codes::CATALOG_IMPOSSIBLE, message, remedy);
        }
    };
    if let (Some(a), Some(b)) = (above, below)
        && a < b
    {
        impossible(
            "above",
            format!("above {a} and below {b} exclude each other: every value is outside"),
            "swap them",
        );
    }
    if let Some(a) = above
        && a >= hi
    {
        impossible(
            "above",
            format!("nothing is ever above {a}: the value is at most {hi}"),
            "choose a smaller bound",
        );
    }
    if let Some(b) = below
        && b <= lo
    {
        impossible(
            "below",
            format!("nothing is ever below {b}: the value is at least {lo}"),
            "choose a larger bound",
        );
    }
    (above, below)
}

pub(crate) fn detector(
    file: File<'_>,
    key: &Key,
    node: &Node,
    events: &[EventDef],
) -> Option<Checked<DetectorDef>> {
    const FIELDS: &[&str] = &[
        "version",
        "title",
        "event",
        "by",
        "window",
        "params",
        "terms",
        "value",
        "limit",
        "zscore",
        "drift",
        "seasonal",
        "direction",
        "floor",
        "minimum_sample",
        "severity",
    ];
    const KINDS: [&str; 4] = ["limit", "zscore", "drift", "seasonal"];
    file.check_name(key, "a detector");
    let f = file.fields(node, "a detector", FIELDS)?;
    let event = event_of(&f, "the detector", events)?;
    let dimensions = read_by(&f);
    let rollup = rollup_of(&f, event, &dimensions, events)?;
    let mut scope = Scope {
        events,
        event: Some(event),
        dimensions: &dimensions,
        params: Vec::new(),
        terms: Vec::new(),
    };
    scope.read(&f, false);
    let value = f
        .need("value", "the detector")
        .and_then(|n| Some((n, scope.compile(file, n)?)));
    let minimum_sample = scope.minimum_sample(&f);
    let window = read_window(&f, "the detector");
    if let Some((w, at)) = window {
        scope.check_window(file, at, w);
    }
    let declared: Vec<&str> = KINDS.into_iter().filter(|k| f.get(k).is_some()).collect();
    let [name] = declared[..] else {
        file.say(
            key.at,
            codes::CATALOG_SYNTAX,
            format!(
                "detector \"{}\" declares {} ways to judge",
                key.name,
                declared.len()
            ),
            format!("declare one of {}", KINDS.join(", ")),
        );
        return None;
    };
    let (_, (expr, compiled)) = value?;
    let range = range(&compiled.tree, &|i| scope.bounds(i));
    let kind = kind(&f, name, range, &scope, &compiled, window.map(|(w, _)| w))?;
    let floor = f
        .get("floor")
        .and_then(|n| file.fields(n, "floor", &["relative", "absolute"]));
    let floor_of = |name: &str| {
        floor
            .and_then(|fl| fl.get(name))
            .and_then(|n| file.within(n, name, |v| v >= 0.0, "a number from 0"))
            .unwrap_or(0.0)
    };
    if name == "limit" && (f.get("direction").is_some() || floor.is_some()) {
        file.say(
            key.at,
            codes::CATALOG_SYNTAX,
            "a limit has no direction and no floor",
            "remove them; use above and below",
        );
    }
    let unsampled = minimum_sample.is_none() && (compiled.divides() || scope.averages(&compiled));
    let def = DetectorDef {
        name: key.name.clone(),
        version: f.version(),
        title: f.text_or("title", ""),
        event,
        rollup,
        window: window?.0,
        terms: scope.terms,
        expr,
        kind,
        direction: match f
            .word("direction", &["up", "down", "both"], "both")
            .as_str()
        {
            "up" => Direction::Up,
            "down" => Direction::Down,
            _ => Direction::Both,
        },
        floor_relative: floor_of("relative"),
        floor_absolute: floor_of("absolute"),
        minimum_sample,
        severity: f.word("severity", SEVERITIES, "medium"),
    };
    Some(Checked {
        def,
        unsampled,
        range,
    })
}

fn kind(
    f: &Fields<'_>,
    name: &str,
    range: (f64, f64),
    scope: &Scope<'_>,
    value: &Compiled,
    window: Option<JudgedWindow>,
) -> Option<DetectorKind> {
    let file = f.file;
    let node = f.get(name)?;
    let part = |k: &Fields<'_>, name: &str, default: f64| {
        k.get(name).map_or(Some(default), |n| {
            file.within(
                n,
                name,
                |v| v > 0.0 && v <= 1.0,
                "a part above 0, at most 1",
            )
        })
    };
    let threshold = |k: &Fields<'_>, default: f64| {
        k.get("threshold").map_or(Some(default), |n| {
            file.within(n, "threshold", |v| v > 0.0, "a number above 0")
        })
    };
    let whole = |k: &Fields<'_>, name: &str, default: u32, low: u32, high: u32| {
        k.get(name)
            .map_or(Some(default), |n| file.whole(n, name, low, high))
    };
    match name {
        "limit" => {
            let k = file.fields(node, "limit", &["above", "below", "early"])?;
            let (above, below) = limits(&k, range);
            if above.is_none() && below.is_none() {
                file.say(
                    node.at,
                    codes::CATALOG_SYNTAX,
                    "the limit limits nothing",
                    "write `{above: 100}`",
                );
            }
            let early = k.truth("early");
            let tumbling = matches!(window, None | Some(JudgedWindow::Tumbling(_)));
            if early && (below.is_some() || !tumbling || !scope.only_grows(value)) {
                file.say(
                    k.get("early").unwrap_or(node).at,
                    codes::CATALOG_EARLY,
                    "an early limit needs a value that can only grow within its window",
                    "limit from `above` a count, a max, a cost or a sum of fields bounded by `min: 0`, in a tumbling window, or remove `early`",
                );
            }
            Some(DetectorKind::Limit {
                above,
                below,
                early,
            })
        }
        "zscore" => {
            let k = file.fields(node, "zscore", &["history", "warmup", "threshold"])?;
            let history = whole(&k, "history", 120, 4, 1024)?;
            let warmup = whole(&k, "warmup", history.min(30), 2, history)?;
            Some(DetectorKind::ZScore {
                history: history as usize,
                warmup: warmup as usize,
                threshold: threshold(&k, 5.0)?,
            })
        }
        "drift" => {
            let k = file.fields(node, "drift", &["fast", "slow", "warmup", "threshold"])?;
            let (fast, slow) = (part(&k, "fast", 0.3)?, part(&k, "slow", 0.02)?);
            if fast <= slow {
                file.say(
                    node.at,
                    codes::CATALOG_IMPOSSIBLE,
                    format!("fast {fast} is not above slow {slow}"),
                    "give the fast mean the larger weight",
                );
            }
            let warmup = whole(&k, "warmup", 30, 2, 100_000)? as usize;
            Some(DetectorKind::Drift {
                fast,
                slow,
                warmup,
                threshold: threshold(&k, 5.0)?,
            })
        }
        _ => {
            let k = file.fields(node, "seasonal", &["warmup", "weight", "threshold"])?;
            if !matches!(
                window,
                None | Some(JudgedWindow::Tumbling(
                    WindowSize::Minute | WindowSize::FiveMinutes | WindowSize::Hour
                ))
            ) {
                file.say(
                    f.get("window").unwrap_or(node).at,
                    codes::CATALOG_IMPOSSIBLE,
                    "a seasonal detector learns hours of the week, and this window is not within one",
                    "use 1m, 5m or 1h",
                );
            }
            Some(DetectorKind::Seasonal {
                warmup: whole(&k, "warmup", 3, 1, 520)?,
                weight: part(&k, "weight", 0.3)?,
                threshold: threshold(&k, 4.0)?,
            })
        }
    }
}

fn event_of(f: &Fields<'_>, what: &str, events: &[EventDef]) -> Option<EventId> {
    let node = f.need("event", what)?;
    let name = f.file.text(node, "event")?;
    let found = events.iter().position(|e| e.name == name);
    if found.is_none() {
        f.file.say(
            node.at,
            codes::CATALOG_REFERENCE,
            format!("there is no event \"{name}\""),
            suggest(name, events.iter().map(|e| e.name.as_str())),
        );
    }
    found
}

fn rollup_of(f: &Fields<'_>, event: EventId, by: &[String], events: &[EventDef]) -> Option<usize> {
    let e = &events[event];
    let found = find_rollup(e, by);
    if found.is_none() {
        let at = f.get("by").map_or(f.at, |n| n.at);
        f.file.say(
            at,
            codes::CATALOG_REFERENCE,
            format!("{} is not kept by [{}]", e.name, by.join(", ")),
            format!("add [{}] to its rollups", by.join(", ")),
        );
    }
    found
}

pub(crate) fn rule(
    file: File<'_>,
    key: &Key,
    node: &Node,
    events: &[EventDef],
    kpis: &[Checked<KpiDef>],
    detectors: &[Checked<DetectorDef>],
) -> Option<RuleDef> {
    const FIELDS: &[&str] = &[
        "version",
        "title",
        "kpi",
        "above",
        "below",
        "detector",
        "no_data",
        "open_after",
        "resolve_after",
        "severity",
        "impact",
        "action",
    ];
    file.check_name(key, "a rule");
    let f = file.fields(node, "a rule", FIELDS)?;
    let on = on(&f, key, events, kpis, detectors)?;
    let times = |name: &str| {
        f.get(name)
            .map_or(Some(1), |n| file.whole(n, name, 1, 1000))
    };
    for name in ["impact", "action"] {
        f.need(name, "the rule");
    }
    if !matches!(on, RuleOn::Kpi { .. }) {
        for k in ["above", "below"].iter().filter_map(|n| f.key(n)) {
            file.say(
                k.at,
                codes::CATALOG_SYNTAX,
                format!("\"{}\" belongs to rules on a KPI", k.name),
                "remove it",
            );
        }
    }
    Some(RuleDef {
        name: key.name.clone(),
        version: f.version(),
        title: f.text_or("title", ""),
        on,
        open_after: times("open_after")?,
        resolve_after: times("resolve_after")?,
        severity: f.word("severity", SEVERITIES, "medium"),
        impact: f.text_or("impact", ""),
        action: f.text_or("action", ""),
    })
}

fn on(
    f: &Fields<'_>,
    key: &Key,
    events: &[EventDef],
    kpis: &[Checked<KpiDef>],
    detectors: &[Checked<DetectorDef>],
) -> Option<RuleOn> {
    let file = f.file;
    let sampled = |node: &Node, what: &str, name: &str, unsampled: bool| {
        if unsampled {
            file.say(
                node.at,
                codes::CATALOG_NO_MINIMUM,
                format!("{what} \"{name}\" is a ratio, mean or percentile without a minimum sample, so a rule on it fires on noise"),
                format!("add `minimum_sample: {{calls: 20}}` to the {what}"),
            );
        }
    };
    match (f.get("kpi"), f.get("detector"), f.get("no_data")) {
        (Some(n), None, None) => {
            let name = file.text(n, "kpi")?;
            let Some(kpi) = kpis.iter().position(|k| k.def.name == name) else {
                let remedy = suggest(name, kpis.iter().map(|k| k.def.name.as_str()));
                file.say(
                    n.at,
                    codes::CATALOG_REFERENCE,
                    format!("there is no KPI \"{name}\""),
                    remedy,
                );
                return None;
            };
            sampled(n, "KPI", name, kpis[kpi].unsampled);
            let (above, below) = limits(f, kpis[kpi].range);
            if above.is_none() && below.is_none() {
                file.say(
                    key.at,
                    codes::CATALOG_SYNTAX,
                    "the rule has no threshold",
                    "add `above:` or `below:`",
                );
            }
            Some(RuleOn::Kpi { kpi, above, below })
        }
        (None, Some(n), None) => {
            let name = file.text(n, "detector")?;
            let Some(d) = detectors.iter().position(|d| d.def.name == name) else {
                let remedy = suggest(name, detectors.iter().map(|d| d.def.name.as_str()));
                file.say(
                    n.at,
                    codes::CATALOG_REFERENCE,
                    format!("there is no detector \"{name}\""),
                    remedy,
                );
                return None;
            };
            sampled(n, "detector", name, detectors[d].unsampled);
            Some(RuleOn::Detector(d))
        }
        (None, None, Some(n)) => {
            let d = file.fields(n, "no_data", &["event", "by", "silence"])?;
            let event = event_of(&d, "no_data", events)?;
            let rollup = rollup_of(&d, event, &read_by(&d), events)?;
            let s = d.need("silence", "no_data")?;
            let silence = file.duration(s, "silence")?;
            if silence < Micros::HOUR || silence.0 % Micros::HOUR.0 != 0 {
                file.say(
                    s.at,
                    codes::CATALOG_IMPOSSIBLE,
                    "silence is judged at full hours",
                    "write a multiple of 1h",
                );
            }
            if !events[event].rollups[rollup]
                .windows
                .contains(&WindowSize::Minute)
                && !events[event].rollups[rollup]
                    .windows
                    .contains(&WindowSize::Hour)
            {
                file.say(
                    n.at,
                    codes::CATALOG_REFERENCE,
                    "no_data needs minutes or hours of its rollup",
                    "store 1m or 1h there",
                );
            }
            Some(RuleOn::NoData {
                event,
                rollup,
                silence,
            })
        }
        _ => {
            file.say(
                key.at,
                codes::CATALOG_SYNTAX,
                format!("rule \"{}\" does not look at exactly one thing", key.name),
                "name one of kpi, detector, no_data",
            );
            None
        }
    }
}
