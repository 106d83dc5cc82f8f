//! Tokens for SASL OAUTHBEARER: out of a file that somebody else keeps fresh, or of an identity
//! provider for an id and a secret (OAuth's client credentials). The library's own way to ask one
//! needs another library, so these properties are taken here and are not handed on to it.

use crate::Error;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rdkafka::ClientConfig;
use rdkafka::client::{Client, ClientContext, OAuthToken};
use rdkafka::types::RDKafkaRespErr;
use rdkafka_sys::rd_kafka_oauthbearer_set_token;
use serde_json::Value as Json;
use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use weir_runtime::config::{Properties, Secret};
use weir_runtime::outgoing;

/// What a request for a token may take.
const LIMIT: Duration = Duration::from_secs(10);
/// A token that does not say how long it holds is asked for again after this.
const UNTOLD: Duration = Duration::from_secs(60);
/// Largest answer of an identity provider.
const LARGEST: u64 = 1 << 20;

const FILE: &str = "sasl_oauthbearer_token_file";
const ENDPOINT: &str = "sasl_oauthbearer_token_endpoint_url";
const CLIENT: &str = "sasl_oauthbearer_client_id";
const SECRET: &str = "sasl_oauthbearer_client_secret";
const SECRET_FILE: &str = "sasl_oauthbearer_client_secret_file";
const SCOPE: &str = "sasl_oauthbearer_scope";
const METHOD: &str = "sasl_oauthbearer_method";
const AUTHORITIES: &str = "https_ca_location";
/// The library keeps this text for us: which of the sources is meant.
const CONFIG: &str = "sasl.oauthbearer.config";

/// Whether a property is one that is taken here.
pub(crate) fn is_ours(name: &str) -> bool {
    let all = [
        FILE,
        ENDPOINT,
        CLIENT,
        SECRET,
        SECRET_FILE,
        SCOPE,
        METHOD,
        AUTHORITIES,
    ];
    all.contains(&name.replace('.', "_").as_str())
}

