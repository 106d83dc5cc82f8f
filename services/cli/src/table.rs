//! Lays a table out in a width: whole where it fits, wrapped at words where it nearly fits, else
//! one record below the other.

use comfy_table::{CellAlignment, ContentArrangement, Table, TableComponent, presets};
use textwrap::core::{Word, display_width};
use textwrap::{Options, WordSeparator, WordSplitter};

/// What columns are asked to do with, one after the other until it suffices, in characters: a
/// column is not made narrower than its content or than the first of these, as prose in less is
/// hard to read; words longer than the second are cut; what is broken between the parts of names.
const ROOM: [(usize, usize, Broken); 5] = [
    (20, usize::MAX, Broken::Nothing),
    (12, usize::MAX, Broken::Nothing),
    (12, UUID, Broken::Nothing),
    (12, UUID, Broken::Titles),
    (12, UUID, Broken::All),
];
/// What people copy stays whole.
const UUID: usize = 36;
/// Less than this a terminal cannot be asked to show.
const LEAST: usize = 10;
/// Characters around a cell, and between two of them.
const PADDING: usize = 2;
const BETWEEN: usize = 1;

/// What may go on in the next line after a part of a name.
#[derive(Clone, Copy, PartialEq)]
enum Broken {
    Nothing,
    Titles,
    All,
}

/// The lines of a table in at most `width` characters, or in as many as it takes; numbers are
/// right-aligned.
///
/// A word that alone is longer than `width` stays whole in a record, or is broken between its
/// parts.
pub fn lay_out(header: &[&str], rows: &[Vec<String>], width: Option<usize>) -> String {
    let Some(width) = width.map(|w| w.max(LEAST)) else {
        return draw(header, rows, None);
    };
    let taken = PADDING * header.len() + BETWEEN * header.len().saturating_sub(1);
    let budget = width.saturating_sub(taken);
    let columns: Vec<Column> = (0..header.len())
        .map(|i| Column::of(header[i], rows, i))
        .collect();
    match widths(&columns, budget) {
        Some(widths) => draw(header, rows, Some(&widths)),
        None => records(header, rows, width),
    }
}

/// What a column needs, in characters.
struct Column {
    /// Its cells on one line each.
    cells: usize,
    /// The same, and its header.
    whole: usize,
    /// Its header in several lines, broken between words and between parts.
    title: [usize; 2],
    /// Its longest word, and part of a name.
    word: [usize; 2],
}

impl Column {
    fn of(header: &str, rows: &[Vec<String>], i: usize) -> Column {
        let cells = || rows.iter().filter_map(|r| r.get(i));
        let whole = cells().map(|c| display_width(c)).max().unwrap_or(0);
        Column {
            cells: whole,
            whole: whole.max(display_width(header)),
            title: [longest(header, words), longest(header, parts)],
            word: [words, parts].map(|into| cells().map(|c| longest(c, into)).max().unwrap_or(0)),
        }
    }

    /// The least width in which it can be read, where prose has so much room, words are cut at
    /// `cut`, and so much is broken.
    fn least(&self, (prose, cut, broken): (usize, usize, Broken)) -> usize {
        let prose = self.cells.min(prose);
        let title = self.title[usize::from(broken != Broken::Nothing)];
        let word = self.word[usize::from(broken == Broken::All)];
        word.min(cut).max(title).max(prose)
    }
}

/// Widths of the columns that fit in `budget`, if there are any.
fn widths(columns: &[Column], budget: usize) -> Option<Vec<usize>> {
    let mut widths = ROOM.into_iter().find_map(|room| {
        let least: Vec<usize> = columns.iter().map(|c| c.least(room)).collect();
        (least.iter().sum::<usize>() <= budget).then_some(least)
    })?;
    let mut left = budget - widths.iter().sum::<usize>();
    // One character each in turn, to those that can use it.
    loop {
        let before = left;
        for (width, column) in widths.iter_mut().zip(columns) {
            if left > 0 && *width < column.whole {
                *width += 1;
                left -= 1;
            }
        }
        if left == before {
            return Some(widths);
        }
    }
}

