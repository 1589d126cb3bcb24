//! What an idle connection costs the kernel: the model of a large server needs it, since sockets in memory have none.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use rustix::event::epoll;

use crate::Result;

/// Connections opened; both ends are ours, and a process may have 20,000 descriptors almost everywhere.
const CONNECTIONS: usize = 8_000;

/// Bytes of kernel memory for the server's end of an idle connection, watched by epoll; none where only root may
/// see what the kernel holds.
///
/// Both ends are counted, and half of it is taken for one: that is a little too much, since the client's end alone
/// has a port of its own.
pub(super) fn kernel_memory() -> Result<Option<f64>> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let Some(empty) = objects() else { return Ok(None) };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let (mut clients, mut servers) = (Vec::new(), Vec::new());
    for _ in 0..CONNECTIONS {
        clients.push(TcpStream::connect(address)?);
        servers.push(listener.accept()?.0);
    }
    let Some(connected) = objects() else { return Ok(None) };
    let events = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (index, server) in (0..).zip(&servers) {
        let interest = epoll::EventFlags::IN | epoll::EventFlags::OUT | epoll::EventFlags::ET;
        epoll::add(&events, server, epoll::EventData::new_u64(index), interest)?;
    }
    let Some(watched) = objects() else { return Ok(None) };
    Ok(Some(((connected - empty) / 2.0 + (watched - connected)) / CONNECTIONS as f64))
}

/// Bytes of the kernel's objects in use, each with its share of its pages. Whole pages would tell less: those of
/// connections that are gone stay for a while.
fn objects() -> Option<f64> {
    let page = rustix::param::page_size() as f64;
    let text = fs::read_to_string("/proc/slabinfo").ok()?;
    let caches = text.lines().filter_map(|line| {
        let numbers: Vec<f64> = line.split_whitespace().skip(1).map_while(|word| word.parse().ok()).collect();
        let &[in_use, _, _, objects_in_slab, pages_in_slab] = &numbers[..] else { return None };
        Some(in_use * pages_in_slab * page / objects_in_slab)
    });
    Some(caches.sum())
}
