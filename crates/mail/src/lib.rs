//! Mail: how a server is declared, and one that is spoken to. Whatever of weir sends mail does it
//! here.

mod declare;
mod mailer;

pub use declare::{Server, Settings, Tls, Wrong, address};
pub use lettre;
pub use mailer::{Mailer, Refused, header};
