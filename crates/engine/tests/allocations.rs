//! A measure of an expression costs no allocation for an event: as many are made as for measures
//! of fields in its place.
#![allow(clippy::unwrap_used)]

mod calls;

use calls::SCHEMA;
use serde_json::json;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use weir_catalog::load_sources;

struct Counted;

thread_local! {
    static MADE: Cell<usize> = const { Cell::new(0) };
}

fn made() -> usize {
    MADE.with(Cell::get)
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MADE.with(|n| n.set(n.get() + 1));
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        MADE.with(|n| n.set(n.get() + 1));
        // SAFETY: the caller keeps the contract.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static COUNTED: Counted = Counted;

const PLAIN: &str = "
  seen: {count: true, where: {success: true}}
  total: {sum: tokens_input, where: {success: true}}
  most: {max: tokens_output}
  latest: {last: tokens_output}
  squares: {sumsq: latency_ms}
";

const COMPUTED: &str = "
  seen: {count: true, where: \"success && service_tier in ['', 'batch'] && latency_ms <= 3000\"}
  total: {sum: \"tokens_input + coalesce(tokens_cache_write_1h, 0) * 2\", where: \"success && service_tier in ['', 'batch'] && latency_ms <= 3000\"}
  most: {max: \"model == 'm' ? max(tokens_output, tokens_input) : null\"}
  latest: {last: \"ratio(tokens_output, tokens_input) - event_time\"}
  squares: {sumsq: \"min(latency_ms, 1000) * 2\"}
";

/// Allocations for a thousand calls, after a thousand others.
fn of(measures: &str, values: &[Vec<u8>]) -> usize {
    let event = format!(
        "event: llm.call\ndimensions: {{model: model}}\nmeasures:{measures}windows: [1h]\nrollups: [[], [model]]\n"
    );
    let sources = vec![
        ("events/llm.call.avsc".into(), SCHEMA.clone()),
        ("catalog/llm.call.yaml".into(), event),
    ];
    let catalog = Arc::new(load_sources(sources).unwrap_or_else(|e| panic!("{e}")));
    let (mut combine, input) = calls::combine(&catalog);
    let mut before = 0;
    for (i, value) in values.iter().enumerate() {
        if i == values.len() / 2 {
            before = made();
        }
        calls::fold(&mut combine, input, i, value);
    }
    made() - before
}

#[test]
fn an_expression_allocates_nothing_for_an_event() {
    let calls: Vec<_> = (0..2000)
        .map(|i| {
            let tier = ["", "batch", "flex"][i % 3];
            let call = json!({
                "tokens_input": i % 7, "tokens_output": i, "latency_ms": i as f64,
                "success": i % 5 > 0, "service_tier": tier,
            });
            (call, false)
        })
        .collect();
    let values = calls::records(&calls);
    let counted = made();
    drop(vec![0u8; 100]);
    assert_eq!(made(), counted + 1, "allocations are not counted");
    let (plain, computed) = (of(PLAIN, &values), of(COMPUTED, &values));
    assert!(computed <= plain, "{computed} instead of {plain}");
}
