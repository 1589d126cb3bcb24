//! What carries a client's bytes: TCP, or TLS on it.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::{ClientConfig, ClientConnection, HandshakeKind};

use crate::identity::NAME;

/// The client's side of a session.
pub(crate) fn session(tls: Arc<ClientConfig>) -> io::Result<ClientConnection> {
    let name = NAME.try_into().expect("a name");
    ClientConnection::new(tls, name).map_err(io::Error::other)
}

/// A connection whose two directions two threads may have.
#[derive(Debug)]
pub struct Wire {
    stream: TcpStream,
    session: Option<Arc<Mutex<ClientConnection>>>,
    /// Understood, and not read yet.
    text: Vec<u8>,
}

impl Wire {
    /// Takes over a connection, and secures it with `tls`.
    pub(crate) fn new(stream: TcpStream, tls: Option<Arc<ClientConfig>>) -> io::Result<Self> {
        let mut wire = Self { stream, session: None, text: Vec::new() };
        if let Some(tls) = tls {
            wire.session = Some(Arc::new(Mutex::new(session(tls)?)));
            wire.flush()?;
            while wire.session().is_some_and(|session| session.is_handshaking()) {
                wire.receive()?;
            }
        }
        Ok(wire)
    }

    /// The connection itself.
    pub(crate) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Its own address.
    pub(crate) fn addr(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// Whether the session is one from before.
    pub(crate) fn is_resumed(&self) -> bool {
        self.session().is_some_and(|session| session.handshake_kind() == Some(HandshakeKind::Resumed))
    }

    /// Another handle of it.
    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { stream: self.stream.try_clone()?, session: self.session.clone(), text: Vec::new() })
    }

    /// Ends its input, politely.
    pub fn finish(&mut self) -> io::Result<()> {
        if let Some(mut session) = self.session() {
            session.send_close_notify();
        }
        self.flush()?;
        self.stream.shutdown(Shutdown::Write)
    }

    fn session(&self) -> Option<MutexGuard<'_, ClientConnection>> {
        self.session.as_ref().map(|session| session.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for bytes, without the lock, and takes them in.
    fn receive(&mut self) -> io::Result<()> {
        let mut bytes = [0; 16 << 10];
        let count = self.stream.read(&mut bytes)?;
        let mut rest = &bytes[..count];
        let session = self.session.clone();
        if let Some(session) = session {
            let mut session = session.lock().unwrap_or_else(PoisonError::into_inner);
            // At least once: an end is news, too.
            loop {
                session.read_tls(&mut rest)?;
                let result = session.process_new_packets();
                result.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
                // Until nothing is there, or the end.
                let _ = session.reader().read_to_end(&mut self.text);
                if rest.is_empty() {
                    break;
                }
            }
        }
        self.flush()
    }
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.text.is_empty() {
                let count = self.text.len().min(buf.len());
                buf[..count].copy_from_slice(&self.text[..count]);
                self.text.drain(..count);
                return Ok(count);
            }
            let Some(mut session) = self.session() else { return self.stream.read(buf) };
            match session.reader().read(buf) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // An end without a goodbye is an error here.
                result => return result,
            }
            drop(session);
            self.receive()?;
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(mut session) = self.session() else { return self.stream.write(bytes) };
        let written = session.writer().write(bytes)?;
        drop(session);
        self.flush()?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let Some(mut session) = self.session() else { return Ok(()) };
        while session.wants_write() {
            session.write_tls(&mut &self.stream)?;
        }
        Ok(())
    }
}
