#![allow(clippy::unwrap_used)]

use super::*;
use apache_avro::types::Value as Avro;
use apache_avro::{Schema, from_avro_datum};
use std::io::Write;
use weir_catalog::Catalog;

/// 2026-11-28
const NOW: Micros = Micros(1_795_900_000_000_000);

fn def(event: &str) -> EventDef {
    let catalog = Catalog::embedded().unwrap();
    catalog
        .events
        .iter()
        .find(|e| e.name == event)
        .unwrap()
        .clone()
}

/// A mapping of calls with further lines.
fn calls(format: &str, lines: &str) -> Mapping {
    let text = format!(
        "name: m\nevent: llm.call\nformat: {format}\ntime: {{at: row.at}}\nsource: \"'s'\"\n{lines}\nfields:\n  \
         engineer.email: \"'e'\"\n  provider: \"'p'\"\n  model: \"'m'\"\n"
    );
    Mapping::parse("m", &text).unwrap()
}

fn with(mut mapping: Mapping, fields: &[(&str, &str)]) -> Mapping {
    for (field, source) in fields {
        mapping.fields.insert((*field).into(), (*source).into());
    }
    mapping
}

/// A row's outcome: the event, or why there is none (empty: left out).
type Outcome = Result<(Mapped, Avro), String>;

/// Line, row and outcome of each row, and the lines that wait.
type Told = (Vec<(u64, u64, Outcome)>, u64);

fn run(mapping: Mapping, data: &[u8], complete: bool) -> Result<Told> {
    let event = def(&mapping.event);
    let schema = Schema::parse_str(&event.schema_json).unwrap();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(data).unwrap();
    let format = mapping.format;
    let mut mapper = Mapper::new(mapping, &event, "t", NOW)?;
    let mut rows = Rows::open(file.path(), format, mapper.reads(), complete)?;
    let mut out = Vec::new();
    while let Some(row) = rows.next_row()? {
        out.push(match row {
            Err(bad) => (bad.line, bad.number, Err(bad.error.to_string())),
            Ok(row) => {
                let outcome = match mapper.map(&row) {
                    Err(e) => Err(e.to_string()),
                    Ok(None) => Err(String::new()),
                    Ok(Some(m)) => {
                        let event = from_avro_datum(&schema, &mut &m.value[5..], None).unwrap();
                        Ok((m, event))
                    }
                };
                (row.line, row.number, outcome)
            }
        });
    }
    Ok((out, rows.waiting))
}

/// A field of an event, in words.
fn field(event: &Avro, name: &str) -> String {
    let Avro::Record(fields) = event else {
        panic!("{event:?}");
    };
    let value = &fields.iter().find(|(n, _)| n == name).unwrap().1;
    match value {
        Avro::Union(_, inner) => match &**inner {
            Avro::String(s) => s.clone(),
            Avro::Double(x) => x.to_string(),
            Avro::Long(n) => n.to_string(),
            other => format!("{other:?}"),
        },
        Avro::String(s) => s.clone(),
        Avro::Long(n) => n.to_string(),
        Avro::Boolean(b) => b.to_string(),
        other => format!("{other:?}"),
    }
}

fn fields(data: &str, format: &str, wanted: &[(&str, &str)]) -> Vec<Vec<String>> {
    let mapping = with(calls(format, "identity: string(number)"), wanted);
    let (rows, _) = run(mapping, data.as_bytes(), true).unwrap();
    let texts = |o: Outcome| {
        let (_, event) = o.unwrap();
        wanted.iter().map(|(f, _)| field(&event, f)).collect()
    };
    rows.into_iter().map(|(_, _, o)| texts(o)).collect()
}

fn faults(data: &[u8], format: &str, wanted: &[(&str, &str)]) -> Vec<(u64, u64, String)> {
    let mapping = with(calls(format, "identity: string(number)"), wanted);
    let (rows, _) = run(mapping, data, true).unwrap();
    rows.into_iter()
        .filter_map(|(line, row, o)| o.err().map(|e| (line, row, e)))
        .collect()
}

