//! Mail: text and HTML.

use super::text::{details, line, title};
use crate::core::Step;
use crate::declare::Email;
use anyhow::Result;
use std::fmt::Write as _;
use std::time::Duration;
use weir_mail::lettre::Message;
use weir_mail::lettre::message::{Mailbox, MultiPart};
use weir_mail::{Mailer, header};

/// A mail server, and who is written to.
pub(super) struct Mail {
    mailer: Mailer,
    to: Vec<Mailbox>,
}

impl Mail {
    pub fn new(of: &Email, timeout: Duration) -> Result<Mail> {
        Ok(Mail {
            mailer: Mailer::new(&of.server, timeout)?,
            to: of.to.clone(),
        })
    }

    pub async fn send(&self, step: &Step) -> Result<(), String> {
        let mail = self.message(step).map_err(|e| format!("no mail: {e}"))?;
        self.mailer.send(mail).await.map_err(|e| e.words)
    }

    fn message(&self, step: &Step) -> Result<Message> {
        let mut mail = self
            .mailer
            .begin(&step.id)
            .subject(title(step))
            .raw_header(header("X-Weir-Id", &step.id));
        for to in &self.to {
            mail = mail.to(to.clone());
        }
        let both = MultiPart::alternative_plain_html(text(step), html(step));
        Ok(mail.multipart(both)?)
    }
}

fn text(step: &Step) -> String {
    let mut all = format!("{}\n", title(step));
    for n in step.alerts() {
        // Writing to a string cannot fail.
        let _ = write!(all, "\n{}\n", line(n));
        for (name, told) in details(n) {
            let _ = writeln!(all, "  {name}: {told}");
        }
    }
    all
}

fn html(step: &Step) -> String {
    let mut all = format!(
        "<!doctype html><html lang=\"en\"><body style=\"font-family:sans-serif\"><h2>{}</h2>",
        escaped(&title(step))
    );
    for n in step.alerts() {
        let color = match (n.firing, n.priority.as_str()) {
            (false, _) => "#2e7d32",
            (true, "P1") => "#c62828",
            (true, _) => "#b26a00",
        };
        let _ = write!(
            all,
            "<div style=\"border-left:4px solid {color};padding-left:8px\"><p><b>{}</b></p><table>",
            escaped(&line(n))
        );
        for (name, told) in details(n) {
            let told = escaped(&told);
            let _ = write!(
                all,
                "<tr><th align=\"left\">{name}</th><td>{told}</td></tr>"
            );
        }
        all += "</table></div>";
    }
    all + "</body></html>"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
