//! A mail server that is spoken to.

use crate::declare::{Server, Tls};
use anyhow::{Context, Result};
use lettre::message::{Mailbox, header};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls as Wrapped, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use std::time::Duration;

/// A mail server, ready to be spoken to. Each mail has a connection of its own: a server may close
/// one that rests without a word.
pub struct Mailer {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// A mail was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What the server said, or why it said nothing.
    pub words: String,
    /// The server answered: it may take others.
    pub answered: bool,
    /// It says that there is no such mailbox, or that it will never take this (550 to 554).
    pub for_good: bool,
}

impl Mailer {
    /// Of a server, which may take so long. Nothing is asked of it yet.
    ///
    /// # Errors
    /// Roots of trust that cannot be read.
    pub fn new(of: &Server, timeout: Duration) -> Result<Mailer> {
        // Another part of the process may have named one: it is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
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
        Ok(Mailer {
            server: server.build(),
            from: of.from.clone(),
        })
    }

    /// A mail to be filled: from the sender, under an id that is the same at every try, so that
    /// whoever collates mails sees one. It says that no person wrote it.
    pub fn begin(&self, id: &str) -> lettre::message::MessageBuilder {
        let domain = self.from.email.domain();
        Message::builder()
            .from(self.from.clone())
            .message_id(Some(format!("<{id}@{domain}>")))
            .raw_header(header("Auto-Submitted", "auto-generated"))
    }

    /// Tries once.
    ///
    /// # Errors
    /// The server did not take it.
    pub async fn send(&self, mail: Message) -> Result<(), Refused> {
        self.server.send(mail).await.map(drop).map_err(|e| {
            use std::error::Error as _;
            let cause = e.source().map_or_else(String::new, |s| format!(": {s}"));
            Refused {
                words: format!("{e}{cause}"),
                answered: e.is_response(),
                for_good: e
                    .status()
                    .is_some_and(|s| (550..=554).contains(&u16::from(s))),
            }
        })
    }
}

/// A header of our own.
pub fn header(name: &'static str, value: &str) -> header::HeaderValue {
    header::HeaderValue::new(
        header::HeaderName::new_from_ascii_str(name),
        value.to_owned(),
    )
}
