//! Lays a tree out in a width: what does not fit goes on below, beside the lines of the tree.

use textwrap::Options;

/// Less than this is left of a line beside a branch only where the terminal is narrow: what is
/// deeper is then cut at words all the same.
const LEAST: usize = 20;

/// A text, and what is below it.
#[derive(Debug, Default)]
pub struct Tree {
    text: String,
    below: Vec<Tree>,
}

impl Tree {
    /// A text with nothing below.
    pub fn new(text: impl Into<String>) -> Tree {
        Tree {
            text: text.into(),
            below: Vec::new(),
        }
    }

    /// Adds a tree below.
    pub fn add(&mut self, tree: Tree) {
        self.below.push(tree);
    }

    /// Adds a text below.
    pub fn leaf(&mut self, text: impl Into<String>) {
        self.add(Tree::new(text));
    }

    /// Its lines, in at most `width` characters each where words allow it, or in as many as it
    /// takes.
    pub fn lay_out(&self, width: Option<usize>) -> String {
        let mut lines = Vec::new();
        self.lines(("", ""), width, &mut lines);
        lines.join("\n")
    }

    /// `first` stands before its first line, `rest` before all below.
    fn lines(&self, (first, rest): (&str, &str), width: Option<usize>, out: &mut Vec<String>) {
        let more = match self.below.is_empty() {
            true => format!("{rest}  "),
            false => format!("{rest}│ "),
        };
        let least = rest.chars().count() + LEAST;
        match width.map(|w| w.max(least)) {
            None => out.push(format!("{first}{}", self.text)),
            Some(width) => {
                let options = Options::new(width)
                    .initial_indent(first)
                    .subsequent_indent(&more)
                    .break_words(false);
                let wrapped = textwrap::wrap(&self.text, options);
                out.extend(wrapped.into_iter().map(|l| l.into_owned()));
            }
        }
        for (i, tree) in self.below.iter().enumerate() {
            let (branch, beside) = match i + 1 == self.below.len() {
                true => ("└ ", "  "),
                false => ("├ ", "│ "),
            };
            let next = (format!("{rest}{branch}"), format!("{rest}{beside}"));
            tree.lines((&next.0, &next.1), width, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_goes_on_beside_the_branches() {
        let mut inner = Tree::new("spend = 12.75 usd: what it costs in all");
        inner.leaf("one part");
        let mut tree = Tree::new("kpi roi");
        tree.add(inner);
        tree.leaf("the end");
        let wide = [
            "kpi roi",
            "├ spend = 12.75 usd: what it costs in all",
            "│ └ one part",
            "└ the end",
        ];
        assert_eq!(tree.lay_out(None), wide.join("\n"));
        let narrow = [
            "kpi roi",
            "├ spend = 12.75 usd: what",
            "│ │ it costs in all",
            "│ └ one part",
            "└ the end",
        ];
        assert_eq!(tree.lay_out(Some(26)), narrow.join("\n"));
    }
}
