//! Runs Kafka and the ClickHouse engine on a directory until a line or the end of its input comes,
//! and says what they cost: `cargo run --example both --features test-support -- DIR`.

use std::time::{Duration, Instant};
use weir_embedded::{ClickHouse, DataDir, Kafka, KafkaOptions, testing};

fn main() -> anyhow::Result<()> {
    let dir = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "weir-data".into());
    let mut held = DataDir::lock(&dir)?;
    let started = Instant::now();
    let kafka = Kafka::start(&KafkaOptions::new(&dir))?;
    println!("kafka {} after {:?}", kafka.address(), started.elapsed());
    let started = Instant::now();
    let clickhouse = ClickHouse::start(&testing::clickhouse_options(&dir))?;
    println!(
        "clickhouse {} after {:?}",
        clickhouse.url(),
        started.elapsed()
    );
    held.announce((kafka.address(), ""), clickhouse.url(), "")?;

    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = std::io::stdin().read_line(&mut line);
        std::process::exit(0);
    });
    let children = [("kafka", kafka.pid()), ("clickhouse", clickhouse.pid())];
    let mut before = children.map(|(_, pid)| pid.and_then(cpu_seconds));
    loop {
        let pause = Duration::from_secs(20);
        std::thread::sleep(pause);
        for ((name, pid), before) in children.iter().zip(&mut before) {
            let now = pid.and_then(cpu_seconds);
            if let (Some(pid), Some(now), Some(then)) = (pid, now, *before) {
                let share = (now - then) / pause.as_secs_f64() * 100.0;
                let resident = resident_mib(*pid).unwrap_or_default();
                println!("{name}: {share:.2} % of a core, {resident} MiB resident");
            }
            *before = now;
        }
    }
}

/// User and system time of a process; the kernel counts in hundredths of a second.
fn cpu_seconds(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(ticks as f64 / 100.0)
}

fn resident_mib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace()
        .nth(1)?
        .parse::<u64>()
        .ok()
        .map(|kib| kib / 1024)
}
