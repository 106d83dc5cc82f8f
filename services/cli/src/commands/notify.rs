//! `weir notify`: the alert consumer alone; checks its file and tries its routes.

use super::services::{brokers_answer, config, dump, host, reach};
use crate::args::{NotifyArgs, SystemArgs};
use anyhow::Result;
use std::path::Path;
use std::process::ExitCode;
use weir_model::Micros;
use weir_model::codes::TRIAL_FAILED;
use weir_notify::{Declared, Notify};

pub fn run(system: &SystemArgs, a: &NotifyArgs) -> Result<ExitCode> {
    if let Some(file) = &a.check {
        return check(file, a.send_test.as_deref());
    }
    let mut config = config(system, &a.service)?;
    if let Some(routes) = &a.routes {
        config.notify.routes = routes.clone();
    }
    if a.service.dump_config {
        return dump(&config);
    }
    let declared = weir_notify::load(&config.notify.routes)?;
    let brokers = config.notify.kafka;
    let host = host(&config.log, config.health)
        .traces(&config.traces, "weir-notify")?
        .ready_while("kafka", brokers_answer(&brokers));
    if a.service.exit_when_unreachable {
        reach(&brokers)?;
    }
    let notify = Notify::new(brokers, declared, system.catalog()?);
    host.with(notify.service()).run()?;
    Ok(ExitCode::SUCCESS)
}

fn check(file: &Path, route: Option<&str>) -> Result<ExitCode> {
    let declared = weir_notify::load(file)?;
    let plan = &declared.plan;
    let (receivers, routes) = (declared.receivers.len(), plan.routes.len());
    println!("{}: {receivers} receivers, {routes} routes", file.display());
    if !plan.routes.iter().any(|r| r.matches.0.is_empty()) {
        println!("no route takes what the others leave: such alerts are told to nobody");
    }
    for name in declared.receivers.keys() {
        if !plan.routes.iter().any(|r| r.to.contains(name)) {
            println!("no route leads to the receiver {name}");
        }
    }
    match route {
        Some(route) => tried(&declared, route),
        None => Ok(ExitCode::SUCCESS),
    }
}

fn tried(declared: &Declared, route: &str) -> Result<ExitCode> {
    let now = Micros(jiff::Timestamp::now().as_microsecond());
    let tried = super::runtime()?.block_on(weir_notify::trial::send(declared, route, now))?;
    let mut failed = false;
    for (receiver, result) in tried {
        match result {
            Ok(()) => println!("{receiver} took the message"),
            Err(e) => {
                failed = true;
                eprintln!("weir: {TRIAL_FAILED}: {receiver} did not take the message: {e}");
            }
        }
    }
    Ok(if failed {
        ExitCode::from(1)
    } else {
        ExitCode::SUCCESS
    })
}
