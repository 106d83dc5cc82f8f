//! TOML: tables, inline tables and dotted keys alike.

use super::{Values, place};
use serde_json::{Map, Value as Json};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value};

pub fn merge(text: &str, values: &Values) -> Result<String, String> {
    let mut document: DocumentMut = text.parse().map_err(|e: toml_edit::TomlError| {
        // The first line says where, the last what is wrong.
        let told = e.to_string();
        let (first, last) = (told.lines().next(), told.lines().last());
        format!(
            "{}: {}",
            first.unwrap_or_default(),
            last.unwrap_or_default()
        )
    })?;
    for (path, value) in values {
        let Some((last, on_the_way)) = path.split_last() else {
            continue;
        };
        let mut table: &mut dyn TableLike = document.as_table_mut();
        for (depth, name) in on_the_way.iter().enumerate() {
            let inner = table.entry(name).or_insert(Item::Table(Table::new()));
            table = inner
                .as_table_like_mut()
                .ok_or_else(|| format!("{} is no table", place(&path[..=depth])))?;
        }
        set(table, last, value);
    }
    Ok(document.to_string())
}

/// Sets a key; spaces and comments around its value stay.
fn set(table: &mut dyn TableLike, name: &str, value: &Json) {
    let mut new = input(value);
    match table.get_mut(name) {
        Some(is) if plain(is) == *value => {}
        Some(Item::Value(is)) => {
            *new.decor_mut() = is.decor().clone();
            *is = new;
        }
        Some(_) => {
            table.remove(name);
            table.insert(name, Item::Value(new));
        }
        None => {
            table.insert(name, Item::Value(new));
        }
    }
}

fn input(value: &Json) -> Value {
    match value {
        Json::Bool(b) => (*b).into(),
        Json::Number(n) => match n.as_i64() {
            Some(n) => n.into(),
            None => n.as_f64().unwrap_or_default().into(),
        },
        Json::String(s) => s.as_str().into(),
        Json::Array(list) => Value::Array(list.iter().map(input).collect::<Array>()),
        Json::Object(map) => {
            let fields = map.iter().map(|(k, v)| (k.as_str(), input(v)));
            Value::InlineTable(fields.collect::<InlineTable>())
        }
        // There is none in TOML.
        Json::Null => "".into(),
    }
}

/// What an item says, however it is written.
pub fn plain(item: &Item) -> Json {
    if let Some(table) = item.as_table_like() {
        let fields = table.iter().map(|(k, v)| (k.to_owned(), plain(v)));
        return Json::Object(fields.collect::<Map<_, _>>());
    }
    match item {
        Item::ArrayOfTables(tables) => {
            let all = tables.iter().map(|t| plain(&Item::Table(t.clone())));
            all.collect()
        }
        Item::Value(Value::Array(list)) => {
            let all = list.iter().map(|v| plain(&Item::Value(v.clone())));
            all.collect()
        }
        Item::Value(Value::String(s)) => s.value().as_str().into(),
        Item::Value(Value::Integer(n)) => (*n.value()).into(),
        Item::Value(Value::Float(x)) => (*x.value()).into(),
        Item::Value(Value::Boolean(b)) => (*b.value()).into(),
        Item::Value(Value::Datetime(t)) => t.value().to_string().into(),
        _ => Json::Null,
    }
}
