//! The body of `/v1/metrics`.
//!
//! Buckets, quantiles and exemplars are not read: no mapping uses them.

use super::value::{Enum, Num, Pair, ResourceJson, ScopeJson, or_default, pairs};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1 as proto;
use proto::metric::Data;
use proto::number_data_point::Value;
use serde::{Deserialize, Deserializer};

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct MetricsBody {
    #[serde(deserialize_with = "or_default")]
    resource_metrics: Vec<OfResource>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct OfResource {
    resource: Option<ResourceJson>,
    #[serde(deserialize_with = "or_default")]
    scope_metrics: Vec<OfScope>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct OfScope {
    scope: Option<ScopeJson>,
    #[serde(deserialize_with = "or_default")]
    metrics: Vec<MetricJson>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct MetricJson {
    #[serde(deserialize_with = "or_default")]
    name: String,
    #[serde(deserialize_with = "or_default")]
    unit: String,
    gauge: Option<Points>,
    sum: Option<Points>,
    histogram: Option<Points>,
    exponential_histogram: Option<Points>,
    summary: Option<Points>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Points {
    #[serde(deserialize_with = "or_default")]
    data_points: Vec<Point>,
    #[serde(deserialize_with = "temporality")]
    aggregation_temporality: Enum,
    #[serde(deserialize_with = "or_default")]
    is_monotonic: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Point {
    #[serde(deserialize_with = "or_default")]
    attributes: Vec<Pair>,
    #[serde(deserialize_with = "or_default")]
    start_time_unix_nano: Num<u64>,
    #[serde(deserialize_with = "or_default")]
    time_unix_nano: Num<u64>,
    as_double: Option<Num<f64>>,
    as_int: Option<Num<i64>>,
    #[serde(deserialize_with = "or_default")]
    count: Num<u64>,
    sum: Option<Num<f64>>,
    #[serde(deserialize_with = "or_default")]
    flags: Num<u32>,
}

fn temporality<'de, D: Deserializer<'de>>(d: D) -> Result<Enum, D::Error> {
    Enum::read(d, &[("_DELTA", 1), ("_CUMULATIVE", 2)])
}

impl From<MetricsBody> for ExportMetricsServiceRequest {
    fn from(body: MetricsBody) -> Self {
        let resource_metrics = body.resource_metrics.into_iter().map(Into::into).collect();
        ExportMetricsServiceRequest { resource_metrics }
    }
}

impl From<OfResource> for proto::ResourceMetrics {
    fn from(r: OfResource) -> Self {
        proto::ResourceMetrics {
            resource: r.resource.map(Into::into),
            scope_metrics: r.scope_metrics.into_iter().map(Into::into).collect(),
            ..Default::default()
        }
    }
}

impl From<OfScope> for proto::ScopeMetrics {
    fn from(s: OfScope) -> Self {
        proto::ScopeMetrics {
            scope: s.scope.map(Into::into),
            metrics: s.metrics.into_iter().map(Into::into).collect(),
            ..Default::default()
        }
    }
}

impl From<MetricJson> for proto::Metric {
    fn from(m: MetricJson) -> Self {
        let data = if let Some(p) = m.sum {
            let temporality = p.aggregation_temporality.0;
            Some(Data::Sum(proto::Sum {
                aggregation_temporality: temporality,
                is_monotonic: p.is_monotonic,
                data_points: numbers(p),
            }))
        } else if let Some(p) = m.gauge {
            let data_points = numbers(p);
            Some(Data::Gauge(proto::Gauge { data_points }))
        } else if let Some(p) = m.histogram {
            Some(Data::Histogram(histogram(p)))
        } else if let Some(p) = m.exponential_histogram {
            Some(Data::ExponentialHistogram(exponential(p)))
        } else {
            m.summary.map(|p| Data::Summary(summary(p)))
        };
        proto::Metric {
            name: m.name,
            unit: m.unit,
            data,
            ..Default::default()
        }
    }
}

fn numbers(points: Points) -> Vec<proto::NumberDataPoint> {
    let number = |p: Point| proto::NumberDataPoint {
        value: match (p.as_int, p.as_double) {
            (Some(i), _) => Some(Value::AsInt(i.0)),
            (None, d) => d.map(|d| Value::AsDouble(d.0)),
        },
        attributes: pairs(p.attributes),
        start_time_unix_nano: p.start_time_unix_nano.0,
        time_unix_nano: p.time_unix_nano.0,
        flags: p.flags.0,
        ..Default::default()
    };
    points.data_points.into_iter().map(number).collect()
}

fn histogram(points: Points) -> proto::Histogram {
    let point = |p: Point| proto::HistogramDataPoint {
        attributes: pairs(p.attributes),
        start_time_unix_nano: p.start_time_unix_nano.0,
        time_unix_nano: p.time_unix_nano.0,
        count: p.count.0,
        sum: p.sum.map(|s| s.0),
        flags: p.flags.0,
        ..Default::default()
    };
    proto::Histogram {
        aggregation_temporality: points.aggregation_temporality.0,
        data_points: points.data_points.into_iter().map(point).collect(),
    }
}

fn exponential(points: Points) -> proto::ExponentialHistogram {
    let point = |p: Point| proto::ExponentialHistogramDataPoint {
        attributes: pairs(p.attributes),
        start_time_unix_nano: p.start_time_unix_nano.0,
        time_unix_nano: p.time_unix_nano.0,
        count: p.count.0,
        sum: p.sum.map(|s| s.0),
        flags: p.flags.0,
        ..Default::default()
    };
    proto::ExponentialHistogram {
        aggregation_temporality: points.aggregation_temporality.0,
        data_points: points.data_points.into_iter().map(point).collect(),
    }
}

fn summary(points: Points) -> proto::Summary {
    let point = |p: Point| proto::SummaryDataPoint {
        attributes: pairs(p.attributes),
        start_time_unix_nano: p.start_time_unix_nano.0,
        time_unix_nano: p.time_unix_nano.0,
        count: p.count.0,
        sum: p.sum.map_or(0.0, |s| s.0),
        flags: p.flags.0,
        ..Default::default()
    };
    proto::Summary {
        data_points: points.data_points.into_iter().map(point).collect(),
    }
}
