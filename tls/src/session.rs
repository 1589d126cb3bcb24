//! TLS of one connection, without its socket: bytes in, bytes out.

use std::sync::Arc;

use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, WriteTraffic};

use crate::names::{self, Hidden};

/// The most text that goes into one record. They may be four times as large (RFC 8446, section 5.1), but a record leaves
/// as a whole: this is what a reader who does not read holds beside what it is owed, and how finely its progress shows.
const RECORD: usize = 4 << 10;
/// The most that is kept of what cannot be understood yet: one record of the greatest size (RFC 5246, section 6.2.3), which
/// no message of a handshake exceeds either that an honest client sends.
const INCOMING: usize = (16 << 10) + 2_048 + 5;

/// What became of what was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// So much text, at least one byte.
    Text(usize),
    /// Nothing more: the rest is to be received. So many bytes were no text.
    Blocked(usize),
    /// A part of the handshake was answered.
    Answered,
    /// The handshake is done.
    Opened,
    /// The peer has said goodbye.
    Ended,
    /// It makes no sense. What is outgoing tells the peer so.
    Failed,
}

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Handshaking,
    /// Text flows, both ways.
    Open,
    /// The peer has said goodbye; ours may still flow.
    Ended,
    /// It has failed, which is still to be told.
    Failed,
    /// Nothing that comes means anything any more: it has failed, or we have said goodbye.
    Over,
}

/// The server's side of one connection. Its buffers are empty, and take no memory, while nothing is under way.
pub(crate) struct Session {
    tls: UnbufferedServerConnection,
    /// What its handshake does not see as it came.
    hidden: Option<Arc<Hidden>>,
    phase: Phase,
    /// Whether the beginning of `Open` is still to be told.
    news: bool,
    /// Whether part of the handshake was answered since that was last told.
    answered: bool,
    /// Received, and not understood yet: the beginning of a record.
    incoming: Vec<u8>,
    /// Bytes received that were neither given out as text nor told.
    overhead: usize,
    /// Understood, and not taken yet.
    text: Vec<u8>,
    /// To be sent, from `sent` on.
    outgoing: Vec<u8>,
    sent: usize,
    /// How much text ends with the last byte of `outgoing`.
    sealed: usize,
}

/// How far rustls got with one look.
enum Progress {
    /// Further than before.
    Some,
    /// Text can be sent, and nothing else is to be done.
    Writable,
    /// The peer is to go on.
    Blocked,
    /// Nowhere any more.
    Broken,
}

impl Session {
    pub(crate) fn new(tls: UnbufferedServerConnection) -> Self {
        Self {
            tls,
            hidden: None,
            phase: Phase::Handshaking,
            news: false,
            answered: false,
            incoming: Vec::new(),
            overhead: 0,
            text: Vec::new(),
            outgoing: Vec::new(),
            sent: 0,
            sealed: 0,
        }
    }

    pub(crate) fn is_handshaking(&self) -> bool {
        self.phase == Phase::Handshaking
    }

    /// Whether it has failed, and the peer's side is still to learn of it.
    pub(crate) fn has_failed(&self) -> bool {
        self.phase == Phase::Failed
    }

