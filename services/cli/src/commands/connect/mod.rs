//! `weir connect`: makes a client send OTLP to the gateway.

mod check;
mod file;
mod merge;

use super::door::Gateway;
use crate::args::{ConnectArgs, SystemArgs};
use crate::output;
use anyhow::{Context, Result, anyhow};
use file::SettingsFile;
use serde_json::{Value, json};
use std::process::ExitCode;
use weir_model::codes::{CLIENT_SETTINGS, INPUT};
use weir_otlp::{Client, Format, Placeholders, Settings};

/// A settings file and what it would say.
struct Change {
    format: Format,
    file: SettingsFile,
    /// What is to be put into it, by itself.
    alone: String,
    /// All of it, with that in it.
    merged: Result<String, String>,
}

impl Change {
    fn of(settings: &Settings, words: &Placeholders<'_>) -> Result<Change> {
        let env = |name: &str| std::env::var(name).ok();
        let path = settings.path(std::env::consts::OS, &env).with_context(|| {
            format!("{CLIENT_SETTINGS}: no home directory: set HOME to that of the client's user")
        })?;
        let values = settings.values(words);
        let file = SettingsFile::find(path)?;
        let format = settings.format;
        let merged = merge::merge(format, file.text(), &values);
        let alone =
            merge::merge(format, "", &values).map_err(|why| anyhow!("{CLIENT_SETTINGS}: {why}"))?;
        Ok(Change {
            format,
            file,
            alone,
            merged,
        })
    }

    /// The text to write, or why there is none.
    fn merged(&self) -> Result<&str> {
        self.merged.as_deref().map_err(|why| {
            anyhow!(
                "{CLIENT_SETTINGS}: {}: {why}; it is left as it is: correct it, or put in by hand \
                 what this command prints without --write",
                self.file.path.display()
            )
        })
    }

    fn is_there(&self) -> bool {
        self.file.exists() && self.merged.as_deref() == Ok(self.file.text())
    }

    /// What changes, without the tokens.
    fn diff(&self, merged: &str) -> String {
        let (old, new) = (hidden(self.file.text()), hidden(merged));
        let path = self.file.path.display().to_string();
        let diff = similar::TextDiff::from_lines(&old, &new);
        let mut shown = diff.unified_diff();
        shown.context_radius(1).header(&path, &path).to_string()
    }

    /// How a file of variables comes to count, which no client reads by itself.
    fn to_do(&self) -> Option<String> {
        let is_env = self.format == Format::Env;
        is_env.then(|| format!(". {}", self.file.path.display()))
    }
}

pub fn run(system: &SystemArgs, a: &ConnectArgs) -> Result<ExitCode> {
    let clients = system.clients()?;
    let gateway = Gateway::find(system, &a.gateway)?;
    let words = Placeholders {
        url: &gateway.url,
        token: gateway.token.expose(),
    };
    let Some(name) = &a.client else {
        list(&clients, &words, a.json)?;
        return Ok(ExitCode::SUCCESS);
    };
    let client = clients.iter().find(|c| c.name == *name).ok_or_else(|| {
        let names: Vec<&str> = clients.iter().map(|c| c.name.as_str()).collect();
        anyhow!(
            "{INPUT}: no client is named {name}; there are {}",
            names.join(", ")
        )
    })?;
    // Before anything is written, so that nothing that comes after it is missed.
    let check = a
        .check
        .then(|| check::Check::begin(system, client, a.write))
        .transpose()?;
    let all = client.files.iter().map(|f| Change::of(f, &words));
    let changes = all.collect::<Result<Vec<_>>>()?;
    let mut said = json!({"client": client.name, "emitters": client.emitters});
    if a.write {
        write(client, &changes, a.json)?;
    } else if check.is_none() && !a.json {
        show(client, &changes);
    }
    said["files"] = changes.iter().map(|c| told(c, a.write)).collect();
    let came = check.map(|check| check.wait(a.timeout)).transpose()?;
    let code = match &came {
        Some(came) if !came.is_any() => ExitCode::from(1),
        _ => ExitCode::SUCCESS,
    };
    if a.json {
        if let Some(came) = came {
            said["came"] = came.json();
        }
        output::json(&said)?;
    } else if let Some(came) = came {
        came.show(client)?;
    }
    Ok(code)
}

