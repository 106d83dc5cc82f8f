//! The parts of a .pptx and how they refer to one another.

use super::super::written;
use super::shapes::{self, Frame, Grid};
use crate::ReportError;
use crate::model::Chart;
use crate::svg::escaped;
use std::fmt::Write as _;
use std::io::{Cursor, Write};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const THEME: &str = include_str!("../../../templates/pptx/theme.xml");
const MASTER: &str = include_str!("../../../templates/pptx/master.xml");
const LAYOUT: &str = include_str!("../../../templates/pptx/layout.xml");
const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const NAMES: &str = "xmlns:a=\"http://schemas.openxmlformats.org/drawingml/2006/main\" xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\" xmlns:p=\"http://schemas.openxmlformats.org/presentationml/2006/main\"";

/// Slides and charts, as they come.
pub struct Package {
    slides: Vec<Slide>,
    charts: Vec<(String, Vec<u8>)>,
}

#[derive(Default)]
struct Slide {
    shapes: String,
    /// Numbers of its charts, from 1.
    charts: Vec<usize>,
    /// The last id of a shape.
    last: usize,
}

impl Package {
    pub fn new() -> Package {
        Package {
            slides: Vec::new(),
            charts: Vec::new(),
        }
    }

    /// A slide with a title; its place.
    pub fn slide(&mut self, title: &str) -> usize {
        self.slides.push(Slide {
            shapes: shapes::title(title),
            charts: Vec::new(),
            last: 3,
        });
        self.slides.len() - 1
    }

    /// A slide of text.
    pub fn text(&mut self, title: &str, lines: &[String]) {
        let slide = self.slide(title);
        self.slides[slide].shapes += &shapes::lines(lines);
    }

    /// A table on a slide.
    pub fn grid(&mut self, slide: usize, grid: &Grid, frame: Frame) {
        let slide = &mut self.slides[slide];
        slide.shapes += &shapes::grid(slide.last + 1, grid, frame);
        slide.last += 2;
    }

    /// A chart on a slide.
    pub fn chart(&mut self, slide: usize, of: &Chart, frame: Frame) -> Result<(), ReportError> {
        let book = super::chart::workbook(of).map_err(|e| written("pptx", &e))?;
        self.charts.push((super::chart::xml(of), book));
        let number = self.charts.len();
        let slide = &mut self.slides[slide];
        slide.charts.push(number);
        slide.last += 1;
        // Its layout is the first relation of a slide.
        let relation = format!("rId{}", slide.charts.len() + 1);
        slide.shapes += &shapes::chart(slide.last, &relation, &of.title, frame);
        Ok(())
    }

