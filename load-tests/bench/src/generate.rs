//! Events as a producer would write them: Avro by hand, from a seed, fast enough not to be what is
//! measured.

use weir_model::{Micros, wire};

/// The event type of the benchmark.
pub const EVENT: &str = "bench.executed";

/// What the log looks like.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Engineers, each as likely as the other: no skew that would help a cache.
    pub engineers: u64,
    /// Partitions of the raw topic.
    pub partitions: u32,
    /// Log time of the first event.
    pub start: Micros,
    /// Events per second of log time.
    pub rate: u64,
}

/// Of how many events of a partition one is sent a second time, right after.
const DUPLICATE: u64 = 1000;
/// Of how many one is late.
const LATE: u64 = 1000;

const CAPABILITIES: [&str; 20] = [
    "sc:implement",
    "sc:analyze",
    "sc:build",
    "sc:cleanup",
    "sc:design",
    "sc:document",
    "sc:estimate",
    "sc:explain",
    "sc:git",
    "sc:improve",
    "sc:index",
    "sc:load",
    "sc:review",
    "sc:spawn",
    "sc:task",
    "sc:test",
    "sc:troubleshoot",
    "sc:workflow",
    "sc:fix",
    "sc:plan",
];
const PLATFORMS: [&str; 3] = ["Linux", "macOS", "Windows"];
const ERRORS: [&str; 3] = ["timeout", "rate_limited", "tool_failed"];

/// Random numbers (splitmix64).
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    /// From a seed.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }
    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// Below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(n)) >> 64) as u64
    }
}

/// A record of the raw topic.
pub struct Made<'a> {
    /// Partition.
    pub partition: u32,
    /// When it reaches the log.
    pub log_time: Micros,
    /// Framed value.
    pub value: &'a [u8],
}

/// Writes one event after the other.
pub struct Generator {
    spec: Spec,
    random: Random,
    schema: u32,
    made: u64,
    /// Not repeated yet, by partition: events since the last repetition.
    since: Vec<u64>,
    repeat: bool,
    partition: u32,
    value: Vec<u8>,
    /// Events that count.
    pub distinct: u64,
}

impl Generator {
    /// The same seed gives the same log.
    pub fn new(spec: Spec, schema: u32, seed: u64) -> Generator {
        let since = vec![0; spec.partitions as usize];
        Generator {
            spec,
            random: Random::new(seed),
            schema,
            made: 0,
            since,
            repeat: false,
            partition: 0,
            value: Vec::new(),
            distinct: 0,
        }
    }

