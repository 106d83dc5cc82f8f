//! `measure[.stat]` at a rollup: the inputs of KPIs and detectors.

use crate::expr::{self, Compiled, Name, Tree};
use crate::problem::suggest;
use crate::reader::{Fields, File};
use crate::setting;
use crate::types::*;
use crate::yaml::{Node, Value};
use weir_model::codes;

/// `(message, remedy)`
type Told = (String, String);

/// Dimensions with the value that a term asks for: (name, value).
type Fixed = Vec<(String, String)>;

/// What a KPI's formula calls the length of its window.
pub(crate) const DAYS: &str = "days";

/// What an expression may refer to.
pub(crate) struct Scope<'a> {
    pub events: &'a [EventDef],
    /// For detectors: names without an event are measures of this one.
    pub event: Option<EventId>,
    /// Dimensions of the subject, sorted.
    pub dimensions: &'a [String],
    pub params: Vec<(String, f64)>,
    pub terms: Vec<Term>,
    /// Parts of the expression that have names.
    pub parts: Vec<(String, Tree)>,
}

impl Scope<'_> {
    /// Resolves `event.measure[.stat]` (or `measure[.stat]`) at the given dimensions, of which some
    /// are fixed.
    fn term(&self, name: &str, path: &str, at: &[String], fixed: Fixed) -> Result<Term, Told> {
        let (event, rest) = self.split(path)?;
        let def = &self.events[event];
        let (measure, stat) = rest.split_once('.').unwrap_or((rest, ""));
        let Some(index) = def.measures.iter().position(|m| m.name == measure) else {
            return Err((
                format!(
                    "\"{path}\" names measure \"{measure}\", which {} does not have",
                    def.name
                ),
                suggest(measure, def.measures.iter().map(|m| m.name.as_str())),
            ));
        };
        let stat = stat_of(&def.measures[index], stat)?;
        let known = |n: &str| def.dimensions.iter().any(|d| d.name == n);
        if let Some((unknown, _)) = fixed.iter().find(|(n, _)| !known(n)) {
            return Err((
                format!(
                    "\"{path}\" is asked at \"{unknown}\", which is no dimension of {}",
                    def.name
                ),
                suggest(unknown, def.dimensions.iter().map(|d| d.name.as_str())),
            ));
        }
        let Some(rollup) = find_rollup(def, at) else {
            return Err((
                format!("\"{path}\" is not kept by [{}]", at.join(", ")),
                format!("add [{}] to the rollups of {}", at.join(", "), def.name),
            ));
        };
        Ok(Term {
            name: name.to_string(),
            event,
            rollup,
            measure: index,
            stat,
            at: at.to_vec(),
            fixed,
        })
    }

    fn split<'p>(&self, path: &'p str) -> Result<(EventId, &'p str), Told> {
        if let Some(event) = self.event {
            let own = self.events[event].name.as_str();
            let rest = path
                .strip_prefix(own)
                .and_then(|r| r.strip_prefix('.'))
                .unwrap_or(path);
            if rest == path
                && let Some(told) = setting::named_by_detector(path, self.events)
            {
                return Err(told);
            }
            return Ok((event, rest));
        }
        let found = self.events.iter().enumerate().filter_map(|(i, e)| {
            let rest = path.strip_prefix(e.name.as_str())?.strip_prefix('.')?;
            Some((e.name.len(), i, rest))
        });
        match found.max() {
            Some((_, i, rest)) => Ok((i, rest)),
            None => {
                let known: Vec<&str> = self
                    .terms
                    .iter()
                    .map(|t| t.name.as_str())
                    .chain(self.params.iter().map(|(n, _)| n.as_str()))
                    .collect();
                let remedy = match path.contains('.') || known.is_empty() {
                    true => format!(
                        "write event.measure; {}",
                        suggest(path, self.events.iter().map(|e| e.name.as_str()))
                    ),
                    false => suggest(path, known),
                };
                Err((
                    format!("there is no term, parameter or measure \"{path}\""),
                    remedy,
                ))
            }
        }
    }

    /// A name in an expression: a declared term, a parameter, a part, a KPI's window, or a measure
    /// named in full. What is declared goes before what is built in.
    pub fn resolve(&mut self, name: &str) -> Result<Name, Told> {
        if let Some(i) = self.terms.iter().position(|t| t.name == name) {
            return Ok(Name::Term(i));
        }
        if let Some((_, v)) = self.params.iter().find(|(n, _)| n == name) {
            return Ok(Name::Number(*v));
        }
        if let Some((_, tree)) = self.parts.iter().find(|(n, _)| n == name) {
            return Ok(Name::Part(tree.clone()));
        }
        match self.event {
            None if name == DAYS => return Ok(Name::Days),
            Some(e) if name == DAYS && self.events[e].measures.iter().all(|m| m.name != DAYS) => {
                return Err((
                    "\"days\" is the length of a KPI's window, and this is no KPI".into(),
                    "write the number, or a parameter".into(),
                ));
            }
            _ => {}
        }
        let term = self.term(name, name, self.dimensions, Fixed::new())?;
        self.terms.push(term);
        Ok(Name::Term(self.terms.len() - 1))
    }

    /// Reads `params:` and `terms:`.
    pub fn read<'n>(&mut self, f: &Fields<'n>, allow_at: bool) {
        let file = f.file;
        if let Some(node) = f.get("params") {
            for (key, value) in file.entries(node, "params") {
                file.check_name(key, "a parameter");
                if let Some(v) = file.number(value, "a parameter") {
                    self.params.push((key.name.clone(), v));
                }
            }
        }
        let Some(node) = f.get("terms") else { return };
        for (key, value) in file.entries(node, "terms") {
            file.check_name(key, "a term");
            if self.params.iter().any(|(n, _)| *n == key.name) {
                file.say(
                    key.at,
                    codes::CATALOG_DUPLICATE,
                    format!("\"{}\" is a term and a parameter", key.name),
                    "rename one of them",
                );
            }
            let (mut at, mut fixed) = (self.dimensions.to_vec(), Fixed::new());
            let path_node = match &value.value {
                Value::Map(_) if allow_at => {
                    let Some(t) = file.fields(value, "a term", &["of", "at"]) else {
                        continue;
                    };
                    if let Some(n) = t.get("at") {
                        (at, fixed) = self.stands(file, n);
                    }
                    t.need("of", "a term")
                }
                _ => Some(value),
            };
            let Some(path_node) = path_node else { continue };
            let Some(path) = file.text(path_node, "a term") else {
                continue;
            };
            match self.term(&key.name, path, &at, fixed) {
                Ok(t) => self.terms.push(t),
                Err((message, remedy)) => {
                    file.say(path_node.at, codes::CATALOG_REFERENCE, message, remedy);
                }
            }
        }
    }

    /// Reads `let:`: names for parts of the expression, each of terms and of parts before it.
    pub fn read_parts(&mut self, f: &Fields<'_>) {
        let file = f.file;
        let Some(node) = f.get("let") else { return };
        for (key, value) in file.entries(node, "let") {
            file.check_name(key, "a part");
            let known = self.terms.iter().map(|t| &t.name);
            if known
                .chain(self.params.iter().map(|(n, _)| n))
                .any(|n| *n == key.name)
            {
                file.say(
                    key.at,
                    codes::CATALOG_DUPLICATE,
                    format!("\"{}\" is a part and a term or parameter", key.name),
                    "rename one of them",
                );
            }
            if let Some((_, compiled)) = self.compile(file, value) {
                self.parts.push((key.name.clone(), compiled.tree));
            }
        }
    }

    /// Reads where a term stands: `at: [a, b]` are some of the KPI's dimensions, `at: {a: value}`
    /// all of them with the value of some fixed.
    fn stands<'n>(&self, file: File<'n>, node: &'n Node) -> (Vec<String>, Fixed) {
        let own = self.dimensions;
        if !matches!(&node.value, Value::Map(_)) {
            let Some(names) = file.texts(node, "at") else {
                return (own.to_vec(), Fixed::new());
            };
            for (name, place) in names.iter().filter(|(n, _)| !own.iter().any(|d| d == n)) {
                file.say(
                    *place,
                    codes::CATALOG_REFERENCE,
                    format!("the term stands at \"{name}\", which is no dimension of the KPI"),
                    suggest(name, own.iter().map(String::as_str)),
                );
            }
            let mut at: Vec<String> = names.iter().map(|(n, _)| n.to_string()).collect();
            at.sort();
            return (at, Fixed::new());
        }
        let mut fixed = Fixed::new();
        for (key, value) in file.entries(node, "at") {
            let Some(text) = file.text(value, "the value of a dimension") else {
                continue;
            };
            if text.len() > 512 || text.chars().any(|c| c < ' ') {
                file.say(
                    value.at,
                    codes::CATALOG_IMPOSSIBLE,
                    format!("no event has this value of \"{}\"", key.name),
                    "write at most 512 bytes without control characters",
                );
            }
            fixed.push((key.name.clone(), text.to_owned()));
        }
        fixed.sort();
        let names = fixed.iter().map(|(n, _)| n);
        let mut at: Vec<String> = own.iter().chain(names).cloned().collect();
        at.sort();
        at.dedup();
        (at, fixed)
    }

    /// Compiles the expression in `node`; positions point into the file.
    pub fn compile(&mut self, file: File<'_>, node: &Node) -> Option<(Expr, Compiled)> {
        let number;
        let source = match &node.value {
            Value::Number(v) => {
                number = format!("{v:?}");
                number.as_str()
            }
            _ => file.text(node, "the expression")?,
        };
        match expr::compile(source, &mut |name| self.resolve(name)) {
            Ok(c) => Some((
                Expr {
                    source: source.to_string(),
                    ops: c.ops.clone(),
                },
                c,
            )),
            Err(problems) => {
                for p in problems {
                    file.say(file.inside(node.at, p.offset), p.code, p.message, p.remedy);
                }
                None
            }
        }
    }

    /// `minimum_sample: {calls: 20}`
    pub fn minimum_sample(&mut self, f: &Fields<'_>) -> Option<(usize, f64)> {
        let file = f.file;
        let node = f.get("minimum_sample")?;
        let entries = file.entries(node, "minimum_sample");
        let [(key, value)] = entries[..] else {
            file.say(
                node.at,
                codes::CATALOG_SYNTAX,
                "minimum_sample names no single measure",
                "write `{calls: 20}`",
            );
            return None;
        };
        let least = file.within(value, "minimum_sample", |v| v > 0.0, "a number above 0")?;
        match self.resolve(&key.name) {
            Ok(Name::Term(i)) => {
                let t = &self.terms[i];
                let measure = &self.events[t.event].measures[t.measure];
                if !measure.kind.is_sample(t.stat) {
                    file.say(
                        key.at,
                        codes::CATALOG_EXPRESSION,
                        format!("\"{}\" is not the size of a sample", key.name),
                        "name a count, a sum or a distinct count",
                    );
                }
                setting::check_sample(self, i, file, key.at);
                Some((i, least))
            }
            Ok(Name::Number(_) | Name::Truth(_) | Name::Part(_) | Name::Days) => {
                file.say(
                    key.at,
                    codes::CATALOG_REFERENCE,
                    format!("\"{}\" is a parameter, not a measure", key.name),
                    "name a measure",
                );
                None
            }
            Err((message, remedy)) => {
                file.say(key.at, codes::CATALOG_REFERENCE, message, remedy);
                None
            }
        }
    }

    /// Every term's rollup must store what the judged window is made of.
    pub fn check_window(&self, file: File<'_>, node: &Node, window: JudgedWindow) {
        let needed = window.stored();
        for t in &self.terms {
            let e = &self.events[t.event];
            let rollup = &e.rollups[t.rollup];
            if !rollup.by_need && !rollup.windows.contains(&needed) {
                file.say(
                    node.at,
                    codes::CATALOG_REFERENCE,
                    format!(
                        "window {} needs {} of {} by [{}], which is not stored",
                        window.label(),
                        needed.label(),
                        e.name,
                        t.at.join(", ")
                    ),
                    format!(
                        "add {} to that rollup's windows, or choose another window",
                        needed.label()
                    ),
                );
                return;
            }
        }
    }

    /// Smallest and largest value of a term.
    pub fn bounds(&self, i: usize) -> (f64, f64) {
        let t = &self.terms[i];
        let e = &self.events[t.event];
        e.measures[t.measure].kind.range(e, t.stat)
    }

    /// Its value is a mean or a percentile: as good as its sample.
    pub fn averages(&self, c: &Compiled) -> bool {
        c.ops.iter().any(|op| matches!(op, Op::Term(i) if matches!(self.terms[*i].stat, Stat::Mean | Stat::Percentile(_))))
    }

    /// The value can only grow while its window is open.
    pub fn only_grows(&self, c: &Compiled) -> bool {
        let [Op::Term(i)] = c.ops[..] else {
            return false;
        };
        let t = &self.terms[i];
        let e = &self.events[t.event];
        t.stat == Stat::Value && e.measures[t.measure].kind.only_grows(e)
    }
}

