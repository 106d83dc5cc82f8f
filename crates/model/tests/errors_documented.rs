//! `docs/errors.md` explains each code once, under its own words, and nothing else.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use weir_model::codes;

/// Sections whose heading begins with a code: heading, and text up to the next heading.
fn sections(page: &str) -> Vec<(String, String)> {
    let mut out: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in page.lines() {
        if line.starts_with('#') {
            let heading = line.trim_start_matches("## ");
            inside = heading.starts_with("WEIR-");
            if inside {
                out.push((heading.to_owned(), String::new()));
            }
        } else if inside && let Some((_, text)) = out.last_mut() {
            text.push_str(line);
            text.push('\n');
        }
    }
    out
}

/// The text of a paragraph that begins with `**name.**`.
fn paragraph<'a>(section: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = section.split_once(&format!("**{name}.**"))?;
    Some(rest.split("\n\n").next().unwrap_or(rest).trim())
}

#[test]
fn every_code_is_explained() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let found = sections(&page);
    let wanted: Vec<String> = codes::ALL
        .iter()
        .map(|(code, meaning)| format!("{code} — {}", meaning.trim()))
        .collect();
    let headings: Vec<&str> = found.iter().map(|(h, _)| h.as_str()).collect();
    assert_eq!(
        headings, wanted,
        "headings of docs/errors.md, in the order of codes.rs"
    );

    let mut causes = BTreeMap::new();
    for (heading, text) in &found {
        for name in ["Cause", "Remedy"] {
            let told = paragraph(text, name).unwrap_or_else(|| panic!("{heading}: no {name}"));
            assert!(
                told.ends_with('.') && told.len() > 20,
                "{heading}: {name}: {told}"
            );
        }
        // Two codes with one cause would be one code.
        if let Some(other) = causes.insert(paragraph(text, "Cause").unwrap(), heading) {
            panic!("{heading} and {other} have the same cause");
        }
    }
}

#[test]
fn codes_are_unique_and_ascending() {
    let numbers: Vec<u16> = codes::ALL.iter().map(|(c, _)| c.0).collect();
    assert!(numbers.windows(2).all(|w| w[0] < w[1]), "{numbers:?}");
}

/// Rust files below a folder, without those of tests.
fn sources(dir: &Path, into: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" && name != "target" {
            sources(&path, into);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            into.push(path);
        }
    }
}

#[test]
fn codes_are_written_as_numbers_in_one_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    sources(&root.join("crates"), &mut files);
    sources(&root.join("services"), &mut files);
    assert!(files.len() > 100);
    let is_code = |rest: &str| rest.len() >= 4 && rest.bytes().take(4).all(|b| b.is_ascii_digit());
    for file in files.iter().filter(|f| !f.ends_with("codes.rs")) {
        let text = std::fs::read_to_string(file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for (n, line) in code.lines().enumerate() {
            let is_comment = line.trim_start().starts_with("//");
            let written = line.split("WEIR-").skip(1).any(is_code);
            assert!(
                is_comment || !written,
                "{}:{}: use the constant of weir_model::codes: {line}",
                file.display(),
                n + 1
            );
        }
    }
}
