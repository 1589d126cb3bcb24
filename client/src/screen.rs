//! The terminal: text that scrolls, and under it the line being typed, on one row.

use std::io::{self, Write};
use std::{panic, process};

use crossterm::cursor::{MoveTo, MoveToColumn, MoveUp};
use crossterm::queue;
use crossterm::style::Print;
use crossterm::terminal::{Clear, ClearType, disable_raw_mode, enable_raw_mode, size};

use crate::editor::Editor;
use crate::style::Style;

const PROMPT: &str = "> ";

/// Used where the terminal does not tell its width.
const USUAL_COLUMNS: u16 = 80;

/// The exit status after a panic, as Rust has it.
const EXIT_PANICKED: i32 = 101;

/// Keys come one by one, and are shown by nobody but us, as long as this lives.
pub(crate) struct RawMode(());

impl RawMode {
    /// Takes the terminal over. A panic, in whichever thread, gives it back and ends the process: without that thread,
    /// nobody could leave.
    pub(crate) fn enter() -> io::Result<Self> {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |panicked| {
            give_back();
            print(panicked);
            process::exit(EXIT_PANICKED);
        }));
        enable_raw_mode().map(Self)
    }
}

/// Gives the terminal back, whoever has it.
pub(crate) fn give_back() {
    // There is no one left to tell.
    let _ = disable_raw_mode();
}

/// Gives the terminal back while `meanwhile` lasts, and takes it over again.
pub(crate) fn lend(meanwhile: impl FnOnce()) -> io::Result<()> {
    disable_raw_mode()?;
    meanwhile();
    enable_raw_mode()
}

impl Drop for RawMode {
    fn drop(&mut self) {
        give_back();
    }
}

/// What is drawn on.
pub(crate) struct Screen<W> {
    out: W,
    style: Style,
    /// The column of the cursor in the input row, while there is one.
    cursor: Option<u16>,
}

impl<W: Write> Screen<W> {
    /// An empty screen that paints like this.
    pub(crate) fn new(out: W, style: Style) -> Self {
        Self { out, style, cursor: None }
    }

    /// Adds a received line, already safe, to the text, as seen by someone called `own`.
    pub(crate) fn received(&mut self, line: &str, own: Option<&str>) -> io::Result<()> {
        let line = self.style.received(line, own);
        self.print(&line)
    }

    /// Adds a line the user typed: the server does not send it back.
    pub(crate) fn typed(&mut self, line: &str) -> io::Result<()> {
        let line = format!("{}{line}", self.style.aside(PROMPT));
        self.print(&line)
    }

    /// Adds a remark of the client itself.
    pub(crate) fn remark(&mut self, text: &str) -> io::Result<()> {
        let text = self.style.aside(text);
        self.print(&text)
    }

    fn print(&mut self, line: &str) -> io::Result<()> {
        self.hide_input()?;
        queue!(self.out, Print(line), Print("\r\n"))
    }

    /// Draws the input row under the text. Between two calls, any number of lines can be added.
    pub(crate) fn show_input(&mut self, editor: &Editor) -> io::Result<()> {
        self.hide_input()?;
        // The last column stays free: a terminal would wrap after it.
        let (line, cursor) = editor.view(usize::from(columns()).saturating_sub(PROMPT.len() + 1).max(2));
        let column = u16::try_from(PROMPT.len() + cursor).unwrap_or(u16::MAX);
        queue!(self.out, Print(self.style.aside(PROMPT)), Print(line), MoveToColumn(column))?;
        self.cursor = Some(column);
        self.out.flush()
    }

    /// Takes the input row away.
    pub(crate) fn hide_input(&mut self) -> io::Result<()> {
        let Some(column) = self.cursor.take() else { return Ok(()) };
        // A terminal that became narrower has wrapped the row since.
        let wrapped = column / columns();
        if wrapped > 0 {
            queue!(self.out, MoveUp(wrapped))?;
        }
        queue!(self.out, MoveToColumn(0), Clear(ClearType::FromCursorDown))
    }

    /// Empties the screen.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        self.cursor = None;
        queue!(self.out, Clear(ClearType::All), MoveTo(0, 0))
    }

    /// Brings out what was added so far.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn columns() -> u16 {
    // A serial line, or the terminal of a container, says 0.
    size().ok().map(|(columns, _)| columns).filter(|&columns| columns > 0).unwrap_or(USUAL_COLUMNS)
}
