//! Puts settings into the text of a client's file and leaves everything else as it is.

mod env;
mod json;
mod toml;

use serde_json::Value;
use weir_otlp::Format;

/// The settings: names on the path to each, and its value.
pub type Values = [(Vec<String>, Value)];

/// The text with the settings in it, the same text where it says so already.
///
/// # Errors
/// Why the text is not understood, in words; nothing is guessed.
pub fn merge(format: Format, text: &str, values: &Values) -> Result<String, String> {
    // Some editors write one, and no parser takes it.
    let (mark, text) = match text.strip_prefix('\u{feff}') {
        Some(rest) => ("\u{feff}", rest),
        None => ("", text),
    };
    let merged = match format {
        Format::Json => json::merge(text, values),
        Format::Toml => toml::merge(text, values),
        Format::Env => env::merge(text, values),
    };
    Ok(format!("{mark}{}", merged?))
}

/// Where a setting stands, for people.
fn place(path: &[String]) -> String {
    path.join(".")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn values(pairs: &[(&str, Value)]) -> Vec<(Vec<String>, Value)> {
        let path = |p: &str| p.split('/').map(str::to_owned).collect();
        pairs.iter().map(|(p, v)| (path(p), v.clone())).collect()
    }

    /// Merged; and once more, which changes nothing.
    fn merged(format: Format, text: &str, pairs: &[(&str, Value)]) -> String {
        let values = values(pairs);
        let once = merge(format, text, &values).unwrap();
        assert_eq!(merge(format, &once, &values).unwrap(), once, "{text}");
        once
    }

    #[test]
    fn json_keeps_order_comments_and_spaces() {
        let text = "{\n    // mine\n    \"model\": \"opus\", \"list\": [1,2],\n    \
                    \"env\": {\n        \"B\": \"old\" /* why */\n    }\n}\n";
        let set = [
            ("env/A", json!("1")),
            ("env/B", json!("new")),
            ("on", json!(true)),
        ];
        assert_eq!(
            merged(Format::Json, text, &set),
            "{\n    // mine\n    \"model\": \"opus\", \"list\": [1,2],\n    \"env\": {\n        \
             \"B\": \"new\", /* why */\n        \"A\": \"1\"\n    },\n    \"on\": true\n}\n"
        );
    }

    #[test]
    fn what_says_so_already_stays_to_the_byte() {
        let json = "{\"env\":{\"A\":\"1\"  }}";
        assert_eq!(merged(Format::Json, json, &[("env/A", json!("1"))]), json);
        let toml = "[otel]\nexporter = {  'k' = \"v\" } # mine\n";
        assert_eq!(
            merged(Format::Toml, toml, &[("otel/exporter", json!({"k": "v"}))]),
            toml
        );
        for env in [
            "# mine\nA=x\nexport B='y'\n",
            "A=x\r\nexport B='y'\r\n",
            "export B='y'",
        ] {
            assert_eq!(merged(Format::Env, env, &[("B", json!("y"))]), env);
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_made() {
        let set = [("a/b", json!("x")), ("a/c", json!(true))];
        let json = merged(Format::Json, "", &set);
        assert_eq!(
            serde_json::from_str::<Value>(&json).unwrap(),
            json!({"a": {"b": "x", "c": true}})
        );
        assert!(json.ends_with("}\n"), "{json}");
        assert_eq!(merged(Format::Toml, "", &set), "[a]\nb = \"x\"\nc = true\n");
        let env = merged(
            Format::Env,
            "",
            &[("A", json!("x y")), ("B", json!("it's"))],
        );
        assert_eq!(env, "export A='x y'\nexport B='it'\\''s'\n");
    }

    #[test]
    fn toml_replaces_a_setting_whatever_form_it_had() {
        let exporter = json!({"otlp-http": {"endpoint": "e", "headers": {"A": "b"}}});
        let wanted = "{ otlp-http = { endpoint = \"e\", headers = { A = \"b\" } } }";
        let set = [("otel/exporter", exporter)];
        for before in [
            "[otel]\nexporter = \"none\" # off\nlog = true\n",
            "[otel]\nlog = true\n[otel.exporter.otlp-grpc]\nendpoint = \"x\"\n",
            "[otel.exporter.otlp-grpc]\nendpoint = \"x\"\n\n[other]\na = 1\n",
            "otel = { exporter = \"none\", log = true }\n",
            "otel.exporter = \"none\"\nmodel = \"m\" # mine\n\n[x]\ny = 1\n",
            "model = \"m\"\n\n[x]\ny = 1 # mine\n",
        ] {
            let after = merged(Format::Toml, before, &set);
            let read: toml_edit::DocumentMut = after.parse().unwrap();
            assert_eq!(
                read["otel"]["exporter"]["otlp-http"]["endpoint"].as_str(),
                Some("e")
            );
            assert!(after.contains(wanted), "{after}");
            assert!(
                !after.contains("grpc") && !after.contains("none"),
                "{after}"
            );
            for line in before
                .lines()
                .filter(|l| l.contains("mine") || l.contains("y = 1"))
            {
                assert!(after.contains(line), "{after}");
            }
            assert!(
                !before.contains("# off") || after.contains("# off"),
                "{after}"
            );
        }
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let set = [("env/A", json!("1"))];
        let cases = [
            (Format::Json, "{", "line 1"),
            (Format::Json, "{\"a\": 1 \"b\": 2}", "line 1"),
            (Format::Json, "[]", "no object"),
            (Format::Json, "{\"env\": \"x\"}", "env is no object"),
            (
                Format::Json,
                "{\"env\": {\"A\": \"2\", \"A\": \"3\"}}",
                "env.A stands in it twice",
            ),
            (Format::Toml, "[env\n", "line 1"),
            (Format::Toml, "env = 1\n", "env is no table"),
            (Format::Toml, "[[env]]\n", "env is no table"),
        ];
        for (format, text, told) in cases {
            let why = merge(format, text, &values(&set)).unwrap_err();
            assert!(why.contains(told), "{text}: {why}");
        }
        let why = merge(Format::Env, "A=1\nif true\n", &values(&[("A", json!("1"))])).unwrap_err();
        assert!(why.contains("line 2"), "{why}");
    }

    fn settings() -> impl Strategy<Value = Vec<(Vec<String>, Value)>> {
        let value = prop_oneof![
            any::<bool>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from)
        ];
        let name = "[a-c]";
        let one = (name, "[d-f]", value).prop_map(|(a, b, v)| (vec![a, b], v));
        prop::collection::vec(one, 1..5)
    }

    proptest! {
        /// Whatever stood there before stands there after, but for what is set.
        #[test]
        fn all_else_stays(old in settings(), new in settings()) {
            for format in [Format::Json, Format::Toml] {
                let before = merge(format, "", &old).unwrap();
                let after = merge(format, &before, &new).unwrap();
                prop_assert_eq!(&merge(format, &after, &new[new.len() - 1..]).unwrap(), &after);
                let read = |text: &str| -> Value {
                    match format {
                        Format::Toml => {
                            let read: toml_edit::DocumentMut = text.parse().unwrap();
                            toml::plain(read.as_item())
                        }
                        _ => serde_json::from_str(text).unwrap(),
                    }
                };
                let mut wanted = read(&before);
                for (path, value) in &new {
                    wanted[path[0].as_str()][path[1].as_str()] = value.clone();
                }
                prop_assert_eq!(read(&after), wanted);
            }
        }

        #[test]
        fn any_text_is_merged_or_refused(text in ".{0,40}") {
            for format in [Format::Json, Format::Toml, Format::Env] {
                let set = values(&[("A", json!("1"))]);
                if let Ok(once) = merge(format, &text, &set) {
                    prop_assert_eq!(merge(format, &once, &set), Ok(once.clone()));
                }
            }
        }
    }
}