impl Catalog {
    /// What `llm.call.cost` or `llm.call.latency.p95` names: event type, measure, statistic.
    ///
    /// # Errors
    /// What is wrong with the name, and what to do.
    pub fn statistic(&self, path: &str) -> Result<(EventId, usize, Stat), (String, String)> {
        let within = |e: &EventDef| path.strip_prefix(e.name.as_str())?.strip_prefix('.');
        let longest = (0..self.events.len())
            .filter(|e| within(&self.events[*e]).is_some())
            .max_by_key(|e| self.events[*e].name.len());
        let Some(event) = longest else {
            let all = self.events.iter().flat_map(|e| {
                let names = e.measures.iter().map(|m| m.name.as_str());
                names.map(|m| format!("{}.{m}", e.name))
            });
            let all: Vec<String> = all.collect();
            return Err((
                format!("\"{path}\" names no event type with a measure"),
                suggest(path, all.iter().map(String::as_str)),
            ));
        };
        let def = &self.events[event];
        let rest = within(def).unwrap_or_default();
        let (name, stat) = rest.split_once('.').unwrap_or((rest, ""));
        let Some(measure) = def.measure_id(name) else {
            return Err((
                format!("{} has no measure \"{name}\"", def.name),
                suggest(name, def.measures.iter().map(|m| m.name.as_str())),
            ));
        };
        Ok((event, measure, stat_of(&def.measures[measure], stat)?))
    }
}