/// Draws it, each cell wrapped to the width of its column.
fn draw(header: &[&str], rows: &[Vec<String>], widths: Option<&[usize]>) -> String {
    let fit = |i: usize, cell: &str| match widths.and_then(|w| w.get(i)) {
        Some(width) => cut(cell, *width).join("\n"),
        None => cell.to_owned(),
    };
    let mut t = Table::new();
    t.load_preset(presets::UTF8_HORIZONTAL_ONLY)
        .set_header(header.iter().enumerate().map(|(i, h)| fit(i, h)))
        .set_content_arrangement(ContentArrangement::Disabled);
    // Lines between rows are noise: the header's line is enough.
    for line in [
        TableComponent::HorizontalLines,
        TableComponent::MiddleIntersections,
        TableComponent::LeftBorderIntersections,
        TableComponent::RightBorderIntersections,
    ] {
        t.remove_style(line);
    }
    for row in rows {
        t.add_row(row.iter().enumerate().map(|(i, cell)| fit(i, cell)));
    }
    for (i, column) in t.column_iter_mut().enumerate() {
        if is_numeric(rows, i) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    t.to_string()
}

fn is_numeric(rows: &[Vec<String>], column: usize) -> bool {
    let number =
        |c: &String| c.is_empty() || c == "-" || c.replace([',', '%'], "").parse::<f64>().is_ok();
    !rows.is_empty() && rows.iter().all(|r| r.get(column).is_some_and(number))
}

/// One record below the other, `name: value` in each line.
fn records(header: &[&str], rows: &[Vec<String>], width: usize) -> String {
    let record = |row: &Vec<String>| {
        let lines = header
            .iter()
            .zip(row)
            .filter(|(_, value)| !value.is_empty());
        lines
            .flat_map(|(name, value)| {
                let text = format!("{name}: {value}");
                let inner = width.saturating_sub(INDENT.len());
                let wrapped = match longest_word(&text) > inner {
                    true => wrap(&text, inner, parts),
                    false => wrap(&text, inner, words),
                };
                wrapped.into_iter().enumerate().map(|(i, line)| {
                    let indent = if i == 0 { "" } else { INDENT };
                    format!("{indent}{line}")
                })
            })
            .collect::<Vec<_>>()
            .join("\n")
    };
    rows.iter().map(record).collect::<Vec<_>>().join("\n\n")
}

/// Before the further lines of a value.
const INDENT: &str = "  ";

type Words<'a> = Box<dyn Iterator<Item = Word<'a>> + 'a>;

/// Lines of at most `width` characters, broken between what are words; those that are longer stay
/// whole.
fn wrap(text: &str, width: usize, into: fn(&str) -> Words<'_>) -> Vec<String> {
    let options = Options::new(width)
        .break_words(false)
        .word_splitter(WordSplitter::NoHyphenation)
        .word_separator(WordSeparator::Custom(into));
    let lines = textwrap::wrap(text, options).into_iter();
    lines.map(std::borrow::Cow::into_owned).collect()
}

/// The same, longer words broken between their parts, or cut.
fn cut(text: &str, width: usize) -> Vec<String> {
    let broken = longest(text, words) > width && longest(text, parts) <= width;
    if broken {
        return wrap(text, width, parts);
    }
    let fits = |line: String| match display_width(&line) > width {
        true => shortened(&line, width),
        false => line,
    };
    wrap(text, width, words).into_iter().map(fits).collect()
}

/// The first characters, and a sign that there are more.
fn shortened(text: &str, width: usize) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if display_width(&out) + display_width(c.encode_utf8(&mut [0; 4])) >= width {
            break;
        }
        out.push(c);
    }
    out.push('…');
    out
}

fn longest_word(text: &str) -> usize {
    longest(text, words)
}

fn longest(text: &str, into: fn(&str) -> Words<'_>) -> usize {
    let of = |line| into(line).map(|w| display_width(w.word)).max();
    text.lines().filter_map(of).max().unwrap_or(0)
}

/// Words end at spaces, and at commas within a list; not at those of a number.
fn words(line: &str) -> Words<'_> {
    split(line, |c, next| match c {
        ' ' => next != ' ',
        ',' => next != ' ' && !next.is_ascii_digit(),
        _ => false,
    })
}

/// Names and paths have parts, too; numbers and days stay whole.
fn parts(line: &str) -> Words<'_> {
    split(line, |c, next| match c {
        ' ' => next != ' ',
        ',' | '.' | '-' => next != ' ' && !next.is_ascii_digit(),
        '_' | '/' | '=' => next != ' ',
        _ => false,
    })
}

