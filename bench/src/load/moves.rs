//! Members who leave their room and join it again, and what the others hear of it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::crowd::{Arrival, Crowd, PATIENCE};
use crate::Result;

const LEAVE: &[u8] = b"/part\n";
const JOIN: &[u8] = b"/join #r0\n";

/// Who is away, as far as a listener has heard.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    away: BTreeSet<Vec<u8>>,
}

impl Moves {
    /// Takes in `[HH:MM:SS] #room -- nick joined`, or `left`: whoever leaves was there, and whoever joins was away.
    pub(crate) fn hear(&mut self, line: &[u8]) -> Result<()> {
        let words: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
        let fits = match words[..] {
            [_, _, b"--", nick, b"left", ..] => self.away.insert(nick.to_vec()),
            [_, _, b"--", nick, b"joined"] => self.away.remove(nick),
            _ => false,
        };
        if fits { Ok(()) } else { Err(format!("not due: {:?}", String::from_utf8_lossy(line)).into()) }
    }
}

/// What came of it.
pub(crate) struct Moved {
    /// Times that somebody left and joined again.
    pub(crate) rejoins: u64,
    pub(crate) elapsed: Duration,
}

/// All speakers of the one room leave it and join it again for so long, each as fast as the server answers.
pub(crate) fn rejoin_loop(crowd: &mut Crowd, duration: Duration) -> Result<Moved> {
    crowd.expect_moves()?;
    let start = Instant::now();
    let (mut rejoins, mut moving) = (0, crowd.size.speakers);
    for speaker in 0..crowd.size.speakers {
        crowd.send(crowd.speaker(0, speaker), LEAVE)?;
    }
    let mut answers = Vec::new();
    while moving > 0 {
        let any = crowd.hear(PATIENCE, |arrival| {
            if let Arrival::Answer { client, line } = arrival {
                if line.starts_with(b"* you left") {
                    answers.push((client, JOIN));
                } else if line.starts_with(b"* you are in") {
                    rejoins += 1;
                    answers.push((client, LEAVE));
                }
            }
        })?;
        if !any {
            return Err("an answer is lost".into());
        }
        for (client, answer) in answers.drain(..) {
            if answer == LEAVE && start.elapsed() >= duration {
                moving -= 1;
            } else {
                crowd.send(client, answer)?;
            }
        }
    }
    let elapsed = start.elapsed();
    // In a quiet room nobody hears of it; in any other, everybody of all.
    while crowd.rooms[0].begun > 0 && crowd.rooms[0].complete < 2 * rejoins {
        if !crowd.hear(PATIENCE, |_| {})? {
            return Err("announcements are lost".into());
        }
    }
    Ok(Moved { rejoins, elapsed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_joins_twice_is_noticed() {
        let mut moves = Moves::default();
        moves.hear(b"[12:00:00] #r0 -- ann left (left)").unwrap();
        moves.hear(b"[12:00:00] #r0 -- ann joined").unwrap();
        assert!(moves.hear(b"[12:00:00] #r0 -- ann joined").is_err());
        assert!(moves.hear(b"[12:00:00] #r0 <ann> hello").is_err());
    }
}
