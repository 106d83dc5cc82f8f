//! Services of one process: they begin together and end together.
#![allow(clippy::unwrap_used, missing_docs)]

use anyhow::anyhow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};
use weir_runtime::health::HealthConfig;
use weir_runtime::host::{Host, Service};
use weir_runtime::log::LogConfig;

fn host<'a>() -> Host<'a> {
    Host::new(&LogConfig::default(), HealthConfig::default())
}

/// Runs until shutdown, and says that it has ended.
fn patient(ended: &Arc<AtomicU32>) -> Service {
    let ended = ended.clone();
    Service::new(move |running| {
        running.block_on(running.shutdown.requested());
        ended.fetch_add(1, Ordering::SeqCst);
        Ok(())
    })
}

#[test]
fn the_failure_of_one_ends_the_others_and_is_what_is_told() {
    let ended = Arc::new(AtomicU32::new(0));
    let failing = Service::new(|_| Err(anyhow!("no more")));
    let host = host()
        .with(patient(&ended))
        .with(failing)
        .with(patient(&ended));
    assert_eq!(host.run().unwrap_err().to_string(), "no more");
    assert_eq!(ended.load(Ordering::SeqCst), 2);
}

#[test]
fn a_panic_and_a_quiet_end_are_ends_too() {
    let ended = Arc::new(AtomicU32::new(0));
    let host_of = |other: Service| host().with(patient(&ended)).with(other);
    assert!(
        host_of(Service::new(|_| panic!("on purpose")))
            .run()
            .is_err()
    );
    assert!(host_of(Service::new(|_| Ok(()))).run().is_ok());
    assert_eq!(ended.load(Ordering::SeqCst), 2);
}

#[test]
fn it_is_announced_when_all_are_ready_and_ends_where_that_takes_too_long() {
    let ready = Arc::new(AtomicBool::new(false));
    let check = ready.clone();
    let service = Service::new(move |running| {
        std::thread::sleep(Duration::from_millis(200));
        ready.store(true, Ordering::SeqCst);
        running.block_on(running.shutdown.requested());
        Ok(())
    })
    .ready_while("late", move || {
        let is = check.load(Ordering::SeqCst);
        is.then_some(()).ok_or_else(|| "not yet".to_owned())
    });
    let ends = Arc::new(AtomicBool::new(false));
    let end = ends.clone();
    let ending = Service::new(move |_| {
        while !end.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    });
    let (begun, mut told) = (Instant::now(), None);
    host()
        .with(service)
        .with(ending)
        .announce(Duration::from_secs(10), |address| {
            told = Some((begun.elapsed(), address.port()));
            ends.store(true, Ordering::SeqCst);
            Ok(())
        })
        .run()
        .unwrap();
    let (after, port) = told.unwrap();
    assert!(
        after >= Duration::from_millis(200) && port != 0,
        "{after:?}"
    );

    let ended = Arc::new(AtomicU32::new(0));
    let never = patient(&ended).ready_while("never", || Err("no".to_owned()));
    let e = host()
        .with(never)
        .announce(Duration::ZERO, |_| Ok(()))
        .run()
        .unwrap_err();
    let e = e.to_string();
    assert!(e.starts_with("WEIR-0202") && e.contains("never"), "{e}");
    assert_eq!(ended.load(Ordering::SeqCst), 1);
}
