//! In a terminal: what is typed and what arrives, as one stream of events.

use std::io::{self, BufReader, BufWriter, Stdout, Write};
use std::iter;
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread::{self, JoinHandle};

use crossterm::event::{self, KeyEvent};

use crate::args::Args;
use crate::editor::{Editor, Wish};
use crate::failure::Failure;
use crate::identity::Identity;
use crate::screen::{self, RawMode, Screen};
use crate::signals::{self, Signal};
use crate::style::Style;
use crate::wire::{read_line, to_text};

/// Events waiting to be shown; behind them the server has to wait, too.
const MAX_EVENTS: usize = 256;

/// What can happen.
enum Event {
    Key(KeyEvent),
    Resized,
    InputEnded,
    Signal(Signal),
    Received(Vec<u8>),
    Closed(io::Result<()>),
}

/// Runs until the server closes, or the user does not want to wait for that.
pub(crate) fn run(stream: TcpStream, args: &Args) -> Result<(), Failure> {
    let (sender, events) = mpsc::sync_channel(MAX_EVENTS);
    let (outgoing, lines) = mpsc::channel();
    let writer = spawn_writer(stream.try_clone().map_err(Failure::Lost)?, lines);
    spawn_reader(stream.try_clone().map_err(Failure::Lost)?, sender.clone());

    let raw_mode = RawMode::enter().map_err(Failure::Terminal)?;
    let signalled = sender.clone();
    // If so many events wait that it does not fit, the session does not get to it in time either.
    signals::watch(move |signal| drop(signalled.try_send(Event::Signal(signal))))
        .map_err(Failure::Terminal)?;
    spawn_keyboard(sender);
    let mut session = Session {
        outgoing: Some(outgoing),
        room: args.room.clone(),
        identity: Identity::default(),
        editor: Editor::default(),
        screen: Screen::new(BufWriter::new(io::stdout()), Style::from_env()),
    };
    if let Some(nick) = &args.nick {
        session.send(nick);
    }
    let ended = session.run(&events);
    session.outgoing = None;
    // What is drawn last must be out before the terminal is given back.
    session.screen.flush().map_err(Failure::Terminal)?;
    drop(raw_mode);
    ended?;

    // A writer that is stuck, because the server closed without reading, gets unstuck.
    // An error says that the connection is gone altogether.
    let _ = stream.shutdown(Shutdown::Both);
    match writer.join() {
        Ok(sent) => sent.map_err(|error| Failure::Unsent(Some(error))),
        Err(_) => Err(Failure::Unsent(None)),
    }
}

/// Sends lines until there can be no more, then half-closes. A thread of its own, because a
/// server slows down who sends much, and that must not stop the editor.
fn spawn_writer(mut stream: TcpStream, lines: Receiver<String>) -> JoinHandle<io::Result<()>> {
    thread::spawn(move || {
        for line in lines {
            stream.write_all(format!("{line}\n").as_bytes())?;
        }
        // Fails only when the server has closed already.
        let _ = stream.shutdown(Shutdown::Write);
        Ok(())
    })
}

fn spawn_reader(stream: TcpStream, events: SyncSender<Event>) {
    thread::spawn(move || {
        let mut server = BufReader::new(stream);
        loop {
            let event = match read_line(&mut server) {
                Ok(Some(line)) => Event::Received(line),
                Ok(None) => Event::Closed(Ok(())),
                Err(error) => Event::Closed(Err(error)),
            };
            let is_last = matches!(event, Event::Closed(_));
            if events.send(event).is_err() || is_last {
                return;
            }
        }
    });
}

fn spawn_keyboard(events: SyncSender<Event>) {
    thread::spawn(move || {
        loop {
            let event = match event::read() {
                Ok(event::Event::Key(key)) if !key.is_release() => Event::Key(key),
                Ok(event::Event::Resize(..)) => Event::Resized,
                Ok(_) => continue,
                Err(_) => Event::InputEnded,
            };
            let is_last = matches!(event, Event::InputEnded);
            if events.send(event).is_err() || is_last {
                return;
            }
        }
    });
}

