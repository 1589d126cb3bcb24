//! The line being typed: a value that keys change. It draws nothing.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use crate::wire::is_unsafe;

/// Lines kept to be recalled.
const MAX_HISTORY: usize = 1000;

/// What a key asks for beyond a change of the line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Nothing.
    None,
    /// Enter: the line is complete.
    Send(String),
    /// Ctrl-D on an empty line.
    EndOfInput,
    /// Ctrl-C.
    Quit,
    /// Ctrl-L.
    ClearScreen,
    /// Ctrl-Z.
    Stop,
}

/// A line, a cursor in it, and the lines before it.
#[derive(Debug, Default)]
pub(crate) struct Editor {
    text: String,
    /// A byte offset, always between two graphemes.
    cursor: usize,
    history: Vec<String>,
    /// The history entry on show; the length of the history when it is none.
    recalled: usize,
    /// What was being typed before the history was entered.
    draft: String,
}

impl Editor {
    /// Applies a key: the bindings of readline that fingers know.
    pub(crate) fn key(&mut self, key: KeyEvent) -> Wish {
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        match key.code {
            KeyCode::Left if ctrl || alt => self.cursor = self.word_start(),
            KeyCode::Right if ctrl || alt => self.cursor = self.word_end(),
            KeyCode::Backspace if ctrl || alt => self.erase(self.word_start(), self.cursor),
            KeyCode::Enter => return self.submit(),
            KeyCode::Left => self.cursor = self.before(),
            KeyCode::Right => self.cursor = self.after(),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.cursor = self.text.len(),
            KeyCode::Up => self.recall(self.recalled.checked_sub(1)),
            KeyCode::Down => self.recall(self.recalled.checked_add(1)),
            KeyCode::Backspace => self.erase(self.before(), self.cursor),
            KeyCode::Delete => self.erase(self.cursor, self.after()),
            KeyCode::Tab => self.insert('\t'),
            // Both at once are AltGr, which types characters.
            KeyCode::Char(c) if ctrl && !alt => return self.control(c),
            KeyCode::Char(c) if alt && !ctrl => self.meta(c),
            KeyCode::Char(c) => self.insert(c),
            _ => {}
        }
        Wish::None
    }

    fn control(&mut self, c: char) -> Wish {
        match c {
            'a' => self.cursor = 0,
            'e' => self.cursor = self.text.len(),
            'b' => self.cursor = self.before(),
            'f' => self.cursor = self.after(),
            'h' => self.erase(self.before(), self.cursor),
            'u' => self.erase(0, self.cursor),
            'k' => self.erase(self.cursor, self.text.len()),
            'w' => self.erase(self.word_start(), self.cursor),
            'p' => self.recall(self.recalled.checked_sub(1)),
            'n' => self.recall(self.recalled.checked_add(1)),
            'j' => return self.submit(),
            'l' => return Wish::ClearScreen,
            'c' => return Wish::Quit,
            'z' => return Wish::Stop,
            'd' if self.text.is_empty() => return Wish::EndOfInput,
            'd' => self.erase(self.cursor, self.after()),
            _ => {}
        }
        Wish::None
    }

    fn meta(&mut self, c: char) {
        match c {
            'b' => self.cursor = self.word_start(),
            'f' => self.cursor = self.word_end(),
            'd' => self.erase(self.cursor, self.word_end()),
            _ => {}
        }
    }

    fn insert(&mut self, c: char) {
        // Pasted text may hold what a terminal would obey.
        if !is_unsafe(c) {
            self.text.insert(self.cursor, c);
            self.cursor += c.len_utf8();
        }
    }

    fn erase(&mut self, start: usize, end: usize) {
        self.text.replace_range(start..end, "");
        self.cursor = start;
    }

    fn submit(&mut self) -> Wish {
        let line = std::mem::take(&mut self.text);
        self.cursor = 0;
        if !line.is_empty() && self.history.last() != Some(&line) {
            if self.history.len() == MAX_HISTORY {
                self.history.remove(0);
            }
            self.history.push(line.clone());
        }
        self.recalled = self.history.len();
        self.draft.clear();
        Wish::Send(line)
    }

    /// Shows an entry of the history, or the draft again behind the last one.
    fn recall(&mut self, entry: Option<usize>) {
        let Some(entry) = entry.filter(|entry| *entry <= self.history.len()) else { return };
        if self.recalled == self.history.len() {
            self.draft = std::mem::take(&mut self.text);
        }
        self.text = self.history.get(entry).unwrap_or(&self.draft).clone();
        self.cursor = self.text.len();
        self.recalled = entry;
    }

    fn before(&self) -> usize {
        self.text[..self.cursor].grapheme_indices(true).next_back().map_or(0, |(at, _)| at)
    }

    fn after(&self) -> usize {
        self.cursor + self.text[self.cursor..].graphemes(true).next().map_or(0, str::len)
    }

    fn word_start(&self) -> usize {
        self.text[..self.cursor].unicode_word_indices().next_back().map_or(0, |(at, _)| at)
    }

    fn word_end(&self) -> usize {
        let behind = &self.text[self.cursor..];
        behind
            .unicode_word_indices()
            .next()
            .map_or(self.text.len(), |(at, word)| self.cursor + at + word.len())
    }

    /// The part of the line that fits into so many columns, and the cursor's column in it.
    ///
    /// A long line is moved by half a view at a time, so that both sides of the cursor are seen.
    pub(crate) fn view(&self, columns: usize) -> (String, usize) {
        let cursor_column = width(&self.text[..self.cursor]);
        let step = columns.div_ceil(2);
        let first = if cursor_column < columns { 0 } else { (cursor_column / step - 1) * step };
        let (mut shown, mut column, mut cursor) = (String::new(), 0, 0);
        for (at, grapheme) in self.text.grapheme_indices(true) {
            let next = column + width(grapheme);
            if column >= first && next <= first + columns {
                shown.push_str(if grapheme == "\t" { " " } else { grapheme });
                if at < self.cursor {
                    cursor += width(grapheme);
                }
            }
            column = next;
        }
        (shown, cursor)
    }
}

/// Columns of a text, summed as [`Editor::view`] draws it: grapheme by grapheme.
fn width(text: &str) -> usize {
    text.graphemes(true).map(UnicodeWidthStr::width).sum()
}

#[cfg(test)]
mod tests;