/// Ends a word after a character where `ends` says so of it and the next one.
fn split(line: &str, ends: fn(char, char) -> bool) -> Words<'_> {
    let mut rest = line;
    Box::new(std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut pairs = rest.char_indices().zip(rest.chars().skip(1));
        let last = pairs.find(|((_, c), next)| ends(*c, *next));
        let end = last.map(|((at, c), _)| at + c.len_utf8());
        let (word, left) = rest.split_at(end.unwrap_or(rest.len()));
        rest = left;
        Some(Word::from(word))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(of: &[&[&str]]) -> Vec<Vec<String>> {
        let row = |r: &&[&str]| r.iter().map(|c| (*c).to_owned()).collect();
        of.iter().map(row).collect()
    }

    fn broadest(text: &str) -> usize {
        text.lines().map(display_width).max().unwrap_or(0)
    }

    const TITLE: &str =
        "Share of the calls that were answered from a cache, of all that could have been";

    #[test]
    fn what_fits_is_a_plain_table() {
        let rows = rows(&[&["gpt", "1,234"], &["opus", "7"]]);
        let wide = lay_out(&["model", "calls"], &rows, None);
        assert_eq!(lay_out(&["model", "calls"], &rows, Some(80)), wide);
        assert!(wide.contains(" opus        7 "), "{wide}");
    }

    #[test]
    fn prose_is_wrapped_between_words() {
        let rows = rows(&[&["cache.hit_ratio", TITLE]]);
        let text = lay_out(&["kpi", "what it is"], &rows, Some(60));
        assert!(broadest(&text) <= 60, "{text}");
        for word in TITLE.split(' ') {
            assert!(text.contains(word), "{word} is broken:\n{text}");
        }
    }

    #[test]
    fn a_narrow_terminal_gets_records() {
        let rows = rows(&[
            &["cache.hit_ratio", "team,model", TITLE, ""],
            &["x", "", "short", "0.000123"],
        ]);
        let text = lay_out(&["kpi", "by", "what it is", "target"], &rows, Some(30));
        assert!(broadest(&text) <= 30, "{text}");
        assert!(
            text.starts_with(
                "kpi: cache.hit_ratio\nby: team,model\nwhat it is: Share of the\n  calls"
            ),
            "{text}"
        );
        assert!(
            text.ends_with("\n\nkpi: x\nwhat it is: short\ntarget: 0.000123"),
            "{text}"
        );
    }

    #[test]
    fn a_long_word_is_cut_in_a_table_and_whole_in_a_record() {
        let long = "a".repeat(100);
        let rows = rows(&[&["x", &long]]);
        let table = lay_out(&["id", "hash"], &rows, Some(60));
        assert!(broadest(&table) <= 60 && table.contains("aaa…"), "{table}");
        assert!(lay_out(&["id", "hash"], &rows, Some(30)).contains(&long));
    }

    #[test]
    fn a_long_name_is_broken_between_its_parts() {
        let name = "weir.events.productivity.recorded";
        let text = lay_out(&["topic", "offsets"], &rows(&[&[name, "7"]]), Some(20));
        assert_eq!(
            text,
            "topic: weir.\n  events.\n  productivity.\n  recorded\noffsets: 7"
        );
    }

    #[test]
    fn names_are_broken_before_there_are_records() {
        let header = ["kpi", "mean_score_of_all", "sum"];
        let rows = rows(&[&["optimization_experience", "99.3", "1,234"]]);
        let text = lay_out(&header, &rows, Some(44));
        assert!(text.contains(" kpi "), "{text}");
        assert!(text.contains("optimization_experience"), "{text}");
        let text = lay_out(&header, &rows, Some(34));
        assert!(
            text.contains("optimization_ ") && text.contains("experience "),
            "{text}"
        );
        assert!(broadest(&text) <= 34, "{text}");
    }

    #[test]
    fn a_number_is_one_word_and_a_list_is_several() {
        let of = |text| words(text).map(|w| w.word.to_owned()).collect::<Vec<_>>();
        assert_eq!(of("1,234,567 calls"), ["1,234,567", "calls"]);
        assert_eq!(of("engineer,team, all"), ["engineer,", "team,", "all"]);
    }

    proptest! {
        #[test]
        fn a_table_keeps_its_width_and_its_words(
            cells in prop::collection::vec(
                prop::collection::vec("[a-zé日]{1,9}( [a-z0-9]{1,9}){0,12}", 4), 1..5),
            width in 24usize..200,
        ) {
            let text = lay_out(&["one", "two words", "three", "four"], &cells, Some(width));
            prop_assert!(broadest(&text) <= width, "{text}");
            for word in cells.iter().flatten().flat_map(|c| c.split(' ')) {
                prop_assert!(text.contains(word), "{word} is not in\n{text}");
            }
        }
    }
}
