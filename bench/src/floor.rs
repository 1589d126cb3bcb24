//! The floor: what moving the bytes costs when nothing else is done. One thread, `epoll`, no names, no stamps, no
//! limits: what one round of `epoll` brings for a room is sent to each of its listeners in one piece.
//!
//! A client's first line is `+ROOM` to listen, `-ROOM` to speak, or `=ROOM` for both; it is answered `ok`. Every
//! further line of whoever speaks goes to the listeners of its room as it is.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use rustix::buffer::spare_capacity;
use rustix::event::epoll;

use crate::Result;
use crate::dialect::floor::OK;

/// What the poller calls the listening socket.
const LISTENER: u64 = u64::MAX;
/// Readiness that one round takes in.
const EVENTS: usize = 1_024;
/// What one read may bring.
const BUFFER: usize = 64 << 10;

/// Serves on `addr` until it is killed.
pub(crate) fn serve(addr: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind(addr)?;
    rustix::net::listen(&listener, 4_096)?;
    listener.set_nonblocking(true)?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN)?;
    let mut floor = Floor { epoll, listener, clients: Vec::new(), rooms: BTreeMap::new() };
    let mut events = Vec::with_capacity(EVENTS);
    let mut buffer = vec![0; BUFFER];
    loop {
        events.clear();
        epoll::wait(&floor.epoll, spare_capacity(&mut events), None)?;
        let mut spoke = Vec::new();
        for event in &events {
            match event.data.u64() {
                LISTENER => floor.accept()?,
                index => floor.read(index as usize, &mut buffer, &mut spoke)?,
            }
        }
        for room in spoke {
            floor.send_round(room)?;
        }
    }
}

struct Floor {
    epoll: OwnedFd,
    listener: TcpListener,
    clients: Vec<Option<Client>>,
    rooms: BTreeMap<usize, Room>,
}

struct Client {
    stream: TcpStream,
    /// The room it speaks in.
    speaks: Option<usize>,
    /// What the kernel did not take.
    unsent: Vec<u8>,
}

#[derive(Default)]
struct Room {
    listeners: Vec<usize>,
    /// What was said in this round.
    round: Vec<u8>,
    /// Who said it, where one alone did.
    author: Option<usize>,
}

impl Room {
    /// Adds to the round.
    fn say(&mut self, author: usize, lines: &[u8]) {
        let is_alone = self.round.is_empty() || self.author == Some(author);
        self.author = is_alone.then_some(author);
        self.round.extend_from_slice(lines);
    }

    /// Who is sent the round: not its author. Where a round has several, each is sent all of it, since taking it
    /// apart would be more than moving bytes; with one message at a time in a room, no round has.
    fn audience(&self) -> impl Iterator<Item = usize> {
        self.listeners.iter().copied().filter(|&listener| Some(listener) != self.author)
    }
}

impl Floor {
    fn accept(&mut self) -> Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let data = epoll::EventData::new_u64(self.clients.len() as u64);
            epoll::add(&self.epoll, &stream, data, epoll::EventFlags::IN)?;
            self.clients.push(Some(Client { stream, speaks: None, unsent: Vec::new() }));
        }
    }

    fn read(&mut self, index: usize, buffer: &mut [u8], spoke: &mut Vec<usize>) -> Result<()> {
        let Some(client) = &mut self.clients[index] else { return Ok(()) };
        if !client.unsent.is_empty() {
            self.send(index, &[])?;
        }
        let Some(client) = &mut self.clients[index] else { return Ok(()) };
        let input = match client.stream.read(buffer) {
            Ok(count) if count > 0 => &buffer[..count],
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Ok(_) | Err(_) => {
                self.clients[index] = None;
                return Ok(());
            }
        };
        // Whole lines only: the generator cuts none, since it sends less than a socket's buffer at once.
        match client.speaks {
            Some(number) => {
                let room = self.rooms.entry(number).or_default();
                if room.round.is_empty() {
                    spoke.push(number);
                }
                room.say(index, input);
                Ok(())
            }
            None => self.join(index, input.to_vec()),
        }
    }

    fn join(&mut self, index: usize, line: Vec<u8>) -> Result<()> {
        let line = String::from_utf8(line)?;
        let (role, room) = line.trim_end().split_at(1);
        let room: usize = room.parse()?;
        if role != "-" {
            self.rooms.entry(room).or_default().listeners.push(index);
        }
        if let Some(client) = self.clients[index].as_mut().filter(|_| role != "+") {
            client.speaks = Some(room);
        }
        self.send(index, &[OK, b"\n"].concat())
    }

    fn send_round(&mut self, number: usize) -> Result<()> {
        let Some(mut room) = self.rooms.remove(&number) else { return Ok(()) };
        for listener in room.audience() {
            self.send(listener, &room.round)?;
        }
        room.round.clear();
        self.rooms.insert(number, room);
        Ok(())
    }

    fn send(&mut self, index: usize, bytes: &[u8]) -> Result<()> {
        let Some(client) = &mut self.clients[index] else { return Ok(()) };
        let was_blocked = !client.unsent.is_empty();
        if was_blocked {
            client.unsent.extend_from_slice(bytes);
        }
        let waiting = if was_blocked { &client.unsent } else { bytes };
        match client.stream.write(waiting) {
            Ok(count) if count == waiting.len() => client.unsent = Vec::new(),
            Ok(count) => client.unsent = waiting[count..].to_vec(),
            Err(error) if error.kind() == ErrorKind::WouldBlock => client.unsent = waiting.to_vec(),
            Err(_) => {
                self.clients[index] = None;
                return Ok(());
            }
        }
        let is_blocked = !client.unsent.is_empty();
        if is_blocked != was_blocked {
            let flags = if is_blocked {
                epoll::EventFlags::IN | epoll::EventFlags::OUT
            } else {
                epoll::EventFlags::IN
            };
            epoll::modify(&self.epoll, &client.stream, epoll::EventData::new_u64(index as u64), flags)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_is_not_sent_back_to_its_only_author() {
        let mut room = Room { listeners: vec![3, 5, 7], ..Room::default() };
        room.say(5, b"a\n");
        room.say(5, b"b\n");
        assert!(room.audience().eq([3, 7]));
        room.say(7, b"c\n");
        room.say(5, b"d\n");
        assert!(room.audience().eq([3, 5, 7]), "it has several");
        room.round.clear();
        room.say(9, b"e\n");
        assert!(room.audience().eq([3, 5, 7]), "who does not listen is no listener less");
    }
}
