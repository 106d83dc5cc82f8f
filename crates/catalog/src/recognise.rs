//! Which assistant a commit names: by declared addresses and names, never by a piece of a word.

/// What is known of assistants: `catalog/assistants.yaml`.
#[derive(Debug, Clone, Default)]
pub struct Assistants {
    /// Keys of trailers that may name one: lower case, words joined by `-`.
    pub trailers: Vec<String>,
    /// Words that a model's name begins with, before its number: lower case.
    pub models: Vec<String>,
    /// The assistants.
    pub tools: Vec<Assistant>,
}

/// One assistant. All texts are lower case; names are split into words.
#[derive(Debug, Clone, Default)]
pub struct Assistant {
    /// What an event calls it.
    pub name: String,
    /// E-mail addresses of its own.
    pub addresses: Vec<String>,
    /// Accounts of its own at GitHub, known by their no-reply addresses.
    pub logins: Vec<String>,
    /// Names that nobody else has.
    pub names: Vec<Vec<String>>,
    /// Names that people have too: they count with a version, or where no address says that it is a
    /// person.
    pub shared: Vec<Vec<String>>,
    /// Words that may follow a shared name, as a model's.
    pub versions: Vec<String>,
    /// What it puts in brackets behind the name of the author.
    pub marks: Vec<Vec<String>>,
    /// Lines that it ends messages with.
    pub lines: Vec<Vec<String>>,
}

/// Somebody: a name, and perhaps an address.
#[derive(Debug, PartialEq)]
struct Who<'a> {
    name: &'a str,
    address: Option<String>,
}

impl Assistants {
    /// The assistant that a commit names: as its author, in a trailer (the last one first), or in a
    /// line of its own.
    pub fn of(&self, author: &str, address: &str, message: &str) -> Option<&str> {
        let author = Who {
            name: author,
            address: Some(address.trim().to_lowercase()),
        };
        let found = self.author(&author).or_else(|| {
            let trailers = self.trailers_of(message);
            let mut values = trailers.iter().rev();
            values.find_map(|value| people(value).iter().find_map(|who| self.who(who)))
        });
        let found = found.or_else(|| {
            let mut lines = message.lines().map(|l| words(&without_links(l)));
            lines.find_map(|line| self.tools.iter().find(|a| a.lines.contains(&line)))
        });
        found.map(|a| a.name.as_str())
    }

    fn author(&self, author: &Who<'_>) -> Option<&Assistant> {
        let bracket = author.name.trim_end().strip_suffix(')');
        let mark = bracket.and_then(|n| n.rsplit_once('('));
        let mark = mark.map(|(_, mark)| words(mark)).unwrap_or_default();
        let marked = || self.tools.iter().find(|a| a.marks.contains(&mark));
        self.who(author).or_else(marked)
    }

    fn who(&self, who: &Who<'_>) -> Option<&Assistant> {
        let name = words(who.name);
        let find = |is: &dyn Fn(&Assistant) -> bool| self.tools.iter().find(|a| is(a));
        find(&|a| {
            who.address
                .as_deref()
                .is_some_and(|addr| a.has_address(addr))
        })
        .or_else(|| find(&|a| a.names.iter().any(|n| name.starts_with(n))))
        .or_else(|| find(&|a| self.shares(a, &name, who.address.is_some())))
    }

    /// A name that people have too, with something that people do not have.
    fn shares(&self, a: &Assistant, name: &[String], addressed: bool) -> bool {
        let rests = a.shared.iter().filter_map(|n| name.strip_prefix(&n[..]));
        let mut rests = rests;
        rests.any(|rest| match rest {
            [] => !addressed,
            [next, ..] => {
                // "Jules 2" may be somebody's second account.
                let number = is_number(next) && (!addressed || next.contains('.'));
                let model = |w: &[String]| self.models.contains(&w[0]) && is_number(&w[1]);
                number || a.versions.contains(next) || rest.windows(2).any(model)
            }
        })
    }

    /// Values of trailers whose key is a declared one, folded lines joined, in order.
    fn trailers_of(&self, message: &str) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        let mut open = false;
        for line in message.lines() {
            let key = line.split_once(':').map(|(k, v)| (words(k).join("-"), v));
            match key {
                Some((key, value)) if self.trailers.contains(&key) => {
                    out.push(value.trim().to_owned());
                    open = true;
                }
                _ if open && line.starts_with([' ', '\t']) && !line.trim().is_empty() => {
                    if let Some(last) = out.last_mut() {
                        last.push(' ');
                        last.push_str(line.trim());
                    }
                }
                _ => open = false,
            }
        }
        out
    }
}

