//! How fast session logs of agents are read: made ones of Claude Code, beside another tool's run
//! over the same files.

use crate::child::{Child, Usage};
use crate::report::Figure;
use crate::system::beside;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Bytes of one session's log.
const SESSION: u64 = 8 << 20;

/// Megabytes of logs that are made.
pub fn megabytes(quick: bool) -> u64 {
    if quick { 20 } else { 1000 }
}

/// What was written.
#[derive(Default)]
struct Made {
    bytes: u64,
    calls: u64,
    /// Input, read from a cache, written to it, output.
    tokens: [u64; 4],
}

/// Numbers that look like any, the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % n
    }
}

/// Sessions of Claude Code: each answer on two lines, a tool's result after it, and a copy of the
/// first answers in every tenth session, as `--fork-session` makes them.
fn make(home: &Path, bytes: u64) -> Result<Made> {
    let mut dice = Dice(7);
    let mut made = Made::default();
    let text: String = (0..400)
        .map(|i| format!("word{} \"quoted\"\\n", i % 37))
        .collect();
    let mut session = 0;
    let mut copied: Vec<String> = Vec::new();
    while made.bytes < bytes {
        session += 1;
        let folder = home.join(format!(".claude/projects/-src-p{}", session % 9));
        std::fs::create_dir_all(&folder)?;
        let id = format!("{session:08x}-0000-4000-8000-000000000000");
        let mut out = BufWriter::new(File::create(folder.join(format!("{id}.jsonl")))?);
        let mut written = 0;
        if session % 10 == 0 {
            for line in &copied {
                writeln!(out, "{line}")?;
                written += line.len() as u64 + 1;
            }
        }
        let mut first = Vec::new();
        while written < SESSION {
            for line in turn(&mut dice, &mut made, &id, &text) {
                writeln!(out, "{line}")?;
                written += line.len() as u64 + 1;
                if first.len() < 30 {
                    first.push(line);
                }
            }
        }
        copied = first;
        out.flush()?;
        made.bytes += written;
    }
    Ok(made)
}

/// The lines of one call.
fn turn(dice: &mut Dice, made: &mut Made, session: &str, text: &str) -> [String; 3] {
    made.calls += 1;
    let n = made.calls;
    let tokens = [
        dice.below(50),
        dice.below(150_000),
        dice.below(3_000),
        20 + dice.below(900),
    ];
    for (sum, t) in made.tokens.iter_mut().zip(tokens) {
        *sum += t;
    }
    // A day has 800 calls.
    let seconds = i64::try_from(n).unwrap_or(0) * 108;
    let at = jiff::Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(1_772_000_000 + seconds);
    let line = |content: Value, stop: Value| {
        json!({"parentUuid": format!("u{n}"), "isSidechain": false, "message": {
            "id": format!("msg_{n}"), "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
            "content": [content], "stop_reason": stop, "usage": {
                "input_tokens": tokens[0], "cache_read_input_tokens": tokens[1],
                "cache_creation_input_tokens": tokens[2], "output_tokens": tokens[3],
                "cache_creation": {"ephemeral_5m_input_tokens": tokens[2], "ephemeral_1h_input_tokens": 0},
                "service_tier": "standard"}},
            "requestId": format!("req_{n}"), "type": "assistant", "uuid": format!("a{n}"),
            "timestamp": at.to_string(), "cwd": "/src/shop", "sessionId": session, "version": "2.1.332"})
    };
    let length = usize::try_from(dice.below(12_000))
        .unwrap_or(0)
        .min(text.len());
    let result = json!({"type": "user", "message": {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": format!("t{n}"), "content": &text[..length]}]},
        "uuid": format!("b{n}"), "timestamp": at.to_string(), "sessionId": session, "cwd": "/src/shop",
        "version": "2.1.332", "toolUseResult": {"stdout": &text[..length]}});
    [
        line(json!({"type": "thinking", "thinking": &text[..length / 3]}), Value::Null).to_string(),
        line(
            json!({"type": "tool_use", "id": format!("t{n}"), "name": "Bash", "input": {"command": "make"}}),
            json!("tool_use"),
        )
        .to_string(),
        result.to_string(),
    ]
}

fn run(command: Command, name: &str) -> Result<(f64, Usage, String)> {
    let begun = Instant::now();
    let (used, said) = Child::spawn(command, name)?.wait()?;
    Ok((begun.elapsed().as_secs_f64(), used, said))
}

/// Time of `weir import agents --dry-run`, and of another command over the same folder.
pub fn figures(mb: u64, other: Option<&str>) -> Result<Vec<Figure>> {
    let home = tempfile::tempdir()?;
    let made = make(home.path(), mb << 20)?;
    let mut weir = Command::new(beside("weir")?);
    weir.args(["import", "agents", "--dry-run", "--json", "--home"])
        .arg(home.path());
    let (seconds, used, said) = run(weir, "weir import agents")?;
    let told: Value = serde_json::from_str(&said).context("weir import agents told no JSON")?;
    let total = &told["total"];
    let sums = ["input", "cache_read", "cache_write", "output"].map(|k| total[k].as_u64());
    ensure!(
        total["calls"].as_u64() == Some(made.calls) && sums == made.tokens.map(Some),
        "it found {total} where {} calls with {:?} tokens were written",
        made.calls,
        made.tokens
    );
    let mut note = format!(
        "{} MB, {} calls, {:.2} s of CPU, {} MiB",
        made.bytes >> 20,
        made.calls,
        used.cpu(),
        used.peak >> 20
    );
    let mut detail =
        json!({"bytes": made.bytes, "calls": made.calls, "seconds": seconds, "used": used});
    if let Some(other) = other {
        let mut command = Command::new("sh");
        command.args(["-c", other]).env("HOME", home.path());
        command.env("CLAUDE_CONFIG_DIR", home.path().join(".claude"));
        let (seconds, used, said) = run(command, other)?;
        note += &format!(
            "; `{other}` over the same files: {seconds:.1} s, {:.1} s of CPU, {} MiB",
            used.cpu(),
            used.peak >> 20
        );
        let theirs: Value = serde_json::from_str(&said).unwrap_or_default();
        let names = [
            "inputTokens",
            "cacheReadTokens",
            "cacheCreationTokens",
            "outputTokens",
        ];
        let equal = names.map(|k| theirs["totals"][k].as_u64()) == sums;
        note += if equal {
            ", equal totals"
        } else {
            ", other totals"
        };
        detail["other"] = json!({"command": other, "seconds": seconds, "used": used,
            "totals": theirs["totals"], "equal": equal});
    }
    Ok(vec![Figure {
        name: "`weir import agents --dry-run`".into(),
        goal: match other {
            Some(_) => "faster than the other tool".into(),
            None => String::new(),
        },
        least: String::new(),
        measured: format!(
            "{seconds:.2} s, {:.0} MB/s",
            made.bytes as f64 / 1e6 / seconds
        ),
        note,
        met: detail["other"]["seconds"]
            .as_f64()
            .map(|s| (seconds < s, seconds < s)),
        command: "agents".into(),
        detail,
    }])
}
