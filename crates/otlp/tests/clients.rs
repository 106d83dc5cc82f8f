//! The declarations of clients: all of them are sound, and what is wrong is told.

#![allow(clippy::unwrap_used)]

use serde_json::json;
use std::fs;
use std::path::PathBuf;
use weir_otlp::{Client, Format, Mappings, Placeholders};

const HERE: Placeholders<'static> = Placeholders {
    url: "http://127.0.0.1:4318",
    token: "weir_t",
};

fn env(name: &str) -> Option<String> {
    (name == "HOME").then(|| "/home/ada".to_owned())
}

/// An emitter that is not declared would be an error.
#[test]
fn every_client_names_emitters_that_are_declared() {
    let mappings = Mappings::shipped().unwrap();
    let clients = Client::shipped(&mappings).unwrap();
    let names: Vec<&str> = clients.iter().map(|c| c.name.as_str()).collect();
    let wanted = [
        "claude-code",
        "codex",
        "copilot",
        "gemini",
        "opencode",
        "python",
        "qwen",
    ];
    assert_eq!(names, wanted);
    for client in &clients {
        for emitter in &client.emitters {
            assert!(mappings.emitters().any(|(name, _)| name == emitter));
        }
        // Each is told where to send to, and the token.
        let all: Vec<String> = (client.files.iter())
            .flat_map(|f| f.values(&HERE))
            .map(|(_, value)| value.to_string())
            .collect();
        let all = all.join(" ");
        assert!(
            all.contains("127.0.0.1:4318") && all.contains("weir_t"),
            "{all}"
        );
        assert!(!all.contains("{url") && !all.contains("{token"), "{all}");
    }
}

#[test]
fn files_are_where_the_environment_says() {
    let clients = Client::shipped(&Mappings::shipped().unwrap()).unwrap();
    let of = |name: &str| &clients.iter().find(|c| c.name == name).unwrap().files[0];
    let codex = of("codex");
    assert_eq!(codex.format, Format::Toml);
    let home = codex.path("linux", &env).unwrap();
    assert_eq!(home, PathBuf::from("/home/ada/.codex/config.toml"));
    let set = |name: &str| (name == "CODEX_HOME").then(|| "/srv/codex".to_owned());
    let elsewhere = codex.path("linux", &set).unwrap();
    assert_eq!(elsewhere, PathBuf::from("/srv/codex/config.toml"));
    assert_eq!(codex.path("linux", &|_| None), None);
    // A variable that is empty is none.
    let empty = |name: &str| env(name).or(Some(String::new()));
    assert_eq!(codex.path("linux", &empty).unwrap(), home);
    let gemini = of("gemini").values(&HERE);
    let endpoint = gemini.iter().find(|(path, _)| path[1] == "otlpEndpoint");
    assert_eq!(
        endpoint.unwrap().1,
        json!("http://weir:weir_t@127.0.0.1:4318")
    );
}

#[test]
fn what_is_wrong_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let connect = dir.path().join("connect");
    fs::create_dir(&connect).unwrap();
    let mappings = Mappings::shipped().unwrap();
    let good = "client: a\ntitle: A\nemitters: [codex]\nprogram: a\nfiles:\n  - path: ~/a.env\n    \
                format: env\n    set: {A_URL: \"{url}\"}\n";
    let load = |text: &str| {
        fs::write(connect.join("a.yaml"), text).unwrap();
        Client::load(dir.path(), &mappings).map(|all| all.len())
    };
    assert_eq!(load(good), Ok(1));
    let cases = [
        ("[codex]", "[kodex]", "there is no emitter kodex"),
        ("{url}", "{uri}", "placeholder {uri}"),
        ("{A_URL: \"{url}\"}", "{}", "sets nothing"),
        ("A_URL:", "A-URL:", "no variable"),
        ("~/a.env", "${A}/a.env", "no path"),
        ("~/a.env", "{windows: a}", "no path"),
        ("program", "programme", "programme"),
        ("[codex]", "[]", "names no emitter"),
        ("format: env", "format: ini", "ini"),
    ];
    for (what, by, told) in cases {
        assert_ne!(good.replacen(what, by, 1), good);
        let wrong = load(&good.replacen(what, by, 1)).unwrap_err();
        assert!(wrong.to_string().contains(told), "{wrong}");
        assert!(
            wrong.to_string().starts_with("WEIR-0302: connect/a.yaml:"),
            "{wrong}"
        );
    }
    fs::write(connect.join("b.yaml"), good).unwrap();
    assert!(load(good).unwrap_err().message.contains("twice"));
}
