//! Errors as ClickHouse's clients know them: a number, a text, and the HTTP status that goes with
//! the number.

use axum::http::StatusCode;

/// An error of the engine, or of ours in its form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exception {
    code: u32,
    message: String,
}

impl Exception {
    /// An error that arose on this side of the engine, under the engine's number and name for it.
    pub fn new(code: u32, name: &str, text: &str) -> Exception {
        Exception {
            code,
            message: format!("Code: {code}. DB::Exception: {text}. ({name})"),
        }
    }

    /// An error in the engine's words, `Code: 60. DB::Exception: ...`.
    pub fn from_engine(text: &str) -> Exception {
        let code = text
            .strip_prefix("Code: ")
            .and_then(|rest| rest.split('.').next())
            .and_then(|n| n.trim().parse().ok());
        Exception {
            code: code.unwrap_or(1002),
            message: text.trim_end().to_owned(),
        }
    }

    /// Without what follows `mark` in its text, but for its name at the end.
    pub fn without(mut self, mark: &str) -> Exception {
        if let (Some(cut), Some(name)) = (self.message.find(mark), self.message.rfind(". (")) {
            let name = self.message.split_off(name.max(cut));
            self.message.truncate(cut);
            self.message
                .truncate(self.message.trim_end_matches(['.', ' ']).len());
            self.message.push_str(&name);
        }
        self
    }

    /// The number.
    pub fn code(&self) -> u32 {
        self.code
    }

    /// The whole text, without version.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The text with the version behind it, as a server sends it.
    pub fn body(&self, version: &str) -> String {
        format!("{} (version {version} (embedded))\n", self.message)
    }

    /// The status that a server answers with.
    pub fn status(&self) -> StatusCode {
        match self.code {
            // too slow, timeout, a body that does not come
            159 | 160 | 209 => StatusCode::REQUEST_TIMEOUT,
            // unknown user, wrong or no password
            192 | 193 | 194 | 516 => StatusCode::UNAUTHORIZED,
            // access denied, read only
            164 | 497 => StatusCode::FORBIDDEN,
            307 => StatusCode::PAYLOAD_TOO_LARGE,
            // unknown table, database, column, function, aggregate, type, storage, setting, session
            16 | 46 | 47 | 50 | 56 | 60 | 63 | 81 | 115 | 372 => StatusCode::NOT_FOUND,
            // what the text of the statement or its data got wrong
            6 | 26 | 27 | 33 | 36 | 38 | 40 | 41 | 42 | 43 | 44 | 49 | 53 | 62 | 69 | 70 | 72
            | 73 | 89 | 107 | 117 | 125 | 130 | 131 | 168 | 179 | 184 | 190 | 271 | 377 | 386
            | 395 | 456 | 457 | 469 => StatusCode::BAD_REQUEST,
            48 => StatusCode::NOT_IMPLEMENTED,
            // too many simultaneous queries, session is locked
            202 | 373 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}
