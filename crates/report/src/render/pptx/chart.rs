//! A native chart and the workbook with its numbers.

use super::super::xlsx::made_at;
use crate::model::{Chart, ChartKind, Series};
use crate::say;
use crate::svg::escaped;
use rust_xlsxwriter::{Workbook, XlsxError};
use std::fmt::Write;

const SHEET: &str = "Sheet1";
const COLOURS: [&str; 8] = [
    "2F6DB5", "C2571A", "2C8A6B", "8250B0", "A33E6B", "6B7A1E", "357F92", "7A6248",
];

/// Its numbers, as the chart refers to them: labels in the first column, a column for each series.
pub fn workbook(of: &Chart) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    // It is a part of slides, which have a time of their own.
    made_at(&mut book, "2000-01-01T00:00:00")?;
    let sheet = book.add_worksheet();
    sheet.set_name(SHEET)?;
    for (row, label) in (1u32..).zip(&of.labels) {
        sheet.write(row, 0, label)?;
    }
    for (column, series) in (1u16..).zip(&of.series) {
        sheet.write(0, column, &series.name)?;
        for (row, value) in (1u32..).zip(&series.values) {
            if let Some(value) = value {
                sheet.write(row, column, *value)?;
            }
        }
    }
    book.save_to_buffer()
}

/// The chart; its numbers are those of the workbook that its first relation names.
pub fn xml(of: &Chart) -> String {
    let mut series = String::new();
    for (i, s) in of.series.iter().enumerate() {
        series += &one(i, s, of);
    }
    let (open, close) = match of.kind {
        ChartKind::Line => (
            "<c:lineChart><c:grouping val=\"standard\"/><c:varyColors val=\"0\"/>",
            "<c:marker val=\"1\"/><c:axId val=\"1\"/><c:axId val=\"2\"/></c:lineChart>",
        ),
        ChartKind::Bar => (
            "<c:barChart><c:barDir val=\"bar\"/><c:grouping val=\"clustered\"/><c:varyColors val=\"0\"/>",
            "<c:gapWidth val=\"60\"/><c:axId val=\"1\"/><c:axId val=\"2\"/></c:barChart>",
        ),
    };
    let (category, order) = match of.kind {
        ChartKind::Line => (("b", "l"), "minMax"),
        ChartKind::Bar => (("l", "b"), "maxMin"),
    };
    let legend = match of.series.len() {
        0 | 1 => String::new(),
        _ => format!(
            "<c:legend><c:legendPos val=\"b\"/><c:overlay val=\"0\"/>{}</c:legend>",
            font(1000)
        ),
    };
    let title = say::head(&of.title, &of.unit);
    let line = "<c:spPr><a:ln w=\"6350\"><a:solidFill><a:srgbClr val=\"DFE3E8\"/></a:solidFill></a:ln></c:spPr>";
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n<c:chartSpace xmlns:c=\"http://schemas.openxmlformats.org/drawingml/2006/chart\" xmlns:a=\"http://schemas.openxmlformats.org/drawingml/2006/main\" xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><c:chart><c:title><c:tx><c:rich><a:bodyPr/><a:lstStyle/><a:p><a:pPr><a:defRPr sz=\"1400\" b=\"1\"/></a:pPr><a:r><a:rPr lang=\"en-US\" sz=\"1400\" b=\"1\"/><a:t>{}</a:t></a:r></a:p></c:rich></c:tx><c:overlay val=\"0\"/></c:title><c:autoTitleDeleted val=\"0\"/><c:plotArea><c:layout/>{open}{series}{close}\
         <c:catAx><c:axId val=\"1\"/><c:scaling><c:orientation val=\"{order}\"/></c:scaling><c:delete val=\"0\"/><c:axPos val=\"{}\"/><c:numFmt formatCode=\"General\" sourceLinked=\"0\"/><c:majorTickMark val=\"none\"/><c:minorTickMark val=\"none\"/><c:tickLblPos val=\"low\"/>{line}{}<c:crossAx val=\"2\"/><c:crosses val=\"autoZero\"/></c:catAx>\
         <c:valAx><c:axId val=\"2\"/><c:scaling><c:orientation val=\"minMax\"/></c:scaling><c:delete val=\"0\"/><c:axPos val=\"{}\"/><c:majorGridlines>{line}</c:majorGridlines><c:numFmt formatCode=\"#,##0.##\" sourceLinked=\"0\"/><c:majorTickMark val=\"none\"/><c:minorTickMark val=\"none\"/><c:tickLblPos val=\"nextTo\"/><c:spPr><a:ln><a:noFill/></a:ln></c:spPr>{}<c:crossAx val=\"1\"/><c:crosses val=\"{}\"/></c:valAx></c:plotArea>{legend}<c:plotVisOnly val=\"1\"/><c:dispBlanksAs val=\"gap\"/></c:chart><c:externalData r:id=\"rId1\"><c:autoUpdate val=\"0\"/></c:externalData></c:chartSpace>",
        escaped(&title),
        category.0,
        font(900),
        category.1,
        font(900),
        if of.kind == ChartKind::Bar {
            "max"
        } else {
            "autoZero"
        },
    )
}