    /// The next record, placed in log time by its number.
    pub fn next(&mut self) -> Made<'_> {
        let log_time = self
            .spec
            .start
            .plus(Micros((self.made * 1_000_000 / self.spec.rate) as i64));
        self.made += 1;
        if std::mem::take(&mut self.repeat) {
            return Made {
                partition: self.partition,
                log_time,
                value: &self.value,
            };
        }
        // A moment between the deed and its arrival; now and then a laptop was asleep.
        let behind = match self.random.below(LATE) {
            0 => Micros(10 * Micros::MINUTE.0),
            _ => Micros(self.random.below(2_000_000) as i64),
        };
        let engineer = self.random.below(self.spec.engineers);
        let tokens = self.random.below(4000);
        self.write(log_time.minus(behind), engineer, tokens);
        self.partition = self.random.below(u64::from(self.spec.partitions)) as u32;
        let since = &mut self.since[self.partition as usize];
        *since += 1;
        if *since == DUPLICATE {
            *since = 0;
            self.repeat = true;
        }
        self.distinct += 1;
        Made {
            partition: self.partition,
            log_time,
            value: &self.value,
        }
    }

    /// An event of an engineer who does nothing else, with so many tokens; returns partition and
    /// value.
    pub fn marked(&mut self, event_time: Micros, engineer: u64, tokens: u64) -> (u32, &[u8]) {
        self.write(event_time, engineer, tokens);
        let partition = self.random.below(u64::from(self.spec.partitions)) as u32;
        (partition, &self.value)
    }

    /// The address of an engineer.
    pub fn address(engineer: u64) -> String {
        format!("engineer{engineer:07}@example.com")
    }

    fn write(&mut self, event_time: Micros, engineer: u64, tokens: u64) {
        let bits = self.random.next();
        let out = &mut self.value;
        out.clear();
        wire::put_frame(out, weir_model::headers::SchemaRef::Id(self.schema));
        // event_id: UUIDv7 by its form.
        out.push(72);
        let (high, low) = (
            ((event_time.0 / 1000) as u64) << 16 | 0x7000 | bits >> 52,
            0x8000_0000_0000_0000 | self.random.next() >> 2,
        );
        hex(out, high >> 32, 8);
        out.push(b'-');
        hex(out, high >> 16, 4);
        out.push(b'-');
        hex(out, high, 4);
        out.push(b'-');
        hex(out, low >> 48, 4);
        out.push(b'-');
        hex(out, low, 12);
        long(out, event_time.0);
        text(out, b"acme");
        out.push(24);
        out.extend_from_slice(b"laptop-");
        decimal(out, engineer % 50_000, 5);
        // resource
        out.push(8);
        text(out, b"platform");
        text(out, PLATFORMS[(bits % 3) as usize].as_bytes());
        text(out, b"service.name");
        text(out, b"coding-assistant");
        text(out, b"service.version");
        text(out, b"1.24.3");
        text(out, b"os.version");
        text(out, b"6.8.0-41");
        out.push(0);
        // engineer
        out.push(54);
        out.extend_from_slice(b"engineer");
        decimal(out, engineer, 7);
        out.extend_from_slice(b"@example.com");
        out.push(14);
        out.extend_from_slice(b"team");
        decimal(out, engineer % 200, 3);
        text(out, CAPABILITIES[((bits >> 2) % 20) as usize].as_bytes());
        // Log-uniform from 20 ms to 20 s, to the microsecond.
        let share = ((bits >> 8) & 0xffff) as f64 / 65536.0;
        let duration = (20_000.0 * 1000f64.powf(share)).round() / 1000.0;
        out.extend_from_slice(&duration.to_le_bytes());
        let failed = (bits >> 24) & 0x1f == 0;
        out.push(u8::from(!failed));
        if failed {
            out.push(2);
            text(out, ERRORS[((bits >> 30) % 3) as usize].as_bytes());
        } else {
            out.push(0);
        }
        long(out, tokens as i64);
        long(out, ((bits >> 32) & 7) as i64);
        out.extend_from_slice(&(((bits >> 35) & 63) as f64 / 4.0).to_le_bytes());
        long(out, (bits >> 41) as i64 & 0x1_ffff);
    }
}

fn hex(out: &mut Vec<u8>, v: u64, digits: u32) {
    for i in (0..digits).rev() {
        out.push(b"0123456789abcdef"[(v >> (4 * i)) as usize & 15]);
    }
}

fn decimal(out: &mut Vec<u8>, mut v: u64, digits: usize) {
    let at = out.len();
    out.resize(at + digits, b'0');
    for slot in out[at..].iter_mut().rev() {
        *slot = b'0' + (v % 10) as u8;
        v /= 10;
    }
}

fn long(out: &mut Vec<u8>, v: i64) {
    let mut n = (v << 1 ^ v >> 63) as u64;
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn text(out: &mut Vec<u8>, s: &[u8]) {
    long(out, s.len() as i64);
    out.extend_from_slice(s);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use weir_model::avro::{Projection, Value};

    #[test]
    fn events_are_what_the_schema_says() {
        let schema = include_str!("../schemas/events/bench.executed.avsc");
        let paths = [
            "event_id",
            "event_time",
            "tenant",
            "engineer.email",
            "engineer.team",
            "resource.platform",
            "tokens_saved",
            "context_size_tokens",
        ];
        let projection = Projection::compile(schema, schema, &paths).unwrap();
        let spec = Spec {
            engineers: 1000,
            partitions: 4,
            start: Micros(1_772_668_800_000_000),
            rate: 10_000,
        };
        let mut generator = Generator::new(spec, 7, 1);
        let (mut bytes, mut repeated, mut before) = (0, 0, Vec::new());
        for _ in 0..20_000 {
            let distinct = generator.distinct;
            let made = generator.next();
            let mut row = vec![Value::Null; paths.len()];
            // Fails where bytes are left over.
            projection
                .decode(&made.value[wire::FRAME..], &mut row)
                .unwrap();
            let Value::Str(email) = row[3] else {
                panic!("{row:?}")
            };
            assert!(email.starts_with("engineer0000") && email.len() == 27);
            assert!(matches!(row[5], Value::Str(p) if PLATFORMS.contains(&p)));
            bytes += made.value.len();
            let value = made.value.to_vec();
            if generator.distinct == distinct {
                repeated += 1;
                assert_eq!(value, before);
            }
            before = value;
        }
        assert!((16..24).contains(&repeated), "{repeated}");
        assert!((200..240).contains(&(bytes / 20_000)), "{}", bytes / 20_000);
    }
}