#[test]
fn texts_that_look_like_numbers_stay_texts() {
    let ids = [
        "1.10",
        "1.1",
        "98765432109876543210",
        "98765432109876543211",
        "7e2026",
        "5e4",
        "007",
    ];
    let csv: String = ids.iter().map(|i| format!("1790000000,{i},12\n")).collect();
    let wanted = [
        ("category", "row.id"),
        ("request_id", "row.id + '/' + row.id"),
        ("tokens_input", "row.n"),
    ];
    let rows = fields(&format!("at,id,n\n{csv}"), "csv", &wanted);
    for (row, id) in rows.iter().zip(ids) {
        assert_eq!(row, &[id.to_owned(), format!("{id}/{id}"), "12".into()]);
    }
    // The same as numbers of JSON, which may not begin with a zero.
    let json: String = ids[..6]
        .iter()
        .map(|i| format!("{{\"at\":1790000000,\"id\":{i},\"n\":12}}\n"))
        .collect();
    let rows = fields(
        &json,
        "jsonl",
        &[("category", "string(row.id)"), ("tokens_input", "row.n")],
    );
    for (row, id) in rows.iter().zip(ids) {
        assert_eq!(row, &[id.to_owned(), "12".into()]);
    }
}

#[test]
fn equal_looking_ids_are_different_events() {
    let mapping = calls("csv", "identity: row.id");
    let (rows, _) = run(mapping, b"at,id\n1790000000,1.10\n1790000000,1.1\n", true).unwrap();
    let ids: Vec<_> = rows
        .into_iter()
        .map(|(_, _, o)| o.unwrap().0.identity)
        .collect();
    assert_ne!(ids[0][..16], ids[1][..16]);
}

#[test]
fn arithmetic_and_comparisons_read_numbers() {
    let wanted = [
        (
            "tokens_input",
            "row.a > row.b * row.c ? row.a - row.b * row.c : 0",
        ),
        ("latency_ms", "row.s == null ? null : row.s * 1000"),
        ("first_token_ms", "double(row.s) * 1000.0"),
        ("success", "row.code == 200 && row.ok == true"),
        (
            "category",
            "row.code in [200, 201] ? 'good' : row.kind == null ? 'none' : row.kind",
        ),
        ("stop_reason", "row.kind.contains('1') ? row.kind : 'x'"),
    ];
    let data = "at,a,b,c,s,code,ok,kind\n1790000000,100,7,9,1.25,200,TRUE,01\n1790000000,9,7,9,2,500,true,01\n";
    let rows = fields(data, "csv", &wanted);
    assert_eq!(rows[0], ["37", "1250", "1250", "true", "good", "01"]);
    assert_eq!(rows[1], ["0", "2000", "2000", "false", "01", "01"]);
}

#[test]
fn what_does_not_fit_is_refused_with_its_reason() {
    let data = b"at,n,x\n1790000000,12,1\n1790000000,1.5,1\n1790000000,99999999999999999999,1\n1790000000,12e9999,1\n\
                 1790000000,many,1\n1790000000,-1,1\n1790000000,1\n,1,1\n";
    let found = faults(data, "csv", &[("tokens_input", "row.n")]);
    let wanted = [
        (3, 2, "WEIR-0311: tokens_input: `1.5` is no whole number"),
        (
            4,
            3,
            "WEIR-0311: tokens_input: `99999999999999999999` does not fit 64 bits",
        ),
        (
            5,
            4,
            "WEIR-0311: tokens_input: `12e9999` is too large for a number",
        ),
        (6, 5, "WEIR-0311: tokens_input: `many` is no number"),
        (7, 6, "WEIR-0007: tokens_input is -1, outside its bounds"),
        (8, 7, "2 cells where the header has 3"),
        (9, 8, "WEIR-0312: time.at there is no time"),
    ];
    assert_eq!(found, wanted.map(|(l, r, t)| (l, r, t.to_owned())));
}

#[test]
fn a_wrong_unit_is_refused_not_clamped() {
    let data = b"at\n1790000000000\n1790000000000000000\n1790000000\n2031-01-01\n-5\n";
    let found = faults(data, "csv", &[]);
    let lines: Vec<u64> = found.iter().map(|f| f.0).collect();
    assert_eq!(lines, [2, 3, 5, 6]);
    assert!(
        found[0]
            .2
            .starts_with("WEIR-0312: time.at 1790000000000 s is the year 58")
    );
    assert!(found[0].2.ends_with("is the unit milliseconds?"));
    assert!(found[1].2.ends_with("is the unit nanoseconds?"));
    let mut mapping = calls("csv", "identity: string(number)");
    mapping.time.unit = Unit::Nanoseconds;
    let (rows, _) = run(mapping, b"at\n1790000000123456789\n", true).unwrap();
    assert_eq!(
        rows[0].2.as_ref().unwrap().0.time,
        Micros(1_790_000_000_123_456)
    );
}

