//! What stands on a slide, as XML: texts, tables and the frames of charts. Lengths are in EMU,
//! 914,400 to an inch.

use crate::svg::escaped;
use std::fmt::Write;

/// Where something stands.
#[derive(Clone, Copy)]
pub struct Frame {
    pub x: i64,
    pub y: i64,
    pub width: i64,
    pub height: i64,
}

const LEFT: i64 = 609_600;
const TOP: i64 = 1_371_600;
const WIDTH: i64 = 10_972_800;
const HEIGHT: i64 = 4_953_000;
const GAP: i64 = 304_800;
/// Height of the caption of a table.
const CAPTION: i64 = 340_000;
const ROW: i64 = 300_000;

impl Frame {
    /// All of the slide below its title.
    pub fn whole() -> Frame {
        Frame {
            x: LEFT,
            y: TOP,
            width: WIDTH,
            height: HEIGHT,
        }
    }

    /// Two beside one another.
    pub fn halves() -> [Frame; 2] {
        let width = (WIDTH - GAP) / 2;
        let at = |x| Frame {
            x,
            width,
            ..Frame::whole()
        };
        [at(LEFT), at(LEFT + width + GAP)]
    }

    fn xfrm(&self, tag: &str) -> String {
        format!(
            "<{tag}:xfrm><a:off x=\"{}\" y=\"{}\"/><a:ext cx=\"{}\" cy=\"{}\"/></{tag}:xfrm>",
            self.x, self.y, self.width, self.height
        )
    }
}

/// A table of texts.
pub struct Grid {
    /// Above it; empty where there is none.
    pub title: String,
    pub head: Vec<String>,
    /// Which columns are numbers.
    pub numbers: Vec<bool>,
    pub rows: Vec<Vec<String>>,
}

fn run(text: &str, size: u32, more: &str, colour: &str) -> String {
    format!(
        "<a:r><a:rPr lang=\"en-US\" sz=\"{size}\"{more}><a:solidFill><a:schemeClr val=\"{colour}\"/></a:solidFill></a:rPr><a:t>{}</a:t></a:r>",
        escaped(text)
    )
}

/// The title of a slide.
pub fn title(text: &str) -> String {
    format!(
        "<p:sp><p:nvSpPr><p:cNvPr id=\"2\" name=\"Title\"/><p:cNvSpPr><a:spLocks noGrp=\"1\"/></p:cNvSpPr><p:nvPr><p:ph type=\"title\"/></p:nvPr></p:nvSpPr><p:spPr/><p:txBody><a:bodyPr/><a:lstStyle/><a:p><a:r><a:rPr lang=\"en-US\"/><a:t>{}</a:t></a:r></a:p></p:txBody></p:sp>",
        escaped(text)
    )
}

/// Lines of text.
pub fn lines(all: &[String]) -> String {
    let size = if all.len() > 9 { 1400 } else { 1800 };
    let mut paragraphs = String::new();
    for line in all {
        let _ = write!(
            paragraphs,
            "<a:p><a:r><a:rPr lang=\"en-US\" sz=\"{size}\"/><a:t>{}</a:t></a:r></a:p>",
            escaped(line)
        );
    }
    format!(
        "<p:sp><p:nvSpPr><p:cNvPr id=\"3\" name=\"Text\"/><p:cNvSpPr><a:spLocks noGrp=\"1\"/></p:cNvSpPr><p:nvPr><p:ph idx=\"1\"/></p:nvPr></p:nvSpPr><p:spPr/><p:txBody><a:bodyPr><a:normAutofit/></a:bodyPr><a:lstStyle/>{paragraphs}</p:txBody></p:sp>"
    )
}

/// About the width of a letter at 12 pt, in EMU.
const LETTER: i64 = 90_000;
/// Texts that are longer get several lines, in characters.
const PROSE: i64 = 30;

fn caption(id: usize, text: &str, frame: Frame) -> String {
    format!(
        "<p:sp><p:nvSpPr><p:cNvPr id=\"{id}\" name=\"Caption {id}\"/><p:cNvSpPr txBox=\"1\"/><p:nvPr/></p:nvSpPr><p:spPr>{}<a:prstGeom prst=\"rect\"><a:avLst/></a:prstGeom><a:noFill/></p:spPr><p:txBody><a:bodyPr wrap=\"square\" lIns=\"0\" rIns=\"0\" tIns=\"0\" bIns=\"0\"/><a:lstStyle/><a:p>{}</a:p></p:txBody></p:sp>",
        Frame {
            height: CAPTION,
            ..frame
        }
        .xfrm("a"),
        run(text, 1400, " b=\"1\"", "tx1")
    )
}

