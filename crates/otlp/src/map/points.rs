//! Data points of metrics.
//!
//! A mapping takes what was added since the last point: points of sums with delta temporality that
//! only grow. A cumulative point says nothing by itself without the one before it, which is not
//! kept here: it counts as not understood, unless the declaration says that it repeats others.

use super::{Around, Became, Pass};
use crate::Signal;
use crate::compile::{Action, Emitter};
use crate::proto::collector::metrics::v1::ExportMetricsServiceRequest;
use crate::proto::common::v1::KeyValue;
use crate::proto::metrics::v1::metric::Data;
use crate::proto::metrics::v1::number_data_point::Value;
use crate::proto::metrics::v1::{AggregationTemporality, Metric, NumberDataPoint};
use crate::read::{Number, Point, Record, What};

/// A flag: the series was not observed, there is no value.
const NOTHING_RECORDED: u32 = 1;

impl<'m> Pass<'m> {
    pub(super) fn metrics(&mut self, request: &ExportMetricsServiceRequest) {
        for of_resource in &request.resource_metrics {
            for of_scope in &of_resource.scope_metrics {
                let around = Around::new(of_resource.resource.as_ref(), of_scope.scope.as_ref());
                let emitter = self.mappings.emitter(around.scope);
                for metric in &of_scope.metrics {
                    self.metric(emitter, metric, around);
                }
            }
        }
    }

    fn metric<'r>(
        &mut self,
        emitter: (usize, &'m Emitter),
        metric: &'r Metric,
        around: Around<'r>,
    ) {
        let adds = match &metric.data {
            Some(Data::Sum(sum)) => {
                let delta = AggregationTemporality::Delta as i32;
                sum.is_monotonic && sum.aggregation_temporality == delta
            }
            _ => false,
        };
        for (attributes, point, flags) in points(metric) {
            let record = around.record(What::Point(point), &metric.name, attributes);
            if flags & NOTHING_RECORDED != 0 {
                self.out.ignored += 1;
            } else if adds {
                self.delta(emitter, record);
            } else {
                self.other(emitter, record);
            }
        }
    }

    /// What was added; nothing added is no event.
    fn delta<'r>(&mut self, emitter: (usize, &'m Emitter), record: Record<'r>) {
        let nothing = match record.what {
            What::Point(p) => matches!(p.value, Some(Number::Int(0))) || is_zero(p.value),
            _ => false,
        };
        let before = self.out.events.len();
        let became = self.record(Signal::Metrics, emitter, record, None);
        if nothing && matches!(became, Became::Event(..)) {
            self.out.events.truncate(before);
            self.out.ignored += 1;
        }
    }

    /// A point that cannot become an event.
    fn other<'r>(&mut self, emitter: (usize, &'m Emitter), record: Record<'r>) {
        let mut rules = emitter.1.rules(Signal::Metrics, record.name);
        let known = rules.find(|(_, rule)| crate::join::holds(&rule.when, &record));
        match known.map(|(_, rule)| &rule.action) {
            Some(Action::Repeats) => self.out.repeated += 1,
            Some(Action::Ignore) => self.out.ignored += 1,
            Some(Action::Event(_)) | None => {
                self.unknown(Signal::Metrics, emitter.0, emitter.1, &record);
            }
        }
    }
}

fn is_zero(value: Option<Number>) -> bool {
    matches!(value, Some(Number::Float(f)) if f == 0.0)
}

type Part<'r> = (&'r [KeyValue], Point, u32);

/// All points of a metric; of a histogram or summary the number of its values.
fn points(metric: &Metric) -> Vec<Part<'_>> {
    macro_rules! counted {
        ($points:expr) => {
            $points
                .iter()
                .map(|p| {
                    let count = i64::try_from(p.count).unwrap_or(i64::MAX);
                    let point = Point {
                        value: Some(Number::Int(count)),
                        start: p.start_time_unix_nano,
                        time: p.time_unix_nano,
                    };
                    (p.attributes.as_slice(), point, p.flags)
                })
                .collect()
        };
    }
    match &metric.data {
        Some(Data::Sum(s)) => s.data_points.iter().map(number).collect(),
        Some(Data::Gauge(g)) => g.data_points.iter().map(number).collect(),
        Some(Data::Histogram(h)) => counted!(h.data_points),
        Some(Data::ExponentialHistogram(h)) => counted!(h.data_points),
        Some(Data::Summary(s)) => counted!(s.data_points),
        None => Vec::new(),
    }
}

fn number(p: &NumberDataPoint) -> Part<'_> {
    let value = p.value.map(|v| match v {
        Value::AsInt(i) => Number::Int(i),
        Value::AsDouble(d) => Number::Float(d),
    });
    let point = Point {
        value,
        start: p.start_time_unix_nano,
        time: p.time_unix_nano,
    };
    (&p.attributes, point, p.flags)
}