#[test]
fn a_table_must_have_what_is_read_and_once() {
    let error = |header: &str, source: &str| {
        let mapping = with(
            calls("csv", "identity: string(number)"),
            &[("tokens_input", source)],
        );
        run(mapping, format!("{header}\n").as_bytes(), true)
            .map(|_| ())
            .map_err(|e| e.to_string())
    };
    let twice = error("at,n,n", "row.n").unwrap_err();
    assert!(
        twice.starts_with("WEIR-0302: n is the name of columns 2 and 3"),
        "{twice}"
    );
    assert_eq!(error("at,n,x,x", "row.n"), Ok(()));
    assert!(error("at,n,x,x", "size(row)").is_err());
    let absent = error("at,m", "row['n']").unwrap_err();
    assert!(absent.ends_with("its columns are at, m"), "{absent}");
    assert_eq!(error("at,m", "has(row.n) ? row.n : 0"), Ok(()));
    let mapping = with(
        calls("csv", "identity: string(number)"),
        &[("tokens_inputs", "row.n")],
    );
    let unknown = run(mapping, b"at,n\n", true).unwrap_err().to_string();
    assert!(
        unknown.contains("no field of llm.call; its fields are"),
        "{unknown}"
    );
}

#[test]
fn of_json_each_line_stands_alone() {
    let data = b"\xef\xbb\xbf{\"at\":1790000000,\"n\":1,\"x\":\"\\ud83d\"}\r\n\n  \r\n{\"at\":1790000000,\"n\":2,\"x\":\"\\ud83d \xff\"}\n\
        \0\0\0{\"at\":1790000000,\"n\":3}\n{broken\n[1]\n{\"at\":1790000000}\n{\"at\":1790000000,\"n\":1,\"n\":2}\n{\"at\":1790000000,\"n\":4}";
    let mapping = with(
        calls("jsonl", "identity: string(number)"),
        &[("tokens_input", "row.n")],
    );
    let (rows, waiting) = run(mapping.clone(), data, false).unwrap();
    let told: Vec<(u64, String)> = rows
        .into_iter()
        .map(|(line, _, o)| {
            (
                line,
                o.map_or_else(|e| e, |(_, e)| field(&e, "tokens_input")),
            )
        })
        .collect();
    let wanted = [
        (1, "1"),
        (4, "2"),
        (5, "3"),
        (6, "no JSON at column 2: key must be a string"),
        (7, "the line is no JSON object"),
        (8, "WEIR-0311: tokens_input: there is no n; the row has at"),
        (9, "WEIR-0311: tokens_input: the row has two values named n"),
    ];
    assert_eq!(told, wanted.map(|(l, t)| (l, t.to_owned())));
    assert_eq!(waiting, 1);
    let (rows, waiting) = run(mapping, data, true).unwrap();
    assert_eq!((rows.len(), waiting), (8, 0));
}

#[test]
fn a_row_that_is_half_there_waits() {
    let mapping = || {
        with(
            calls("csv", "identity: row.id"),
            &[("tokens_input", "row.n")],
        )
    };
    let whole = "at,id,n\n1790000000,a,10\n1790000000,\"b\nb\",20\n1790000000,c,30\n";
    for cut in 0..whole.len() {
        let (rows, waiting) = run(mapping(), &whole.as_bytes()[..cut], false)
            .unwrap_or_else(|e| panic!("{cut}: {e}"));
        let ends = [24, 44, 60].iter().filter(|end| cut >= **end).count();
        assert_eq!(rows.len(), ends, "{cut}");
        assert!(rows.iter().all(|(_, _, o)| o.is_ok()), "{cut}");
        let boundary = [8, 24, 44].contains(&cut);
        assert_eq!(waiting, u64::from(!boundary && cut > 0), "{cut}");
    }
}

#[test]
fn a_quote_without_end_costs_its_line() {
    let data = b"at,n\n1790000000,1\n1790000000,\"2\n1790000000,3\n1790000000,4\n";
    let mapping = with(
        calls("csv", "identity: string(number)"),
        &[("tokens_input", "row.n")],
    );
    let (rows, _) = run(mapping.clone(), data, true).unwrap();
    let good: Vec<u64> = rows.iter().filter(|r| r.2.is_ok()).map(|r| r.0).collect();
    assert_eq!(good, [2, 4, 5]);
    // While the file may grow, the quote may be closed.
    let (rows, waiting) = run(mapping, data, false).unwrap();
    assert_eq!((rows.len(), waiting), (1, 1));
}

