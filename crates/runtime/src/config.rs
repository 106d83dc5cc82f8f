//! Configuration: defaults, then a file, then variables `WEIR__SECTION__KEY`; later ones win,
//! unknown keys are errors.
//!
//! A configuration is a struct with `#[serde(default, deny_unknown_fields)]` throughout. Durations
//! are written `10s` (`#[serde(with = "humantime_serde")]`), sizes `64MiB` ([`Size`]), secrets as
//! [`Secret`]. Keys of maps hold no dots: the `config` crate takes them for sections.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Prefix of the variables.
const PREFIX: &str = "WEIR";
/// Between the parts of a variable's name.
const SEPARATOR: &str = "__";
const HIDDEN: &str = "********";

/// Configuration that cannot be used (WEIR-0210).
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No such file.
    #[error("{code}: the configuration file {} does not exist", .0.display(), code = weir_model::codes::CONFIG)]
    NoFile(PathBuf),
    /// A key is unknown, or a value does not fit.
    #[error("{code}: configuration: {0}", code = weir_model::codes::CONFIG)]
    Invalid(Box<config::ConfigError>),
    /// A key of an earlier version.
    #[error("{code}: configuration: {old} is called otherwise now: {new}", code = weir_model::codes::CONFIG)]
    Renamed {
        /// The key, with its sections.
        old: &'static str,
        /// What stands in its place.
        new: &'static str,
    },
    /// It cannot be shown.
    #[error("{code}: configuration cannot be printed: {0}", code = weir_model::codes::CONFIG)]
    Print(#[from] serde_json::Error),
}

impl From<config::ConfigError> for ConfigError {
    fn from(e: config::ConfigError) -> ConfigError {
        ConfigError::Invalid(Box::new(e))
    }
}

/// Loads a configuration from its defaults, a YAML file if one is named, and the environment.
pub fn load<T: Default + Serialize + DeserializeOwned>(
    file: Option<&Path>,
) -> Result<T, ConfigError> {
    load_from(file, None, &[])
}

/// As [`load`]; keys of earlier versions are refused with what stands in their place, by pairs of
/// both.
pub fn load_renamed<T: Default + Serialize + DeserializeOwned>(
    file: Option<&Path>,
    renamed: &[(&'static str, &'static str)],
) -> Result<T, ConfigError> {
    load_from(file, None, renamed)
}

/// As [`load_renamed`], with the given variables in place of the process's.
pub fn load_from<T: Default + Serialize + DeserializeOwned>(
    file: Option<&Path>,
    variables: Option<std::collections::HashMap<String, String>>,
    renamed: &[(&'static str, &'static str)],
) -> Result<T, ConfigError> {
    let mut builder =
        config::Config::builder().add_source(config::Config::try_from(&T::default())?);
    if let Some(file) = file {
        if !file.is_file() {
            return Err(ConfigError::NoFile(file.to_owned()));
        }
        builder = builder.add_source(config::File::from(file).format(config::FileFormat::Yaml));
    }
    let environment = config::Environment::with_prefix(PREFIX)
        .prefix_separator(SEPARATOR)
        .separator(SEPARATOR)
        .try_parsing(true)
        .source(variables);
    let made = builder.add_source(environment).build()?;
    for &(old, new) in renamed {
        if made.get::<config::Value>(old).is_ok() {
            return Err(ConfigError::Renamed { old, new });
        }
    }
    Ok(made.try_deserialize()?)
}

/// The configuration as JSON (which is YAML too), secrets hidden.
pub fn dump<T: Serialize>(config: &T) -> Result<String, ConfigError> {
    HIDE.set(true);
    let value = serde_json::to_value(config);
    HIDE.set(false);
    let mut value = value?;
    hide(&mut value);
    Ok(serde_json::to_string_pretty(&value)?)
}

/// The ends of the names of what must not be shown.
const SECRETS: [&str; 7] = [
    "password",
    "passphrase",
    "secret",
    "token",
    "oauthbearer_config",
    "jaas_config",
    "key_pem",
];

/// True where what has this name, with `_` or `.` between its words, must not be shown.
pub fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('.', "_");
    SECRETS.iter().any(|s| key.ends_with(s))
}

/// Properties handed through to a library: texts by name. Those that are secrets by their name are
/// never shown.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Properties(BTreeMap<String, String>);

impl Properties {
    /// Name and value of each, for the library.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(k, v)| (k.as_str(), v.as_str()))
    }

    /// These, and those of `base` that these do not name.
    pub fn over(&self, base: &Properties) -> Properties {
        let mut all = base.0.clone();
        all.extend(self.0.clone());
        Properties(all)
    }
}