impl Assistant {
    fn has_address(&self, address: &str) -> bool {
        const NO_REPLY: &str = "@users.noreply.github.com";
        let login = address
            .strip_suffix(NO_REPLY)
            .map(|l| match l.split_once('+') {
                Some((id, login)) if id.bytes().all(|b| b.is_ascii_digit()) => login,
                _ => l,
            });
        self.addresses.iter().any(|a| a == address)
            || login.is_some_and(|l| self.logins.iter().any(|k| k == l))
    }
}

/// The people of a trailer's value: mostly one, `Name <address>`.
fn people(value: &str) -> Vec<Who<'_>> {
    let clean = |a: &str| {
        let a = a.trim().to_lowercase();
        a.strip_prefix("mailto:").map_or(a.clone(), str::to_owned)
    };
    let mut out = Vec::new();
    let mut rest = value;
    while let Some((name, after)) = rest.split_once('<') {
        let (address, next) = after.split_once('>').unwrap_or((after, ""));
        out.push(Who {
            name: name.trim_start_matches([',', ';', '&', ' ']),
            address: Some(clean(address)),
        });
        rest = next;
    }
    for name in rest.split([',', ';', '&']).filter(|n| !n.trim().is_empty()) {
        let bare = name.split([' ', '\t', '(', ')']).find(|w| w.contains('@'));
        let address = bare.map(clean);
        let name = bare.map_or(name, |a| name.split(a).next().unwrap_or_default());
        out.push(Who { name, address });
    }
    out
}

/// Words in lower case: letters, digits, dots within, and brackets as in `name[bot]`.
pub(crate) fn words(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '.' | '[' | ']');
    lower
        .split(|c| !inside(c))
        .map(|w| w.trim_matches('.'))
        .filter(|w| !w.is_empty())
        .map(str::to_owned)
        .collect()
}

/// `4`, `4.5`, `v2`, `4o`
fn is_number(word: &str) -> bool {
    let digits = word.strip_prefix('v').unwrap_or(word);
    let digits = digits.strip_suffix(char::is_alphabetic).unwrap_or(digits);
    digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// `[text](address)` becomes `text`.
fn without_links(line: &str) -> String {
    let (mut out, mut rest) = (String::new(), line);
    while let Some((before, after)) = rest.split_once("](") {
        let end = after.find(')').map_or(after.len(), |i| i + 1);
        match before.rsplit_once('[') {
            Some((head, text)) => {
                out.push_str(head);
                out.push_str(text);
            }
            None => out.push_str(before),
        }
        rest = &after[end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_taken_apart_into_names_and_addresses() {
        let of = |v: &'static str| -> Vec<(&str, Option<String>)> {
            people(v).into_iter().map(|w| (w.name, w.address)).collect()
        };
        let some = |a: &str| Some(a.to_owned());
        assert_eq!(of("Ada <A@x.y>"), [("Ada ", some("a@x.y"))]);
        assert_eq!(
            of("Ada <a@x>, Bob <mailto:b@y>"),
            [("Ada ", some("a@x")), ("Bob ", some("b@y"))]
        );
        assert_eq!(of("Ada, Bob"), [("Ada", None), (" Bob", None)]);
        assert_eq!(of("Ada (a@x.y)"), [("Ada (", some("a@x.y"))]);
        assert_eq!(of("a@x.y"), [("", some("a@x.y"))]);
        assert_eq!(of("Ada <a@x.y"), [("Ada ", some("a@x.y"))]);
        assert_eq!(of(""), []);
    }

    #[test]
    fn words_numbers_and_links() {
        assert_eq!(
            words("Claude-3.5 Sonnet (v2), x[bot]."),
            ["claude", "3.5", "sonnet", "v2", "x[bot]"]
        );
        assert_eq!(words("raider"), ["raider"]);
        for (word, is) in [
            ("4", true),
            ("4.5", true),
            ("v2", true),
            ("4o", true),
            ("o4", false),
            ("max", false),
        ] {
            assert_eq!(is_number(word), is, "{word}");
        }
        assert_eq!(
            without_links("* Made with [a b](http://x) and [c](y"),
            "* Made with a b and c"
        );
        assert_eq!(without_links("no ](x) link"), "no  link");
    }
}
