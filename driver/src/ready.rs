//! Who can go on: one small waker for each slot, the queue they fill, and the handle that asks for a look or for the end.

use std::collections::VecDeque;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Wake, Waker};

use chat_core::{Addresses, StoreAnswer};

/// Asks a [`Driver`](crate::Driver) for something, from any thread.
#[derive(Clone, Debug)]
pub struct Handle(Arc<Shared>);

impl Handle {
    /// Stop accepting, let the engine say goodbye to everybody, and resolve when the last connection is gone.
    pub fn shutdown(&self) {
        self.ask(&self.0.shutdown);
    }

    /// Let the [`Observer`](crate::Observer) have a look at the engine, at the end of a turn that may already be under
    /// way. Asking again before that is asking once; a driver that has ended never answers.
    pub fn inspect(&self) {
        self.ask(&self.0.inspection);
    }

    /// From now on, these addresses may not connect, and only these. Those who are connected have to leave.
    pub fn ban(&self, bans: Addresses) {
        self.0.woken().bans = Some(bans);
        self.wake();
    }

    /// The store says this to the engine, which hears all of it in the order in which it was said.
    pub fn store_answered(&self, answer: StoreAnswer) {
        let first = {
            let mut woken = self.0.woken();
            woken.answers.push_back(answer);
            woken.answers.len() == 1
        };
        // The first of them wakes the driver, which then takes all.
        if first {
            self.wake();
        }
    }

    fn ask(&self, wish: &AtomicBool) {
        wish.store(true, Ordering::Release);
        self.wake();
    }

    fn wake(&self) {
        let driver = self.0.woken().driver.clone();
        if let Some(driver) = driver {
            driver.wake();
        }
    }
}

/// What wakers and handles share with the driver.
#[derive(Debug, Default)]
struct Shared {
    woken: Mutex<Woken>,
    shutdown: AtomicBool,
    inspection: AtomicBool,
}

#[derive(Debug, Default)]
struct Woken {
    slots: Vec<usize>,
    driver: Option<Waker>,
    bans: Option<Addresses>,
    answers: VecDeque<StoreAnswer>,
}

impl Shared {
    fn woken(&self) -> MutexGuard<'_, Woken> {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The waker of one slot. It belongs to the slot, not to the connection: whoever holds the slot next may be
/// woken once for nothing, which is harmless.
struct SlotWaker {
    slot: usize,
    /// Whether the slot is in a queue already, so that it is in one only once.
    queued: AtomicBool,
    shared: Arc<Shared>,
}

impl Wake for SlotWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let driver = {
            let mut woken = self.shared.woken();
            woken.slots.push(self.slot);
            // The first in the list wakes the driver, which then takes the whole list.
            (woken.slots.len() == 1).then(|| woken.driver.clone()).flatten()
        };
        if let Some(driver) = driver {
            driver.wake();
        }
    }
}

/// What the driver keeps of a slot.
struct Slot {
    /// Lent to whoever polls. A clone for each poll would write to a counter in memory of the slot's own, which
    /// with many connections is in no cache: a third of the time of a turn for 100,000 members.
    waker: Waker,
    state: Arc<SlotWaker>,
}

/// The slots that can go on, in the order in which they woke.
pub(crate) struct Ready {
    shared: Arc<Shared>,
    slots: Vec<Slot>,
    queue: VecDeque<usize>,
    /// Swapped with the shared list, so that neither allocates in the long run.
    spare: Vec<usize>,
    bans: Option<Addresses>,
    answers: VecDeque<StoreAnswer>,
}

impl Ready {
    pub(crate) fn new() -> Self {
        Self {
            shared: Arc::default(),
            slots: Vec::new(),
            queue: VecDeque::new(),
            spare: Vec::new(),
            bans: None,
            answers: VecDeque::new(),
        }
    }

