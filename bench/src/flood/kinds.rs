//! All floods by name, and what each may cost.

use std::path::Path;

use super::stage::{PASSWORD, Stage, file};
use super::{answers, doors, ends, keys, log, names, rooms, searches, strangers, turns};
use crate::Result;

/// A kind of flood.
#[derive(Debug)]
pub(super) struct Flood {
    pub(super) name: &'static str,
    /// What the attackers do.
    pub(super) what: &'static str,
    /// How much resident memory the server may have at most meanwhile, in MiB.
    pub(super) memory: u64,
    /// Flags of the server, which may name files that this puts into its folder.
    pub(super) settings: fn(&Path) -> Result<Vec<String>>,
    /// Has the attackers come, and do what they do until the stage's time is over. What there is to say about it; if that
    /// begins with `**`, it is not borne.
    pub(super) attack: fn(&mut Stage<'_>) -> Result<String>,
    pub(super) log: Log,
    /// The server's hard limit of descriptors, where that is a part of it.
    pub(super) descriptors: Option<u32>,
}

/// Where the server's log goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Log {
    File,
    /// A pipe that nobody reads.
    NobodyReads,
}

/// What the server takes when nothing is wrong, with all that is bounded for everybody together and used by a flood: the
/// last events of rooms (64 MiB), what waits for the store (16 MiB), a turn's text and copies, and the store's caches.
const USUAL: u64 = 192;
/// The same, with as much output as may be owed by default (256 MiB).
const OWED: u64 = 192 + 256;

const fn flood(
    name: &'static str,
    what: &'static str,
    attack: fn(&mut Stage<'_>) -> Result<String>,
) -> Flood {
    Flood { name, what, memory: USUAL, settings: none, attack, log: Log::File, descriptors: None }
}

fn none(_: &Path) -> Result<Vec<String>> {
    Ok(Vec::new())
}

fn with_password(folder: &Path) -> Result<Vec<String>> {
    let path = file(folder, "password", PASSWORD)?;
    Ok(vec!["--password-file".into(), path.display().to_string()])
}

fn with_bans(folder: &Path) -> Result<Vec<String>> {
    let path = file(folder, doors::BANS, "203.0.113.0/24\n")?;
    Ok(vec!["--bans".into(), path.display().to_string()])
}

impl Flood {
    pub(super) fn asks_password(&self) -> bool {
        std::ptr::fn_addr_eq(self.settings, with_password as fn(&Path) -> Result<Vec<String>>)
    }
}

pub(super) static FLOODS: [Flood; 30] = [
    flood("nobody", "no attacker at all: what the machine itself does to delays", |stage| {
        stage.begin();
        stage.crew.hear_until(stage.until())?;
        Ok(String::new())
    }),
    flood(
        "turns-100",
        "100 in the same 50 rooms, each with a burst of renames, a leave and a join in one piece",
        |stage| turns::moved(stage, 100),
    ),
    flood("turns-300", "the same with 300", |stage| turns::moved(stage, 300)),
    flood(
        "turns-sets",
        "300, each in rooms that nobody else has just so, speak in all of them at once",
        turns::sets,
    ),
    flood("turns-long", "300 in 50 rooms send lines of 4,096 bytes that grow to 12 KiB each", turns::long),
    flood("turns-crowd", "1,000 in one room speak at once", turns::crowd),
    flood("renames", "100 in the same 50 rooms rename themselves, as fast as they may", names::renames),
    flood("quits", "100 join 50 rooms, quit with a reason of 4,000 bytes, and come again", names::quits),
    flood("moves", "100 join and leave a room of 900, as fast as they may", names::moves),
    flood("rooms", "100 join one new room after another", rooms::new),
    flood("topics", "300 in one room set topics of 4,000 bytes", rooms::topics),
    Flood {
        settings: strangers::settings,
        ..flood("endless", "1,000 strangers send a line without an end", strangers::endless)
    },
    Flood {
        settings: strangers::settings,
        ..flood(
            "refusals",
            "1,000 strangers send lines that are too long, one after another",
            strangers::too_long,
        )
    },
    flood("visits", "connections that come and go, one after another", strangers::visits),
    Flood {
        log: Log::NobodyReads,
        ..flood("log-unread", "the same, and nobody reads the log", strangers::visits)
    },
    Flood {
        settings: with_bans,
        ..flood("log-refused", "connections of a banned network, one after another", log::banned)
    },
    Flood {
        settings: with_password,
        ..flood("guesses-v6", "guesses of the password from 64 networks of one /48", doors::guesses_v6)
    },
    Flood { settings: with_password, ..flood("guesses-v4", "guesses from one address", doors::guesses_v4) },
    Flood {
        settings: with_bans,
        ..flood("bans", "300 in the same 50 rooms are banned at once, together", doors::ban)
    },
    Flood {
        descriptors: Some(300),
        ..flood("descriptors", "300 descriptors, and 400 connections", doors::descriptors)
    },
    Flood {
        settings: searches::settings,
        ..flood("searches", "100 search for 1,300 words at a time", searches::words)
    },
    Flood {
        settings: searches::settings,
        memory: OWED,
        ..flood("searches-deaf", "300 search, and read none of what is found", searches::deaf)
    },
    Flood {
        settings: ends::settings,
        ..flood("ends", "100 join and leave rooms whose last events are large", ends::joins)
    },
    flood("lists", "300 ask for /who, /rooms, /history and /help in turns", answers::lists),
    Flood { memory: OWED, ..flood("lists-deaf", "the same, and they do not read", answers::deaf) },
    flood("private", "300 send each other private messages of 4,096 bytes", answers::private),
    Flood {
        memory: OWED,
        ..flood(
            "hoard",
            "300 who do not read are sent private messages, each less than may be owed",
            answers::hoard,
        )
    },
    flood("keys", "300 send a key at a time, and erase it again", keys::erased),
    flood("telnet", "300 send telnet's commands that want an answer, and do not read", keys::telnet),
    flood("shutdown", "2,000 members of 50 rooms when the server is told to end", doors::members),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flood_has_a_name_of_its_own() {
        let mut names: Vec<_> = FLOODS.iter().map(|flood| flood.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FLOODS.len());
    }
}
