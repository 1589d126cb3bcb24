//! The help texts.

use alloc::vec::Vec;

use super::encode::line;

/// A command as the help shows it.
struct Entry {
    /// Its names; the first is the main one.
    names: &'static [&'static str],
    /// How to write it.
    usage: &'static str,
    /// What it does.
    does: &'static str,
}

const fn entry(names: &'static [&'static str], usage: &'static str, does: &'static str) -> Entry {
    Entry { names, usage, does }
}

static ENTRIES: [Entry; 12] = [
    entry(&["nick"], "/nick NAME", "change your nickname"),
    entry(&["join"], "/join #ROOM", "join a room, or go back to one that you are in"),
    entry(&["part", "leave"], "/part [#ROOM] [REASON]", "leave the room (also /leave)"),
    entry(&["msg"], "/msg NICK TEXT", "say something to one user, or to a #ROOM that you are in"),
    entry(&["me"], "/me TEXT", "act: /me waves"),
    entry(&["topic"], "/topic [TEXT]", "show or set the topic of the room"),
    entry(&["rooms", "list"], "/rooms", "list the rooms (also /list)"),
    entry(&["who", "names"], "/who [#ROOM]", "list the members of the room (also /names)"),
    entry(
        &["history"],
        "/history [N | before YYYY-MM-DD[THH:MM]]",
        "show the last N events of the room (20, at most 1000), or those before a time",
    ),
    entry(
        &["search"],
        "/search WORDS",
        "show what the room has said with these words in it, the newest first",
    ),
    entry(&["help"], "/help [COMMAND]", "show this, or one command of it"),
    entry(&["quit"], "/quit [REASON]", "leave"),
];

fn find(name: &str) -> Option<&'static Entry> {
    let name = name.strip_prefix('/').unwrap_or(name);
    ENTRIES.iter().find(|entry| entry.names.iter().any(|known| known.eq_ignore_ascii_case(name)))
}

/// Appends the help for one command, or for all.
pub(crate) fn help(out: &mut Vec<u8>, command: Option<&str>) {
    match command.map(find) {
        Some(Some(entry)) => line(out, &["* ", entry.usage, ": ", entry.does]),
        Some(None) => unknown_command(out),
        None => {
            line(
                out,
                &["* what you type is said to your current room; a line that starts with / is a command:"],
            );
            for entry in &ENTRIES {
                line(out, &["* ", entry.usage, ": ", entry.does]);
            }
            line(out, &["* //text: say /text"]);
        }
    }
}

/// Appends how to write the command `name`, which was written wrongly.
pub(crate) fn usage(out: &mut Vec<u8>, name: &str) {
    let entry = find(name).expect("every command has its help");
    line(out, &["! usage: ", entry.usage, " (", entry.does, ")"]);
}

/// Appends that there is no such command.
pub(crate) fn unknown_command(out: &mut Vec<u8>) {
    line(out, &["! there is no such command: /help lists them; //text says /text"]);
}
