//! Spellings of people and teams in a decoded row, before anything reads them.

use super::read::Reader;
use weir_catalog::Aliases;
use weir_catalog::types::{Catalog, EventDef};
use weir_model::avro::Value;
use weir_model::person::{Form, forms};

/// The slots of an event type that hold people and teams; none where no tenant has aliases.
#[derive(Debug)]
pub(super) struct People {
    tenant: usize,
    slots: Vec<(usize, Form)>,
    scratch: String,
}

impl People {
    pub fn new(catalog: &Catalog, event: &EventDef, reader: &Reader) -> People {
        let fields = match catalog.aliases.is_empty() {
            true => Vec::new(),
            false => forms(&event.schema_json),
        };
        let slots = fields.iter();
        People {
            tenant: reader.slot("tenant").unwrap_or_default(),
            // What nothing reads need not be renamed.
            slots: slots
                .filter_map(|(path, form)| Some((reader.slot(path)?, *form)))
                .collect(),
            scratch: String::new(),
        }
    }

    /// Puts the names that hold in place of other spellings.
    #[inline]
    pub fn rename<'a>(&mut self, aliases: &'a Aliases, row: &mut [Value<'a>]) {
        for (slot, form) in &self.slots {
            if let (Value::Str(tenant), Value::Str(text)) = (row[self.tenant], row[*slot])
                && let Some(name) = aliases.name(tenant, *form, text, &mut self.scratch)
            {
                row[*slot] = Value::Str(name);
            }
        }
    }
}
