//! Messages of `weir.partials`.
