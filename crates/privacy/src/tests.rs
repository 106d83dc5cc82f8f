#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;
use serde_json::json;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::LazyLock;

static CATALOG: LazyLock<Catalog> = LazyLock::new(|| Catalog::embedded().unwrap());

fn at_folder(path: &Path) -> Privacy {
    Privacy::open_or_create(path, &CATALOG, None).unwrap()
}

fn hidden(privacy: &Privacy, event: &str, item: Value) -> (Value, Met) {
    let Value::Object(mut item) = item else {
        panic!("{item}")
    };
    let mut met = Met::default();
    privacy.hide(event, "acme", &mut item, &mut met);
    (Value::Object(item), met)
}

fn person(privacy: &Privacy, text: &str) -> String {
    privacy.pseudonym("acme", text)
}

#[test]
fn what_is_declared_is_replaced_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let privacy = at_folder(dir.path());
    let call = json!({
        "source": "adas-laptop", "model": "gpt-5", "tokens_input": 7, "session_id": "s",
        "engineer": {"email": " Ada@Example.com", "team": "search"},
        "resource": {"service.name": "ide", "host.name": "adas-laptop", "telemetry.sdk.name": "o",
                     "user.email": "ADA@example.com", "anything": "Ada L."},
    });
    let (item, met) = hidden(&privacy, "llm.call", call);
    let ada = person(&privacy, "ada@example.com");
    assert!(is_pseudonym(&ada) && ada.starts_with("p-"), "{ada}");
    assert_eq!(item["engineer"], json!({"email": ada, "team": "search"}));
    assert_eq!(
        (&item["model"], &item["tokens_input"]),
        (&json!("gpt-5"), &json!(7))
    );
    assert_eq!(item["session_id"], "s");
    let resource = &item["resource"];
    assert_eq!(
        (&resource["service.name"], &resource["telemetry.sdk.name"]),
        (&json!("ide"), &json!("o"))
    );
    assert_eq!(resource["user.email"], ada);
    // One machine is one machine, wherever it stands.
    assert_eq!(resource["host.name"], item["source"]);
    assert!(is_pseudonym(resource["anything"].as_str().unwrap()));
    assert!(!item.to_string().to_lowercase().contains("ada"), "{item}");
    assert_eq!(met.entries().count(), 1);
    // Once more changes nothing.
    assert_eq!(hidden(&privacy, "llm.call", item.clone()).0, item);
}

#[test]
fn every_event_type_hides_what_it_says_of_people() {
    let dir = tempfile::tempdir().unwrap();
    let privacy = at_folder(dir.path());
    for (event, path) in [
        ("engineer.registered", "name"),
        ("resource.sampled", "host_name"),
        ("process.sampled", "process_command_line"),
        ("alert.acknowledged", "note"),
        ("ai.query", "user_id"),
        ("goal.set", "operator"),
        ("seat.granted", "granted_by"),
    ] {
        let (item, _) = hidden(&privacy, event, json!({path: "Ada Lovelace"}));
        assert!(
            is_pseudonym(item[path].as_str().unwrap()),
            "{event}: {item}"
        );
        let (item, met) = hidden(&privacy, event, json!({path: ""}));
        assert_eq!((&item[path], met.is_empty()), (&json!(""), true));
    }
    let silence = json!({"subject": {"team": "search", "engineer": "ada@example.com"}});
    let (item, _) = hidden(&privacy, "alert.silenced", silence);
    let ada = person(&privacy, "ada@example.com");
    assert_eq!(item["subject"], json!({"team": "search", "engineer": ada}));
}

#[test]
fn a_record_is_written_as_its_type_says() {
    let dir = tempfile::tempdir().unwrap();
    let privacy = at_folder(dir.path());
    let fields = json!({
        "event_id": "01931b5e-7a00-7000-8000-000000000001", "event_time": 1_795_900_000_000_000_i64,
        "tenant": "acme", "source": "adas-laptop", "resource": {},
        "engineer": {"email": "ada@example.com", "team": "search"}, "provider": "p", "model": "m",
    });
    let Value::Object(fields) = fields else {
        unreachable!()
    };
    let mut met = Met::default();
    let (key, value) = privacy
        .record("llm.call", fields.clone(), &mut met)
        .unwrap();
    assert!(is_pseudonym(std::str::from_utf8(&key).unwrap()));
    let shown = String::from_utf8_lossy(&value).into_owned();
    assert!(
        shown.contains(&person(&privacy, "ada@example.com")),
        "{shown}"
    );
    assert!(!shown.contains("ada@"), "{shown}");
    let wrong = privacy.record("no.such", fields, &mut met);
    assert_eq!(wrong.unwrap_err().code(), codes::UNFIT);
}

