//! Variables, a line each, as a shell reads them: `export NAME='value'`.

use super::Values;

pub fn merge(text: &str, values: &Values) -> Result<String, String> {
    // Each with its end, so that what is not set stays to the byte.
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
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
        let mut is_there = false;
        for line in &mut lines {
            // The last one counts, and none shall say otherwise.
            if name(line) == Some(wanted) {
                is_there = true;
                if line.trim_end() != new {
                    *line = format!("{new}\n");
                }
            }
        }
        if !is_there {
            if let Some(last) = lines.last_mut().filter(|l| !l.ends_with('\n')) {
                last.push('\n');
            }
            lines.push(format!("{new}\n"));
        }
    }
    Ok(lines.concat())
}

/// The variable that a line sets.
fn name(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    let (name, _) = line.split_once('=')?;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!name.is_empty() && name.chars().all(fits)).then_some(name)
}
