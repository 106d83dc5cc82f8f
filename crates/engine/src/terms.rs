//! Messages of `weir.terms`.
