//! Pages: what is drawn where, and what it means. It is laid out first and written then.

use super::fonts::{Fonts, Weight};
use krilla::color::rgb;
use krilla::configure::ConfigurationBuilder;
use krilla::configure::validate::Accessibility;
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect};
use krilla::metadata::Metadata;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, Paint, Stroke};
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, Identifier, SpanTag, TagGroup, TagKind, TagTree,
};
use krilla::text::TextDirection;
use krilla::{Document, SerializeSettings};

/// A4, in points.
const WIDTH: f32 = 595.0;
const HEIGHT: f32 = 842.0;
/// Around everything.
pub(super) const MARGIN: f32 = 48.0;
/// What is written is so wide.
pub(super) const ROOM: f32 = WIDTH - 2.0 * MARGIN;
/// Where it ends: the foot stands below.
const BOTTOM: f32 = HEIGHT - 56.0;
/// Of lines, in sizes of their letters.
const LINE: f32 = 1.38;

/// Red, green, blue.
pub(super) type Color = (u8, u8, u8);
pub(super) const INK: Color = (0x1b, 0x1f, 0x24);
pub(super) const SOFT: Color = (0x5b, 0x64, 0x70);
pub(super) const HAIR: Color = (0xd9, 0xdd, 0xe2);

/// How a text looks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub weight: Weight,
    pub size: f32,
    pub color: Color,
}

/// Something drawn.
#[derive(Clone, Debug)]
pub(super) enum Mark {
    Text(f32, f32, Style, String),
    /// Corners of an open line, and how wide it is.
    Line(Vec<(f32, f32)>, Color, f32),
    /// Left, top, width, height.
    Block(f32, f32, f32, f32, Color),
}

/// Marks that mean one thing; of none it is decoration.
struct Piece {
    page: usize,
    marks: Vec<Mark>,
    leaf: Option<usize>,
}

/// What the document is made of, for who does not see it.
pub(super) enum Node {
    Group(TagKind, Vec<Node>),
    /// Something drawn.
    Leaf(usize),
}

/// A heading, for the outline.
struct Heading {
    text: String,
    page: usize,
    y: f32,
}

/// Pages that are laid out.
pub(super) struct Paper {
    pub fonts: Fonts,
    pub y: f32,
    page: usize,
    pieces: Vec<Piece>,
    leaves: usize,
    headings: Vec<Heading>,
}

impl Paper {
    pub fn new(fonts: Fonts) -> Paper {
        Paper {
            fonts,
            y: MARGIN,
            page: 0,
            pieces: Vec::new(),
            leaves: 0,
            headings: Vec::new(),
        }
    }

    /// Goes on at the next page where less than this is left.
    pub fn need(&mut self, height: f32) {
        if self.y + height > BOTTOM && self.y > MARGIN {
            self.page += 1;
            self.y = MARGIN;
        }
    }

    /// Draws something that is told.
    pub fn told(&mut self, marks: Vec<Mark>) -> Node {
        let leaf = self.leaves;
        self.leaves += 1;
        let page = self.page;
        let leaf_of = Some(leaf);
        self.pieces.push(Piece {
            page,
            marks,
            leaf: leaf_of,
        });
        Node::Leaf(leaf)
    }

    /// Draws something that says nothing.
    pub fn decorated(&mut self, marks: Vec<Mark>) {
        let page = self.page;
        self.pieces.push(Piece {
            page,
            marks,
            leaf: None,
        });
    }

    /// Writes a text in lines from `x` on.
    pub fn text(&mut self, text: &str, style: Style, x: f32, width: f32) -> Vec<Node> {
        let lines = self.fonts.lines(text, style.weight, style.size, width);
        let mut nodes = Vec::new();
        for line in lines {
            let height = style.size * LINE;
            self.need(height);
            let y = self.y + style.size;
            nodes.push(self.told(vec![Mark::Text(x, y, style, line)]));
            self.y += height;
        }
        nodes
    }

    /// A heading of the outline begins here.
    pub fn heading(&mut self, text: &str) {
        self.headings.push(Heading {
            text: self.fonts.known(text),
            page: self.page,
            y: self.y,
        });
    }

