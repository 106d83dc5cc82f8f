//! Variables, a line each, as a shell reads them: `export NAME='value'`.

use super::Values;

pub fn merge(text: &str, values: &Values) -> Result<String, String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (i, line) in lines.iter().enumerate() {
        let is_empty = line.trim().is_empty() || line.trim_start().starts_with('#');
        if !is_empty && name(line).is_none() {
            return Err(format!("line {} is no variable", i + 1));
        }
    }
    for (path, value) in values {
        let Some(wanted) = path.first() else { continue };
        let value = value.as_str().unwrap_or_default().replace('\'', r"'\''");
        let new = format!("export {wanted}='{value}'");
        let same = lines.iter_mut().filter(|l| name(l) == Some(wanted));
        // The last one counts, and none shall say otherwise.
        if same.map(|line| line.clone_from(&new)).count() == 0 {
            lines.push(new);
        }
    }
    let merged = lines
        .iter()
        .fold(String::new(), |text, line| text + line + "\n");
    // A last line without an end is no change.
    Ok(match merged.strip_suffix('\n') {
        Some(same) if same == text => text.to_owned(),
        _ => merged,
    })
}

/// The variable that a line sets.
fn name(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    let (name, _) = line.split_once('=')?;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!name.is_empty() && name.chars().all(fits)).then_some(name)
}
