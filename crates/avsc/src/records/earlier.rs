//! Earlier schemas of a record: what the log holds of them is read as the record of today.

use super::{Field, Of, Types};

/// A schema that a record had before.
pub(super) struct Earlier {
    /// The schema's text.
    pub text: String,
    /// Names that its fields have today, in the order of its bytes.
    pub fields: Vec<String>,
    /// Fields of today that it does not have.
    pub missing: Vec<String>,
}

impl Types {
    /// Adds a schema that the record of a file had before. Each of its fields must still be there,
    /// of the same type, under its name or with it as an alias; symbols may have been added to an
    /// enum behind the others. Fields that were added since read as null, 0 or empty; an enum or a
    /// record has nothing of the kind.
    ///
    /// # Errors
    /// The record is not known, or cannot be read from the earlier schema.
    pub fn add_earlier(&mut self, name: &str, text: &str) -> Result<(), String> {
        let json = serde_json::from_str(text).map_err(|e| format!("{e}"))?;
        // Its enums are none of today's.
        let mut before = Types::default();
        let fields = before.fields(&json)?;
        let record = self.records.iter().position(|r| r.schema == name);
        let record = record.ok_or_else(|| format!("{name} is no record"))?;
        let now = &self.records[record].fields;
        let mut known = Vec::new();
        for f in &fields {
            let same = |n: &&Field| n.name == f.name || n.aliases.contains(&f.name);
            let today = now.iter().find(same);
            let today = today.ok_or_else(|| format!("{}: the field is gone", f.name))?;
            if !self.reads(&today.of, &before, &f.of) {
                return Err(format!("{}: its type is another one", f.name));
            }
            known.push(today.name.clone());
        }
        let mut missing = Vec::new();
        for n in now.iter().filter(|n| !known.contains(&n.name)) {
            if matches!(n.of, Of::Enum(_) | Of::Record(..)) {
                return Err(format!("{}: null must be among its types", n.name));
            }
            missing.push(n.name.clone());
        }
        let earlier = Earlier {
            text: text.to_owned(),
            fields: known,
            missing,
        };
        self.records[record].earlier.push(earlier);
        Ok(())
    }

    /// Whether bytes of a type of `before` are those of today's.
    fn reads(&self, now: &Of, before: &Types, was: &Of) -> bool {
        match (now, was) {
            (Of::Optional(now), Of::Optional(was)) | (Of::Pairs(now), Of::Pairs(was)) => {
                self.reads(now, before, was)
            }
            (Of::Record(_, now), Of::Record(_, was)) => {
                now.len() == was.len()
                    && now.iter().zip(was).all(|(now, was)| {
                        now.name == was.name && self.reads(&now.of, before, &was.of)
                    })
            }
            (Of::Enum(now), Of::Enum(was)) => before.symbols(was).is_some_and(|was| {
                let now = self.symbols(now);
                now.is_some_and(|now| now.starts_with(&was))
            }),
            (now, was) => std::mem::discriminant(now) == std::mem::discriminant(was),
        }
    }

    fn symbols(&self, name: &str) -> Option<Vec<&str>> {
        let found = self.enums.iter().find(|e| e.name == name)?;
        Some(found.symbols.iter().map(|(s, _)| s.as_str()).collect())
    }
}