/// The rollup with exactly these dimensions.
pub(crate) fn find_rollup(e: &EventDef, names: &[String]) -> Option<usize> {
    e.rollups.iter().position(|r| {
        r.dimensions.len() == names.len()
            && r.dimensions
                .iter()
                .zip(names)
                .all(|(d, n)| e.dimensions[*d].name == *n)
    })
}

fn stat_of(m: &MeasureDef, stat: &str) -> Result<Stat, Told> {
    const STATS: &str = "use .count, .sum, .mean, .min, .max or .pNN (p50, p95, p99.9)";
    if !m.kind.has_statistics() {
        return match stat {
            "" => Ok(Stat::Value),
            _ => Err((
                format!(
                    "measure \"{}\" has no statistic \"{stat}\": it is one number",
                    m.name
                ),
                format!("write \"{}\" alone, or declare a distribution", m.name),
            )),
        };
    }
    match stat {
        "" => Err((
            format!("measure \"{}\" is a distribution, not one number", m.name),
            STATS.into(),
        )),
        "count" => Ok(Stat::Count),
        "sum" => Ok(Stat::Sum),
        "mean" => Ok(Stat::Mean),
        "min" => Ok(Stat::Min),
        "max" => Ok(Stat::Max),
        _ => percentile(stat).map(Stat::Percentile).ok_or_else(|| {
            (
                format!("a distribution has no statistic \"{stat}\""),
                STATS.into(),
            )
        }),
    }
}

fn percentile(stat: &str) -> Option<u16> {
    let digits = stat.strip_prefix('p')?;
    let (whole, tenth) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |s: &str| !s.is_empty() && s.len() <= 2 && s.bytes().all(|b| b.is_ascii_digit());
    if !plain(whole) || !plain(tenth) || tenth.len() != 1 {
        return None;
    }
    let p = whole.parse::<u16>().ok()? * 10 + tenth.parse::<u16>().ok()?;
    (p > 0).then_some(p)
}

/// Names of the dimensions of a subject, sorted.
pub(crate) fn read_by(f: &Fields<'_>) -> Vec<String> {
    let Some(names) = f.get("by").and_then(|n| f.file.texts(n, "by")) else {
        return Vec::new();
    };
    let mut by: Vec<String> = names.into_iter().map(|(n, _)| n.to_string()).collect();
    by.sort();
    by
}