/// A table, with its caption.
pub fn grid(id: usize, of: &Grid, frame: Frame) -> String {
    let mut out = String::new();
    let mut frame = frame;
    if !of.title.is_empty() {
        out += &caption(id, &of.title, frame);
        frame.y += CAPTION;
        frame.height -= CAPTION;
    }
    let needs = needs(of);
    let is_dense = of.rows.len() > 9 || needs.iter().sum::<i64>() * LETTER > frame.width;
    let size = if is_dense { 1000 } else { 1200 };
    let mut grid = String::new();
    for width in widths(&needs, frame.width) {
        let _ = write!(grid, "<a:gridCol w=\"{width}\"/>");
    }
    let height = ROW * (of.rows.len() as i64 + 1);
    let mut rows = row(&of.head, &of.numbers, size, true);
    for cells in &of.rows {
        rows += &row(cells, &of.numbers, size, false);
    }
    let _ = write!(
        out,
        "<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id=\"{}\" name=\"Table {id}\"/><p:cNvGraphicFramePr><a:graphicFrameLocks noGrp=\"1\"/></p:cNvGraphicFramePr><p:nvPr/></p:nvGraphicFramePr>{}<a:graphic><a:graphicData uri=\"http://schemas.openxmlformats.org/drawingml/2006/table\"><a:tbl><a:tblPr firstRow=\"1\"/><a:tblGrid>{grid}</a:tblGrid>{rows}</a:tbl></a:graphicData></a:graphic></p:graphicFrame>",
        id + 1,
        Frame { height, ..frame }.xfrm("p")
    );
    out
}

/// Characters that each column needs: its longest word, and of its longest text what is usual.
fn needs(of: &Grid) -> Vec<i64> {
    let length = |text: &str| text.chars().count() as i64;
    let need = |(i, head): (usize, &String)| {
        let cells = || of.rows.iter().filter_map(|r| r.get(i)).chain([head]);
        let words = cells().flat_map(|c| c.split_whitespace());
        let word = words.map(length).max().unwrap_or(0);
        let whole = cells().map(|c| length(c)).max().unwrap_or(0);
        // Two for the margin.
        word.max(whole.min(PROSE)) + 2
    };
    of.head.iter().enumerate().map(need).collect()
}

/// The room, by what each needs.
fn widths(needs: &[i64], room: i64) -> Vec<i64> {
    let all = needs.iter().sum::<i64>().max(1);
    needs.iter().map(|n| room * n / all).collect()
}

fn row(cells: &[String], numbers: &[bool], size: u32, is_head: bool) -> String {
    let mut out = format!("<a:tr h=\"{ROW}\">");
    let (more, colour) = if is_head {
        (" b=\"1\"", "tx2")
    } else {
        ("", "tx1")
    };
    for (i, cell) in cells.iter().enumerate() {
        let side = match numbers.get(i) {
            Some(true) => "r",
            _ => "l",
        };
        let none =
            ["lnL", "lnR", "lnT"].map(|side| format!("<a:{side} w=\"0\"><a:noFill/></a:{side}>"));
        let _ = write!(
            out,
            "<a:tc><a:txBody><a:bodyPr/><a:lstStyle/><a:p><a:pPr algn=\"{side}\"/>{}</a:p></a:txBody><a:tcPr marL=\"0\" marR=\"90000\" marT=\"30000\" marB=\"30000\" anchor=\"ctr\">{}<a:lnB w=\"6350\"><a:solidFill><a:srgbClr val=\"DFE3E8\"/></a:solidFill></a:lnB><a:noFill/></a:tcPr></a:tc>",
            run(cell, size, more, colour),
            none.concat()
        );
    }
    out + "</a:tr>"
}

/// The frame of a chart, by the relation that names it.
pub fn chart(id: usize, relation: &str, name: &str, frame: Frame) -> String {
    format!(
        "<p:graphicFrame><p:nvGraphicFramePr><p:cNvPr id=\"{id}\" name=\"Chart {id}\" descr=\"{}\"/><p:cNvGraphicFramePr/><p:nvPr/></p:nvGraphicFramePr>{}<a:graphic><a:graphicData uri=\"http://schemas.openxmlformats.org/drawingml/2006/chart\"><c:chart xmlns:c=\"http://schemas.openxmlformats.org/drawingml/2006/chart\" r:id=\"{relation}\"/></a:graphicData></a:graphic></p:graphicFrame>",
        escaped(name),
        frame.xfrm("p")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_as_wide_as_its_content_asks_for() {
        let text = |all: &[&str]| all.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>();
        let of = Grid {
            title: String::new(),
            head: text(&["Rule", "Executions"]),
            numbers: vec![false, true],
            rows: vec![text(&["sla_moderate_queries_burn_steady", "7"])],
        };
        assert_eq!(needs(&of), [34, 12]);
        assert_eq!(widths(&needs(&of), 4600), [3400, 1200]);
        assert!(widths(&[], 100).is_empty());
    }
}
