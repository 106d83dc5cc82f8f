//! Mail: text and HTML.

use super::text::{details, line, title};
use crate::core::Step;
use crate::declare::{Email, Tls};
use anyhow::{Context, Result};
use lettre::message::{Mailbox, MultiPart, header};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls as Wrapped, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use std::fmt::Write as _;
use std::time::Duration;

/// A mail server, ready to be spoken to. Each mail has a connection of its own: a server may close
/// one that rests without a word.
pub(super) struct Mail {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
}

impl Mail {
    pub fn new(of: &Email, timeout: Duration) -> Result<Mail> {
        let tls = || -> Result<TlsParameters> {
            let mut made = TlsParameters::builder(of.host.clone());
            if let Some(pem) = &of.ca {
                let root = Certificate::from_pem(pem).context("ca_file is no certificate")?;
                made = made.add_root_certificate(root);
            }
            Ok(made.build_rustls()?)
        };
        let wrapped = match of.tls {
            Tls::Starttls => Wrapped::Required(tls()?),
            Tls::Tls => Wrapped::Wrapper(tls()?),
            Tls::None => Wrapped::None,
        };
        let mut server = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&of.host)
            .port(of.port)
            .timeout(Some(timeout))
            .tls(wrapped);
        if let Some((user, password)) = &of.login {
            let known = Credentials::new(user.clone(), password.expose().to_owned());
            server = server.credentials(known);
        }
        let to = of.to.iter().map(|a| a.parse()).collect::<Result<_, _>>();
        Ok(Mail {
            server: server.build(),
            from: of.from.parse()?,
            to: to?,
        })
    }

    pub async fn send(&self, step: &Step) -> Result<(), String> {
        let mail = self.message(step).map_err(|e| format!("no mail: {e}"))?;
        let sent = self.server.send(mail).await;
        sent.map(drop).map_err(|e| {
            use std::error::Error as _;
            let cause = e.source().map_or_else(String::new, |s| format!(": {s}"));
            format!("{e}{cause}")
        })
    }

    fn message(&self, step: &Step) -> Result<Message> {
        let domain = self.from.email.domain();
        let mut mail = Message::builder()
            .from(self.from.clone())
            .subject(title(step))
            // The same at every try: whoever collates mails sees one.
            .message_id(Some(format!("<{}@{domain}>", step.id)))
            .raw_header(raw("Auto-Submitted", "auto-generated"))
            .raw_header(raw("X-Weir-Id", &step.id));
        for to in &self.to {
            mail = mail.to(to.clone());
        }
        let both = MultiPart::alternative_plain_html(text(step), html(step));
        Ok(mail.multipart(both)?)
    }
}

fn raw(name: &'static str, value: &str) -> header::HeaderValue {
    header::HeaderValue::new(
        header::HeaderName::new_from_ascii_str(name),
        value.to_owned(),
    )
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
