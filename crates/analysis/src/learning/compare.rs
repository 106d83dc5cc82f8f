//! A person beside a role, beside peers and beside benchmarks.

use serde::Serialize;
use std::collections::BTreeMap;

/// Fewest peers that a comparison is made with: fewer would tell who they are.
pub const MIN_PEERS: usize = 5;
/// Share of peers that a strength is above.
const STRONG: f64 = 0.75;

/// What is known of a skill.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Level {
    /// Level, in the unit of the role's requirement.
    pub level: f64,
    /// Observations it rests on.
    pub sample: usize,
}

/// What a role asks of a skill.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Requirement {
    /// Level that is needed.
    pub level: f64,
    /// Weight beside other skills, above 0.
    pub weight: f64,
    /// Observations without which nothing is said.
    pub min_sample: usize,
}

/// How far a skill is from what a role needs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SkillGap {
    /// The skill.
    pub skill: String,
    /// Level that is needed.
    pub required: f64,
    /// Level that was observed; absent where the sample is too small, which is no level of 0.
    pub level: Option<f64>,
    /// What is missing, 0 or above; absent where the level is.
    pub gap: Option<f64>,
    /// The gap as a share of what is needed, times the weight: what sorts gaps.
    pub weighted: Option<f64>,
}

/// The gaps of a person against a role, largest first, unknown ones last.
pub fn skill_gap(
    role: &BTreeMap<String, Requirement>,
    person: &BTreeMap<String, Level>,
) -> Vec<SkillGap> {
    let mut out: Vec<SkillGap> = role
        .iter()
        .map(|(skill, r)| {
            let known = person
                .get(skill)
                .filter(|l| l.sample >= r.min_sample.max(1));
            let level = known.map(|l| l.level);
            let gap = level.map(|l| (r.level - l).max(0.0));
            let share = |g: f64| {
                if r.level > 0.0 {
                    g / r.level * r.weight
                } else {
                    0.0
                }
            };
            SkillGap {
                skill: skill.clone(),
                required: r.level,
                level,
                gap,
                weighted: gap.map(share),
            }
        })
        .collect();
    let key = |g: &SkillGap| g.weighted.unwrap_or(-1.0);
    out.sort_by(|a, b| {
        key(b)
            .total_cmp(&key(a))
            .then_with(|| a.skill.cmp(&b.skill))
    });
    out
}

/// Where a value stands among those of peers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Standing {
    /// Share of peers that it is above, equal ones counted half, 0 to 1.
    pub above: f64,
    /// Their median.
    pub median: f64,
    /// Peers, without the person.
    pub peers: usize,
}

/// The standing of a value; `None` with fewer than [`MIN_PEERS`] peers.
pub fn standing(value: f64, peers: &[f64]) -> Option<Standing> {
    if peers.len() < MIN_PEERS || !value.is_finite() {
        return None;
    }
    let below = peers.iter().filter(|p| **p < value).count() as f64;
    let equal = peers.iter().filter(|p| **p == value).count() as f64;
    Some(Standing {
        above: (below + 0.5 * equal) / peers.len() as f64,
        median: crate::stats::median(peers)?,
        peers: peers.len(),
    })
}

/// The skills in which a person is above three quarters of the peers, strongest first.
pub fn strengths(
    person: &BTreeMap<String, Level>,
    peers: &BTreeMap<String, Vec<f64>>,
    min_sample: usize,
) -> Vec<(String, Standing)> {
    let mut out: Vec<(String, Standing)> = person
        .iter()
        .filter(|(_, l)| l.sample >= min_sample.max(1))
        .filter_map(|(skill, l)| {
            let standing = standing(l.level, peers.get(skill)?)?;
            (standing.above >= STRONG).then(|| (skill.clone(), standing))
        })
        .collect();
    out.sort_by(|a, b| b.1.above.total_cmp(&a.1.above).then_with(|| a.0.cmp(&b.0)));
    out
}

/// A value that a setting names as the one to reach.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Benchmark {
    /// Its name.
    pub name: String,
    /// The value to reach.
    pub value: f64,
    /// The value that was reached.
    pub reached: f64,
    /// `reached` as a share of `value`; absent for a benchmark of 0.
    pub share: Option<f64>,
    /// Whether it is met.
    pub met: bool,
}

/// Compares a value with a benchmark that is met from above, or from below where less is better.
pub fn benchmark(name: &str, value: f64, reached: f64, better: crate::trend::Better) -> Benchmark {
    Benchmark {
        name: name.to_owned(),
        value,
        reached,
        share: (value != 0.0).then(|| reached / value),
        met: match better {
            crate::trend::Better::Higher => reached >= value,
            crate::trend::Better::Lower => reached <= value,
        },
    }
}
