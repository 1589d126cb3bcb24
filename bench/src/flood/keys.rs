//! What terminals send that is no text: erasing keys, and telnet's commands.

use super::stage::Stage;
use crate::Result;

const MANY: usize = 300;
/// Telnet's command bytes (RFC 854), and the option that its clients wait for (RFC 860).
const IAC: u8 = 255;
const DO: u8 = 253;
const AYT: u8 = 246;
const IP: u8 = 244;
const TIMING_MARK: u8 = 6;

/// Lines as long as can be: a letter with as many marks as the server looks back over, and behind it one that is typed and
/// erased, over and over.
pub(super) fn erased(stage: &mut Stage<'_>) -> Result<String> {
    let all = stage.gather(MANY, "key", true)?;
    let line = format!("e{}{}\n", "\u{301}".repeat(63), "x\u{8}".repeat(1_980));
    stage.pour(&all, |_, _| line.clone().into_bytes())?;
    Ok(String::new())
}

/// Each of them wants an answer, which nobody takes.
pub(super) fn telnet(stage: &mut Stage<'_>) -> Result<String> {
    let all = stage.gather(MANY, "telnet", false)?;
    let piece = [IAC, IP, IAC, DO, TIMING_MARK, IAC, AYT, IAC, DO, 1, IAC, DO, 200].repeat(80);
    stage.pour(&all, |_, _| piece.clone())?;
    Ok(String::new())
}