/// A conversation.
struct Session {
    /// To the writer; gone once we said that nothing more will come.
    outgoing: Option<Sender<String>>,
    /// The room to join once we are registered.
    room: Option<String>,
    identity: Identity,
    editor: Editor,
    screen: Screen<BufWriter<Stdout>>,
}

impl Session {
    fn run(&mut self, events: &Receiver<Event>) -> Result<(), Failure> {
        self.show().map_err(Failure::Terminal)?;
        while let Ok(first) = events.recv() {
            // Whatever is there is shown at once, so that a flood costs one redraw of the input
            // row and not thousands; but not without end, so that typing stays visible.
            for event in iter::once(first).chain(events.try_iter().take(MAX_EVENTS)) {
                match event {
                    Event::Key(key) => self.key(key)?,
                    Event::Resized => {}
                    Event::InputEnded => self.outgoing = None,
                    Event::Signal(signal) => self.signalled(signal)?,
                    Event::Received(line) => self.received(&line).map_err(Failure::Terminal)?,
                    Event::Closed(closed) => return self.closed(closed),
                }
            }
            self.show().map_err(Failure::Terminal)?;
        }
        Ok(())
    }

    fn key(&mut self, key: KeyEvent) -> Result<(), Failure> {
        let wish = self.editor.key(key);
        if self.outgoing.is_none() {
            // Only the server's goodbye is missing, and one may tire of waiting for it.
            return match wish {
                Wish::Quit => Err(Failure::Left),
                Wish::Stop => self.signalled(Signal::Stop),
                _ => Ok(()),
            };
        }
        match wish {
            Wish::None => {}
            // A stray Enter says nothing; the server would count it as a refused nickname.
            Wish::Send(line) if line.is_empty() => {}
            Wish::Send(line) => {
                self.screen.typed(&line).map_err(Failure::Terminal)?;
                self.send(&line);
            }
            Wish::EndOfInput => self.outgoing = None,
            Wish::Quit => {
                self.send("/quit");
                self.outgoing = None;
            }
            Wish::Stop => self.signalled(Signal::Stop)?,
            Wish::ClearScreen => self.screen.clear().map_err(Failure::Terminal)?,
        }
        Ok(())
    }

    fn signalled(&mut self, signal: Signal) -> Result<(), Failure> {
        let taken_back = match signal {
            Signal::End(signal) => {
                self.screen.hide_input().map_err(Failure::Terminal)?;
                return Err(Failure::Ended(signal));
            }
            Signal::Stop => {
                self.screen.hide_input().and_then(|()| self.screen.flush()).map_err(Failure::Terminal)?;
                screen::lend(signals::stop)
            }
            // A shell may have set the terminal as it likes it.
            Signal::Continue => screen::lend(|| {}),
        };
        taken_back.map_err(Failure::Terminal)
    }

    fn send(&mut self, line: &str) {
        self.identity.sent(line);
        if let Some(outgoing) = &self.outgoing {
            // A writer that failed has ended; the reader will tell why.
            let _ = outgoing.send(line.to_owned());
        }
    }

    fn received(&mut self, line: &[u8]) -> io::Result<()> {
        let text = to_text(line);
        if self.identity.received(&text)
            && let Some(room) = self.room.take()
        {
            self.send(&format!("/join {room}"));
        }
        self.screen.received(&text, self.identity.own())
    }

    fn closed(&mut self, closed: io::Result<()>) -> Result<(), Failure> {
        self.screen.hide_input().map_err(Failure::Terminal)?;
        closed.map_err(Failure::Lost)?;
        if self.outgoing.is_some() {
            self.screen.remark("-- the server closed the connection").map_err(Failure::Terminal)?;
        }
        Ok(())
    }

    /// Brings the screen up to date.
    fn show(&mut self) -> io::Result<()> {
        if self.outgoing.is_some() {
            self.screen.show_input(&self.editor)
        } else {
            self.screen.hide_input()?;
            self.screen.flush()
        }
    }
}
