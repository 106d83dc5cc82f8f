//! Numbers as people read them.

use serde_json::Value as Json;

/// What stands where there is no data.
pub const NO_DATA: &str = "no data";

/// Most digits after the point that are shown; documents for programs have all.
const MOST: u32 = 2;

/// A number with its unit.
pub fn number(value: Option<f64>, unit: &str, decimals: u32) -> String {
    let Some(value) = value else {
        return NO_DATA.to_owned();
    };
    if let Some(hours) = long(value, unit) {
        return format!("{} hours", plain(hours, 1));
    }
    let digits = plain(value, decimals);
    match unit {
        "usd" => {
            let sign = if value < 0.0 { "-" } else { "" };
            format!("{sign}${}", money(value.abs()))
        }
        "x" => format!("{digits}x"),
        "percent" => format!("{digits} %"),
        "percent_change" if value > 0.0 => format!("+{digits} %"),
        "percent_change" => format!("{digits} %"),
        "percent_of_budget" => format!("{digits} % of budget"),
        "points" | "grade" | "share" | "share_explained" | "" => digits,
        other => format!("{digits} {other}"),
    }
}

/// Nobody reads thousands of minutes: in hours, from two of them on.
fn long(value: f64, unit: &str) -> Option<f64> {
    let hours = match unit {
        "minutes" => value / 60.0,
        "s" => value / 3600.0,
        _ => return None,
    };
    (hours.abs() >= 2.0).then_some(hours)
}

/// The head of a column: its title, with its unit where that says more.
pub fn head(title: &str, name: &str) -> String {
    let shown = unit(name);
    let words = |text: &str| -> String {
        let spaced = text.replace(|c: char| !c.is_alphanumeric(), " ");
        format!(" {} ", spaced.trim().to_lowercase())
    };
    let says = matches!(shown, "" | "grade" | "score" | "level");
    // What has no letters is in no title.
    let twice = shown != "%" && words(title).contains(&words(shown));
    match says || twice {
        true => title.to_owned(),
        false => format!("{title} ({shown})"),
    }
}

/// How a unit is written in the head of a table.
pub fn unit(unit: &str) -> &str {
    match unit {
        "usd" => "USD",
        "percent" | "percent_change" => "%",
        "percent_of_budget" => "% of budget",
        "share_explained" => "share",
        other => other,
    }
}

/// `error_type` as `Error type`
pub fn titled(id: &str) -> String {
    let text = id.replace('_', " ");
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// A cell of a table, whose column says the unit.
pub fn cell(value: &Json, unit: &str, decimals: u32) -> String {
    match value {
        Json::Null => NO_DATA.to_owned(),
        Json::Number(n) => match n.as_f64() {
            Some(x) if unit == "usd" => {
                let sign = if x < 0.0 { "-" } else { "" };
                format!("{sign}{}", money(x.abs()))
            }
            Some(x) => plain(x, decimals),
            None => n.to_string(),
        },
        Json::String(text) => minute(text).unwrap_or_else(|| text.clone()),
        Json::Bool(true) => "yes".to_owned(),
        Json::Bool(false) => "no".to_owned(),
        Json::Array(items) => {
            let items = items.iter().map(|i| cell(i, unit, decimals));
            items.collect::<Vec<_>>().join(", ")
        }
        Json::Object(map) => {
            let values = map.values().map(|v| cell(v, unit, decimals));
            values.collect::<Vec<_>>().join(" ")
        }
    }
}

/// A moment of the store, `2026-03-01T10:15:00.000000Z`, to the minute.
fn minute(text: &str) -> Option<String> {
    let moment = text.len() > 19 && text.ends_with('Z') && text.as_bytes().get(10) == Some(&b'T');
    let (day, time) = (text.get(..10)?, text.get(11..16)?);
    (moment && text.parse::<jiff::Timestamp>().is_ok()).then(|| format!("{day} {time} UTC"))
}

/// Two digits after the point; more where the sum is so small that they would all be 0.
fn money(value: f64) -> String {
    match value {
        small if small > 0.0 && small < 0.1 => significant(small),
        _ => grouped(&format!("{value:.2}")),
    }
}

/// A number without unit, in groups of thousands.
pub fn plain(value: f64, decimals: u32) -> String {
    let shown = decimals.min(MOST) as usize;
    if value != 0.0 && value.abs() < 0.5 * 10f64.powi(-(shown as i32)) {
        return significant(value);
    }
    let text = format!("{value:.shown$}");
    let text = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => &text,
    };
    grouped(text)
}

/// Two digits that count.
fn significant(value: f64) -> String {
    let exponent = value.abs().log10().floor() as i32;
    if exponent < -8 {
        return format!("{value:.1e}");
    }
    let digits = (1 - exponent).max(0) as usize;
    format!("{value:.digits$}")
}

fn grouped(text: &str) -> String {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (whole, after) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
    let mut out = String::from(sign);
    for (i, c) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out + after
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_with_their_unit() {
        let said = [
            (Some(847.5), "usd", "$847.50"),
            (Some(10170.0), "usd", "$10,170.00"),
            (Some(-3.2), "usd", "-$3.20"),
            (Some(0.00042), "usd", "$0.00042"),
            (Some(0.0), "usd", "$0.00"),
            (Some(25.95), "x", "25.95x"),
            (Some(89.5), "percent", "89.5 %"),
            (Some(135.0), "percent_change", "+135 %"),
            (Some(-4.0), "percent_change", "-4 %"),
            (Some(1_136.0), "commits", "1,136 commits"),
            (Some(0.001), "ms", "0.0010 ms"),
            (Some(90.0), "minutes", "90 minutes"),
            (Some(13490.4), "minutes", "224.8 hours"),
            (Some(7200.0), "s", "2 hours"),
            (None, "usd", "no data"),
        ];
        for (value, unit, text) in said {
            assert_eq!(number(value, unit, 2), text);
        }
    }

    #[test]
    fn a_head_says_its_unit_once() {
        assert_eq!(head("Spend", "usd"), "Spend (USD)");
        assert_eq!(head("Commits", "commits"), "Commits");
        assert_eq!(head("Health", "score"), "Health");
        assert_eq!(head("Latest by", "s"), "Latest by (s)");
        assert_eq!(head("Merged", "pull requests"), "Merged (pull requests)");
        assert_eq!(head("Success", "percent"), "Success (%)");
    }

    #[test]
    fn what_is_not_zero_does_not_look_like_it() {
        assert_eq!(plain(0.004, 2), "0.0040");
        assert_eq!(plain(0.0, 2), "0");
        assert_eq!(plain(-1234567.891, 1), "-1,234,567.9");
    }
}
