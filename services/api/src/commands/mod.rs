//! Commands about alerts: to take one on, to silence a rule. Each is an event in the log, of the
//! types that the alert consumer and the store read, written as the gateway writes it: nothing else
//! is kept, and who did what and when stays in the log.

mod acknowledge;
mod desk;
mod silence;

pub(crate) use acknowledge::{__path_acknowledge, acknowledge};
pub(crate) use desk::{Desk, Said};
pub(crate) use silence::{__path_silence, __path_silences, __path_speak, silence, silences, speak};
