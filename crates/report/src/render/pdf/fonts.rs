//! The letters of a PDF: DejaVu Sans, which is embedded, so that it looks the same everywhere.

use krilla::text::Font;
use ttf_parser::Face;

/// A face of the family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// Both faces, to draw with and to measure by.
pub(super) struct Fonts {
    regular: (Font, Face<'static>),
    bold: (Font, Face<'static>),
}

/// Stands for letters that the font does not have.
const UNKNOWN: char = '\u{25a1}';

impl Fonts {
    /// None where the embedded fonts cannot be read, which a test would show.
    pub fn new() -> Option<Fonts> {
        let of = |bytes: &'static [u8]| {
            let font = Font::new(bytes.into(), 0)?;
            Some((font, Face::parse(bytes, 0).ok()?))
        };
        Some(Fonts {
            regular: of(dejavu::sans::regular())?,
            bold: of(dejavu::sans::bold())?,
        })
    }

    fn of(&self, weight: Weight) -> &(Font, Face<'static>) {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }

    pub fn font(&self, weight: Weight) -> Font {
        self.of(weight).0.clone()
    }

    /// The text with letters alone that the font has.
    pub fn known(&self, text: &str) -> String {
        let face = &self.regular.1;
        let letter = |c: char| match c {
            c if c.is_whitespace() => ' ',
            c if c.is_control() || face.glyph_index(c).is_none() => UNKNOWN,
            c => c,
        };
        text.chars().map(letter).collect()
    }

    /// How wide a text is, in points.
    pub fn width(&self, text: &str, weight: Weight, size: f32) -> f32 {
        let face = &self.of(weight).1;
        let advance = |c: char| {
            let glyph = face.glyph_index(c)?;
            face.glyph_hor_advance(glyph)
        };
        let units: u32 = text.chars().filter_map(advance).map(u32::from).sum();
        units as f32 * size / f32::from(face.units_per_em())
    }

    /// The text in lines of this width. A word that is wider is broken.
    pub fn lines(&self, text: &str, weight: Weight, size: f32, width: f32) -> Vec<String> {
        let fits = |line: &str| self.width(line, weight, size) <= width;
        let mut lines: Vec<String> = Vec::new();
        let mut line = String::new();
        for word in self.known(text).split_whitespace() {
            let longer = match line.as_str() {
                "" => word.to_owned(),
                before => format!("{before} {word}"),
            };
            if fits(&longer) {
                line = longer;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            for c in word.chars() {
                line.push(c);
                if line.chars().count() > 1 && !fits(&line) {
                    line.pop();
                    lines.push(std::mem::replace(&mut line, c.to_string()));
                }
            }
        }
        if !line.is_empty() || lines.is_empty() {
            lines.push(line);
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lines_are_no_wider_than_asked_and_lose_nothing() {
        let fonts = Fonts::new().unwrap();
        let text = "The return is 25.95x of what the assistant costs, averyveryverylongword indeed";
        for width in [30.0, 80.0, 400.0] {
            let lines = fonts.lines(text, Weight::Bold, 10.0, width);
            for line in &lines {
                assert!(fonts.width(line, Weight::Bold, 10.0) <= width, "{line}");
            }
            let letters = |t: &str| t.replace(' ', "");
            assert_eq!(letters(&lines.concat()), letters(text));
        }
        assert_eq!(fonts.known("a\t\u{4e2d}é"), "a \u{25a1}é");
        assert_eq!(fonts.lines("", Weight::Regular, 10.0, 50.0), [""]);
    }
}