    /// Whether nothing that comes or goes means anything any more.
    pub(crate) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Takes in what came from the peer.
    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.incoming.extend_from_slice(bytes);
        self.overhead += bytes.len();
    }

    /// Makes of it what can be made, and tells of it a step at a time. Text is written to `buf`.
    pub(crate) fn step(&mut self, buf: &mut [u8]) -> Step {
        if self.text.is_empty() && !self.news {
            self.work();
        }
        if std::mem::take(&mut self.news) {
            return Step::Opened;
        }
        if !self.text.is_empty() {
            return Step::Text(self.take_text(buf));
        }
        match self.phase {
            Phase::Failed => {
                self.phase = Phase::Over;
                Step::Failed
            }
            Phase::Ended => Step::Ended,
            _ if std::mem::take(&mut self.answered) => Step::Answered,
            _ => Step::Blocked(std::mem::take(&mut self.overhead)),
        }
    }

    /// Seals some of `text` to be sent, unless what was sealed before is still to be asked for.
    pub(crate) fn seal(&mut self, text: &[u8]) {
        if self.sealed == 0 {
            let text = &text[..text.len().min(RECORD)];
            self.write(|traffic, out| traffic.encrypt(text, out));
            self.sealed = text.len();
        }
    }

    /// How much text was sealed and has left, now that nothing is outgoing.
    pub(crate) fn take_sealed(&mut self) -> usize {
        std::mem::take(&mut self.sealed)
    }

    /// Says goodbye (`close_notify`), once, and listens no more.
    pub(crate) fn say_goodbye(&mut self) {
        if matches!(self.phase, Phase::Open | Phase::Ended) {
            self.write(|traffic, out| traffic.queue_close_notify(out));
            self.end();
        }
    }

    /// What is to be sent.
    pub(crate) fn outgoing(&self) -> &[u8] {
        &self.outgoing[self.sent..]
    }

    /// So much of it has left.
    pub(crate) fn sent(&mut self, count: usize) {
        self.sent += count;
        if self.sent == self.outgoing.len() {
            self.outgoing = Vec::new();
            self.sent = 0;
        }
    }

    /// Understands all that has come as a whole.
    fn work(&mut self) {
        let mut understood = 0;
        while matches!(self.phase, Phase::Handshaking | Phase::Open) {
            match self.progress(&mut understood, |_, _| Ok(0)) {
                Progress::Some => {}
                Progress::Writable | Progress::Blocked => break,
                Progress::Broken => self.fail(),
            }
        }
        self.forget(understood);
        if self.incoming.len() > INCOMING {
            self.fail();
        }
    }

    /// Writes something of our own once the session lets us.
    fn write(&mut self, mut write: impl Write) {
        let mut understood = 0;
        while matches!(self.phase, Phase::Open | Phase::Ended) {
            match self.progress(&mut understood, &mut write) {
                Progress::Some => {}
                Progress::Writable => break,
                Progress::Blocked | Progress::Broken => self.fail(),
            }
        }
        self.forget(understood);
    }

    /// Lets rustls have one look at what has come, behind the bytes that are understood. Where nothing is to be done about
    /// that, `write` is called.
    fn progress(&mut self, understood: &mut usize, mut write: impl Write) -> Progress {
        let Self { tls, incoming, outgoing, hidden, .. } = self;
        let records = &mut incoming[*understood..];
        if self.phase == Phase::Handshaking {
            *hidden = names::hide(records).or(hidden.take());
        }
        let status = names::put_back(hidden.as_ref(), || tls.process_tls_records(records));
        *understood += status.discard;
        let progress = match status.state {
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                while let Some(Ok(record)) = traffic.next_record() {
                    self.text.extend_from_slice(record.payload);
                }
                Progress::Some
            }
            Ok(ConnectionState::EncodeTlsData(mut data)) => {
                self.answered = self.phase == Phase::Handshaking;
                append(outgoing, |out| data.encode(out)).map_or(Progress::Broken, |()| Progress::Some)
            }
            // It is in `outgoing`, and leaves before anything that comes later.
            Ok(ConnectionState::TransmitTlsData(data)) => {
                data.done();
                Progress::Some
            }
            Ok(ConnectionState::PeerClosed) => {
                self.phase = Phase::Ended;
                Progress::Some
            }
            Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                let written = append(outgoing, |out| write(&mut traffic, out));
                written.map_or(Progress::Broken, |()| Progress::Writable)
            }
            Ok(ConnectionState::BlockedHandshake | ConnectionState::Closed) => Progress::Blocked,
            // Early data, which is not offered; and what rustls may learn.
            Ok(_) | Err(_) => Progress::Broken,
        };
        if self.phase == Phase::Handshaking && !self.tls.is_handshaking() {
            (self.phase, self.news, self.answered) = (Phase::Open, true, false);
            self.hidden = None;
        }
        progress
    }

    /// Ends the session. What the peer is to know of it (an alert) is outgoing.
    fn fail(&mut self) {
        // Nothing is looked at any more: rustls takes it ill if what is broken is shown to it again.
        while self.tls.wants_write() {
            match self.tls.process_tls_records(&mut []).state {
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    let _ = append(&mut self.outgoing, |out| data.encode(out));
                }
                Ok(ConnectionState::TransmitTlsData(data)) => data.done(),
                _ => break,
            }
        }
        self.end();
        self.phase = Phase::Failed;
    }

    fn end(&mut self) {
        self.phase = Phase::Over;
        self.incoming = Vec::new();
    }

    /// The first bytes are understood.
    fn forget(&mut self, count: usize) {
        self.incoming.drain(..count.min(self.incoming.len()));
        if self.incoming.is_empty() {
            self.incoming = Vec::new();
        }
    }

    fn take_text(&mut self, buf: &mut [u8]) -> usize {
        let count = self.text.len().min(buf.len());
        buf[..count].copy_from_slice(&self.text[..count]);
        self.text.drain(..count);
        if self.text.is_empty() {
            self.text = Vec::new();
        }
        self.overhead = self.overhead.saturating_sub(count);
        count
    }
}

/// Writes something into a buffer, which it may find too small.
trait Write:
    FnMut(&mut WriteTraffic<'_, ServerConnectionData>, &mut [u8]) -> Result<usize, EncryptError>
{
}

impl<F> Write for F where
    F: FnMut(&mut WriteTraffic<'_, ServerConnectionData>, &mut [u8]) -> Result<usize, EncryptError>
{
}

/// Adds to `out` what `write` writes, which says how much room it needs; fails if it cannot be written at all.
fn append<E: Into<Needed>>(
    out: &mut Vec<u8>,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, E>,
) -> Result<(), ()> {
    let start = out.len();
    loop {
        let room = out.len() - start;
        match write(&mut out[start..]).map_err(Into::into) {
            Ok(written) => {
                out.truncate(start + written);
                return Ok(());
            }
            Err(Needed(Some(needed))) if needed > room => out.resize(start + needed, 0),
            Err(Needed(_)) => {
                out.truncate(start);
                return Err(());
            }
        }
    }
}

/// How much room is needed; none: it cannot be written.
struct Needed(Option<usize>);

impl From<EncodeError> for Needed {
    fn from(error: EncodeError) -> Self {
        Self(match error {
            EncodeError::InsufficientSize(size) => Some(size.required_size),
            EncodeError::AlreadyEncoded => None,
        })
    }
}

impl From<EncryptError> for Needed {
    fn from(error: EncryptError) -> Self {
        Self(match error {
            EncryptError::InsufficientSize(size) => Some(size.required_size),
            EncryptError::EncryptExhausted => None,
        })
    }
}

#[cfg(test)]
mod tests;
