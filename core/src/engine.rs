//! Stub.
use crate::*;
use core::net::IpAddr;

/// Stub: API only; the body is being written.
pub struct Engine {}

/// Why the next deadline is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// Greeting.
    Greeting,
}

impl Engine {
    /// Checks the limits.
    pub fn new(_config: Config) -> Result<Self, ConfigError> {
        Ok(Self {})
    }
    /// At accept; `peer` only for limits per address.
    pub fn connect(&mut self, _now: Now, _peer: IpAddr) -> ConnId {
        ConnId { slot: 0, generation: 0 }
    }
    /// What happened to it.
    pub fn handle(&mut self, _now: Now, _conn: ConnId, _event: Event<'_>) {}
    /// The deadline came; a spurious call does nothing.
    pub fn handle_timeout(&mut self, _now: Now) {}
    /// The one next deadline, and why.
    pub fn poll_timeout(&self) -> Option<(Mono, Timer)> {
        None
    }
    /// The next thing to do. The first call after inputs seals the turn.
    pub fn poll_action(&mut self) -> Option<Action> {
        None
    }
    /// Tells everybody, flushes, closes.
    pub fn shutdown(&mut self, _now: Now) {}
    /// Connections not yet `Disconnected`.
    pub fn connections(&self) -> usize {
        0
    }
    /// Whether a panic has unwound while chat state was being changed: serve no more, exit non-zero.
    pub fn is_poisoned(&self) -> bool {
        false
    }
}
