//! Record headers with a meaning to weir.

use crate::Micros;

/// Makes a constant of each header, and the list of all.
macro_rules! headers {
    ($($constant:ident, $name:literal, $about:literal;)*) => {
        $(#[doc = $about] pub const $constant: &str = $name;)*
        /// All headers: (name, what its value says).
        pub const ALL: &[(&str, &str)] = &[$(($name, $about)),*];
    };
}

headers! {
    TICK, "weir-tick",
        "A tick: no value, the time in microseconds as decimal text.";
    LOG_TIME, "weir-log-time",
        "The log time of a replayed record, microseconds as decimal text.";
    REPLAY, "weir-replay",
        "`begin` or `end`: from and until here this partition is under replay.";
    SCHEMA_ID, "__value_schema_id",
        "Confluent's id-in-header form: byte 0 and a 4-byte id, or byte 1 and a 16-byte GUID.";
    ERROR_CODE, "weir-error-code",
        "Dead letters: the error's code.";
    ERROR_MESSAGE, "weir-error-message",
        "Dead letters: the error in words.";
    SOURCE_TOPIC, "weir-source-topic",
        "Dead letters: topic in which the record stood, or `gateway`.";
    SOURCE_PARTITION, "weir-source-partition",
        "Dead letters: its partition.";
    SOURCE_OFFSET, "weir-source-offset",
        "Dead letters: its offset.";
    TENANT, "weir-tenant",
        "Dead letters: whose record it was, empty where that cannot be told.";
    TRUNCATED, "weir-truncated",
        "Dead letters: hash of the whole value where only its beginning was kept.";
}

/// A mark of the player.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mark {
    /// From here on log time comes from headers.
    Begin,
    /// From here on log time is append time again.
    End,
}

/// Where a schema id was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SchemaRef {
    /// The four-byte id.
    Id(u32),
    /// The sixteen-byte form.
    Guid([u8; 16]),
}

/// What the headers of a raw record said.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Meta {
    /// [`LOG_TIME`]
    pub log_time: Option<Micros>,
    /// [`TICK`]
    pub tick: Option<Micros>,
    /// [`REPLAY`]
    pub mark: Option<Mark>,
    /// [`SCHEMA_ID`]
    pub schema: Option<SchemaRef>,
}

impl Meta {
    /// Takes one header in; unknown ones and unreadable values are left out.
    pub fn read(&mut self, name: &str, value: &[u8]) {
        let micros = || std::str::from_utf8(value).ok()?.parse().ok().map(Micros);
        match name {
            TICK => self.tick = micros(),
            LOG_TIME => self.log_time = micros(),
            REPLAY => {
                self.mark = match value {
                    b"begin" => Some(Mark::Begin),
                    b"end" => Some(Mark::End),
                    _ => None,
                }
            }
            SCHEMA_ID => {
                self.schema = match value {
                    [0, id @ ..] => id
                        .try_into()
                        .ok()
                        .map(|b| SchemaRef::Id(u32::from_be_bytes(b))),
                    [1, guid @ ..] => guid.try_into().ok().map(SchemaRef::Guid),
                    _ => None,
                }
            }
            _ => {}
        }
    }
}