    /// The document, as PDF/UA-1 wants it.
    ///
    /// # Errors
    /// In words of the library.
    pub fn finish(mut self, title: &str, foot: &str, nodes: Vec<Node>) -> Result<Vec<u8>, String> {
        self.feet(foot);
        let accessible =
            ConfigurationBuilder::new().with_accessibility_validator(Accessibility::UA1);
        let settings = SerializeSettings {
            configuration: accessible.finish().map_err(|e| format!("{e:?}"))?,
            ..SerializeSettings::default()
        };
        let mut document = Document::new_with(settings);
        let mut known: Vec<Option<Identifier>> = vec![None; self.leaves];
        for page in 0..=self.page {
            let size = PageSettings::from_wh(WIDTH, HEIGHT).ok_or("no page")?;
            let mut sheet = document.start_page_with(size);
            let mut surface = sheet.surface();
            for piece in self.pieces.iter().filter(|p| p.page == page) {
                let id = self.draw(&mut surface, piece);
                if let Some(leaf) = piece.leaf {
                    known[leaf] = Some(id);
                }
            }
            surface.finish();
            sheet.finish();
        }
        let mut tree = TagTree::new().with_lang(Some("en".to_owned()));
        for node in nodes {
            match node {
                Node::Leaf(leaf) => known[leaf].take().into_iter().for_each(|id| tree.push(id)),
                Node::Group(kind, inner) => tree.push(group(kind, inner, &mut known)),
            }
        }
        document.set_tag_tree(tree);
        document.set_outline(self.outline());
        let about = Metadata::new()
            .title(self.fonts.known(title))
            .language("en".to_owned())
            .creator("weir".to_owned());
        document.set_metadata(about);
        document.finish().map_err(|e| format!("{e:?}"))
    }

    fn outline(&self) -> Outline {
        let mut outline = Outline::new();
        for h in &self.headings {
            let to = XyzDestination::new(h.page, Point::from_xy(MARGIN, h.y));
            outline.push_child(OutlineNode::new(h.text.clone(), to));
        }
        outline
    }

    /// The foot of each page: what it is, and its number.
    fn feet(&mut self, foot: &str) {
        let style = Style {
            weight: Weight::Regular,
            size: 7.5,
            color: SOFT,
        };
        let mut lines = self
            .fonts
            .lines(foot, style.weight, style.size, ROOM - 60.0);
        let foot = lines.swap_remove(0);
        let y = HEIGHT - 30.0;
        for page in 0..=self.page {
            let number = format!("{} of {}", page + 1, self.page + 1);
            let width = self.fonts.width(&number, style.weight, style.size);
            let at = MARGIN + ROOM - width;
            let marks = vec![
                Mark::Text(MARGIN, y, style, foot.clone()),
                Mark::Text(at, y, style, number),
            ];
            self.pieces.push(Piece {
                page,
                marks,
                leaf: None,
            });
        }
    }

    fn draw(&self, surface: &mut Surface<'_>, piece: &Piece) -> Identifier {
        let is_text = |m: &Mark| matches!(m, Mark::Text(..));
        let tag = match piece.leaf {
            None => ContentTag::Artifact(Artifact::with_kind(ArtifactType::Other)),
            Some(_) if piece.marks.iter().all(is_text) => ContentTag::Span(SpanTag::empty()),
            Some(_) => ContentTag::Other,
        };
        let id = surface.start_tagged(tag);
        for mark in &piece.marks {
            self.mark(surface, mark);
        }
        surface.end_tagged();
        id
    }

    fn mark(&self, surface: &mut Surface<'_>, mark: &Mark) {
        let paint = |(r, g, b): Color| -> Paint { rgb::Color::new(r, g, b).into() };
        let fill = |color: Color| Fill {
            paint: paint(color),
            ..Fill::default()
        };
        match mark {
            Mark::Text(x, y, style, text) => {
                surface.set_stroke(None);
                surface.set_fill(Some(fill(style.color)));
                let font = self.fonts.font(style.weight);
                let at = Point::from_xy(*x, *y);
                surface.draw_text(at, font, style.size, text, false, TextDirection::Auto);
            }
            Mark::Line(corners, color, width) => {
                let mut path = PathBuilder::new();
                let mut corners = corners.iter();
                if let Some((x, y)) = corners.next() {
                    path.move_to(*x, *y);
                }
                corners.for_each(|(x, y)| path.line_to(*x, *y));
                surface.set_fill(None);
                surface.set_stroke(Some(Stroke {
                    paint: paint(*color),
                    width: *width,
                    ..Stroke::default()
                }));
                path.finish().iter().for_each(|p| surface.draw_path(p));
            }
            Mark::Block(x, y, width, height, color) => {
                let mut path = PathBuilder::new();
                let block = Rect::from_xywh(*x, *y, *width, *height);
                block.into_iter().for_each(|b| path.push_rect(b));
                surface.set_stroke(None);
                surface.set_fill(Some(fill(*color)));
                path.finish().iter().for_each(|p| surface.draw_path(p));
            }
        }
    }
}

fn group(kind: TagKind, inner: Vec<Node>, known: &mut [Option<Identifier>]) -> TagGroup {
    let mut made = TagGroup::new(kind);
    for node in inner {
        match node {
            Node::Leaf(leaf) => known[leaf].take().into_iter().for_each(|id| made.push(id)),
            Node::Group(kind, inner) => made.push(group(kind, inner, known)),
        }
    }
    made
}
