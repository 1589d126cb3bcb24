//! What is measured. Each scenario starts a server of its own, loads it, checks all that came, and returns figures.

mod churn;
mod crowd;
mod delay;
mod stalled;
mod talk;

use std::fmt;
use std::time::Duration;

use crate::Result;
use crate::dialect::Dialect;
use crate::server::Server;

/// A figure, and which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Metric {
    /// Messages that reached somebody other than their author, counted for each of those.
    DeliveriesPerSecond,
    /// Processor time of the server for a million of those, in milliseconds.
    CpuPerMillion,
    /// From the moment when a message should have been said until a listener has it, in milliseconds.
    DelayMedian,
    /// The same, of the slowest hundredth.
    DelayP99,
    /// Resident memory of the server for each connection, in bytes; without the kernel's.
    BytesPerConnection,
    /// Connections made, named, and in their room.
    JoinedPerSecond,
    /// Leaving a room and joining it again, with all announcements.
    RejoinsPerSecond,
    /// Processor time of the server for one of those, in microseconds.
    CpuPerRejoin,
    /// Resident memory while readers stall, at most, in megabytes above that before.
    StallMegabytes,
    /// Deliveries with stalled readers for each without.
    StallRate,
    /// Stalled readers that were cut off, with a reason.
    CutOff,
}

impl Metric {
    /// Whether a quotient of two servers' figures means anything: readers that stall meet other limits in each.
    pub(crate) fn compares(self) -> bool {
        !matches!(self, Self::StallMegabytes | Self::StallRate | Self::CutOff)
    }

    /// Whether more of it is better.
    pub(crate) fn is_rate(self) -> bool {
        matches!(
            self,
            Self::DeliveriesPerSecond | Self::JoinedPerSecond | Self::RejoinsPerSecond | Self::StallRate
        )
    }

    /// Whether it is shown where all scenarios are shown at once; processor time is not, since it says nearly the
    /// same as what was done in a second.
    pub(crate) fn is_summarised(self) -> bool {
        !matches!(self, Self::CpuPerMillion | Self::CpuPerRejoin)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DeliveriesPerSecond => "deliveries/s",
            Self::CpuPerMillion => "CPU ms per million deliveries",
            Self::DelayMedian => "delay p50, ms",
            Self::DelayP99 => "delay p99, ms",
            Self::BytesPerConnection => "resident bytes per connection",
            Self::JoinedPerSecond => "joined/s",
            Self::RejoinsPerSecond => "leave and join/s",
            Self::CpuPerRejoin => "CPU µs per leave and join",
            Self::StallMegabytes => "MB more at most",
            Self::StallRate => "rate with ÷ without",
            Self::CutOff => "cut off, of 10",
        })
    }
}

/// What one run of a scenario came to.
pub(crate) type Figures = Vec<(Metric, f64)>;

/// Something to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Scenario {
    /// 4 speakers, 1,000 listeners, one message at a time
    FanOut1,
    /// 4 speakers, 1,000 listeners, 64 messages in flight
    FanOut64,
    /// 4 speakers, 1,000 listeners, 1,024 messages in flight
    FanOut1024,
    /// 4 speakers, 10,000 listeners, 64 messages in flight
    Large,
    /// 2,000 members in 200 rooms, all talking, one message at a time in each
    Rooms,
    /// 1 speaker pastes 1,000 lines at once to 1,000 listeners
    Paste,
    /// 20 messages a second to 1,000 listeners
    Delay20,
    /// 200 messages a second to 1,000 listeners
    Delay200,
    /// 10,000 idle connections in rooms of ten
    Idle10000,
    /// 19,000 idle connections in rooms of ten
    Idle19000,
    /// 10,000 connections come as fast as they can, into rooms of ten
    Ramp,
    /// 100 members of a room of 100 leave it and join again, all the time
    Churn100,
    /// The same in a room of 10,000, where nothing is announced
    Churn10000,
    /// 10 of 500 listeners stop reading
    Stalled,
}

impl Scenario {
    /// What it is, in a few words.
    pub(crate) fn title(self) -> String {
        let value = clap::ValueEnum::to_possible_value(&self).expect("no scenario is skipped");
        value.get_help().map(ToString::to_string).unwrap_or_default()
    }

    /// Whether it makes sense for this server.
    pub(crate) fn suits(self, server: &Server) -> bool {
        match self {
            // Only a server with names and rooms announces anybody, and only its plain dialect is moved in.
            Self::Churn100 | Self::Churn10000 => server.dialect == Dialect::Plain,
            // The floor has no limits: it would keep everything. What IRC servers tell those whom they cut off is not read.
            Self::Stalled => !matches!(server.dialect, Dialect::Floor | Dialect::Irc),
            _ => true,
        }
    }

    /// Runs it once, `seconds` long where it has no end of its own.
    pub(crate) fn run(self, server: &Server, seconds: u64) -> Result<Figures> {
        let duration = Duration::from_secs(seconds);
        match self {
            Self::FanOut1 => talk::fan_out(server, 1_000, 4, 1, duration),
            Self::FanOut64 => talk::fan_out(server, 1_000, 4, 64, duration),
            Self::FanOut1024 => talk::fan_out(server, 1_000, 4, 1_024, duration),
            Self::Large => talk::fan_out(server, 10_000, 4, 64, duration),
            Self::Rooms => talk::rooms(server, 200, 10, duration),
            Self::Paste => talk::fan_out(server, 1_000, 1, 1_000, duration),
            Self::Delay20 => delay::at(server, 20, duration),
            Self::Delay200 => delay::at(server, 200, duration),
            Self::Idle10000 => crowd::idle(server, 10_000),
            Self::Idle19000 => crowd::idle(server, 19_000),
            Self::Ramp => crowd::ramp(server, 10_000),
            Self::Churn100 => churn::rejoin(server, 100, 100, duration),
            Self::Churn10000 => churn::rejoin(server, 10_000, 100, duration),
            Self::Stalled => stalled::run(server),
        }
    }
}
