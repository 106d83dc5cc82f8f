//! Markdown: headings with a table of contents, prose of a bounded width, tables.

use std::fmt::Write as _;

/// Characters in a line of prose.
const WIDTH: usize = 100;

/// A page that grows.
pub(super) struct Page {
    head: String,
    contents: String,
    body: String,
}

impl Page {
    pub fn new(title: &str, intro: &str) -> Page {
        let mut page = Page {
            head: format!("# {title}\n\n"),
            contents: String::new(),
            body: String::new(),
        };
        let intro = textwrap::fill(intro, WIDTH);
        page.head += &format!("{intro}\n");
        page
    }

    /// A heading of its own in the table of contents.
    pub fn chapter(&mut self, name: &str) {
        let _ = write!(self.body, "\n## {name}\n");
        let _ = writeln!(self.contents, "- [{name}](#{})", anchor(name));
    }

    /// A heading below that of the chapter.
    pub fn section(&mut self, name: &str) {
        let _ = write!(self.body, "\n### {name}\n");
        let _ = writeln!(self.contents, "  - [{name}](#{})", anchor(name));
    }

    /// A paragraph.
    pub fn prose(&mut self, text: &str) {
        if !text.is_empty() {
            let options = textwrap::Options::new(WIDTH)
                .break_words(false)
                .word_separator(textwrap::WordSeparator::AsciiSpace)
                .word_splitter(textwrap::WordSplitter::NoHyphenation);
            let _ = write!(self.body, "\n{}\n", textwrap::fill(text, options));
        }
    }

    /// A table, of which columns without any text are left out.
    pub fn table(&mut self, header: &[&str], rows: &[Vec<String>]) {
        if rows.is_empty() {
            return;
        }
        let filled = |i: &usize| {
            rows.iter()
                .any(|r| r.get(*i).is_some_and(|c| !c.is_empty()))
        };
        let shown: Vec<usize> = (0..header.len()).filter(filled).collect();
        self.body.push('\n');
        let mut line = |cell: &dyn Fn(usize) -> String| {
            let cells: Vec<String> = shown.iter().map(|i| cell(*i)).collect();
            let _ = writeln!(self.body, "| {} |", cells.join(" | "));
        };
        line(&|i| header[i].to_owned());
        line(&|_| "---".to_owned());
        for row in rows {
            line(&|i| row.get(i).map_or_else(String::new, |c| cell(c)));
        }
    }

    pub fn finish(self) -> String {
        format!("{}\n{}{}", self.head, self.contents, self.body)
    }
}

/// What may stand between two bars.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// What a heading is linked to by.
pub(super) fn anchor(heading: &str) -> String {
    let lower = heading.to_lowercase();
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
    lower
        .chars()
        .filter(kept)
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// As code, or nothing.
pub(super) fn code(text: &str) -> String {
    match text {
        "" => String::new(),
        _ => format!("`{text}`"),
    }
}

/// Names as code, between commas.
pub(super) fn codes<S: AsRef<str>>(names: &[S]) -> String {
    let each: Vec<String> = names.iter().map(|n| code(n.as_ref())).collect();
    each.join(", ")
}