#[test]
fn tenants_and_keys_have_pseudonyms_of_their_own() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, second) = (at_folder(one.path()), at_folder(two.path()));
    let ada = person(&first, "ada@example.com");
    assert_ne!(ada, person(&second, "ada@example.com"));
    assert_ne!(ada, first.pseudonym("globex", "ada@example.com"));
    // The key stays.
    assert_eq!(ada, person(&at_folder(one.path()), "Ada@EXAMPLE.com"));
}

#[test]
fn keys_are_for_their_owner_alone() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("a/privacy");
    let missing = Privacy::open(&folder, &CATALOG, None);
    assert_eq!(missing.err().unwrap().code(), codes::PRIVACY_KEY);
    let privacy = at_folder(&folder);
    let (_, met) = hidden(
        &privacy,
        "llm.call",
        json!({"engineer": {"email": "ada@example.com"}}),
    );
    assert!(!met.is_empty());
    let ada = person(&privacy, "ada@example.com");
    for (path, mode) in [("", 0o700), ("people", 0o700), ("key", 0o600)] {
        let status = std::fs::metadata(folder.join(path)).unwrap();
        assert_eq!(status.mode() & 0o777, mode, "{path}");
    }
    let own = folder.join("people").join(&ada);
    assert_eq!(std::fs::metadata(&own).unwrap().mode() & 0o777, 0o600);
    let key = folder.join("key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = Privacy::open(&folder, &CATALOG, None).err().unwrap();
    assert!(open.to_string().contains("600"), "{open}");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&key, "0".repeat(64)).unwrap();
    assert!(Privacy::open(&folder, &CATALOG, None).is_err());
}

#[test]
fn the_directory_leads_back_until_somebody_is_erased() {
    let dir = tempfile::tempdir().unwrap();
    let privacy = at_folder(dir.path());
    let call = |who: &str| json!({"engineer": {"email": who}});
    let (_, met) = hidden(&privacy, "llm.call", call("ada@example.com"));
    let entry = |met: &Met| {
        let (key, value) = met.entries().next().unwrap();
        Entry {
            key: key.to_vec(),
            value: value.to_vec(),
        }
    };
    let ada = entry(&met);
    let bytes = [&ada.key[..], &ada.value].concat();
    assert!(!String::from_utf8_lossy(&bytes).contains("ada@"));
    // Not written yet: met again. Then not.
    assert!(
        !hidden(&privacy, "llm.call", call("ada@example.com"))
            .1
            .is_empty()
    );
    privacy.people().entered(&met);
    assert!(
        hidden(&privacy, "llm.call", call("ada@example.com"))
            .1
            .is_empty()
    );
    let (_, met) = hidden(&privacy, "llm.call", call("bob@example.com"));
    let bob = entry(&met);

    let read = |privacy: &Privacy, e: &Entry| privacy.people().read(e).unwrap();
    let found = read(&privacy, &ada).unwrap();
    assert_eq!(
        (&*found.tenant, &*found.engineer),
        ("acme", "ada@example.com")
    );
    assert_eq!(found.pseudonym, person(&privacy, "ada@example.com"));
    // A value under another key is none.
    let moved = Entry {
        key: bob.key.clone(),
        value: ada.value.clone(),
    };
    assert_eq!(read(&privacy, &moved), None);

    let receipt = privacy.people().erase("acme", &found.pseudonym).unwrap();
    assert!(receipt.key_destroyed && receipt.key == ada.key);
    assert!(
        !privacy
            .people()
            .erase("acme", &found.pseudonym)
            .unwrap()
            .key_destroyed
    );
    assert_eq!(read(&privacy, &ada), None);
    assert_eq!(read(&privacy, &bob).unwrap().engineer, "bob@example.com");
    // Whoever goes on sending keeps the pseudonym, and comes back into no directory.
    let later = at_folder(dir.path());
    let (item, met) = hidden(&later, "llm.call", call("ada@example.com"));
    assert_eq!(item["engineer"]["email"], found.pseudonym);
    assert!(met.is_empty());
    assert!(later.people().erase("acme", "../key").is_err());
}

#[test]
fn spellings_of_one_person_are_one_pseudonym() {
    let dir = tempfile::tempdir().unwrap();
    let mut catalog = Catalog::embedded().unwrap();
    let spelling = |s: &str| (s.to_owned(), "ada@example.com".to_owned());
    let engineers = vec![
        spelling("a.lovelace@old.example.com"),
        spelling("ada@example.com"),
    ];
    let of = weir_catalog::TenantAliases {
        engineers,
        teams: Vec::new(),
    };
    catalog.aliases.tenants = vec![("acme".into(), of)];
    let privacy = Privacy::open_or_create(dir.path(), &catalog, None).unwrap();
    let old = person(&privacy, "A.Lovelace@old.example.com");
    assert_eq!(old, person(&privacy, "ada@example.com"));
    assert_ne!(
        old,
        privacy.pseudonym("globex", "A.Lovelace@old.example.com")
    );
}