#[test]
fn a_line_without_end_is_one_bad_row_also_when_packed() {
    let mut data = b"{\"at\":1790000000}\n".to_vec();
    data.extend(std::iter::repeat_n(b' ', 40 << 20));
    data.extend_from_slice(b"\n{\"at\":1790000000}\n");
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&data).unwrap();
    let packed = packed.finish().unwrap();
    for data in [&data, &packed] {
        let (rows, _) = run(calls("jsonl", "identity: string(number)"), data, false).unwrap();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[1].2.as_ref().unwrap_err(), "longer than 4 MiB");
        assert!(rows[2].2.is_ok());
    }
    let cut = &packed[..packed.len() - 9];
    let cut = run(calls("jsonl", "identity: string(number)"), cut, false).unwrap_err();
    assert!(
        cut.to_string().contains("nothing of it was published"),
        "{cut}"
    );
}

#[test]
fn rows_that_nothing_tells_apart_and_rows_that_are_too_large_are_refused() {
    let mapping = calls("csv", "identity: row.id");
    let (rows, _) = run(mapping, b"at,id\n1790000000,\n1790000000,a\n", true).unwrap();
    let first = rows[0].2.as_ref().unwrap_err();
    assert!(
        first.starts_with("WEIR-0311: identity: it is empty"),
        "{first}"
    );
    assert!(rows[1].2.is_ok());
    let data = format!("at,x\n1790000000,{}\n1790000000,y\n", "x".repeat(3_500_000));
    let found = faults(data.as_bytes(), "csv", &[("session_id", "row.x")]);
    assert_eq!(
        found,
        [(2, 1, "WEIR-0311: the event is larger than 3 MiB".to_owned())]
    );
}

#[test]
fn a_mapping_that_cannot_be_read_is_told_in_one_line() {
    let text = "name: m\nevent: llm.call\nformat: csv\ntime: {at: row.at}\nsource: row.s\nidentity: row.i\nfields: {}\n";
    let fault = |from: &str, to: &str| {
        let loaded = Mapping::parse("m.yaml", &text.replace(from, to));
        let compiled = loaded.and_then(|m| Mapper::new(m, &def("llm.call"), "t", NOW).map(|_| ()));
        let fault = compiled.unwrap_err().to_string();
        assert!(
            fault.starts_with("WEIR-0302: m") && !fault.contains('\n'),
            "{fault}"
        );
        fault
    };
    assert!(
        fault("row.at", "row.at +").contains("time.at: `row.at +`: cannot be read at character 9")
    );
    assert!(fault("source", "sauce").contains("unknown field `sauce`"));
    assert!(
        fault("row.i", "{by: row.i, kep: last}")
            .contains("keep: first, last or max(EXPRESSION)} is expected")
    );
}

#[test]
fn the_row_that_counts_is_declared() {
    let ranks = |lines: &str| {
        let data = b"at,id,n\n1790000000,a,5\n1790000000,a,100\n1790000000,a,20\n";
        let (rows, _) = run(calls("csv", lines), data, true).unwrap();
        let ranks: Vec<_> = rows
            .into_iter()
            .map(|(_, _, o)| o.unwrap().0.rank)
            .collect();
        (0..3).max_by_key(|i| (ranks[*i], *i)).unwrap()
    };
    assert_eq!(ranks("identity: row.id"), 2);
    assert_eq!(ranks("identity: {by: row.id, keep: last}"), 2);
    assert_eq!(ranks("identity: {by: row.id, keep: max(row.n)}"), 1);
    let mapping = calls("csv", "identity: {by: row.id, keep: first}");
    assert!(
        Mapper::new(mapping, &def("llm.call"), "t", NOW)
            .unwrap()
            .keeps_first()
    );
    let mapping = calls("csv", "identity: {by: row.id, keep: best}");
    assert!(Mapper::new(mapping, &def("llm.call"), "t", NOW).is_err());
}

#[test]
fn every_shipped_mapping_compiles() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/imports");
    let mut n = 0;
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        // Folders hold declarations of other forms.
        if path.is_dir() {
            continue;
        }
        let mapping = Mapping::load(&path).unwrap();
        let event = def(&mapping.event);
        Mapper::new(mapping, &event, "t", NOW).unwrap();
        n += 1;
    }
    assert!(n >= 4);
}
