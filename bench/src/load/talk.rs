//! What a crowd says, and how fast.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::crowd::{Arrival, Crowd, PATIENCE};
use crate::Result;

/// What came of some talk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Talked {
    /// Messages that reached somebody other than their author, counted for each of those.
    pub(crate) deliveries: u64,
    pub(crate) elapsed: Duration,
}

impl Talked {
    pub(crate) fn per_second(self) -> f64 {
        self.deliveries as f64 / self.elapsed.as_secs_f64()
    }
}

/// A conversation in which what is said next depends on what has arrived.
pub(crate) struct ClosedLoop<'a> {
    crowd: &'a mut Crowd,
    window: u64,
    /// By room, what each speaker says next.
    next: Vec<Vec<u64>>,
    /// By room, messages said.
    said: Vec<u64>,
    /// Messages whose authors are sent them again, since the last run began: these are no deliveries.
    echoed: u64,
}

/// In each room, `window` messages are said at once, and when everybody has heard all of them, again.
pub(crate) fn closed_loop(crowd: &mut Crowd, window: u64) -> ClosedLoop<'_> {
    let next = vec![vec![0; crowd.size.voices()]; crowd.size.rooms];
    let said = vec![0; crowd.size.rooms];
    ClosedLoop { crowd, window, next, said, echoed: 0 }
}

impl ClosedLoop<'_> {
    /// Goes on for so long.
    pub(crate) fn run_for(&mut self, duration: Duration) -> Result<Talked> {
        (0..self.said.len()).try_for_each(|room| self.refill(room))?;
        let start = Instant::now();
        self.echoed = 0;
        let mut deliveries = 0;
        let mut came_further = Vec::new();
        while start.elapsed() < duration {
            let any = self.crowd.hear(PATIENCE, |arrival| {
                let Arrival::Messages { room, messages } = arrival else { return };
                deliveries += messages.end - messages.start;
                if came_further.last() != Some(&room) {
                    came_further.push(room);
                }
            })?;
            if !any {
                return Err("nothing came from the server for too long: messages are lost".into());
            }
            for room in came_further.drain(..) {
                self.refill(room)?;
            }
        }
        Ok(Talked { deliveries: deliveries - self.echoed, elapsed: start.elapsed() })
    }

    /// Whether all who stalled were cut off, and the others know.
    pub(crate) fn all_cut_off(&self) -> bool {
        self.crowd.rooms.iter().all(|room| room.cut_off == room.stalled)
    }

    /// Says nothing more, and waits until all that was said has reached everybody.
    pub(crate) fn finish(self) -> Result<()> {
        while self.crowd.rooms.iter().zip(&self.said).any(|(room, &said)| room.complete < said) {
            if !self.crowd.hear(PATIENCE, |_| {})? {
                return Err("messages are lost".into());
            }
        }
        Ok(())
    }

    fn refill(&mut self, room: usize) -> Result<()> {
        if self.crowd.rooms[room].complete < self.said[room] {
            return Ok(());
        }
        let speakers = self.next[room].len() as u64;
        for turn in 0..self.window.min(speakers) {
            // Those of one speaker together, and the next message to the one whose turn it is.
            let speaker = (self.said[room] + turn) % speakers;
            let count = (self.window - turn).div_ceil(speakers);
            let next = &mut self.next[room][speaker as usize];
            let numbers: Vec<u64> = (*next..*next + count).collect();
            *next += count;
            self.crowd.say(room, speaker as usize, &numbers)?;
        }
        self.said[room] += self.window;
        if self.crowd.size.members > 0 && self.crowd.dialect.echoes() {
            self.echoed += self.window;
        }
        Ok(())
    }
}

/// One speaker in one room says `rate` messages a second, whatever happens, for so long. Returns how late each
/// message reached each listener, in microseconds since the moment at which it should have been said.
pub(crate) fn at_rate(crowd: &mut Crowd, rate: u32, duration: Duration) -> Result<Vec<u32>> {
    let interval = Duration::from_secs(1) / rate;
    let count = u64::from(rate) * duration.as_secs();
    let mut delays = Vec::new();
    // When each message that not everybody has heard should have been said, from number `first` on.
    let (mut due, mut first) = (VecDeque::<Instant>::new(), 0);
    let mut next = Instant::now() + interval;
    let mut said = 0;
    while said < count || crowd.rooms[0].complete < count {
        while said < count && next <= Instant::now() {
            crowd.say(0, 0, &[said])?;
            due.push_back(next);
            said += 1;
            next += interval;
        }
        let wait = if said < count { next.saturating_duration_since(Instant::now()) } else { PATIENCE };
        let any = crowd.hear(wait, |arrival| {
            let Arrival::Messages { messages, .. } = arrival else { return };
            let now = Instant::now();
            for number in messages {
                let delay = now - due[(number - first) as usize];
                delays.push(u32::try_from(delay.as_micros()).unwrap_or(u32::MAX));
            }
        })?;
        if !any && wait == PATIENCE {
            return Err("messages are lost".into());
        }
        due.drain(..(crowd.rooms[0].complete - first) as usize);
        first = crowd.rooms[0].complete;
    }
    Ok(delays)
}
