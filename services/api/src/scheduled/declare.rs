//! Which reports are sent when and to whom: what is shipped, with what the configuration says over
//! it, checked.

use super::cron::Cron;
use crate::Schemas;
use anyhow::{Context, Result, bail};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use weir_mail::lettre::message::Mailbox;
use weir_model::codes::REPORT_SCHEDULE;
use weir_report::{Declaration, Format};

/// What is built in.
const SHIPPED: &str = include_str!("../../../../schemas/schedules.yaml");
/// Its place in a folder of schemas.
const FILE: &str = "schedules.yaml";
/// In place of an address: whom the report is about.
const THEMSELVES: &str = "themselves";

/// How reports are made and sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReportsConfig {
    /// Templates in place of the shipped ones, where the folder has them.
    pub templates: Option<PathBuf>,
    /// The server that sends mail.
    pub mail: Option<weir_mail::Settings>,
    /// What is sent when and to whom, by name.
    pub schedules: BTreeMap<String, ScheduleConfig>,
    /// How long a report waits until everything of its days is counted.
    #[serde(with = "humantime_serde")]
    pub wait: Duration,
    /// The pause after a mail that was not taken; each further one is twice as long, up to a
    /// quarter of an hour.
    #[serde(with = "humantime_serde")]
    pub again: Duration,
    /// What the mail server may take to answer.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
}

impl Default for ReportsConfig {
    fn default() -> ReportsConfig {
        ReportsConfig {
            templates: None,
            mail: None,
            schedules: BTreeMap::new(),
            wait: Duration::from_secs(3600),
            again: Duration::from_secs(30),
            timeout: Duration::from_secs(30),
        }
    }
}

impl ReportsConfig {
    /// From a file that holds nothing else.
    ///
    /// # Errors
    /// WEIR-1206 where it cannot be read or is not valid.
    pub fn load(path: &Path) -> Result<ReportsConfig> {
        let name = path.display();
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("{REPORT_SCHEDULE}: cannot read {name}"))?;
        let read = serde_saphyr::from_str(&text);
        read.map_err(|e| anyhow::anyhow!("{REPORT_SCHEDULE}: {name}: {}", e.without_snippet()))
    }
}

/// A schedule as it is written. What is left out is as it is shipped, where there is one of that
/// name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Which report.
    pub report: Option<String>,
    /// When: five fields of cron.
    pub cron: Option<String>,
    /// In which zone; the tenant's where it is left out.
    pub zone: Option<String>,
    /// Whose numbers.
    pub tenant: Option<String>,
    /// Whole days before the day on which it is due: `7d`, `4w`, `3mo`.
    pub period: Option<String>,
    /// What is attached.
    pub formats: Option<Vec<String>>,
    /// Whom it is about.
    pub subject: Option<String>,
    /// Or one about each value of this dimension that there was in these days.
    pub each: Option<String>,
    /// Who gets it: addresses, or `themselves` with `each`.
    pub to: Option<Vec<String>>,
    /// With `themselves`: mail goes to addresses of these domains alone.
    pub domains: Option<Vec<String>>,
}

impl ScheduleConfig {
    fn over(self, base: &ScheduleConfig) -> ScheduleConfig {
        let base = base.clone();
        ScheduleConfig {
            report: self.report.or(base.report),
            cron: self.cron.or(base.cron),
            zone: self.zone.or(base.zone),
            tenant: self.tenant.or(base.tenant),
            period: self.period.or(base.period),
            formats: self.formats.or(base.formats),
            // One of both says whom it is about.
            each: self.each.or(base.each.filter(|_| self.subject.is_none())),
            subject: self.subject.or(base.subject),
            to: self.to.or(base.to),
            domains: self.domains.or(base.domains),
        }
    }
}

/// Whom reports of a schedule are about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// The whole tenant.
    All,
    /// One.
    One(String),
    /// Each value of this dimension.
    Each(String),
}

