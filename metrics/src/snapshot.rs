//! A copy of all numbers, as text for Prometheus.

use std::fmt;

use chat_core::{Census, Engine, Footprint, Traffic};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::{Registry, Unit};

use crate::Surroundings;
use crate::histogram::Histogram;
use crate::meter::Counts;

/// What every name begins with.
const PREFIX: &str = "chat";
/// No counter has examples.
const NO_EXEMPLAR: Option<&Exemplar<NoLabelSet, f64>> = None;

/// The numbers as they were at the end of a turn.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    counts: Counts,
    census: Census,
    footprint: Footprint,
    traffic: Traffic,
    surroundings: Surroundings,
}

impl Snapshot {
    pub(crate) fn new(counts: &Counts, engine: &Engine) -> Self {
        Self {
            counts: counts.clone(),
            census: engine.census(),
            footprint: engine.footprint(),
            traffic: engine.traffic(),
            surroundings: Surroundings::default(),
        }
    }

    /// The same, with what the engine does not know.
    pub(crate) fn with(self, surroundings: Surroundings) -> Self {
        Self { surroundings, ..self }
    }

    /// In the text format of Prometheus, [`CONTENT_TYPE`](prometheus_text::CONTENT_TYPE).
    pub(crate) fn into_text(self) -> String {
        let mut registry = Registry::with_prefix(PREFIX);
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        prometheus_text::encode(&mut text, &registry).expect("a string takes all");
        text
    }
}

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let (counts, footprint, traffic) = (&self.counts, &self.footprint, &self.traffic);
        let (bytes, seconds) = (Some(&Unit::Bytes), Some(&Unit::Seconds));
        let mut page = Page(encoder);
        page.build()?;
        page.connections(&self.census)?;
        page.counter("connections_opened", "Connections that were accepted.", None, counts.opened)?;
        page.ends(counts)?;
        page.gauge("users", "Users with a nickname.", None, footprint.users)?;
        page.gauge("rooms", "Rooms.", None, footprint.rooms)?;
        let help = "Messages that users said in rooms, or told one another.";
        page.counter("messages", help, None, traffic.messages)?;
        let help = "Deliveries of messages: one message to one user.";
        page.counter("deliveries", help, None, traffic.deliveries)?;
        page.counter("received", "Bytes of text from clients.", bytes, counts.received)?;
        page.counter("sent", "Bytes of text to clients that the kernel has taken.", bytes, counts.sent)?;
        page.gauge("input", "Input that is not served yet.", bytes, footprint.input)?;
        page.gauge(
            "output",
            "Output that readers are owed; shared bytes count once.",
            bytes,
            footprint.output,
        )?;
        page.gauge("history", "What is kept in memory for /history.", bytes, footprint.history)?;
        page.store(counts)?;
        page.surroundings(self.surroundings)?;
        let help = "How long a turn takes, from its first input until all writes were tried.";
        page.histogram("turn", help, seconds, &counts.turns)?;
        let help =
            "How long a write takes, from the input that it comes from until the kernel has all of it.";
        page.histogram("delivery_delay", help, seconds, &counts.delays)
    }
}

/// What is being written.
struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn build(&mut self) -> fmt::Result {
        let mut info = self.0.encode_descriptor("build", "The server's version.", None, MetricType::Info)?;
        info.encode_info(&[("version", env!("CARGO_PKG_VERSION"))])
    }

    fn connections(&mut self, census: &Census) -> fmt::Result {
        let help = "Connections by how far they have come.";
        let mut family = self.0.encode_descriptor("connections", help, None, MetricType::Gauge)?;
        let mut state =
            |labels: &[(&str, &str)], value: usize| family.encode_family(&labels)?.encode_gauge(&value);
        state(&[("state", "handshaking")], census.handshaking)?;
        state(&[("state", "registering")], census.registering)?;
        // Only who has a nickname has shown what it speaks.
        state(&[("state", "chatting"), ("dialect", "plain")], census.chatting)?;
        state(&[("state", "closing")], census.closing)
    }

    fn ends(&mut self, counts: &Counts) -> fmt::Result {
        let help = "Connections that are gone, by the reason.";
        let mut family = self.0.encode_descriptor("connections_ended", help, None, MetricType::Counter)?;
        for (&end, &ended) in &counts.ended {
            count(&mut family.encode_family(&[("reason", end)])?, ended)?;
        }
        Ok(())
    }

    fn store(&mut self, counts: &Counts) -> fmt::Result {
        let help = "Events that were handed to the history store.";
        self.counter("history_events", help, None, counts.events)?;
        let help = "Batches of events that the history store has not stored yet.";
        let waiting = counts.batches.saturating_sub(counts.stored);
        self.gauge("history_waiting", help, None, usize::try_from(waiting).unwrap_or(usize::MAX))
    }

    fn surroundings(
        &mut self,
        Surroundings { log_lines_lost, certificate_days }: Surroundings,
    ) -> fmt::Result {
        let help = "Lines of the log that nobody took in time.";
        self.counter("log_lines_lost", help, None, log_lines_lost)?;
        let Some(days) = certificate_days else { return Ok(()) };
        let help = "Days until the certificate expires; less than 0 after that.";
        let name = "tls_certificate_days_left";
        self.0.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&days)
    }

    fn counter(&mut self, name: &str, help: &str, unit: Option<&Unit>, value: u64) -> fmt::Result {
        count(&mut self.0.encode_descriptor(name, help, unit, MetricType::Counter)?, value)
    }

    fn gauge(&mut self, name: &str, help: &str, unit: Option<&Unit>, value: usize) -> fmt::Result {
        self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?.encode_gauge(&value)
    }

    fn histogram(&mut self, name: &str, help: &str, unit: Option<&Unit>, value: &Histogram) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, unit, MetricType::Histogram)?;
        encoder.encode_histogram::<NoLabelSet>(value.sum(), value.count(), &value.buckets(), None)
    }
}

fn count(encoder: &mut MetricEncoder<'_>, value: u64) -> fmt::Result {
    encoder.encode_counter(&value, NO_EXEMPLAR)
}
