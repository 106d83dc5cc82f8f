//! Every error an operator can see has a code; its cause and remedy stand in `docs/errors.md`.

use std::fmt;

/// `WEIR-0007`
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(pub u16);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WEIR-{:04}", self.0)
    }
}
impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $n:literal;)*) => {
        $($(#[doc = $doc])+ pub const $name: Code = Code($n);)*
        /// All codes, with their one-line meaning.
        pub const ALL: &[(Code, &str)] = &[$(($name, concat!($($doc),+))),*];
    };
}

codes! {
    // 00xx: records that cannot be read (dead letters)
    /// the value is shorter than its frame or ends inside a field
    TRUNCATED = 1;
    /// the first byte is not the magic byte of the wire format
    WRONG_MAGIC = 2;
    /// no schema is registered under the record's id
    UNKNOWN_SCHEMA = 3;
    /// the bytes do not decode with the writer's schema, or bytes are left over
    UNDECODABLE = 4;
    /// the writer's schema cannot be read as the event type's schema
    INCOMPATIBLE_SCHEMA = 5;
    /// a number is NaN or infinite
    NOT_FINITE = 6;
    /// a number is outside the bounds that the catalog declares
    OUT_OF_BOUNDS = 7;
    /// a text used as an identity, tenant or dimension is too long or holds control characters
    BAD_TEXT = 8;
    /// the envelope has no event id, no tenant or a time before 1970
    BAD_ENVELOPE = 9;
    /// the record has no value and is no tick or mark
    NO_VALUE = 10;

    // 01xx: the catalog
    /// a catalog file is not readable YAML or holds an unknown field
    CATALOG_SYNTAX = 101;
    /// a catalog file refers to something that does not exist
    CATALOG_REFERENCE = 102;
    /// an expression does not parse or has the wrong type
    CATALOG_EXPRESSION = 103;
    /// a division can divide by zero
    CATALOG_UNGUARDED_DIVISION = 104;
    /// a target can never be reached, or bounds exclude each other
    CATALOG_IMPOSSIBLE = 105;
    /// a rule on a ratio has no minimum sample
    CATALOG_NO_MINIMUM = 106;
    /// an early limit on a value that can fall within its window
    CATALOG_EARLY = 107;
    /// the meaning of kept results would change without a new version
    CATALOG_MEANING = 108;
    /// a name is declared twice
    CATALOG_DUPLICATE = 109;
    /// an event schema breaks the rules of the envelope or of compatibility
    CATALOG_SCHEMA = 110;
    /// a finding: a target or a rule points the wrong way
    LINT_DIRECTION = 121;
    /// a finding: an expression puts different units together
    LINT_UNITS = 122;
    /// a finding: shares are added up where what is above and below should be
    LINT_MEAN_OF_RATIOS = 123;
    /// a finding: percentiles are added up or averaged
    LINT_PERCENTILE = 124;
    /// a finding: a gauge is summed
    LINT_GAUGE = 125;
    /// a finding: a rollup by something of which there is no end
    LINT_UNBOUNDED = 126;
    /// a finding: a KPI that nothing reads
    LINT_UNREAD = 127;
    /// a finding: a ratio or mean is scored on any sample
    LINT_SAMPLE = 128;
    /// a finding: a worked example does not come out
    LINT_EXAMPLE = 129;
    /// a finding: a rule would have fired on more than a tenth of what it judged
    LINT_FIRES_OFTEN = 130;

    // 02xx: running
    /// the data directory is held by another process
    DATA_DIR_HELD = 201;
    /// a child process did not become ready
    CHILD_NOT_READY = 202;
    /// a needed program or library is missing
    MISSING_PROGRAM = 203;
    /// no running system was found
    NOT_RUNNING = 204;
    /// the broker cannot be reached
    BROKER_UNREACHABLE = 205;
    /// the store cannot be reached or refused a statement
    STORE = 206;
    /// a topic has another number of partitions than the state was made with
    PARTITIONS_CHANGED = 207;
    /// offsets are missing between the snapshot and the log
    LOG_GAP = 208;
    /// an invariant of the processing was broken
    INVARIANT = 209;
    /// configuration is not valid
    CONFIG = 210;
    /// a call to the broker passed its deadline
    DEADLINE = 211;
    /// a port is taken
    PORT_TAKEN = 212;
    /// the store does not know the user or the password
    STORE_PASSWORD = 213;
    /// other users of the machine could read or replace a secret
    OPEN_TO_OTHERS = 214;
    /// a part of the pipeline stands still
    STALLED = 215;
    /// the disk of the data directory is full
    DISK_FULL = 216;
    /// the brokers and this client do not trust each other
    BROKER_REFUSED = 217;
    /// the brokers do not allow what was tried
    BROKER_FORBIDS = 218;
    /// tables of the store and the form of a cluster do not fit together
    STORE_CLUSTER = 219;
    /// spans of weir itself are not taken
    TRACES = 220;

    // 03xx: commands
    /// the input file or repository cannot be read
    INPUT = 301;
    /// a mapping file is not valid
    MAPPING = 302;
    /// results differ from the log
    VERIFY_DIFFERS = 303;
    /// a snapshot file is damaged or of another version
    SNAPSHOT = 304;
    /// a query is not valid or refers to nothing
    QUERY = 305;
    /// results are not final, or have not reached the store yet
    NOT_FINAL = 306;
    /// the folder of temporary files cannot be used
    TEMPORARY = 307;
    /// what a back-test asks for is neither kept nor archived
    HISTORY = 308;
    /// the settings of a client cannot be read, changed or written
    CLIENT_SETTINGS = 309;
    /// a row of an import cannot be read or mapped
    IMPORT_ROW = 311;
    /// the time of a row or commit cannot be the time of something that has happened
    IMPORT_TIME = 312;
    /// another import took over
    IMPORT_TAKEN_OVER = 313;
    /// a repository lacks objects that its history needs
    INCOMPLETE_REPOSITORY = 314;
    /// a file has no such column
    SERIES_COLUMN = 321;
    /// a time or value of a series cannot be read
    SERIES_CELL = 322;
    /// the times of points do not make a series
    SERIES_TIMES = 323;
    /// a series has too few points
    SERIES_SHORT = 324;
    /// what is asked of a series cannot be computed
    SERIES_OPTIONS = 325;

    // 09xx: the gateway
    /// what was sent is not JSON
    NOT_JSON = 901;
    /// an event of a type that is not declared
    UNKNOWN_TYPE = 902;
    /// an event does not fit the schema of its type
    UNFIT = 903;
    /// an event has a field that its type does not have
    UNKNOWN_FIELD = 904;
    /// an event id is no UUID
    BAD_EVENT_ID = 905;
    /// the time of an event cannot be the time of something that has happened
    BAD_EVENT_TIME = 906;
    /// an event names another tenant than the token does
    OTHER_TENANT = 907;
    /// an event is too large
    EVENT_TOO_LARGE = 908;
    /// a request without a token that is known
    NO_TOKEN = 911;
    /// a token does not allow what was asked for
    SCOPE = 912;
    /// a request that a page of another site may have sent
    FOREIGN_PAGE = 913;
    /// a path or method that there is not
    NO_ROUTE = 914;
    /// a body, or what it holds, is larger than the gateway takes
    BODY_TOO_LARGE = 915;
    /// a content type or encoding that the gateway does not read
    MEDIA_TYPE = 916;
    /// a body came too slowly, or was cut
    BODY_CUT = 917;
    /// a token asks or sends faster than it may
    RATE = 918;
    /// as much is under way as may be
    BUSY = 919;
    /// events were not acknowledged by Kafka in time
    NOT_ACKNOWLEDGED = 920;
    /// a body is no request of OTLP
    NOT_OTLP = 921;
    /// what is asked for is not there
    NOT_THERE = 931;
    /// an answer would take more than it may
    TOO_MUCH = 932;
    /// a link into the dashboard was used before, or is too old
    LINK_USED = 960;
    /// the key of pseudonyms is missing, damaged or open to others
    PRIVACY_KEY = 970;
    /// the declaration of what tells who somebody is is not valid
    PRIVACY_DECLARATION = 971;

    // 11xx: the alert consumer
    /// the file that says who is told of alerts is not valid
    NOTIFY_DECLARATION = 1101;
    /// a receiver of alerts has not taken anything for long
    RECEIVER_DEAD = 1102;
    /// a receiver did not take a message that tries its route
    TRIAL_FAILED = 1103;

    // 12xx: reports
    /// the declaration of a report is not valid
    REPORT_DECLARATION = 1201;
    /// a template of a report cannot be read or filled
    REPORT_TEMPLATE = 1202;
    /// a report that is asked for cannot be made
    REPORT_ASKED = 1203;
    /// reports that cannot be merged
    REPORT_MERGE = 1204;
    /// a format of a report could not be written
    REPORT_WRITTEN = 1205;
    /// the declaration of reports that are sent by themselves is not valid
    REPORT_SCHEDULE = 1206;
    /// a report that is due by itself was not sent
    REPORT_UNSENT = 1207;
    // 13xx: what is computed of finished days
    /// the declaration of what is computed of finished days is not valid
    ANALYSIS_DECLARATION = 1301;
    /// an api may not write what it would compute of finished days
    ANALYSIS_FORBIDDEN = 1302;
    /// a part of what is computed of a finished day was left out
    ANALYSIS_PART = 1303;
    // 14xx: upgrades
    /// this version does not take over the running system
    UPGRADE_REFUSED = 1401;
    /// a change was made, and the event that says who made it could not be written
    AUDIT = 1402;
    // 15xx: processes, drills and hooks
    /// a process that is never ended
    PROCESS_PROTECTED = 1501;
    /// the id of a process belongs to another one than was looked at
    PROCESS_REUSED = 1502;
    /// there is no such process
    NO_PROCESS = 1503;
    /// a process belongs to another user
    PROCESS_FORBIDDEN = 1504;
    /// a process goes on after it was asked to end
    PROCESS_STAYS = 1505;
    /// the kernel's tables of processes cannot be read
    PROCESS_TABLE = 1506;
    /// the declaration of what is read of this machine is not valid
    PROCESS_DECLARATION = 1507;
    /// nobody was there to say yes
    NOT_CONFIRMED = 1508;
    /// a line of a snapshot of processes is not valid
    PROCESS_SNAPSHOT = 1509;
    /// a hook cannot be installed in or removed from a repository
    HOOK_PLACE = 1511;
}