#[test]
fn a_declaration_names_what_there_is() {
    let dir = tempfile::tempdir().unwrap();
    for (text, said) in [
        ("fields: [hostname]", "no event type has a field hostname"),
        (
            "events: {llm.call: [nickname]}",
            "llm.call has no field nickname",
        ),
        (
            "events: {llm.cal: [model]}",
            "there is no event type llm.cal",
        ),
        ("maps: {resource: {kept: [a], replaced: [b]}}", ""),
        ("filds: [host_name]", "filds"),
    ] {
        std::fs::write(dir.path().join("privacy.yaml"), text).unwrap();
        let folder = dir.path().join("keys");
        let refused = Privacy::open_or_create(&folder, &CATALOG, Some(dir.path()));
        let refused = refused.err().unwrap();
        assert_eq!(refused.code(), codes::PRIVACY_DECLARATION);
        assert!(refused.to_string().contains(said), "{refused}");
    }
    // Folders that were made before there was one have the shipped one.
    std::fs::remove_file(dir.path().join("privacy.yaml")).unwrap();
    Privacy::open_or_create(&dir.path().join("keys"), &CATALOG, Some(dir.path())).unwrap();
}

/// A file that the SDKs stand on.
fn of_sdks(name: &str) -> Value {
    let sdks = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../sdks"));
    serde_json::from_str(&std::fs::read_to_string(sdks.join(name)).unwrap()).unwrap()
}

/// What SDKs have to make too, whatever language they are in.
#[test]
fn every_way_in_makes_the_same_pseudonyms() {
    let vectors = of_sdks("privacy-vectors.json");
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key");
    std::fs::write(&key, vectors["key"].as_str().unwrap()).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let privacy = Privacy::open(dir.path(), &CATALOG, None).unwrap();
    let all = |name: &str| vectors[name].as_array().unwrap().clone();
    let text = |v: &Value, name: &str| v[name].as_str().unwrap().to_owned();
    for v in all("people") {
        let made = privacy.pseudonym(&text(&v, "tenant"), &text(&v, "text"));
        assert_eq!(made, text(&v, "pseudonym"), "{v}");
    }
    for v in all("texts") {
        let made = privacy
            .names
            .of(&text(&v, "tenant"))
            .text(&text(&v, "text"));
        assert_eq!(made, text(&v, "pseudonym"), "{v}");
    }
    for v in all("events") {
        let mut item = v["item"].as_object().unwrap().clone();
        let (event, tenant) = (text(&v, "type"), text(&v, "tenant"));
        privacy.hide(&event, &tenant, &mut item, &mut Met::default());
        assert_eq!(Value::Object(item), v["hidden"], "{event}");
    }
}

#[test]
fn the_sdks_replace_what_is_declared() {
    let personal = of_sdks("personal.json");
    let paths = |paths: &[Vec<String>]| {
        let mut all: Vec<String> = paths.iter().map(|p| p.join(".")).collect();
        all.sort();
        json!(all)
    };
    let declared = Declared::load(None).unwrap().resolve(&CATALOG).unwrap();
    assert_eq!(
        personal["events"].as_object().unwrap().len(),
        declared.len()
    );
    for (event, of) in declared {
        let theirs = &personal["events"][&event];
        assert_eq!(theirs["people"], paths(&of.people), "{event}");
        assert_eq!(theirs["texts"], paths(&of.texts), "{event}");
        let maps: Vec<&str> = of.maps.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(theirs["maps"], json!(maps), "{event}");
        for (name, rule) in of.maps {
            let rule = match rule {
                Rule::Kept(keys) => json!({"kept": keys}),
                Rule::Replaced(keys) => json!({"replaced": keys}),
            };
            assert_eq!(personal["maps"][&name], rule, "{name}");
        }
    }
}

proptest! {
    /// No text survives, and no two texts meet.
    #[test]
    fn pseudonyms_tell_apart_and_nothing_else(a in "[a-z0-9.@ ]{1,40}", b in "[a-z0-9.@ ]{1,40}") {
        static DIR: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().unwrap());
        static PRIVACY: LazyLock<Privacy> = LazyLock::new(|| at_folder(DIR.path()));
        let of = |text: &str| person(&PRIVACY, text);
        let (one, other) = (a.trim(), b.trim());
        prop_assert_eq!(of(&a) == of(&b), one == other);
        prop_assert!(one.is_empty() || is_pseudonym(&of(&a)));
        prop_assert_eq!(of(&of(&a)), of(&a));
    }
}
