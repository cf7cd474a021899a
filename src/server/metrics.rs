//! The metrics, as OpenMetrics text: a function of the status and of what was counted.
//!
//! Nothing is incremented here, so a scrape can neither miss nor invent anything. Names are
//! controller-runtime's where it has one, so that the dashboards of other controllers work. Labels come
//! from closed sets and from the names of policies; never from a thing, a job or the text of an error.
//! [`METRICS`] is the whole list; `docs/metrics.md` is made from it.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;

use crate::status::{PASS_BUCKETS, Status, Tally};

mod list;

pub use list::METRICS;

/// The media type of the answer.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What kind of metric it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only rises; its sample's name ends with `_total`.
    Counter,
    /// It is what it is at the moment.
    Gauge,
    /// Pass durations.
    Histogram,
}

impl Kind {
    /// As OpenMetrics writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// The values of the labels, and the value, of each sample.
type Samples = Vec<(Vec<String>, f64)>;

/// One metric: what stands in the exposition and in its page.
#[derive(Clone, Copy)]
pub struct Metric {
    /// Its name, without `_total`.
    pub name: &'static str,
    /// What kind it is.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says, with its unit, as a sentence.
    pub help: &'static str,
    samples: fn(&Scrape) -> Samples,
}

impl fmt::Debug for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// What a scrape is made of.
#[derive(Clone, Debug)]
pub struct Scrape {
    /// The status.
    pub status: Status,
    /// What was counted.
    pub tally: Tally,
    /// The memory that the process takes, in bytes; none where the system does not say.
    pub resident_bytes: Option<u64>,
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for metric in METRICS {
            let samples = (metric.samples)(self);
            if samples.is_empty() {
                continue;
            }
            let kind = match metric.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Histogram => MetricType::Histogram,
            };
            // The library ends the sentence itself.
            let help = metric.help.trim_end_matches('.');
            let mut family = encoder.encode_descriptor(metric.name, help, None, kind)?;
            for (values, value) in samples {
                let labels: Vec<(String, String)> =
                    metric.labels.iter().map(|it| (*it).to_owned()).zip(values).collect();
                if labels.is_empty() {
                    self.sample(metric.kind, &mut family, value)?;
                } else {
                    self.sample(metric.kind, &mut family.encode_family(&labels)?, value)?;
                }
            }
        }
        Ok(())
    }
}

impl Scrape {
    fn sample(&self, kind: Kind, encoder: &mut MetricEncoder<'_>, value: f64) -> fmt::Result {
        match kind {
            Kind::Counter => encoder.encode_counter(&value, None::<&Exemplar<NoLabelSet, f64>>),
            Kind::Gauge => encoder.encode_gauge(&value),
            Kind::Histogram => {
                let buckets: Vec<_> =
                    PASS_BUCKETS.iter().copied().zip(self.tally.buckets).collect();
                let total = self.tally.buckets.iter().sum();
                encoder.encode_histogram::<NoLabelSet>(self.tally.seconds, total, &buckets, None)
            }
        }
    }

    /// The exposition.
    pub fn text(self) -> Result<String, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}
