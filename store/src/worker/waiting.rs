//! Questions that wait to be looked up: all who ask have their turn, however many questions one of them has.

use std::collections::VecDeque;
use std::time::Instant;

use chat_core::Query;

use super::Question;

/// Questions of one asker that may wait, of a kind: as many as an address may have connections, and some more.
const OF_ONE: usize = 128;
/// Questions of all askers that may wait, of a kind. They ask for less than a kilobyte each.
const IN_ALL: usize = 1_024;

/// What waits. Whoever joins need not wait for those who page back, nor these for those who search.
#[derive(Default)]
pub(super) struct Waiting {
    /// For rooms: each is asked for once, however many wait for it.
    rooms: VecDeque<Question>,
    history: Turns,
    searches: Turns,
}

impl Waiting {
    /// Takes a question; gives one back that there is no place for.
    pub(super) fn push(&mut self, question: Question) -> Option<Question> {
        match question.look_up.query {
            Query::Room { .. } => {
                self.rooms.push_back(question);
                None
            }
            Query::Bounds { .. } | Query::Events { .. } => self.history.push(question),
            Query::Search { .. } => self.searches.push(question),
        }
    }

    /// The next question, among those that have to be answered behind batches up to `stored`.
    pub(super) fn take_next(&mut self, stored: u64) -> Option<Question> {
        let room = take_first(&mut self.rooms, stored);
        room.or_else(|| self.history.take_next(stored)).or_else(|| self.searches.take_next(stored))
    }

    /// Takes out those for whose answer nobody waits any longer.
    pub(super) fn take_late(&mut self, now: Instant) -> Vec<Question> {
        let mut late = take_late(&mut self.rooms, now);
        for turns in [&mut self.history, &mut self.searches] {
            late.extend(turns.askers.iter_mut().flat_map(|(_, questions)| take_late(questions, now)));
            turns.forget_idle();
        }
        late
    }

    /// The first batch that one of them waits for; none, if there are none.
    pub(super) fn first(&self) -> Option<u64> {
        let readers = [&self.history, &self.searches].into_iter().flat_map(|turns| &turns.askers);
        let questions = self.rooms.iter().chain(readers.flat_map(|(_, questions)| questions));
        questions.map(|question| question.look_up.after).min()
    }
}

/// Questions of one kind, by asker.
#[derive(Default)]
struct Turns {
    /// Whose turn is next is in front. Each has a question.
    askers: VecDeque<(u64, VecDeque<Question>)>,
}

impl Turns {
    fn push(&mut self, question: Question) -> Option<Question> {
        let asker = question.look_up.asker;
        match self.askers.iter_mut().find(|(other, _)| *other == asker) {
            Some((_, questions)) if questions.len() >= OF_ONE => return Some(question),
            Some((_, questions)) => questions.push_back(question),
            None => self.askers.push_back((asker, [question].into())),
        }
        let count: usize = self.askers.iter().map(|(_, questions)| questions.len()).sum();
        if count <= IN_ALL {
            return None;
        }
        // Whoever has most makes room: so a few who ask much do not keep out the others.
        let (_, most) = self.askers.iter_mut().max_by_key(|(_, questions)| questions.len())?;
        let surplus = most.pop_back();
        self.forget_idle();
        surplus
    }

    fn take_next(&mut self, stored: u64) -> Option<Question> {
        let is_ready = |question: &Question| question.look_up.after <= stored;
        let next = self.askers.iter().position(|(_, questions)| questions.iter().any(is_ready))?;
        let (asker, mut questions) = self.askers.remove(next)?;
        let question = take_first(&mut questions, stored);
        if !questions.is_empty() {
            self.askers.push_back((asker, questions));
        }
        question
    }

    fn forget_idle(&mut self) {
        self.askers.retain(|(_, questions)| !questions.is_empty());
    }
}

fn take_first(questions: &mut VecDeque<Question>, stored: u64) -> Option<Question> {
    let first = questions.iter().position(|question| question.look_up.after <= stored)?;
    questions.remove(first)
}

fn take_late(questions: &mut VecDeque<Question>, now: Instant) -> Vec<Question> {
    let (late, rest) = questions.drain(..).partition::<Vec<_>, _>(|question| question.until <= now);
    questions.extend(rest);
    late
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chat_core::LookUp;

    use super::*;

    fn search(id: u64, asker: u64) -> Question {
        let query = Query::Search { key: "#room".into(), words: "x".into(), to: 1, count: 1 };
        let until = Instant::now() + Duration::from_secs(3_600);
        Question { look_up: LookUp { id, after: 0, asker, query }, until }
    }

    fn taken(waiting: &mut Waiting) -> Vec<u64> {
        std::iter::from_fn(|| waiting.take_next(0)).map(|question| question.look_up.id).collect()
    }

    #[test]
    fn all_who_ask_have_their_turn() {
        let mut waiting = Waiting::default();
        for (id, asker) in [(1, 7), (2, 7), (3, 7), (4, 8), (5, 9), (6, 8)] {
            assert!(waiting.push(search(id, asker)).is_none());
        }
        assert_eq!(taken(&mut waiting), [1, 4, 5, 2, 6, 3]);
        assert_eq!(waiting.first(), None);
    }

    #[test]
    fn one_asker_has_so_many_places_and_keeps_nobody_out() {
        let mut waiting = Waiting::default();
        let of_one = OF_ONE as u64;
        assert!((0..of_one).all(|id| waiting.push(search(id, 0)).is_none()));
        assert_eq!(waiting.push(search(of_one, 0)).map(|question| question.look_up.id), Some(of_one));
        // Eight of them have all places.
        assert!((of_one..IN_ALL as u64).all(|id| waiting.push(search(id, id / of_one)).is_none()));
        for newcomer in 100..110 {
            let surplus = waiting.push(search(10_000 + newcomer, newcomer)).expect("one too many");
            assert!(surplus.look_up.id < IN_ALL as u64, "one of those who have many");
        }
        let all = taken(&mut waiting);
        assert_eq!(all.len(), IN_ALL);
        assert!(all[..18].ends_with(&(10_100..10_110).collect::<Vec<_>>()), "{:?}", &all[..18]);
    }

    #[test]
    fn what_comes_late_is_taken_out() {
        let mut waiting = Waiting::default();
        assert!((0..3).all(|id| waiting.push(search(id, id % 2)).is_none()));
        let soon = Instant::now() + Duration::from_secs(1_800);
        assert!(waiting.take_late(soon).is_empty());
        assert_eq!(waiting.take_late(soon + Duration::from_secs(3_600)).len(), 3);
        assert!(taken(&mut waiting).is_empty());
    }
}
