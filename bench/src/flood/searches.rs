//! Searches that take long, and that find much.

use std::path::Path;
use std::time::{Duration, Instant};

use super::ends::{fill, said};
use super::stage::Stage;
use crate::Result;

/// The room in which is searched, and how much was said in it.
const ROOM: &str = "#found";
const LINES: u64 = 20_000;
/// So many of them are as long as lines can be, and have the same words. They are not the last ones, which everybody is
/// shown on joining: who does not read would not come any further.
const LARGE: u64 = 200;
const AFTER_THEM: u64 = 300;
/// One of the innocents searches so often.
const OFTEN: Duration = Duration::from_secs(1);

pub(super) fn settings(folder: &Path) -> Result<Vec<String>> {
    let large = "found ".repeat(2_000);
    let is_large = |seq: u64| (LINES - AFTER_THEM - LARGE..LINES - AFTER_THEM).contains(&seq);
    let lines = (1..=LINES).map(|seq| {
        let text =
            if is_large(seq) { large.clone() } else { format!("a{} b{} c{}", seq % 1_300, seq % 7, seq) };
        said(ROOM, seq, text)
    });
    fill(folder, lines)?;
    Ok(Vec::new())
}

/// All of them ask for more words than anybody means, while somebody else searches for one.
pub(super) fn words(stage: &mut Stage<'_>) -> Result<String> {
    let all = stage.gather(100, "asker", true)?;
    stage.join(&all, &[ROOM.into()])?;
    let innocent = stage.gather(1, "searcher", true)?[0];
    stage.join(&[innocent], &[ROOM.into()])?;
    let words: String = (0..1_000).map(|word| format!(" a{word}")).collect();
    let question = format!("/search{}\n", &words[..words.len().min(4_080)]);
    stage.begin();
    let (mut asked, mut found, mut refused) = (0, 0, 0);
    let mut next = Instant::now();
    while stage.is_on() {
        if next <= Instant::now() {
            next += OFTEN;
            asked += 1;
            stage.crew.send(innocent, b"/search c777\n")?;
        }
        for &who in &all {
            if stage.crew.has_sent_all(who) {
                stage.crew.send(who, question.as_bytes())?;
            }
        }
        stage.crew.hear(Duration::from_millis(10), |who, bytes| {
            if who == innocent {
                found += count(bytes, b"* end of what was found");
                refused += count(bytes, b"\n! ") + usize::from(bytes.starts_with(b"! "));
            }
        })?;
    }
    // The last one may still be on its way.
    let bad = if refused > 0 || found + 1 < asked { "**" } else { "" };
    Ok(format!("{bad}of {asked} ordinary searches {found} found something, {refused} failed{bad}"))
}

/// What is found, and not taken, is memory.
pub(super) fn deaf(stage: &mut Stage<'_>) -> Result<String> {
    let all = stage.gather(300, "deaf", false)?;
    for &who in &all {
        // Who finds the store busy tries again.
        let searches = "/search found\n".repeat(15);
        stage.crew.send(who, format!("/join {ROOM}\n{searches}").as_bytes())?;
    }
    stage.begin();
    stage.crew.hear_until(stage.until())?;
    Ok(String::new())
}

fn count(bytes: &[u8], what: &[u8]) -> usize {
    memchr::memmem::find_iter(bytes, what).count()
}