fn font(size: u32) -> String {
    format!(
        "<c:txPr><a:bodyPr/><a:lstStyle/><a:p><a:pPr><a:defRPr sz=\"{size}\"/></a:pPr><a:endParaRPr lang=\"en-US\"/></a:p></c:txPr>"
    )
}

fn one(i: usize, of: &Series, chart: &Chart) -> String {
    let last = chart.labels.len() + 1;
    let colour = COLOURS[i % COLOURS.len()];
    let column = letter(i + 1);
    let mut labels = format!("<c:ptCount val=\"{}\"/>", chart.labels.len());
    let mut values = format!("<c:formatCode>General</c:formatCode>{labels}");
    for (n, label) in chart.labels.iter().enumerate() {
        let _ = write!(
            labels,
            "<c:pt idx=\"{n}\"><c:v>{}</c:v></c:pt>",
            escaped(label)
        );
    }
    for (n, value) in of.values.iter().enumerate() {
        if let Some(value) = value {
            let _ = write!(values, "<c:pt idx=\"{n}\"><c:v>{value}</c:v></c:pt>");
        }
    }
    let fill = format!("<a:solidFill><a:srgbClr val=\"{colour}\"/></a:solidFill>");
    let (shape, marker, smooth) = match chart.kind {
        ChartKind::Line => (
            format!("<a:ln w=\"22225\" cap=\"rnd\">{fill}</a:ln>"),
            "<c:marker><c:symbol val=\"none\"/></c:marker>",
            "<c:smooth val=\"0\"/>",
        ),
        ChartKind::Bar => (fill, "<c:invertIfNegative val=\"0\"/>", ""),
    };
    format!(
        "<c:ser><c:idx val=\"{i}\"/><c:order val=\"{i}\"/><c:tx><c:strRef><c:f>{SHEET}!${column}$1</c:f><c:strCache><c:ptCount val=\"1\"/><c:pt idx=\"0\"><c:v>{}</c:v></c:pt></c:strCache></c:strRef></c:tx><c:spPr>{shape}</c:spPr>{marker}<c:cat><c:strRef><c:f>{SHEET}!$A$2:$A${last}</c:f><c:strCache>{labels}</c:strCache></c:strRef></c:cat><c:val><c:numRef><c:f>{SHEET}!${column}$2:${column}${last}</c:f><c:numCache>{values}</c:numCache></c:numRef></c:val>{smooth}</c:ser>",
        escaped(&of.name)
    )
}

/// Of a column; charts have fewer series than the alphabet letters.
fn letter(column: usize) -> char {
    char::from(b'A' + (column % 26) as u8)
}