/// Who gets them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum To {
    /// These.
    These(Vec<Mailbox>),
    /// Whom the report is about, where the address is of these domains.
    Themselves(Vec<String>),
}

/// A schedule that can be followed.
#[derive(Clone, Debug)]
pub(crate) struct Schedule {
    pub name: String,
    pub report: Declaration,
    pub cron: Cron,
    pub written: String,
    pub zone: TimeZone,
    pub tenant: String,
    pub period: Option<String>,
    pub formats: Vec<Format>,
    pub about: About,
    pub to: To,
}

/// Those that are shipped, or those of a folder of schemas where it has a file of them.
///
/// # Errors
/// WEIR-1206 where it cannot be read or is not valid.
pub fn shipped(schemas: Option<&Path>) -> Result<BTreeMap<String, ScheduleConfig>> {
    let path = schemas.map(|s| s.join(FILE)).filter(|p| p.is_file());
    let (text, name) = match &path {
        None => (SHIPPED.to_owned(), FILE.to_owned()),
        Some(path) => {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path);
            let text = text.with_context(|| format!("{REPORT_SCHEDULE}: cannot read {name}"))?;
            (text, name)
        }
    };
    serde_saphyr::from_str(&text)
        .map_err(|e| anyhow::anyhow!("{REPORT_SCHEDULE}: {name}: {}", e.without_snippet()))
}

/// All that the configuration turns on.
///
/// # Errors
/// WEIR-1206: what is wrong with which, and what to do.
pub(crate) fn all(config: &ReportsConfig, schemas: &Schemas) -> Result<Vec<Schedule>> {
    if !config.schedules.is_empty() && config.mail.is_none() {
        bail!("{REPORT_SCHEDULE}: there are schedules, and no mail server; declare one under mail");
    }
    let one = |(name, of): (&String, &ScheduleConfig)| {
        let none = ScheduleConfig::default();
        let base = schemas.schedules.get(name).unwrap_or(&none);
        let read = schedule(name, of.clone().over(base), schemas);
        read.map_err(|what| anyhow::anyhow!("{REPORT_SCHEDULE}: schedule {name}: {what}"))
    };
    config.schedules.iter().map(one).collect()
}

fn schedule(name: &str, of: ScheduleConfig, schemas: &Schemas) -> Result<Schedule, String> {
    let must = |what: &str, text: Option<String>| {
        text.ok_or_else(|| format!("it does not say {what}; add a line for it"))
    };
    let report = must("which report", of.report)?;
    let report = Declaration::find(schemas.reports.clone(), &report).map_err(words)?;
    let written = must("when (cron)", of.cron)?;
    let tenant = must("whose numbers (tenant)", of.tenant)?;
    let zone = match &of.zone {
        None => schemas.catalog.tenants.zone(&tenant).clone(),
        Some(zone) => TimeZone::get(zone)
            .map_err(|_| format!("there is no zone {zone}; write Europe/Berlin"))?,
    };
    let formats = of.formats.unwrap_or_default();
    let formats = formats
        .iter()
        .map(|f| Format::of(f, &report).map_err(words));
    let formats = formats.collect::<Result<Vec<_>, _>>()?;
    if let Some(period) = &of.period {
        weir_report::is_period(period).map_err(words)?;
    }
    let about = about(&report, of.subject, of.each)?;
    let to = to(&about, of.to.unwrap_or_default(), of.domains)?;
    Ok(Schedule {
        cron: Cron::read(&written)?,
        name: name.to_owned(),
        period: of.period,
        report,
        written,
        zone,
        tenant,
        formats,
        about,
        to,
    })
}

fn words(e: weir_report::ReportError) -> String {
    match e {
        weir_report::ReportError::Asked(words) => words.replace("--", ""),
        e => e.to_string(),
    }
}

