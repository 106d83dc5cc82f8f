//! Tables: as wide as the page, with a row of heads on each page.

use super::fonts::Weight;
use super::paper::{HAIR, INK, MARGIN, Mark, Node, Paper, ROOM, SOFT, Style};
use krilla::tagging::{TableHeaderScope, Tag};

/// A table of texts.
pub(super) struct Grid {
    pub heads: Vec<String>,
    /// Which columns hold numbers.
    pub numbers: Vec<bool>,
    pub rows: Vec<Vec<String>>,
}

/// Between columns.
const GAP: f32 = 10.0;
/// Above and below what is in a cell.
const PAD: f32 = 3.0;
const LINE: f32 = 1.3;
/// Letters are as large as fits, within these.
const SIZES: [f32; 4] = [8.5, 7.75, 7.0, 6.25];

impl Grid {
    fn head(size: f32) -> Style {
        Style {
            weight: Weight::Bold,
            size: size - 0.5,
            color: SOFT,
        }
    }

    fn body(size: f32) -> Style {
        Style {
            weight: Weight::Regular,
            size,
            color: INK,
        }
    }

    /// Widths of columns, with the size of letters that they hold at.
    fn widths(&self, paper: &Paper) -> (f32, Vec<f32>) {
        let room = ROOM - GAP * (self.heads.len().saturating_sub(1)) as f32;
        let mut made = (
            SIZES[3],
            vec![room / self.heads.len().max(1) as f32; self.heads.len()],
        );
        for size in SIZES {
            let (least, most) = self.wanted(paper, size);
            let (floor, wish) = (least.iter().sum::<f32>(), most.iter().sum::<f32>());
            if floor > room {
                continue;
            }
            // What is left goes to who wants more than the least, by how much.
            let share = ((room - floor) / (wish - floor).max(0.01)).min(1.0);
            let each = least.iter().zip(&most).map(|(l, m)| l + (m - l) * share);
            made = (size, each.collect());
            break;
        }
        // The first column takes what nobody wants.
        let left = room - made.1.iter().sum::<f32>();
        if let Some(first) = made.1.first_mut().filter(|_| left > 0.0) {
            *first += left;
        }
        made
    }

    /// What columns need at least, and what they would like to have.
    fn wanted(&self, paper: &Paper, size: f32) -> (Vec<f32>, Vec<f32>) {
        let (head, body) = (Grid::head(size), Grid::body(size));
        let wide = |text: &str, s: Style| {
            // A little more: letters that stand close are measured one by one.
            paper
                .fonts
                .width(&paper.fonts.known(text), s.weight, s.size)
                + 1.0
        };
        let word = |text: &str, s: Style| {
            text.split_whitespace()
                .map(|w| wide(w, s))
                .fold(0.0, f32::max)
        };
        let column = |i: usize| {
            let cells = || self.rows.iter().filter_map(move |r| r.get(i));
            let long = cells().map(|c| wide(c, body)).fold(0.0, f32::max);
            let least = match self.numbers[i] {
                true => long,
                false => cells()
                    .map(|c| word(c, body))
                    .fold(0.0, f32::max)
                    .min(150.0),
            };
            let least = least.max(word(&self.heads[i], head));
            let most = long.max(wide(&self.heads[i], head).min(90.0)).max(least);
            (least, most)
        };
        (0..self.heads.len()).map(column).unzip()
    }

    /// Draws it.
    pub fn draw(&self, paper: &mut Paper) -> Node {
        let (size, widths) = self.widths(paper);
        let head = self.head_row(paper, (size, &widths), true);
        let mut nodes = vec![Node::Group(Tag::THead.into(), head)];
        let mut body = Vec::new();
        for row in &self.rows {
            let lines = self.lines(paper, row, Grid::body(size), &widths);
            let height = height(&lines, size);
            let before = paper.y;
            paper.need(height);
            if paper.y < before {
                self.head_row(paper, (size, &widths), false);
            }
            body.push(self.row(paper, lines, (Grid::body(size), &widths), false));
        }
        if !body.is_empty() {
            nodes.push(Node::Group(Tag::TBody.into(), body));
        }
        paper.y += 10.0;
        Node::Group(Tag::Table.into(), nodes)
    }

    /// The row of heads; on further pages it is repeated for the eye alone.
    fn head_row(&self, paper: &mut Paper, (size, widths): (f32, &[f32]), told: bool) -> Vec<Node> {
        let style = Grid::head(size);
        let lines = self.lines(paper, &self.heads, style, widths);
        paper.need(height(&lines, size) * 2.0);
        if told {
            return vec![self.row(paper, lines, (style, widths), true)];
        }
        let (marks, tall) = self.marks(paper, lines, (style, widths));
        paper.decorated(marks.into_iter().flatten().collect());
        self.rule(paper, tall);
        Vec::new()
    }

    fn lines(&self, paper: &Paper, row: &[String], s: Style, widths: &[f32]) -> Vec<Vec<String>> {
        let cells = row.iter().zip(widths);
        cells
            .map(|(text, width)| paper.fonts.lines(text, s.weight, s.size, *width))
            .collect()
    }

    fn row(
        &self,
        paper: &mut Paper,
        lines: Vec<Vec<String>>,
        (style, widths): (Style, &[f32]),
        is_head: bool,
    ) -> Node {
        let (cells, tall) = self.marks(paper, lines, (style, widths));
        let cells: Vec<Node> = cells
            .into_iter()
            .enumerate()
            .map(|(i, marks)| {
                let told = vec![paper.told(marks)];
                match (is_head, i) {
                    (true, _) => Node::Group(Tag::TH(TableHeaderScope::Column).into(), told),
                    (false, 0) => Node::Group(Tag::TH(TableHeaderScope::Row).into(), told),
                    (false, _) => Node::Group(Tag::TD.into(), told),
                }
            })
            .collect();
        self.rule(paper, tall);
        Node::Group(Tag::TR.into(), cells)
    }

    /// What is drawn of each cell, and how tall the row is.
    fn marks(
        &self,
        paper: &Paper,
        lines: Vec<Vec<String>>,
        (style, widths): (Style, &[f32]),
    ) -> (Vec<Vec<Mark>>, f32) {
        let tall = height(&lines, style.size);
        let mut left = MARGIN;
        let mut cells = Vec::new();
        for (i, (lines, width)) in lines.into_iter().zip(widths).enumerate() {
            let mut marks = Vec::new();
            for (n, line) in lines.into_iter().enumerate() {
                let wide = paper.fonts.width(&line, style.weight, style.size);
                let x = match self.numbers[i] {
                    true => left + width - wide,
                    false => left,
                };
                let y = paper.y + PAD + style.size * (LINE * n as f32 + 0.95);
                marks.push(Mark::Text(x, y, style, line));
            }
            cells.push(marks);
            left += width + GAP;
        }
        (cells, tall)
    }

    /// The line below a row.
    fn rule(&self, paper: &mut Paper, tall: f32) {
        paper.y += tall;
        let line = vec![(MARGIN, paper.y), (MARGIN + ROOM, paper.y)];
        paper.decorated(vec![Mark::Line(line, HAIR, 0.5)]);
    }
}

fn height(lines: &[Vec<String>], size: f32) -> f32 {
    let most = lines.iter().map(Vec::len).max().unwrap_or(1);
    most as f32 * size * LINE + 2.0 * PAD
}