/// Where tokens come from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum From {
    /// A file with one token in it, read each time.
    File(PathBuf),
    Provider(Provider),
    /// Why there is none.
    Nowhere(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Provider {
    endpoint: String,
    client: String,
    secret: Secret,
    secret_file: Option<PathBuf>,
    scope: Option<String>,
    authorities: Option<PathBuf>,
}

impl From {
    /// What properties say, where they ask for OAUTHBEARER.
    fn read(properties: &Properties) -> Option<From> {
        let get = |name: &str| {
            let mut all = properties.iter();
            let found = all.find(|(k, _)| k.replace('.', "_") == name);
            found.map(|(_, v)| v.to_owned())
        };
        let mechanism = get("sasl_mechanism").or_else(|| get("sasl_mechanisms"));
        if !mechanism.is_some_and(|m| m.eq_ignore_ascii_case("OAUTHBEARER")) {
            return None;
        }
        let provider = |endpoint: String| Provider {
            endpoint,
            client: get(CLIENT).unwrap_or_default(),
            secret: Secret::new(get(SECRET).unwrap_or_default()),
            secret_file: get(SECRET_FILE).map(PathBuf::from),
            scope: get(SCOPE),
            authorities: get(AUTHORITIES).map(PathBuf::from),
        };
        Some(match (get(FILE), get(ENDPOINT)) {
            (Some(file), None) => From::File(file.into()),
            (None, Some(url)) if !outgoing::is_private(&url) => {
                From::Nowhere(format!("{ENDPOINT} must be https: a secret is sent there"))
            }
            (None, Some(url)) => From::Provider(provider(url)),
            (Some(_), Some(_)) => From::Nowhere(format!("both {FILE} and {ENDPOINT} are set")),
            (None, None) => From::Nowhere(format!("neither {FILE} nor {ENDPOINT} is set")),
        })
    }
}

/// A token, and how long it holds.
#[derive(Clone)]
struct Token {
    text: String,
    principal: String,
    until: SystemTime,
    /// From then on a new one is asked for.
    stale: SystemTime,
}

impl Token {
    /// What a token says of itself is read, not trusted: that is up to the brokers. One that is no
    /// JWT holds as long as `told`.
    fn new(text: &str, told: Option<Duration>, now: SystemTime) -> Result<Token, String> {
        let text = text.trim().to_owned();
        let claims = claims(&text);
        let until = match claims["exp"].as_f64() {
            Some(at) => seconds(at).and_then(|at| UNIX_EPOCH.checked_add(at)),
            None => now.checked_add(told.unwrap_or(UNTOLD)),
        };
        let until = until.ok_or("it says no time that there is")?;
        let Ok(left) = until.duration_since(now) else {
            let seconds = now.duration_since(until).unwrap_or_default().as_secs();
            return Err(format!("the token ended {seconds} s ago"));
        };
        if text.is_empty() || text.contains(char::is_whitespace) {
            return Err("there is no token in it".into());
        }
        Ok(Token {
            principal: claims["sub"].as_str().unwrap_or("weir").to_owned(),
            text,
            until,
            stale: now + left.mul_f64(0.8),
        })
    }

    fn lifetime_ms(&self) -> i64 {
        let since = self.until.duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

fn seconds(number: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(number).ok()
}

/// The claims of a JWT; null where it is none.
fn claims(token: &str) -> Json {
    let body = token.split('.').nth(1).unwrap_or_default();
    let bytes = URL_SAFE_NO_PAD.decode(body.trim_end_matches('='));
    let read = |bytes: Vec<u8>| serde_json::from_slice(&bytes).ok();
    bytes.ok().and_then(read).unwrap_or_default()
}

/// Clients of one process share what they fetch.
struct Source {
    from: From,
    kept: Mutex<Option<Token>>,
}

impl Source {
    fn token(&self) -> Result<Token, Error> {
        let now = SystemTime::now();
        let refused = |reason: String, passes: bool| Error::Token { reason, passes };
        match &self.from {
            From::Nowhere(why) => Err(refused(why.clone(), false)),
            From::File(file) => {
                let at = |e: String| refused(format!("{}: {e}", file.display()), true);
                let text = std::fs::read_to_string(file).map_err(|e| at(e.to_string()))?;
                Token::new(&text, None, now).map_err(at)
            }
            From::Provider(provider) => {
                let mut kept = lock(&self.kept);
                if let Some(token) = kept.as_ref().filter(|t| now < t.stale) {
                    return Ok(token.clone());
                }
                let token = provider.fetch(now);
                let token =
                    token.map_err(|e| refused(format!("{}: {e}", provider.endpoint), true))?;
                Ok(kept.insert(token).clone())
            }
        }
    }
}

impl Provider {
    /// RFC 6749, section 4.4.
    fn fetch(&self, now: SystemTime) -> Result<Token, String> {
        let whole = |e: anyhow::Error| format!("{e:#}");
        let agent = outgoing::agent(self.authorities.as_deref(), LIMIT).map_err(whole)?;
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(self.scope.as_deref().map(|scope| ("scope", scope)));
        let who = format!(
            "{}:{}",
            encoded(&self.client),
            encoded(self.secret()?.expose())
        );
        let mut answer = agent
            .post(&self.endpoint)
            .header("authorization", format!("Basic {}", STANDARD.encode(who)))
            .header("accept", "application/json")
            .send_form(form)
            .map_err(|e| e.to_string())?;
        let status = answer.status();
        let body = answer.body_mut().with_config().limit(LARGEST);
        let body = body.read_to_vec().map_err(|e| e.to_string())?;
        let body: Json = serde_json::from_slice(&body).unwrap_or_default();
        let Some(token) = body["access_token"].as_str() else {
            // OAuth's own word for what is wrong; a body may hold anything.
            let word = body["error"].as_str().unwrap_or("no access_token in it");
            return Err(format!("answer {status}: {word}"));
        };
        let told = body["expires_in"].as_f64().and_then(seconds);
        Token::new(token, told, now)
    }

    fn secret(&self) -> Result<Secret, String> {
        let Some(file) = &self.secret_file else {
            return Ok(self.secret.clone());
        };
        read_secret(file).map_err(|e| format!("{}: {e}", file.display()))
    }
}

fn read_secret(file: &Path) -> std::io::Result<Secret> {
    let text = std::fs::read_to_string(file)?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}

/// As forms have it, which OAuth asks for in front of the other encoding.
fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    let one = |b: u8| match plain(b) {
        true => char::from(b).to_string(),
        false => format!("%{b:02X}"),
    };
    text.bytes().map(one).collect()
}

/// Those of this process; a client names one by its place.
static SOURCES: Mutex<Vec<Arc<Source>>> = Mutex::new(Vec::new());

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells a client where its tokens come from, where it needs any.
pub(crate) fn configure(config: &mut ClientConfig, properties: &Properties) {
    let Some(from) = From::read(properties) else {
        return;
    };
    let mut all = lock(&SOURCES);
    let at = all.iter().position(|s| s.from == from).unwrap_or_else(|| {
        let kept = Mutex::default();
        all.push(Arc::new(Source { from, kept }));
        all.len() - 1
    });
    config.set(CONFIG, at.to_string());
}

fn source(config: Option<&str>) -> Option<Arc<Source>> {
    lock(&SOURCES).get(config?.parse::<usize>().ok()?).cloned()
}

/// What a client is given when the library asks for a token: when it is polled.
pub(crate) fn generate(config: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
    let source = source(config).ok_or("no source of tokens is set")?;
    let token = source
        .token()
        .inspect_err(|e| tracing::warn!(target: "kafka", "{e}"))?;
    Ok(OAuthToken {
        lifetime_ms: token.lifetime_ms(),
        token: token.text,
        principal_name: token.principal,
    })
}

/// What every client context says of tokens: a context that does not say it gets none.
macro_rules! gives_tokens {
    () => {
        const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

        fn generate_oauth_token(
            &self,
            config: Option<&str>,
        ) -> Result<rdkafka::client::OAuthToken, Box<dyn std::error::Error>> {
            $crate::oauth::generate(config)
        }
    };
}
pub(crate) use gives_tokens;

/// Gives a client a token now, where it needs one; whether it does. Calls that block before it was
/// ever polled, and clients that nobody polls, would have none.
///
/// # Errors
/// [`Error::Token`]
pub fn arm<C: ClientContext>(config: &ClientConfig, client: &Client<C>) -> Result<bool, Error> {
    let Some(source) = source(config.get(CONFIG)) else {
        return Ok(false);
    };
    let token = source.token()?;
    let text = |text: &str| {
        CString::new(text).map_err(|_| Error::Token {
            reason: "there is no token in it".into(),
            passes: true,
        })
    };
    let (value, principal) = (text(&token.text)?, text(&token.principal)?);
    let mut why = [0; 512];
    // SAFETY: the client lives as long as the borrow; texts end with a null and are copied; `why` is as long as is said.
    let answer = unsafe {
        rd_kafka_oauthbearer_set_token(
            client.native_ptr(),
            value.as_ptr(),
            token.lifetime_ms(),
            principal.as_ptr(),
            std::ptr::null_mut(),
            0,
            why.as_mut_ptr(),
            why.len(),
        )
    };
    if answer == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
        return Ok(true);
    }
    // SAFETY: the library ends what it wrote with a null.
    let reason = unsafe { CStr::from_ptr(why.as_ptr()) };
    Err(Error::Token {
        reason: reason.to_string_lossy().into_owned(),
        passes: true,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn jwt(claims: &str) -> String {
        let part = |t: &str| URL_SAFE_NO_PAD.encode(t);
        format!("{}.{}.", part(r#"{"alg":"none"}"#), part(claims))
    }

    #[test]
    fn a_token_says_whose_it_is_and_until_when() {
        let now = UNIX_EPOCH + Duration::from_secs(1000);
        let token = Token::new(&jwt(r#"{"sub":"ada","exp":1100}"#), None, now).unwrap();
        assert_eq!((&*token.principal, token.lifetime_ms()), ("ada", 1_100_000));
        assert_eq!(token.stale, now + Duration::from_secs(80));
        let opaque = Token::new("abc\n", Some(Duration::from_secs(10)), now).unwrap();
        assert_eq!((&*opaque.text, opaque.lifetime_ms()), ("abc", 1_010_000));
        for (wrong, why) in [
            (jwt(r#"{"exp":990}"#), "10 s ago"),
            (String::new(), "no token"),
        ] {
            let refused = Token::new(&wrong, None, now).err().unwrap();
            assert!(refused.contains(why), "{refused}");
        }
    }

    #[test]
    fn properties_say_where_tokens_come_from() {
        let read = |all: [(&str, &str); 3]| From::read(&all.into());
        let mechanism = ("sasl_mechanism", "OAUTHBEARER");
        let nowhere = |from| matches!(from, Some(From::Nowhere(_)));
        assert!(nowhere(read([mechanism, ("a", ""), ("b", "")])));
        assert!(nowhere(read([
            mechanism,
            (FILE, "x"),
            (ENDPOINT, "https://y")
        ])));
        assert!(nowhere(read([
            mechanism,
            (CLIENT, "x"),
            (ENDPOINT, "http://y.example")
        ])));
        let other = read([("sasl_mechanism", "PLAIN"), (FILE, "x"), ("b", "")]);
        assert_eq!(other, None);
        let file = read([mechanism, ("sasl.oauthbearer.token.file", "x"), ("b", "")]);
        assert_eq!(file, Some(From::File("x".into())));
        let of = read([mechanism, (ENDPOINT, "https://y"), (SECRET, "hunter2")]);
        let shown = format!("{of:?}");
        assert!(
            shown.contains("https://y") && !shown.contains("hunter2"),
            "{shown}"
        );
        assert!(is_ours("sasl.oauthbearer.client.id") && !is_ours("sasl_password"));
        assert_eq!(encoded("a b:é"), "a%20b%3A%C3%A9");
    }
}