fn about(
    report: &Declaration,
    subject: Option<String>,
    each: Option<String>,
) -> Result<About, String> {
    let name = &report.name;
    match (&report.subject, subject, each) {
        (None, None, None) => Ok(About::All),
        (Some(_), Some(one), None) => Ok(About::One(one)),
        (Some(of), None, Some(each)) if *of == each => Ok(About::Each(each)),
        (Some(of), ..) => Err(format!(
            "the report {name} is about one {of}; write either subject, or each: {of}"
        )),
        (None, ..) => Err(format!(
            "the report {name} is about the whole tenant; leave subject and each out"
        )),
    }
}

fn to(about: &About, to: Vec<String>, domains: Option<Vec<String>>) -> Result<To, String> {
    if to.is_empty() {
        return Err("nobody gets it; name addresses under to".to_owned());
    }
    if !to.iter().any(|t| t == THEMSELVES) {
        let read = to.iter().map(|t| weir_mail::address(t));
        let read = read.collect::<Result<Vec<_>, _>>();
        return read.map(To::These).map_err(|e| e.to_string());
    }
    match (about, to.len(), domains) {
        (About::Each(_), 1, Some(domains)) if !domains.is_empty() => Ok(To::Themselves(domains)),
        (About::Each(_), 1, _) => Err(format!(
            "{THEMSELVES} are addresses that anybody may have sent in; name the domains that mail \
             may go to under domains"
        )),
        _ => Err(format!(
            "{THEMSELVES} stands alone, and with each; name addresses instead"
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::Arc;
    use weir_catalog::Catalog;
    use weir_store::Question;

    fn read(schedules: &str) -> Result<Vec<Schedule>> {
        let schemas = Schemas {
            catalog: Arc::new(Catalog::embedded().unwrap()),
            questions: Question::built_in(),
            reports: Declaration::shipped().unwrap(),
            schedules: shipped(None).unwrap(),
        };
        let text = format!(
            "mail: {{host: mail.example.org, from: 'weir@example.org'}}\nschedules:\n{schedules}"
        );
        all(&serde_saphyr::from_str(&text).unwrap(), &schemas)
    }

    #[test]
    fn what_is_shipped_is_off_until_somebody_gets_it() {
        assert!(read("  {}").unwrap().is_empty());
        for (name, of) in shipped(None).unwrap() {
            assert!(of.to.is_none() && of.tenant.is_none(), "{name}");
            let to = match of.each {
                Some(_) => "to: [themselves], domains: [example.org]",
                None => "to: ['ada@example.org']",
            };
            let on = read(&format!("  {name}: {{tenant: acme, {to}}}")).unwrap();
            assert_eq!((on.len(), on[0].name.as_str()), (1, name.as_str()));
            assert!(
                read(&format!("  {name}: {{tenant: acme}}")).is_err(),
                "{name}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_what_to_do() {
        let rest = "tenant: acme, to: ['ada@example.org']";
        for (line, told) in [
            ("mine: {tenant: acme}", "which report"),
            (
                "mine: {report: costs, cron: '0 7 * * *', TO}",
                "there is no report named costs",
            ),
            (
                "mine: {report: cost, cron: '0 7 * *', TO}",
                "fields, not five",
            ),
            ("mine: {report: cost, cron: '0 7 * * *'}", "tenant"),
            ("weekly_cost: {zone: Mars/North, TO}", "there is no zone"),
            ("weekly_cost: {formats: [pptx], TO}", "has no format pptx"),
            ("weekly_cost: {period: soon, TO}", "period takes days"),
            (
                "weekly_cost: {subject: ada, TO}",
                "leave subject and each out",
            ),
            ("weekly_engineer: {each: team, TO}", "each: engineer"),
            (
                "weekly_engineer: {tenant: acme, to: [themselves]}",
                "under domains",
            ),
            ("weekly_cost: {tenant: acme, to: [themselves]}", "with each"),
            ("weekly_cost: {tenant: acme, to: [ada]}", "is no address"),
        ] {
            let line = line.replace("TO", rest);
            let refused = read(&format!("  {line}")).unwrap_err().to_string();
            assert!(refused.starts_with("WEIR-1206: schedule "), "{refused}");
            assert!(refused.contains(told), "{line}: {refused}");
        }
    }
}