    pub(crate) fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.shared))
    }

    /// The list of bans that was asked for since the last time, if one was.
    pub(crate) fn take_bans(&mut self) -> Option<Addresses> {
        self.bans.take()
    }

    /// The next thing that the store has said since the last time.
    pub(crate) fn pop_answer(&mut self) -> Option<StoreAnswer> {
        self.answers.pop_front()
    }

    pub(crate) fn shutdown_asked(&self) -> bool {
        self.shared.shutdown.load(Ordering::Acquire)
    }

    /// Whether a look at the engine was asked for since this was last called.
    pub(crate) fn take_inspection(&self) -> bool {
        // Nearly always not, and then nothing is written.
        self.shared.inspection.load(Ordering::Relaxed) && self.shared.inspection.swap(false, Ordering::AcqRel)
    }

    /// Takes over who woke since the last turn; from now on, who wakes wakes `driver`.
    pub(crate) fn gather(&mut self, driver: &Waker) {
        {
            let mut woken = self.shared.woken();
            if !woken.driver.as_ref().is_some_and(|known| known.will_wake(driver)) {
                woken.driver = Some(driver.clone());
            }
            mem::swap(&mut woken.slots, &mut self.spare);
            self.bans = woken.bans.take();
            self.answers.append(&mut woken.answers);
        }
        self.queue.extend(self.spare.drain(..));
    }

    /// The waker of `slot`; slots are dense, so this makes those up to it.
    pub(crate) fn waker(&mut self, slot: usize) -> &Waker {
        while self.slots.len() <= slot {
            let state = Arc::new(SlotWaker {
                slot: self.slots.len(),
                queued: AtomicBool::new(false),
                shared: Arc::clone(&self.shared),
            });
            self.slots.push(Slot { waker: Waker::from(Arc::clone(&state)), state });
        }
        &self.slots[slot].waker
    }

    /// Lets `slot`, which has had its waker, go on in this turn or the next.
    pub(crate) fn mark(&mut self, slot: usize) {
        if !self.slots[slot].state.queued.swap(true, Ordering::AcqRel) {
            self.queue.push_back(slot);
        }
    }

    /// Takes the slot that has waited longest. Before it is served, so that a wake meanwhile counts again.
    pub(crate) fn pop(&mut self) -> Option<usize> {
        let slot = self.queue.pop_front()?;
        self.slots[slot].state.queued.store(false, Ordering::Release);
        Some(slot)
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_slot_is_queued_once_and_the_driver_is_woken_once_for_all() {
        let woken = Arc::new(Count::default());
        let mut ready = Ready::new();
        ready.gather(&Waker::from(Arc::clone(&woken)));
        let (zero, one) = (ready.waker(0).clone(), ready.waker(1).clone());
        for waker in [&one, &zero, &one] {
            waker.wake_by_ref();
        }
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);

        ready.gather(Waker::noop());
        ready.mark(1);
        assert_eq!((ready.pop(), ready.pop(), ready.pop()), (Some(1), Some(0), None));
        one.wake_by_ref();
        ready.gather(Waker::noop());
        assert_eq!(ready.pop(), Some(1));
    }

    #[test]
    fn what_the_store_says_wakes_the_driver_once_and_is_taken_in_order() {
        let woken = Arc::new(Count::default());
        let mut ready = Ready::new();
        ready.gather(&Waker::from(Arc::clone(&woken)));
        (1..=3).for_each(|batch| ready.handle().store_answered(StoreAnswer::Stored(batch)));
        assert_eq!((ready.pop_answer(), woken.0.load(Ordering::Relaxed)), (None, 1));
        ready.gather(Waker::noop());
        let taken: Vec<_> = std::iter::from_fn(|| ready.pop_answer()).collect();
        assert_eq!(taken, [1, 2, 3].map(StoreAnswer::Stored));
    }

    #[test]
    fn an_inspection_wakes_the_driver_and_is_taken_once() {
        let woken = Arc::new(Count::default());
        let mut ready = Ready::new();
        ready.gather(&Waker::from(Arc::clone(&woken)));
        assert!(!ready.take_inspection());
        ready.handle().inspect();
        ready.handle().inspect();
        assert_eq!(woken.0.load(Ordering::Relaxed), 2);
        assert_eq!([(); 2].map(|()| ready.take_inspection()), [true, false]);
        assert!(!ready.shutdown_asked());
    }
}
