//! Curves as tables and pictures.

use std::fs;
use std::path::Path;

use super::MEMBERS;
use super::curves::{Curve, Sizes};
use super::figures::Figure;
use super::served::Served;
use super::verdict::verdicts;
use crate::chart::{self, Axis, Bars, Labels, Series};
use crate::{Result, document};

/// Figures of all sizes.
#[derive(Default)]
pub(super) struct Measured {
    pub(super) population: Sizes,
    pub(super) room: Sizes,
    pub(super) announced: Sizes,
    pub(super) quiet: Sizes,
    /// The servers, over real sockets.
    pub(super) tokio: Served,
    pub(super) smol: Served,
    /// What the kernel alone takes for that.
    pub(super) floor: Served,
    /// Bytes of kernel memory for one idle connection.
    pub(super) socket: Option<f64>,
}

/// A table, a picture, or a part of either: curves over one kind of size.
struct Group {
    size: &'static str,
    curves: Vec<Curve>,
}

/// Prints the tables, and puts them and the pictures into the repository.
pub(super) fn publish(measured: &Measured) -> Result<()> {
    let (memory, turns) = (memory(measured), turns(measured));
    let (messages, joins) = (messages(measured), joins(measured));
    draw(measured)?;
    let mut text = String::from("![memory](benchmarks/scale-memory.svg)\n\n");
    text += &table(&memory);
    if let Some(bytes) = measured.socket {
        let bytes = chart::number(bytes.round());
        text += &format!(
            "\nThe kernel takes {bytes} bytes more for an idle TCP connection that epoll watches.\n"
        );
    }
    text += "\n![turns](benchmarks/scale-turn.svg)\n\n";
    text += &table(&turns);
    text += "\n![one room](benchmarks/scale-room.svg)\n\n";
    text += &table(&messages);
    text += "\n![deliveries](benchmarks/scale-delivery.svg)\n\n";
    text += &table(&joins);
    text += "\n";
    let everybody = Curve::of(&measured.population, "everybody joins, µs", "join-all");
    text += &verdicts(
        "connections",
        &[&memory.curves[0], &turns.curves[0], &turns.curves[1], &turns.curves[2], &everybody],
    );
    text += "\n";
    let deliveries = |curve: &&Curve| !curve.name.contains("a delivery");
    let room: Vec<_> = messages.curves.iter().chain(&joins.curves).filter(deliveries).collect();
    text += &verdicts("members", &room);
    text += &sockets(measured);
    println!("{text}");
    Ok(document::replace_section("scale", &text)?)
}

fn memory(measured: &Measured) -> Group {
    let total = Curve::of(&measured.population, "memory, bytes", "memory");
    let each = total.map("bytes per connection", |size, figure| figure.each(size as f64, 1.0));
    let kib = total.map("memory, KiB", |_, figure| figure.each(1_024.0, 1.0));
    Group { size: "connections", curves: vec![kib, each] }
}

fn turns(measured: &Measured) -> Group {
    let of = |name, figure| Curve::of(&measured.population, name, figure);
    let curves = vec![
        of("one room speaks, µs", "one"),
        of("the same room again, µs", "same"),
        // Smaller servers have fewer rooms than that.
        of("100 rooms speak, µs", "hundred").from(1_000),
        of("one joins, µs", "join"),
    ];
    Group { size: "connections", curves }
}

fn messages(measured: &Measured) -> Group {
    let of = |name, figure| Curve::of(&measured.room, name, figure);
    let (one, full) = (of("one message, µs", "message"), of("64 messages, µs", "full"));
    let each = |curve: &Curve, name, messages: f64| {
        curve.map(name, |size, figure| figure.each((size - 1) as f64 * messages, 1_000.0))
    };
    let (delivery, delivery_of_64) =
        (each(&one, "a delivery, ns", 1.0), each(&full, "a delivery of these, ns", 64.0));
    let curves = vec![
        one,
        of("its first write, µs", "message-first"),
        of("its last write, µs", "message-last"),
        delivery,
        full,
        of("their last write, µs", "full-last"),
        delivery_of_64,
    ];
    Group { size: "members", curves }
}

fn joins(measured: &Measured) -> Group {
    let curves = vec![
        Curve::of(&measured.room, "a join, µs", "join"),
        Curve::of(&measured.room, "a leave, µs", "leave"),
        Curve::of(&measured.announced, "a join, always announced, µs", "join"),
        Curve::of(&measured.announced, "a leave, always announced, µs", "leave"),
        Curve::of(&measured.quiet, "a join, never announced, µs", "join"),
        Curve::of(&measured.quiet, "a leave, never announced, µs", "leave"),
    ];
    Group { size: "members", curves }
}

/// What the servers do over real sockets.
fn sockets(measured: &Measured) -> String {
    let (crowd, room) = (served_crowd(measured), served_room(measured));
    let mut text =
        String::from("\n#### Over real sockets\n\n![over sockets](benchmarks/scale-sockets.svg)\n\n");
    text += &table(&crowd);
    text += "\n";
    text += &table(&room);
    text += "\n";
    let [tokio, _, tokio_delay, smol, _, smol_delay] = &crowd.curves[..] else { unreachable!("six curves") };
    text += &verdicts("connections, over sockets", &[tokio, tokio_delay, smol, smol_delay]);
    text += "\n";
    text += &verdicts("members, over sockets", &[&room.curves[0], &room.curves[2], &room.curves[4]]);
    text
}