/// Writes what is not there yet. All files are understood before the first one is written.
fn write(client: &Client, changes: &[Change], quiet: bool) -> Result<()> {
    let merged = changes.iter().map(Change::merged);
    let merged = merged.collect::<Result<Vec<_>>>()?;
    for (change, merged) in changes.iter().zip(merged) {
        let path = change.file.path.display();
        if change.is_there() {
            eprintln!("{path} says so already");
            continue;
        }
        if !quiet {
            print!("{}", change.diff(merged));
        }
        change.file.replace(merged)?;
        eprintln!("wrote {path}");
    }
    for to_do in changes.iter().filter_map(Change::to_do) {
        eprintln!("put this line into the profile of your shell: {to_do}");
    }
    eprintln!(
        "start {} anew; `weir connect {} --check` waits for what it sends",
        client.program, client.name
    );
    Ok(())
}

/// What is to be put where, to be copied.
fn show(client: &Client, changes: &[Change]) {
    for change in changes {
        let path = change.file.path.display();
        let state = match change.is_there() {
            true => "says so already",
            false if change.file.exists() => "add to it",
            false => "there is none yet",
        };
        println!("# {path} ({state})\n{}", change.alone);
        if let Some(to_do) = change.to_do() {
            println!("# in the profile of your shell\n{to_do}\n");
        }
    }
    eprintln!("weir connect {} --write puts it there", client.name);
}

fn told(change: &Change, written: bool) -> Value {
    json!({
        "path": change.file.path, "format": change.format.name(), "content": change.alone,
        "in_place": change.is_there() || written, "problem": change.merged.as_ref().err(),
    })
}

/// All clients, and whether their settings say so already.
fn list(clients: &[Client], words: &Placeholders<'_>, as_json: bool) -> Result<()> {
    let mut rows = Vec::new();
    let mut said = Vec::new();
    for client in clients {
        let all = client.files.iter().map(|f| Change::of(f, words));
        let (state, files) = match all.collect::<Result<_>>() {
            Ok(changes) => state_of(changes),
            Err(e) => ("unknown", vec![format!("{e:#}")]),
        };
        said.push(json!({
            "client": client.name, "title": client.title, "emitters": client.emitters,
            "files": files, "in_place": state,
        }));
        let (name, title) = (client.name.clone(), client.title.clone());
        rows.push(vec![name, title, files.join(", "), state.to_owned()]);
    }
    match as_json {
        true => output::json(&said),
        false => output::table(&["client", "what it is", "settings", "in place"], &rows),
    }
}

/// Whether all files say so already, and where they are.
fn state_of(changes: Vec<Change>) -> (&'static str, Vec<String>) {
    let in_place = changes.iter().all(Change::is_there);
    let path = |c: &Change| c.file.path.display().to_string();
    let state = if in_place { "yes" } else { "no" };
    (state, changes.iter().map(path).collect())
}

/// A text in which nobody reads a token over a shoulder.
fn hidden(text: &str) -> String {
    const PREFIX: &str = "weir_";
    /// Shorter words are names.
    const LENGTH: usize = 32;
    let (mut out, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(PREFIX) {
        let (before, from) = rest.split_at(at + PREFIX.len());
        out += before;
        let end = from.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
        let (word, after) = from.split_at(end.unwrap_or(from.len()));
        out += if word.len() < LENGTH { word } else { "…" };
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_hidden_and_nothing_else_is() {
        let token = format!("weir_{}", "0a".repeat(32));
        let text = format!("a {token}\" weir_short weir_ {token}");
        assert_eq!(hidden(&text), "a weir_…\" weir_short weir_ weir_…");
    }
}
