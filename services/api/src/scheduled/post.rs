//! The reports of a schedule that are due, made and mailed one after the other.

use super::book::Mailed;
use super::declare::{About, Schedule, To};
use crate::state::Shared;
use jiff::civil::Date;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use weir_mail::lettre::Message;
use weir_mail::lettre::message::header::ContentType;
use weir_mail::lettre::message::{Attachment, Mailbox, MultiPart};
use weir_mail::{Mailer, Refused};
use weir_model::{Micros, hash};
use weir_report::{File, Order, Renderer, Report, Source};
use weir_store::reader::Reader;

/// What became of it.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The server took a mail.
    Taken(Mailed),
    /// It says of a mail that it will never take it.
    Refused(Mailed, String),
    /// Nothing more is to be done, with what there is to say; or why it is to be tried again.
    Over(Result<Option<String>, String>),
}

/// One try.
pub(super) struct Post {
    pub state: Shared,
    pub schedule: Arc<Schedule>,
    pub mailer: Arc<Mailer>,
    pub due: Micros,
    /// What was taken or refused before.
    pub mailed: BTreeSet<Mailed>,
    pub outcomes: Sender<Outcome>,
}

/// A report ready to be mailed.
struct Letter {
    subject: String,
    report: Report,
    text: String,
    html: String,
    files: Vec<File>,
}

impl Post {
    /// Mails what is due. Who waits for outcomes may be gone: then nobody writes down what was
    /// sent, and it is sent again, under the same id.
    pub async fn send(self) {
        let over = self.all().await;
        let _ = self.outcomes.send(Outcome::Over(over));
    }

    async fn all(&self) -> Result<Option<String>, String> {
        let of = &self.schedule;
        let last = last_day(&self.state, of, self.due).ok_or("the day is none")?;
        let order = Order {
            period: of.period.clone(),
            to: Some(last.to_string()),
            ..Order::default()
        };
        let reader = Reader::new(&self.state.store, &of.tenant, &self.state.config.limits);
        let source = self.source(&reader);
        let subjects: Vec<Option<String>> = match &of.about {
            About::All => vec![None],
            About::One(one) => vec![Some(one.clone())],
            About::Each(_) => {
                let _turn = self.state.turns.acquire().await;
                let all = order.subjects(&source, &of.report).await;
                all.map_err(|e| e.to_string())?
                    .into_iter()
                    .map(Some)
                    .collect()
            }
        };
        let (mut later, mut nobody) = (Ok(()), 0);
        let all = subjects.len();
        for subject in subjects {
            let to = self.to(subject.as_deref());
            nobody += usize::from(to.is_empty());
            let name = subject.clone().unwrap_or_default();
            let is_open = |to: &Mailbox| !self.mailed.contains(&self.mailed_to(&name, to));
            let open: Vec<Mailbox> = to.into_iter().filter(is_open).collect();
            if open.is_empty() {
                continue;
            }
            let order = Order {
                subject,
                ..order.clone()
            };
            let letter = self.letter(&source, &order).await?;
            for to in open {
                later = later.and(self.mail(&letter, to).await?);
            }
        }
        let told = format!("{nobody} of {all} have no address of the declared domains");
        later.map(|()| (nobody > 0).then_some(told))
    }

    fn source<'a>(&'a self, reader: &'a Reader) -> Source<'a> {
        Source {
            reader,
            catalog: &self.state.catalog,
            questions: &self.state.questions,
            complete: self.state.standing.moments(),
            now: weir_http::now(),
        }
    }

    /// Who is to get it.
    fn to(&self, subject: Option<&str>) -> Vec<Mailbox> {
        let themselves = |domains: &Vec<String>| {
            let address = weir_mail::address(subject?).ok()?;
            let of = |d: &String| d.eq_ignore_ascii_case(address.email.domain());
            domains.iter().any(of).then_some(address)
        };
        match &self.schedule.to {
            To::These(all) => all.clone(),
            To::Themselves(domains) => themselves(domains).into_iter().collect(),
        }
    }

    fn mailed_to(&self, subject: &str, to: &Mailbox) -> Mailed {
        Mailed {
            schedule: self.schedule.name.clone(),
            due: self.due,
            subject: subject.to_owned(),
            to: to.email.to_string(),
        }
    }

    async fn letter(&self, source: &Source<'_>, order: &Order) -> Result<Letter, String> {
        let declared = &self.schedule.report;
        let _turn = self.state.turns.acquire().await;
        let report = order.read(source, declared).await;
        let report = report.map_err(|e| e.to_string())?;
        let renderer = Renderer {
            templates: self.state.config.reports.templates.clone(),
        };
        let (text, html) = renderer.mail(&report).map_err(|e| e.to_string())?;
        let file = |f| File::of(&report, declared, f, &renderer).map_err(|e| e.to_string());
        let files = self.schedule.formats.iter().map(|f| file(*f));
        Ok(Letter {
            subject: order.subject.clone().unwrap_or_default(),
            files: files.collect::<Result<_, _>>()?,
            report,
            text,
            html,
        })
    }

    /// Tries once; an answer that may be another one later is handed on. An error: there was no
    /// answer, and there will be none to others.
    async fn mail(&self, letter: &Letter, to: Mailbox) -> Result<Result<(), String>, String> {
        let mailed = self.mailed_to(&letter.subject, &to);
        let mail = self.message(letter, to, &mailed);
        let mail = mail.map_err(|e| format!("no mail can be made of it: {e}"))?;
        match self.mailer.send(mail).await {
            Ok(()) => drop(self.outcomes.send(Outcome::Taken(mailed))),
            Err(Refused {
                words, for_good, ..
            }) if for_good => {
                drop(self.outcomes.send(Outcome::Refused(mailed, words)));
            }
            Err(e) if e.answered => return Ok(Err(format!("{}: {}", mailed.to, e.words))),
            Err(e) => return Err(e.words),
        }
        Ok(Ok(()))
    }

    fn message(&self, letter: &Letter, to: Mailbox, mailed: &Mailed) -> anyhow::Result<Message> {
        let period = &letter.report.period;
        let title = format!("{}, {} to {}", letter.report.title, period.from, period.to);
        let mail = self.mailer.begin(&id(mailed)).to(to).subject(title);
        let both = MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone());
        if letter.files.is_empty() {
            return Ok(mail.multipart(both)?);
        }
        let mut all = MultiPart::mixed().multipart(both);
        for file in &letter.files {
            let kind = ContentType::parse(file.format.content_type())?;
            let attached = Attachment::new(file.name.clone());
            all = all.singlepart(attached.body(file.bytes.clone(), kind));
        }
        Ok(mail.multipart(all)?)
    }
}

/// The same whenever the same is sent to the same.
fn id(mailed: &Mailed) -> String {
    let due = mailed.due.0.to_string();
    let parts = [&mailed.schedule, &due, &mailed.subject, &mailed.to];
    format!("report-{}", hash::id(&parts.map(|p| p.as_bytes())))
}

/// The tenant's day before the one on which it is due.
pub(super) fn last_day(state: &Shared, of: &Schedule, due: Micros) -> Option<Date> {
    let zone = state.catalog.tenants.zone(&of.tenant).clone();
    let due = jiff::Timestamp::from_microsecond(due.0).ok()?;
    due.to_zoned(zone).date().yesterday().ok()
}
