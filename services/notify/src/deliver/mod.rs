//! Messages on their way: one file per kind of receiver. Each is tried once here; when it is tried
//! again is decided by the core.

mod alertmanager;
mod chat;
mod email;
mod pagerduty;
mod text;
mod webhook;

use crate::core::Step;
use crate::declare::{Declared, Target};
use anyhow::{Context, Result};
use reqwest::{Client, Response};
use std::collections::BTreeMap;
use std::time::Duration;

/// More of an answer is not read.
const ANSWER: usize = 16 << 10;
/// More of an answer is not shown.
const SHOWN: usize = 200;

/// What sends to each receiver.
pub struct Senders {
    client: Client,
    by_name: BTreeMap<String, Sender>,
    timeout: Duration,
}

enum Sender {
    Http(Target),
    Mail(Box<email::Mail>),
}

impl Senders {
    /// For the receivers of a declaration. Nothing is asked of them yet.
    ///
    /// # Errors
    /// Roots of trust that cannot be read.
    pub fn new(declared: &Declared) -> Result<Senders> {
        // Another part of the process may have named one: it is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .timeout(declared.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("weir-notify/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("no client for HTTP")?;
        let mut by_name = BTreeMap::new();
        for (name, target) in &declared.receivers {
            let sender = match target {
                Target::Email(mail) => {
                    let made = email::Mail::new(mail, declared.timeout);
                    Sender::Mail(Box::new(made.with_context(|| format!("receiver {name}"))?))
                }
                target => Sender::Http(target.clone()),
            };
            by_name.insert(name.clone(), sender);
        }
        Ok(Senders {
            client,
            by_name,
            timeout: declared.timeout,
        })
    }

    /// Tries once. It ends within the timeout, whatever the receiver does.
    ///
    /// # Errors
    /// What the receiver said, or why it said nothing, without a secret.
    pub async fn send(&self, step: &Step) -> Result<(), String> {
        let Some(sender) = self.by_name.get(&step.to) else {
            return Err("it is not declared any more".to_owned());
        };
        let sent = async {
            match sender {
                Sender::Mail(mail) => mail.send(step).await,
                Sender::Http(Target::Alertmanager { url, token }) => {
                    alertmanager::send(&self.client, url, token.as_ref(), step).await
                }
                Sender::Http(Target::Chat { url }) => chat::send(&self.client, url, step).await,
                Sender::Http(Target::Pagerduty { url, key }) => {
                    pagerduty::send(&self.client, url, key, step).await
                }
                Sender::Http(Target::Webhook { url, secret }) => {
                    webhook::send(&self.client, url, secret, step).await
                }
                Sender::Http(Target::Email(_)) => Err("a mail is not sent by HTTP".to_owned()),
            }
        };
        // A message of several parts is several requests.
        let limit = self.timeout * 2;
        match tokio::time::timeout(limit, sent).await {
            Ok(sent) => sent,
            Err(_) => Err(format!(
                "no answer within {}",
                humantime::format_duration(limit)
            )),
        }
    }
}

/// Why a request was not answered, without its address, which may be a secret.
fn unanswered(e: reqwest::Error) -> String {
    use std::error::Error as _;
    let e = e.without_url();
    if e.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut told = e.to_string();
    let mut cause = e.source();
    while let Some(e) = cause {
        told = format!("{told}: {e}");
        cause = e.source();
    }
    told
}

/// Nothing where the answer says that it was taken, else what it says.
async fn taken(response: Response) -> Result<(), String> {
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    Err(format!(
        "it answered {status}: {}",
        shown(&body(response).await)
    ))
}

/// The beginning of an answer.
async fn body(mut response: Response) -> Vec<u8> {
    let mut all = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = ANSWER - all.len();
        all.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if all.len() >= ANSWER {
            break;
        }
    }
    all
}

fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(SHOWN).collect()
}
