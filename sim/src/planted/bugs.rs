//! The bugs: each a slip that somebody could make, as a change of one place in the source.

use super::Bug;
use crate::tier::On;

const fn core(name: &'static str, file: &'static str, find: &'static str, replace: &'static str) -> Bug {
    Bug { name, on: On::Engine, file, find, replace }
}

const fn adapter(name: &'static str, file: &'static str, find: &'static str, replace: &'static str) -> Bug {
    Bug { name, on: On::Tokio, file, find, replace }
}

/// All of them.
pub const BUGS: &[Bug] = &[
    core(
        "a cursor off by one line",
        "core/src/outbox/seal.rs",
        "let start = from.checked_sub(1).map_or(0, |before| self.lines[before].end);",
        "let start = from.checked_sub(2).map_or(0, |before| self.lines[before].end);",
    ),
    core(
        "a leave announced twice",
        "core/src/chat/membership.rs",
        "        if !self.rooms.remove_if_empty(room) {",
        "        self.rooms.announce(room, at, (nick, Kind::Left, reason), None, sink);\n        if !self.rooms.remove_if_empty(room) {",
    ),
    core(
        "a name not freed on a reset",
        "core/src/chat/mod.rs",
        "        self.nicks.remove(&gone.name);\n",
        "        if reason != \"connection reset\" {\n            self.nicks.remove(&gone.name);\n        }\n",
    ),
    core(
        "credit counted twice",
        "core/src/outbox/queue.rs",
        "        *left -= count;\n",
        "        *left = left.saturating_sub(2 * count);\n",
    ),
    core(
        "a close that drops the tail",
        "core/src/engine/output.rs",
        "let flushed = conn.queue.is_empty() && conn.answering.is_none();",
        "let flushed = true;",
    ),
    core(
        "hash order decides who is written to first",
        "core/src/outbox/seal.rs",
        "    listeners\n}",
        "    extern crate std;\n    let hashed: std::collections::HashMap<u32, UserId> = listeners.iter().map(|user| (user.0, *user)).collect();\n    hashed.into_values().collect()\n}",
    ),
    core(
        "timers on the wall clock",
        "core/src/engine/mod.rs",
        "        self.mono = self.mono.max(now.mono).min(Mono::LAST);\n",
        "        self.mono = Mono(now.utc.timestamp_micros().unsigned_abs() * 1_000);\n",
    ),
    core(
        "stamps that go back",
        "core/src/engine/mod.rs",
        "self.stamp = self.stamp.max(now.utc);",
        "self.stamp = now.utc;",
    ),
    core(
        "a slow reader never cut off",
        "core/src/engine/output.rs",
        "limit != 0 && conn.owed() > limit && ",
        "limit != 0 && conn.owed() / 64 > limit && ",
    ),
    core(
        "every line restarts the clock of a slow reader",
        "core/src/engine/output.rs",
        " && !conn.stalled.is_some();",
        ";",
    ),
    core(
        "twice the memory that is allowed",
        "core/src/engine/limits.rs",
        "self.output() > self.config.memory",
        "self.output() / 2 > self.config.memory",
    ),
    core(
        "a private message overtakes the sender's earlier lines",
        "core/src/outbox/seal.rs",
        "        runs.sort_by_key(|run| run.order);\n",
        "",
    ),
    core(
        "one's own words echoed",
        "core/src/chat/talk.rs",
        "self.rooms.announce(room, at, (nick, kind, text), Some(user), sink);",
        "self.rooms.announce(room, at, (nick, kind, text), None, sink);",
    ),
    core(
        "a member hears what was said before it joined, in the same turn",
        "core/src/outbox/seal.rs",
        "if room == log.room => from = Some(line_at(order)),",
        "if room == log.room => from = Some(0),",
    ),
    core(
        "a room that wakes up too early",
        "core/src/chat/room.rs",
        "members * 10 < self.announce_limit * 9;",
        "members * 10 < self.announce_limit * 10;",
    ),
    core(
        "the old name kept on a rename",
        "core/src/chat/mod.rs",
        "        self.nicks.remove(&own);\n",
        "        if own.key == name.key {\n            self.nicks.remove(&own);\n        }\n",
    ),
    core(
        "a slot given away again within its turn",
        "core/src/engine/conn.rs",
        "self.leaving.push(slot),",
        "self.free.push(slot),",
    ),
    core(
        "tokens saved up beyond the brim",
        "core/src/flood.rs",
        "self.full_at.max(now).after(Duration::from_nanos(cost))",
        "self.full_at.after(Duration::from_nanos(cost))",
    ),
    core(
        "held input lost at a half-close",
        "core/src/engine/input.rs",
        "        if finished && input.is_empty() && self.has_token(slot) {",
        "        if finished {",
    ),
    core(
        "a greeting for somebody who has spoken",
        "core/src/engine/input.rs",
        "            registering.greeting = None;\n",
        "",
    ),
    core(
        "the clock of registration runs while input is paused",
        "core/src/engine/input.rs",
        "registering.paused.get_or_insert(now);",
        "registering.paused = None;",
    ),
    core(
        "a shutdown that waits as long as its slowest peer",
        "core/src/engine/closing.rs",
        "closing.latest = closing.latest.min(self.mono.after(deadlines::SHUTDOWN));",
        "closing.latest = closing.latest.max(self.mono.after(deadlines::SHUTDOWN));",
    ),
    core(
        "history off by one event",
        "core/src/chat/reading.rs",
        "        let next = last + 1 - events as u64;",
        "        let next = (last + 2 - events as u64).min(last);",
    ),
    core(
        "news overtake a long answer",
        "core/src/engine/output.rs",
        "                answering.owed += piece.len();\n                answering.behind.push(piece);\n",
        "                let _ = answering;\n                conn.queue.push(piece);\n",
    ),
    core(
        "the first half of a line lost when it comes in two",
        "core/src/framing.rs",
        "if self.taken > 0 {",
        "if !self.is_in_text() {",
    ),
    core(
        "CR and LF in two reads taken for two ends",
        "core/src/framing.rs",
        "                self.carriage_return = true;\n                Step::More\n",
        "                Step::End\n",
    ),
    core(
        "a member forgets its place when another leaves",
        "core/src/chat/membership.rs",
        "            rooms.find(|own| own.room == room).expect(\"a member knows its rooms\").place = place;\n",
        "            rooms.find(|own| own.room == room).expect(\"a member knows its rooms\");\n",
    ),
    core(
        "a full room takes one more",
        "core/src/chat/membership.rs",
        "self.members(room).len() >= self.members_per_room;",
        "self.members(room).len() > self.members_per_room;",
    ),
    core(
        "an address limit that forgets to count down",
        "core/src/engine/limits.rs",
        "        *held -= 1;\n",
        "",
    ),
    core(
        "a peer that ended its input waits for ever for flood control",
        "core/src/engine/deadlines.rs",
        "consider(conn.finished.get(), Timer::EndOfInput);",
        "consider(conn.finished.get().filter(|_| false), Timer::EndOfInput);",
    ),
    core(
        "an IPv6 peer counted for itself, not for its network",
        "core/src/engine/limits.rs",
        "v6.to_bits() & (u128::MAX << 64)",
        "v6.to_bits()",
    ),
    core(
        "half the memory that is allowed",
        "core/src/engine/limits.rs",
        "self.output() > self.config.memory",
        "self.output() > self.config.memory / 2",
    ),
    core(
        "a refusal without a word too many",
        "core/src/engine/limits.rs",
        "self.limits.refused > MAX_REFUSED",
        "self.limits.refused >= MAX_REFUSED",
    ),
    core(
        "a ban that spares who is connected",
        "core/src/engine/mod.rs",
        "                engine.enforce_ban(slot);\n",
        "",
    ),
    core(
        "a proxy that stays whom it speaks for",
        "core/src/engine/limits.rs",
        "        conn.peer = peer;\n",
        "",
    ),
    core(
        "the beginning of a password that is enough",
        "core/src/password.rs",
        "Some(password.as_bytes().ct_eq(attempt.as_bytes()).into())",
        "Some(attempt.starts_with(&**password))",
    ),
    core(
        "guesses that are held back by flood control",
        "core/src/engine/input.rs",
        "Err(_) if self.owes_password(slot) =>",
        "Err(_) if false =>",
    ),
    core(
        "an unfinished line that counts though it was cut short",
        "core/src/engine/input.rs",
        "framer.finish().filter(|_| !cut_short)",
        "framer.finish()",
    ),
    core(
        "a handshake that begins behind the greeting",
        "core/src/engine/handshake.rs",
        " if registering.greeting.is_some() => (from_now",
        " => (from_now",
    ),
    core(
        "a handshake that makes a limit forgotten",
        "core/src/engine/handshake.rs",
        "(from_now, registering.over)",
        "(from_now, None)",
    ),
    core(
        "a transport that is garbled and stays open",
        "core/src/engine/handshake.rs",
        "Phase::Closing(_) | Phase::Closed) {",
        "Phase::Closing(_) | Phase::Closed | Phase::Chatting { .. }) {",
    ),
    core(
        "an idle clock that only the first line starts",
        "core/src/engine/conn.rs",
        "            *heard = now;\n",
        "            *heard = (*heard).min(now);\n",
    ),
    core(
        "a place for the unregistered that is not given back",
        "core/src/engine/limits.rs",
        "            Standing::Unregistered => self.limits.unregistered -= 1,\n",
        "            Standing::Unregistered => {}\n",
    ),
    core(
        "a long line that costs as much as a short one",
        "core/src/engine/input.rs",
        "            if length == room && piece.is_empty() {",
        "            if length == room && piece.is_empty() && room > 1_024 {",
    ),
    adapter(
        "an adapter that drops short reads",
        "driver/src/link.rs",
        "                    if !self.discards() {",
        "                    if !self.discards() && read > 1 {",
    ),
    adapter(
        "an adapter that takes the last read for the end",
        "driver/src/link.rs",
        "            Output::Open => step.engine.handle(step.now, self.id, event),",
        "            Output::Open => return Next::Gone(Cause::Closed),",
    ),
    adapter(
        "an adapter that forgets the rest of a short write",
        "driver/src/link.rs",
        "                self.chunk.advance(written);",
        "                self.chunk.clear();",
    ),
    adapter(
        "an adapter that says goodbye before the last chunk has left",
        "driver/src/link.rs",
        "            Output::Open => self.output = Output::Closing,\n",
        "            Output::Open => {\n                self.chunk = Bytes::new();\n                self.output = Output::Closing;\n            }\n",
    ),
    adapter(
        "an adapter that does not wake up when reading is resumed",
        "driver/src/link.rs",
        "        if enabled { Next::Again } else { Next::Wait }",
        "        Next::Wait",
    ),
    adapter(
        "an adapter that panics on some reads",
        "driver/src/link.rs",
        "Incoming::Text(read))) => {\n",
        "Incoming::Text(read))) => {\n                    assert!(read % 9 != 4, \"a slip\");\n",
    ),
    adapter(
        "an adapter that accepts nobody after an error",
        "driver/src/accept.rs",
        "        self.retry = Some(now.after(wait));",
        "        self.retry = Some(Mono(u64::MAX));",
    ),
    adapter(
        "an adapter that drops those it should say goodbye to when it ends",
        "driver/src/driver.rs",
        "            Action::Close { conn, how: Close::AfterFlush, reason } => {\n",
        "            Action::Close { conn, how: Close::AfterFlush, .. } if self.stopping => {\n                self.step_of(conn, now, |_, _| Next::Gone(Cause::Closed))\n            }\n            Action::Close { conn, how: Close::AfterFlush, reason } => {\n",
    ),
    Bug {
        name: "smol forgets its FIN",
        on: On::Smol,
        file: "runtime-smol/src/io.rs",
        find: "        Poll::Ready(self.0.send_fin())",
        replace: "        Poll::Ready(Ok(()))",
    },
    core(
        "memory kept for a line that is skipped",
        "core/src/framing.rs",
        "        if self.skipping {\n            return Step::More;\n",
        "        if self.skipping {\n            self.partial.reserve_exact(self.partial.capacity() + 1);\n            return Step::More;\n",
    ),
    core(
        "everybody who owes something dropped when memory is short",
        "core/src/engine/limits.rs",
        "            if !self.is_out_of_memory() {\n                return;\n            }\n            self.drop_now",
        "            self.drop_now",
    ),
    adapter(
        "an adapter that never looks at paused peers",
        "driver/src/watch.rs",
        "        self.slots.iter().copied().collect()",
        "        Vec::new()",
    ),
    core(
        "a turn shown before it is stored",
        "core/src/engine/keeping.rs",
        "while self.keeping.held.front().is_some_and(|held| held.batch <= stored) {",
        "while self.keeping.held.front().is_some_and(|held| held.batch <= stored + 1) {",
    ),
    core(
        "a slot given away while something held back is for it",
        "core/src/engine/keeping.rs",
        "                held.slots.append(&mut self.conns.take_leaving());\n",
        "                self.conns.end_turn();\n",
    ),
    core(
        "a close before its goodbye is shown",
        "core/src/engine/closing.rs",
        "let held = self.keeping.holds() && !deaf && in_turn;",
        "let held = false;",
    ),
    core(
        "a room that starts anew when it is opened again",
        "core/src/chat/opening.rs",
        "        room.seq = seq;\n",
        "",
    ),
    core(
        "a private message overtakes what is held back",
        "core/src/engine/keeping.rs",
        "let waits = has_batch || (!shows_first && !self.keeping.held.is_empty());",
        "let waits = has_batch;",
    ),
    core(
        "a late answer of the store taken for the next one",
        "core/src/engine/asking.rs",
        "        match self.questions.askers.remove(&id) {",
        "        let id = self.questions.askers.range(id..).next().map_or(id, |(&next, _)| next);\n        match self.questions.askers.remove(&id) {",
    ),
    core(
        "a room asked for twice",
        "core/src/chat/opening.rs",
        "let is_new = !self.0.contains_key(&name.key);",
        "let is_new = self.0.get(&name.key).is_none_or(Vec::is_empty);",
    ),
    core(
        "a store that is slow for long enough not to be noticed",
        "core/src/engine/keeping.rs",
        "self.keeping.stuck = oldest.is_some_and(|since| since.after(PATIENCE) <= self.mono);",
        "self.keeping.stuck = oldest.is_some() && self.keeping.stuck;",
    ),
    core(
        "what is refused is shown",
        "core/src/engine/refusing.rs",
        "            sealed.take_back(key, &mut self.segments);\n",
        "",
    ),
    core(
        "a room goes on behind what was refused",
        "core/src/chat/room.rs",
        "        room.lost = true;\n",
        "",
    ),
    core(
        "nobody is told of what is refused",
        "core/src/engine/refusing.rs",
        "                told.extend(is_refused.then_some(*speaker));\n",
        "",
    ),
];