impl<K: Into<String>, V: Into<String>, const N: usize> From<[(K, V); N]> for Properties {
    fn from(all: [(K, V); N]) -> Properties {
        let texts = all.into_iter().map(|(k, v)| (k.into(), v.into()));
        Properties(texts.collect())
    }
}

impl std::fmt::Debug for Properties {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = |(k, v)| (k, if is_secret(k) { HIDDEN } else { v });
        f.debug_map().entries(self.iter().map(shown)).finish()
    }
}

impl Serialize for Properties {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let shown = |(k, v): (_, _)| {
            (
                k,
                if HIDE.get() && is_secret(k) {
                    HIDDEN
                } else {
                    v
                },
            )
        };
        s.collect_map(self.iter().map(shown))
    }
}

/// What is no [`Secret`] by its type and one by its name is hidden too.
fn hide(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                match value {
                    serde_json::Value::String(text) if is_secret(key) && !text.is_empty() => {
                        *text = HIDDEN.into()
                    }
                    value => hide(value),
                }
            }
        }
        serde_json::Value::Array(all) => all.iter_mut().for_each(hide),
        _ => {}
    }
}

thread_local! {
    static HIDE: Cell<bool> = const { Cell::new(false) };
}

/// A text that is never shown.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// From its text.
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// What a file of `folder` or a variable holds, without white space around it; none where
    /// neither is named.
    ///
    /// # Errors
    /// Both are named, or it is not there.
    pub fn fetch(
        folder: &Path,
        file: Option<&str>,
        variable: Option<&str>,
    ) -> Result<Option<Secret>, Unfetched> {
        let text = match (file, variable) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                let what = "a secret is given twice";
                return Err(Unfetched::new(what, "name a file or a variable"));
            }
            (Some(file), None) => String::from_utf8(fetch(folder, file)?)
                .map_err(|_| Unfetched::new(format!("{file} is no text"), "write UTF-8"))?,
            (None, Some(name)) => std::env::var(name).map_err(|_| {
                let what = format!("the variable {name} is not set");
                Unfetched::new(what, "set it where the service is started")
            })?,
        };
        Ok(Some(Secret::new(text.trim())))
    }

    /// The text, for the one who needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// What a configuration names is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfetched {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl Unfetched {
    fn new(what: impl Into<String>, remedy: impl Into<String>) -> Unfetched {
        Unfetched {
            what: what.into(),
            remedy: remedy.into(),
        }
    }
}

/// What a file holds that a configuration names; `folder` is where it is looked for.
///
/// # Errors
/// It cannot be read.
pub fn fetch(folder: &Path, file: &str) -> Result<Vec<u8>, Unfetched> {
    let path = folder.join(file);
    std::fs::read(&path).map_err(|e| {
        let what = format!("{} cannot be read: {e}", path.display());
        Unfetched::new(what, "name a file that the service may read")
    })
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_empty() { "\"\"" } else { HIDDEN })
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let shown = if HIDE.get() && !self.0.is_empty() {
            HIDDEN
        } else {
            &self.0
        };
        s.serialize_str(shown)
    }
}

