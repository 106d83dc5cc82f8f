//! Schema ids, and the rules by which a schema may follow another.
