//! `export` and `import`: what is stored, as lines of JSON.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind};
use std::path::Path;

use chat_store::{ExportError, OpenError, Retention, Transferred};

use crate::Error;
use crate::args::{Args, Command};
use crate::place::Place;

/// Does it, instead of serving.
pub(crate) fn run(args: &Args, command: &Command) -> Result<(), Error> {
    let place = args.history_place();
    place.check()?;
    let url = place.url().ok_or_else(|| Error::Usage(format!("--history {place:?} stores nothing")))?;
    match command {
        Command::Export { room } => export(&place, url, room.as_deref()),
        Command::Import { file } => import(&place, url, args.history_sync_full(), file.as_deref()),
    }
}

fn export(place: &Place, url: &str, room: Option<&str>) -> Result<(), Error> {
    let key = |name| {
        chat_core::room_key(name)
            .ok_or_else(|| Error::Usage(format!("--room {name:?} is no room name, such as #tea")))
    };
    let key = room.map(key).transpose()?;
    let mut store = chat_store::open_to_read(url).map_err(|error| refused(place, error))?;
    let mut out = BufWriter::new(io::stdout().lock());
    let exported = chat_store::export(&mut *store, key.as_deref(), &mut out);
    // What did not go out is not tried again.
    drop(out.into_parts());
    match exported {
        // Whoever has seen enough closes a pipe.
        Err(ExportError::Output(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Error::Transfer(format!("the export ends here: {error}"))),
        Ok(done) => {
            if done.missing > 0 {
                eprintln!(
                    "chat: {} numbers have no event: of kinds that this version does not know, or lost",
                    done.missing
                );
            }
            Ok(())
        }
    }
}

fn import(place: &Place, url: &str, sync_full: bool, file: Option<&Path>) -> Result<(), Error> {
    let mut input: Box<dyn BufRead> = match file {
        None => Box::new(io::stdin().lock()),
        Some(path) => {
            let file = File::open(path);
            let refused = |error| Error::Transfer(format!("cannot read {}: {error}", path.display()));
            Box::new(BufReader::new(file.map_err(refused)?))
        }
    };
    let opened = chat_store::open(url, sync_full, Retention::default());
    let mut opened = opened.map_err(|error| refused(place, error))?;
    let done = chat_store::import(&mut *opened.stores.writer, &mut input);
    let done = done.map_err(|error| Error::Transfer(format!("the import ends here: {error}")))?;
    eprintln!("chat: {} events of {} rooms are in {}", done.events, done.rooms, opened.name);
    note_unknown(done);
    Ok(())
}

fn refused(place: &Place, error: OpenError) -> Error {
    Error::History { place: format!("{place:?}"), error }
}

fn note_unknown(Transferred { unknown, .. }: Transferred) {
    if unknown > 0 {
        eprintln!("chat: {unknown} events are of kinds that this version does not know, and left out");
    }
}