/// A number of bytes: `64MiB`, `1GB`, `512`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl Size {
    /// Of so many bytes.
    pub const fn of(bytes: usize) -> Size {
        Size(bytes as u64)
    }
    /// In bytes.
    pub const fn bytes(self) -> usize {
        self.0 as usize
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        const UNITS: [(u64, &str); 3] = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
        let exact = UNITS
            .iter()
            .find(|(shift, _)| self.0 > 0 && self.0 & ((1 << shift) - 1) == 0);
        match exact {
            Some((shift, unit)) => s.serialize_str(&format!("{}{unit}", self.0 >> shift)),
            None => s.serialize_str(&format!("{}B", self.0)),
        }
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Size, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Number(u64),
            Text(String),
        }
        match Form::deserialize(d)? {
            Form::Number(n) => Ok(Size(n)),
            Form::Text(t) => t
                .parse::<bytesize::ByteSize>()
                .map(|b| Size(b.as_u64()))
                .map_err(|e| {
                    serde::de::Error::custom(format!("{t:?} is no size ({e}): write e.g. 64MiB"))
                }),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::HashMap;
    use std::time::Duration;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Made {
        name: String,
        kafka: Section,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Section {
        #[serde(with = "humantime_serde")]
        wait: Duration,
        buffer: Size,
        password: Secret,
        properties: Properties,
    }
    impl Default for Made {
        fn default() -> Made {
            Made {
                name: "x".into(),
                kafka: Section::default(),
            }
        }
    }
    impl Default for Section {
        fn default() -> Section {
            Section {
                wait: Duration::from_secs(10),
                buffer: Size::of(64 << 20),
                password: Secret::new("default"),
                properties: [("sasl_password".to_owned(), "p".to_owned())].into(),
            }
        }
    }

    fn with(file: &str, variables: &[(&str, &str)]) -> Result<Made, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("weir.yaml");
        std::fs::write(&path, file).unwrap();
        let variables = variables
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect::<HashMap<_, _>>();
        let renamed = [("kafka.max_wait_ms", "kafka.wait, a duration")];
        load_from(Some(&path), Some(variables), &renamed)
    }

    #[test]
    fn the_environment_wins_over_the_file_over_the_defaults() {
        let made = with(
            "kafka: {wait: 250ms, buffer: 1KiB}",
            &[
                ("WEIR__KAFKA__WAIT", "2m"),
                ("WEIR__NAME", "7"),
                ("WEIR_CACHE", "not ours"),
            ],
        )
        .unwrap();
        assert_eq!(made.kafka.wait, Duration::from_secs(120));
        assert_eq!(made.kafka.buffer, Size(1024));
        assert_eq!(made.name, "7");
        assert_eq!(made.kafka.password.expose(), "default");
    }

    #[test]
    fn unknown_keys_and_wrong_values_are_errors() {
        for (file, variable) in [
            ("kafka: {wiat: 1s}", ("X", "")),
            ("{}", ("WEIR__KAFKA__WIAT", "1s")),
            ("{}", ("WEIR__KAFKA__BUFFER", "many")),
            ("kafka: [", ("X", "")),
        ] {
            let e = with(file, &[variable]).unwrap_err().to_string();
            assert!(e.starts_with("WEIR-0210"), "{e}");
        }
    }

    #[test]
    fn a_key_of_an_earlier_version_is_refused_with_what_stands_in_its_place() {
        for (file, variable) in [
            ("kafka: {max_wait_ms: 5}", ("X", "")),
            ("{}", ("WEIR__KAFKA__MAX_WAIT_MS", "5")),
        ] {
            let e = with(file, &[variable]).unwrap_err().to_string();
            let said = e.starts_with("WEIR-0210") && e.contains("kafka.max_wait_ms");
            assert!(said && e.ends_with("kafka.wait, a duration"), "{e}");
        }
    }

    #[test]
    fn every_property_that_is_a_secret_is_hidden() {
        // All that librdkafka takes a secret by, in both ways to write them.
        let names = [
            "sasl.password",
            "ssl.key.password",
            "ssl.key.pem",
            "ssl.keystore.password",
            "sasl.oauthbearer.config",
            "sasl.oauthbearer.client.secret",
            "sasl.oauthbearer.client.credentials.client.secret",
            "sasl.oauthbearer.assertion.private.key.pem",
            "sasl.oauthbearer.assertion.private.key.passphrase",
        ];
        for name in names {
            for name in [name.to_owned(), name.replace('.', "_")] {
                let made = Section {
                    properties: [(name.clone(), "hunter2".to_owned())].into(),
                    ..Section::default()
                };
                let shown = [dump(&made).unwrap(), format!("{made:?}")];
                let hidden = shown.iter().all(|s| !s.contains("hunter2"));
                assert!(hidden, "{name} is shown: {shown:?}");
            }
        }
        for name in ["sasl_username", "ssl_key_location", "sasl_mechanism"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn own_properties_win_over_those_of_all() {
        let base: Properties = [("a", "1"), ("b", "1")].into();
        let own: Properties = [("b", "2"), ("c", "2")].into();
        assert_eq!(own.over(&base), [("a", "1"), ("b", "2"), ("c", "2")].into());
    }

    #[test]
    fn a_dump_hides_secrets_and_loads_again() {
        let text = dump(&Made::default()).unwrap();
        assert!(
            text.contains("\"wait\": \"10s\"") && text.contains("\"buffer\": \"64MiB\""),
            "{text}"
        );
        assert_eq!(text.matches(HIDDEN).count(), 2, "{text}");
        assert!(
            !text.contains("default") && !text.contains("\"p\""),
            "{text}"
        );
        assert!(with(&text, &[]).is_ok());
        let shown = format!("{:?}", Made::default().kafka);
        assert!(
            !shown.contains("default") && !shown.contains("\"p\""),
            "{shown}"
        );
    }
}
