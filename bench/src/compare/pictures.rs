//! A comparison as bars. What a run has no data for is not drawn, and an older picture of it stays.

use std::fs;

use super::samples::Samples;
use crate::chart::{self, Axis, Bars, Labels};
use crate::dialect::Dialect;
use crate::scenario::{Metric, Scenario};
use crate::server::Server;
use crate::{Result, document};

/// What is drawn, before anybody knows whether there is data.
struct Picture<'a> {
    /// The end of the file's name.
    name: &'static str,
    labels: Labels<'static>,
    axis: Axis,
    groups: Vec<Group<'a>>,
}

/// Bars side by side, one for each server.
struct Group<'a> {
    name: String,
    samples: &'a Samples,
    metric: Metric,
}

/// Draws what there is data for; returns the links to it, in Markdown.
pub(super) fn draw(section: &str, servers: &[Server], all: &[Samples]) -> Result<String> {
    let folder = document::repository().join("benchmarks");
    fs::create_dir_all(&folder)?;
    let mut links = String::new();
    for picture in [throughput(all), memory(all), delay(all)] {
        let bars = bars(&picture, servers);
        // Without Redis there is nothing to compare with.
        if bars.iter().all(|bars| bars.values.iter().all(Option::is_none)) {
            continue;
        }
        let file = format!("{section}-{}.svg", picture.name);
        let groups: Vec<_> = picture.groups.iter().map(|group| &*group.name).collect();
        chart::bars(&folder.join(&file), &picture.labels, picture.axis, &groups, &bars)?;
        links += &format!("![{}](benchmarks/{file})\n\n", picture.labels.title);
    }
    Ok(links)
}

fn throughput(all: &[Samples]) -> Picture<'_> {
    let short = |scenario| {
        Some(match scenario {
            Scenario::FanOut1 => "1 in flight",
            Scenario::FanOut64 => "64 in flight",
            Scenario::FanOut1024 => "1,024 in flight",
            Scenario::Large => "large room",
            Scenario::Rooms => "200 rooms",
            Scenario::Paste => "paste",
            _ => return None,
        })
    };
    Picture {
        name: "throughput",
        labels: Labels { title: "Deliveries per second, Redis = 1", x: "", y: "times as many (log)" },
        axis: Axis::AroundOne,
        groups: groups(all, short, &[(Metric::DeliveriesPerSecond, "")]),
    }
}

fn memory(all: &[Samples]) -> Picture<'_> {
    let short = |scenario| {
        Some(match scenario {
            Scenario::Idle10000 => "10,000",
            Scenario::Idle19000 => "19,000",
            _ => return None,
        })
    };
    Picture {
        name: "memory",
        labels: Labels {
            title: "Memory for an idle connection",
            x: "connections",
            y: "resident bytes for each",
        },
        axis: Axis::FromZero,
        groups: groups(all, short, &[(Metric::BytesPerConnection, "")]),
    }
}

fn delay(all: &[Samples]) -> Picture<'_> {
    let short = |scenario| {
        Some(match scenario {
            Scenario::Delay20 => "20/s",
            Scenario::Delay200 => "200/s",
            _ => return None,
        })
    };
    Picture {
        name: "delay",
        labels: Labels { title: "Delay of a message to 1,000 listeners", x: "messages per second", y: "ms" },
        axis: Axis::FromZero,
        groups: groups(all, short, &[(Metric::DelayMedian, ", p50"), (Metric::DelayP99, ", p99")]),
    }
}

/// A group for each scenario that has a short name here, and for each of its figures.
fn groups<'a>(
    all: &'a [Samples],
    short: impl Fn(Scenario) -> Option<&'static str>,
    metrics: &[(Metric, &str)],
) -> Vec<Group<'a>> {
    let named = all.iter().filter_map(|samples| Some((samples, short(samples.scenario)?)));
    named
        .flat_map(|(samples, name)| {
            let group = move |&(metric, more)| Group { name: format!("{name}{more}"), samples, metric };
            metrics.iter().map(group)
        })
        .collect()
}

/// One colour of bars for each server: medians, or ratios to Redis.
fn bars(picture: &Picture<'_>, servers: &[Server]) -> Vec<Bars> {
    let redis = servers.iter().find(|server| server.dialect == Dialect::Redis);
    let value = |group: &Group<'_>, server: &Server| match picture.axis {
        Axis::FromZero => group.samples.median(group.metric, server),
        Axis::AroundOne => group.samples.ratio(group.metric, server, redis?),
    };
    let of = |server: &Server| Bars {
        name: server.label.clone(),
        values: picture.groups.iter().map(|group| value(group, server)).collect(),
    };
    servers.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Known;

    #[test]
    fn bars_are_ratios_to_redis_where_redis_is_one() {
        let servers = [Known::Tokio, Known::Redis].map(|known| known.server().unwrap());
        let mut samples = Samples::new(Scenario::Paste);
        samples.add(&servers[0], &vec![(Metric::DeliveriesPerSecond, 8.0)]);
        samples.add(&servers[1], &vec![(Metric::DeliveriesPerSecond, 2.0)]);
        let all = [samples];
        let values: Vec<_> = bars(&throughput(&all), &servers).into_iter().map(|bars| bars.values).collect();
        assert_eq!(values, [[Some(4.0)], [Some(1.0)]]);
        let values = bars(&throughput(&all), &servers[..1]).remove(0).values;
        assert_eq!(values, [None], "no Redis, no ratio");
    }

    #[test]
    fn scenarios_of_other_pictures_make_no_group() {
        let all = [Scenario::Delay20, Scenario::Idle10000].map(Samples::new);
        let names = |picture: Picture<'_>| -> Vec<String> {
            picture.groups.into_iter().map(|group| group.name).collect()
        };
        assert_eq!(names(delay(&all)), ["20/s, p50", "20/s, p99"]);
        assert_eq!(names(memory(&all)), ["10,000"]);
        assert!(names(throughput(&all)).is_empty());
    }
}
