//! Cells of a CSV row, as RFC 4180 and the `csv` crate have them: a quote opens at the begin of a
//! cell only.

/// Whether a quote is open after a line, which begins a row or (`open`) goes on inside a quote:
/// then the row goes on in the next.
pub fn open_after(line: &[u8], mut open: bool) -> bool {
    let mut at = 0;
    loop {
        if !open && line.get(at) == Some(&b'"') {
            (open, at) = (true, at + 1);
        }
        while open {
            let Some(quote) = line[at..].iter().position(|b| *b == b'"') else {
                return true;
            };
            at += quote + 1;
            if line.get(at) == Some(&b'"') {
                at += 1;
            } else {
                open = false;
            }
        }
        match line[at..].iter().position(|b| *b == b',') {
            Some(comma) => at += comma + 1,
            None => return false,
        }
    }
}

/// The cells of a row; empty ones are `None`. Blanks around a cell are its form, inside quotes they
/// are its text.
pub fn split(row: &[u8]) -> Vec<Option<String>> {
    let mut cells = Vec::new();
    let mut at = 0;
    loop {
        let (cell, next) = match row.get(at) {
            Some(b'"') => quoted(row, at + 1),
            _ => {
                let end = row[at..].iter().position(|b| *b == b',');
                let end = end.map_or(row.len(), |n| at + n);
                (row[at..end].trim_ascii().to_vec(), end)
            }
        };
        let text = String::from_utf8_lossy(&cell).into_owned();
        cells.push((!text.trim().is_empty()).then_some(text));
        if next >= row.len() {
            return cells;
        }
        at = next + 1;
    }
}

/// The text of a cell after its opening quote, and where its comma stands.
fn quoted(row: &[u8], mut at: usize) -> (Vec<u8>, usize) {
    let mut cell = Vec::new();
    loop {
        let Some(quote) = row[at..].iter().position(|b| *b == b'"') else {
            cell.extend_from_slice(&row[at..]);
            return (cell, row.len());
        };
        let quote = at + quote;
        cell.extend_from_slice(&row[at..quote]);
        if row.get(quote + 1) == Some(&b'"') {
            cell.push(b'"');
            at = quote + 2;
            continue;
        }
        // What stands between the closing quote and the comma belongs to the cell.
        let rest = row[quote + 1..].iter().position(|b| *b == b',');
        let end = rest.map_or(row.len(), |n| quote + 1 + n);
        cell.extend_from_slice(row[quote + 1..end].trim_ascii());
        return (cell, end);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn cells(row: &str) -> Vec<String> {
        assert!(!open_after(
            row.split('\n').next_back().unwrap().as_bytes(),
            row.contains('\n')
        ));
        let cells = split(row.as_bytes()).into_iter();
        cells.map(Option::unwrap_or_default).collect()
    }

    #[test]
    fn a_cell_is_its_text() {
        assert_eq!(
            cells(r#"a, b ," c ",5" pipe,"#),
            ["a", "b", " c ", "5\" pipe", ""]
        );
        assert_eq!(cells("\"x\"\"y,\nz\",2"), ["x\"y,\nz", "2"]);
        assert_eq!(cells(""), [""]);
        assert!(open_after(b"a,\"b", false));
        assert!(open_after(b"\"\"\"", false));
        assert!(open_after(b"\"\",b", true));
        assert!(!open_after(b"x\"y", false));
    }

    proptest! {
        #[test]
        fn what_the_crate_writes_is_read_alike(row in prop::collection::vec("[ -~\n\u{e4}]{0,8}", 2..6)) {
            let mut writer = csv::WriterBuilder::new()
                .quote_style(csv::QuoteStyle::Always)
                .from_writer(Vec::new());
            writer.write_record(&row).unwrap();
            let mut bytes = writer.into_inner().unwrap();
            bytes.pop();
            let wanted: Vec<Option<String>> = row
                .iter()
                .map(|c| (!c.trim().is_empty()).then(|| c.clone()))
                .collect();
            let mut open = false;
            for line in bytes.split(|b| *b == b'\n') {
                open = open_after(line, open);
            }
            prop_assert!(!open);
            prop_assert_eq!(split(&bytes), wanted);
        }
    }
}