    /// The file.
    pub fn finish(self, title: &str, made: &str) -> Result<Vec<u8>, ReportError> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let mut put = |name: &str, bytes: &[u8]| -> Result<(), ReportError> {
            let begun = zip.start_file(name, SimpleFileOptions::default());
            begun.map_err(|e| written("pptx", &e))?;
            zip.write_all(bytes).map_err(|e| written("pptx", &e))
        };
        put("[Content_Types].xml", self.types().as_bytes())?;
        let relations = [
            ("officeDocument", "ppt/presentation.xml"),
            ("extended-properties", "docProps/app.xml"),
        ];
        let core = "<Relationship Id=\"rId9\" Type=\"http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties\" Target=\"docProps/core.xml\"/>";
        put("_rels/.rels", related(&relations, core).as_bytes())?;
        put("docProps/core.xml", core_properties(title, made).as_bytes())?;
        put("docProps/app.xml", format!("{HEAD}<Properties xmlns=\"http://schemas.openxmlformats.org/officeDocument/2006/extended-properties\"><Application>weir</Application></Properties>").as_bytes())?;
        put("ppt/theme/theme1.xml", THEME.as_bytes())?;
        put("ppt/slideMasters/slideMaster1.xml", MASTER.as_bytes())?;
        let of_master = [
            ("slideLayout", "../slideLayouts/slideLayout1.xml"),
            ("theme", "../theme/theme1.xml"),
        ];
        put(
            "ppt/slideMasters/_rels/slideMaster1.xml.rels",
            related(&of_master, "").as_bytes(),
        )?;
        put("ppt/slideLayouts/slideLayout1.xml", LAYOUT.as_bytes())?;
        let of_layout = [("slideMaster", "../slideMasters/slideMaster1.xml")];
        put(
            "ppt/slideLayouts/_rels/slideLayout1.xml.rels",
            related(&of_layout, "").as_bytes(),
        )?;
        let (presentation, relations) = self.presentation();
        put("ppt/presentation.xml", presentation.as_bytes())?;
        put("ppt/_rels/presentation.xml.rels", relations.as_bytes())?;
        for (n, slide) in (1..).zip(&self.slides) {
            put(&format!("ppt/slides/slide{n}.xml"), slide.xml().as_bytes())?;
            put(
                &format!("ppt/slides/_rels/slide{n}.xml.rels"),
                slide.relations().as_bytes(),
            )?;
        }
        for (n, (chart, book)) in (1..).zip(&self.charts) {
            put(&format!("ppt/charts/chart{n}.xml"), chart.as_bytes())?;
            let book_of = [("package", format!("../embeddings/numbers{n}.xlsx"))];
            let book_of = book_of.each_ref().map(|(kind, to)| (*kind, to.as_str()));
            put(
                &format!("ppt/charts/_rels/chart{n}.xml.rels"),
                related(&book_of, "").as_bytes(),
            )?;
            put(&format!("ppt/embeddings/numbers{n}.xlsx"), book)?;
        }
        let file = zip.finish().map_err(|e| written("pptx", &e))?;
        Ok(file.into_inner())
    }

    fn types(&self) -> String {
        const PREFIX: &str = "application/vnd.openxmlformats-officedocument.";
        let mut out = format!(
            "{HEAD}<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" ContentType=\"application/xml\"/><Default Extension=\"xlsx\" ContentType=\"{PREFIX}spreadsheetml.sheet\"/>"
        );
        let mut part = |name: String, kind: &str| {
            let _ = write!(
                out,
                "<Override PartName=\"/{name}\" ContentType=\"{kind}\"/>"
            );
        };
        let show = |kind: &str| format!("{PREFIX}presentationml.{kind}+xml");
        part("ppt/presentation.xml".into(), &show("presentation.main"));
        part(
            "ppt/slideMasters/slideMaster1.xml".into(),
            &show("slideMaster"),
        );
        part(
            "ppt/slideLayouts/slideLayout1.xml".into(),
            &show("slideLayout"),
        );
        part("ppt/theme/theme1.xml".into(), &format!("{PREFIX}theme+xml"));
        part(
            "docProps/app.xml".into(),
            &format!("{PREFIX}extended-properties+xml"),
        );
        part(
            "docProps/core.xml".into(),
            "application/vnd.openxmlformats-package.core-properties+xml",
        );
        for n in 1..=self.slides.len() {
            part(format!("ppt/slides/slide{n}.xml"), &show("slide"));
        }
        for n in 1..=self.charts.len() {
            part(
                format!("ppt/charts/chart{n}.xml"),
                &format!("{PREFIX}drawingml.chart+xml"),
            );
        }
        out + "</Types>"
    }

    /// The presentation, and what it refers to.
    fn presentation(&self) -> (String, String) {
        let slides: Vec<String> = (1..=self.slides.len())
            .map(|n| format!("slides/slide{n}.xml"))
            .collect();
        let mut all = vec![
            ("slideMaster", "slideMasters/slideMaster1.xml"),
            ("theme", "theme/theme1.xml"),
        ];
        all.extend(slides.iter().map(|s| ("slide", s.as_str())));
        let mut ids = String::new();
        for n in 0..self.slides.len() {
            let _ = write!(ids, "<p:sldId id=\"{}\" r:id=\"rId{}\"/>", 256 + n, n + 3);
        }
        let text = format!(
            "{HEAD}<p:presentation {NAMES}><p:sldMasterIdLst><p:sldMasterId id=\"2147483648\" r:id=\"rId1\"/></p:sldMasterIdLst><p:sldIdLst>{ids}</p:sldIdLst><p:sldSz cx=\"12192000\" cy=\"6858000\"/><p:notesSz cx=\"6858000\" cy=\"9144000\"/></p:presentation>"
        );
        (text, related(&all, ""))
    }
}

impl Slide {
    fn xml(&self) -> String {
        format!(
            "{HEAD}<p:sld {NAMES}><p:cSld><p:spTree><p:nvGrpSpPr><p:cNvPr id=\"1\" name=\"\"/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr><a:xfrm><a:off x=\"0\" y=\"0\"/><a:ext cx=\"0\" cy=\"0\"/><a:chOff x=\"0\" y=\"0\"/><a:chExt cx=\"0\" cy=\"0\"/></a:xfrm></p:grpSpPr>{}</p:spTree></p:cSld><p:clrMapOvr><a:masterClrMapping/></p:clrMapOvr></p:sld>",
            self.shapes
        )
    }

    fn relations(&self) -> String {
        let charts: Vec<String> = self
            .charts
            .iter()
            .map(|n| format!("../charts/chart{n}.xml"))
            .collect();
        let mut all = vec![("slideLayout", "../slideLayouts/slideLayout1.xml")];
        all.extend(charts.iter().map(|c| ("chart", c.as_str())));
        related(&all, "")
    }
}

/// Relations, numbered in their order from rId1.
fn related(all: &[(&str, &str)], more: &str) -> String {
    let mut out = format!(
        "{HEAD}<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">"
    );
    for (n, (kind, target)) in (1..).zip(all) {
        let _ = write!(
            out,
            "<Relationship Id=\"rId{n}\" Type=\"{OFFICE}/{kind}\" Target=\"{target}\"/>"
        );
    }
    out + more + "</Relationships>"
}

fn core_properties(title: &str, made: &str) -> String {
    let (title, made) = (escaped(title), escaped(made));
    format!(
        "{HEAD}<cp:coreProperties xmlns:cp=\"http://schemas.openxmlformats.org/package/2006/metadata/core-properties\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:dcterms=\"http://purl.org/dc/terms/\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><dc:title>{title}</dc:title><dc:creator>weir</dc:creator><dcterms:created xsi:type=\"dcterms:W3CDTF\">{made}</dcterms:created></cp:coreProperties>"
    )
}