fn served_crowd(measured: &Measured) -> Group {
    let of = |served: &Served, [memory, each, delay]: [&'static str; 3]| {
        let total = Curve::of(&served.population, memory, "memory");
        [
            total.map(memory, |_, figure| figure.each(1_024.0, 1.0)),
            total.map(each, |size, figure| figure.each(size as f64, 1.0)),
            Curve::of(&served.population, delay, "delay"),
        ]
    };
    let tokio = ["tokio: memory, KiB", "bytes per connection", "tokio: delay in a room of ten, µs"];
    let smol = ["smol: memory, KiB", "bytes per connection", "smol: delay in a room of ten, µs"];
    let curves = [of(&measured.tokio, tokio), of(&measured.smol, smol)];
    Group { size: "connections", curves: curves.into_iter().flatten().collect() }
}

fn served_room(measured: &Measured) -> Group {
    let of = |served: &Served, [message, delivery]: [&'static str; 2]| {
        let total = Curve::of(&served.room, message, "message");
        let each = total.map(delivery, |size, figure| figure.each((size - 1) as f64, 1.0));
        [total, each]
    };
    let tokio = ["tokio: a message to everybody, µs", "a delivery, µs"];
    let smol = ["smol: a message to everybody, µs", "a delivery, µs"];
    let floor = ["floor: a message to everybody, µs", "a delivery, µs"];
    let curves = [of(&measured.tokio, tokio), of(&measured.smol, smol), of(&measured.floor, floor)];
    Group { size: "members", curves: curves.into_iter().flatten().collect() }
}

fn draw(measured: &Measured) -> Result<()> {
    let folder = document::repository().join("benchmarks");
    fs::create_dir_all(&folder)?;
    let [memory, turns, messages, joins] =
        [memory, turns, messages, joins].map(|group| group(measured).curves);
    let series = |curves: &[&Curve]| -> Vec<Series> {
        // The axis has the unit.
        let short = |name: &str| name.split_once(", µs").map_or(name, |(name, _)| name).to_owned();
        curves.iter().map(|curve| Series { name: short(curve.name), points: curve.medians() }).collect()
    };
    let mib = memory[0].map("resident memory", |_, figure| figure.each(1_024.0, 1.0));
    let labels = Labels { title: "Memory, everybody in a room of ten", x: "connections", y: "MiB" };
    chart::lines(&folder.join("scale-memory.svg"), &labels, &series(&[&mib]))?;
    let labels = Labels { title: "Turns, everybody in a room of ten", x: "connections", y: "µs" };
    chart::lines(&folder.join("scale-turn.svg"), &labels, &series(&turns.iter().collect::<Vec<_>>()))?;
    let labels = Labels { title: "Turns of one room", x: "members", y: "µs" };
    let room = [&messages[4], &messages[0], &messages[1], &joins[2], &joins[4]];
    chart::lines(&folder.join("scale-room.svg"), &labels, &series(&room))?;
    let (crowd, room) = (served_crowd(measured).curves, served_room(measured).curves);
    let labels =
        Labels {
            title: "Over real sockets, until a message is read", x: "connections, or members", y: "µs"
        };
    let curves = [&room[0], &room[2], &room[4], &crowd[2], &crowd[5]];
    chart::lines(&folder.join("scale-sockets.svg"), &labels, &series(&curves))?;
    draw_deliveries(
        &folder.join("scale-delivery.svg"),
        &[("1 message in a turn", &messages[3]), ("64 messages in a turn", &messages[6])],
    )
}

fn draw_deliveries(path: &Path, curves: &[(&str, &Curve)]) -> Result<()> {
    let groups: Vec<_> = MEMBERS.map(|members| chart::number(members as f64)).into();
    let bars = curves.iter().map(|(name, curve)| {
        let values = MEMBERS.map(|members| curve.at(members).map(|figure| figure.median));
        Bars { name: (*name).to_owned(), values: values.into() }
    });
    let labels = Labels { title: "One message to one member", x: "members", y: "ns" };
    chart::bars(
        path,
        &labels,
        Axis::FromZero,
        &groups.iter().map(|group| &**group).collect::<Vec<_>>(),
        &bars.collect::<Vec<_>>(),
    )
}

/// One row for each size; a cell is a median, and what one in ten is below and above.
fn table(group: &Group) -> String {
    let mut text = format!("| {} |", group.size);
    group.curves.iter().for_each(|curve| text += &format!(" {} |", curve.name));
    text += &format!("\n|--:|{}\n", "--:|".repeat(group.curves.len()));
    let mut sizes: Vec<usize> =
        group.curves.iter().flat_map(|curve| &curve.points).map(|point| point.0).collect();
    sizes.sort_unstable();
    sizes.dedup();
    for size in sizes {
        text += &format!("| {} |", chart::number(size as f64));
        for curve in &group.curves {
            let cell = curve.at(size).map_or(String::from("–"), cell);
            text += &format!(" {cell} |");
        }
        text.push('\n');
    }
    text
}

fn cell(figure: Figure) -> String {
    let Figure { median, low, high } = figure;
    let number = chart::number;
    if low == high {
        number(median)
    } else {
        format!("{} ({}–{})", number(median), number(low), number(high))
    }
}
