//! Data points of metrics.
//!
//! A mapping takes what was added since the last point: points of sums with delta temporality that
//! only grow. A cumulative point says nothing by itself without the one before it, which is not
//! kept here: it counts as not understood, unless the declaration says that it repeats others, or
//! that it is a meter: an event that holds what was added, or the total with its series.

use super::{Around, Became, Pass};
use crate::Signal;
use crate::compile::{Action, Emitter};
use crate::proto::collector::metrics::v1::ExportMetricsServiceRequest;
use crate::proto::common::v1::KeyValue;
use crate::proto::metrics::v1::metric::Data;
use crate::proto::metrics::v1::number_data_point::Value;
use crate::proto::metrics::v1::{
    AggregationTemporality, ExponentialHistogramDataPoint, HistogramDataPoint, Metric,
    NumberDataPoint, SummaryDataPoint,
};
use crate::read::{Holds, Number, Point, Record, What};

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
        let holds = holds_what(metric);
        let adds = holds == Holds::Added && matches!(metric.data, Some(Data::Sum(_)));
        for (attributes, mut point, flags) in points(metric) {
            point.holds = holds;
            let record = around.record(What::Point(point), &metric.name, attributes);
            if flags & NOTHING_RECORDED != 0 {
                self.out.ignored += 1;
            } else if adds {
                self.told(emitter, record);
            } else {
                self.other(emitter, record);
            }
        }
    }

    /// What was added; nothing added is no event.
    fn told<'r>(&mut self, emitter: (usize, &'m Emitter), record: Record<'r>) {
        let nothing = match record.what {
            What::Point(p) => is_zero(p.amount),
            _ => false,
        };
        let before = self.out.events.len();
        let became = self.record(Signal::Metrics, emitter, record, None);
        if nothing && matches!(became, Became::Event(..)) {
            self.out.events.truncate(before);
            self.out.ignored += 1;
        }
    }

    /// A point that can become an event of a meter only.
    fn other<'r>(&mut self, emitter: (usize, &'m Emitter), record: Record<'r>) {
        let counts = matches!(record.what, What::Point(p) if p.holds != Holds::Neither);
        let mut rules = emitter.1.rules(Signal::Metrics, record.name);
        let known = rules.find(|(_, rule)| crate::join::holds(&rule.when, &record));
        match known.map(|(_, rule)| &rule.action) {
            Some(Action::Repeats) => self.out.repeated += 1,
            Some(Action::Ignore) => self.out.ignored += 1,
            Some(Action::Event(by)) if by.meters && counts => self.told(emitter, record),
            Some(Action::Event(_)) | None => {
                self.unknown(Signal::Metrics, emitter.0, emitter.1, &record);
            }
        }
    }
}

fn is_zero(value: Option<Number>) -> bool {
    match value {
        Some(Number::Int(i)) => i == 0,
        Some(Number::Float(f)) => f == 0.0,
        None => false,
    }
}

/// What all points of a metric hold.
fn holds_what(metric: &Metric) -> Holds {
    let temporality = match &metric.data {
        Some(Data::Sum(s)) if s.is_monotonic => s.aggregation_temporality,
        Some(Data::Histogram(h)) => h.aggregation_temporality,
        Some(Data::ExponentialHistogram(h)) => h.aggregation_temporality,
        _ => return Holds::Neither,
    };
    match AggregationTemporality::try_from(temporality) {
        Ok(AggregationTemporality::Delta) => Holds::Added,
        Ok(AggregationTemporality::Cumulative) => Holds::Total,
        _ => Holds::Neither,
    }
}

type Part<'r> = (&'r [KeyValue], Point, u32);

/// All points of a metric; of a histogram or summary the number of its values.
fn points(metric: &Metric) -> Vec<Part<'_>> {
    macro_rules! counted {
        ($points:expr, $sum:expr) => {
            $points
                .iter()
                .map(|p| {
                    let count = i64::try_from(p.count).unwrap_or(i64::MAX);
                    let point = Point {
                        value: Some(Number::Int(count)),
                        amount: $sum(p).map(Number::Float),
                        holds: Holds::Neither,
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
        Some(Data::Histogram(h)) => counted!(h.data_points, |p: &HistogramDataPoint| p.sum),
        Some(Data::ExponentialHistogram(h)) => {
            counted!(h.data_points, |p: &ExponentialHistogramDataPoint| p.sum)
        }
        Some(Data::Summary(s)) => counted!(s.data_points, |p: &SummaryDataPoint| Some(p.sum)),
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
        amount: value,
        holds: Holds::Neither,
        start: p.start_time_unix_nano,
        time: p.time_unix_nano,
    };
    (&p.attributes, point, p.flags)
}
