//! Floods: what one peer, or a crowd of them, can cost everybody else, each kind at its worst.
//!
//! The server runs as it ships: history in SQLite, flood control and limits on. The attackers come through the PROXY
//! protocol, so that each has an address that counts. Beside them, pairs of ordinary users talk in rooms of their own, and
//! check that nothing is lost.
//!
//! | module | what it is |
//! |---|---|
//! | `kinds` | all floods by name, and what each may cost |
//! | `crew` | the attackers' connections |
//! | `stage` | what a flood has to work with |
//! | `innocents` | the ordinary users |
//! | `verdict` | what came of it, beside the bounds |
//! | the others | the floods themselves, by what they are made of |

mod answers;
mod crew;
mod doors;
mod ends;
mod innocents;
mod keys;
mod kinds;
mod log;
mod names;
mod rooms;
mod searches;
mod stage;
mod strangers;
mod turns;
mod verdict;

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;

use crate::Result;
use crate::document::replace_section;
use crate::server::{self, Known, Process, Server, place};
use innocents::Innocents;
use kinds::{FLOODS, Flood, Log};
use stage::{PASSWORD, Stage};
use verdict::Outcome;

/// Floods of each kind, one after another, and what ordinary users notice of them: exits with 1 if that is too much
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Which; without, all of them
    #[arg(value_parser = known)]
    floods: Vec<&'static Flood>,
    /// Only these servers; without, ours on each runtime
    #[arg(long, value_delimiter = ',')]
    servers: Vec<Known>,
    /// Instead, another build of it: 'LABEL=PROGRAM FLAGS'
    #[arg(long, conflicts_with = "servers")]
    build: Vec<Server>,
    /// How long each flood lasts, once its connections are there
    #[arg(long, default_value_t = 12)]
    seconds: u64,
    /// Renew the table in BENCHMARKS.md
    #[arg(long, conflicts_with_all = ["floods", "servers", "build"])]
    write: bool,
    /// Only say which there are
    #[arg(long)]
    list: bool,
}

fn known(name: &str) -> std::result::Result<&'static Flood, String> {
    let names = || FLOODS.iter().map(|flood| flood.name).collect::<Vec<_>>().join(", ");
    FLOODS.iter().find(|flood| flood.name == name).ok_or_else(|| format!("there are: {}", names()))
}

/// Floods the server on each runtime.
pub(crate) fn run(options: &Options) -> Result<()> {
    if options.list {
        FLOODS.iter().for_each(|flood| println!("{:16} {}", flood.name, flood.what));
        return Ok(());
    }
    let servers = servers(options)?;
    let floods = if options.floods.is_empty() { FLOODS.iter().collect() } else { options.floods.clone() };
    println!("{}", verdict::HEAD);
    let mut table = format!("{}\n", verdict::HEAD);
    let mut failed = 0;
    for flood in floods {
        for server in &servers {
            let outcome = flood_once(flood, server, Duration::from_secs(options.seconds));
            let outcome = outcome.map_err(|error| format!("{} on {server}: {error}", flood.name))?;
            let row = outcome.row(flood, &server.to_string());
            println!("{row}");
            table += &format!("{row}\n");
            failed += usize::from(!outcome.is_borne(flood));
        }
    }
    if options.write {
        replace_section("floods", &table)?;
    }
    if failed == 0 { Ok(()) } else { Err(format!("{failed} floods are not borne").into()) }
}

/// What is flooded; built, if it is ours.
fn servers(options: &Options) -> Result<Vec<Server>> {
    if !options.build.is_empty() {
        return Ok(options.build.clone());
    }
    server::build()?;
    let both = [Known::Tokio, Known::Smol];
    let known = if options.servers.is_empty() { &both } else { &options.servers[..] };
    known.iter().map(|known| known.server()).collect()
}

fn flood_once(flood: &Flood, server: &Server, duration: Duration) -> Result<Outcome> {
    let (port, folder) = place()?;
    let mut command = Command::new(server.program());
    if let Some(most) = flood.descriptors {
        // The shell's own limit is what the server inherits.
        command = Command::new("sh");
        command.args(["-c", &format!("ulimit -n {most}; exec \"$@\""), "sh"]).arg(server.program());
    }
    command
        .args(server.flags())
        .args(["--listen", &format!("127.0.0.1:{port}"), "--proxies", "127.0.0.1", "--data"])
        .arg(&folder);
    command.args((flood.settings)(&folder)?);
    command.stderr(match flood.log {
        Log::File => File::create(folder.join(stage::LOG))?.into(),
        Log::NobodyReads => Stdio::piped(),
    });
    let mut process = Process::launch(command, port, folder, &server.label)?;
    let unread = process.stderr();
    let stored_before = stored(&process);
    let cpu_before = process.cpu()?;
    let innocents = Innocents::come(process.addr, flood.asks_password().then_some(PASSWORD))?;
    let (begun, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let mut stage = Stage::new(&process, duration, &begun)?;
    let began = Instant::now();
    let (noticed, note) = thread::scope(|scope| {
        scope.spawn(|| verdict::watch(&process, &over));
        let attack = scope.spawn(|| {
            let note = crew::yield_to_others().map_err(Into::into).and_then(|()| (flood.attack)(&mut stage));
            over.store(true, Ordering::Relaxed);
            note.map_err(|error| error.to_string())
        });
        let noticed = innocents.talk(&begun, &over);
        (noticed, attack.join())
    });
    let note = note.map_err(|_| "a panic")?.unwrap_or_else(|error| format!("**broken off**: {error}"));
    // The attackers stay until the server has ended.
    let crew = stage.crew;
    let mut outcome = Outcome {
        noticed: noticed?,
        note,
        sent: crew.sent,
        received: crew.received,
        stored: stored(&process).saturating_sub(stored_before),
        elapsed: began.elapsed(),
        cpu: process.cpu().unwrap_or_default().saturating_sub(cpu_before),
        peak: process.peak().ok(),
        ended_in: None,
    };
    outcome.ended_in = verdict::end(&mut process)?;
    drop((unread, crew));
    Ok(outcome)
}

/// Bytes of all files in the folder of a server: its history and its log.
fn stored(process: &Process) -> u64 {
    // Some may go meanwhile.
    let files = fs::read_dir(process.folder()).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum()
}
