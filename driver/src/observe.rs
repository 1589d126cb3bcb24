//! The engine, with somebody looking over its shoulder: a flight recorder, metrics, or the simulation's oracle.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use chat_core::{Action, Addresses, ConnId, Engine, Event, Now, StoreAnswer};

/// Something that was told to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// A connection from `peer` was accepted, and is `conn` from now on.
    Connect {
        /// What the engine calls it.
        conn: ConnId,
        /// Where it comes from.
        peer: SocketAddr,
    },
    /// Something happened to a connection.
    Event {
        /// To which one.
        conn: ConnId,
        /// What.
        event: Event<'a>,
    },
    /// These addresses, and only these, may not connect.
    Bans(&'a Addresses),
    /// The store has answered.
    StoreAnswered(&'a StoreAnswer),
    /// Time has passed.
    Timeout,
    /// The server is to end.
    Shutdown,
}

/// Sees all that goes into an engine, once the engine has handled it, and all that comes out, before it is
/// carried out. These calls, repeated in their order, make another engine do the same. (Only a connection that
/// panics the engine at once has no name yet, and is not seen.)
pub trait Observer {
    /// `engine` has just handled `input`, at `now`.
    fn handled(&mut self, now: Now, input: Input<'_>, engine: &Engine);

    /// `engine` was just asked for an action, and this is what it said: none, when it had no more.
    fn polled(&mut self, action: Option<&Action>, engine: &Engine);

    /// `engine` has panicked: while it handled this input, or, if it is none, while it was asked for an action.
    fn panicked(&mut self, input: Option<(Now, Input<'_>)>, engine: &Engine);

    /// Somebody has asked for a look at the engine ([`Handle::inspect`](crate::Handle::inspect)), and a turn has just
    /// ended. Whoever answers nobody need not do anything.
    fn inspected(&mut self, _engine: &Engine) {}
}

/// Several observers, who see everything one after the other.
impl Observer for Vec<Box<dyn Observer>> {
    fn handled(&mut self, now: Now, input: Input<'_>, engine: &Engine) {
        self.iter_mut().for_each(|observer| observer.handled(now, input, engine));
    }

    fn polled(&mut self, action: Option<&Action>, engine: &Engine) {
        self.iter_mut().for_each(|observer| observer.polled(action, engine));
    }

    fn panicked(&mut self, input: Option<(Now, Input<'_>)>, engine: &Engine) {
        self.iter_mut().for_each(|observer| observer.panicked(input, engine));
    }

    fn inspected(&mut self, engine: &Engine) {
        self.iter_mut().for_each(|observer| observer.inspected(engine));
    }
}

/// An engine, and its observer if it has one.
pub(crate) struct Observed {
    engine: Engine,
    observer: Option<Box<dyn Observer>>,
}

impl Observed {
    pub(crate) fn new(engine: Engine, observer: Option<Box<dyn Observer>>) -> Self {
        Self { engine, observer }
    }

    /// For all that changes nothing.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn connect(&mut self, now: Now, peer: SocketAddr) -> ConnId {
        let conn = self.engine.connect(now, peer.ip());
        self.handled(now, Input::Connect { conn, peer });
        conn
    }

    pub(crate) fn handle(&mut self, now: Now, conn: ConnId, event: Event<'_>) {
        let input = Input::Event { conn, event };
        self.call(Some((now, input)), |engine| engine.handle(now, conn, event));
        self.handled(now, input);
    }

    pub(crate) fn handle_timeout(&mut self, now: Now) {
        self.call(Some((now, Input::Timeout)), |engine| engine.handle_timeout(now));
        self.handled(now, Input::Timeout);
    }

    pub(crate) fn ban(&mut self, now: Now, bans: Addresses) {
        let input = Input::Bans(&bans);
        self.call(Some((now, input)), |engine| engine.ban(now, bans.clone()));
        self.handled(now, input);
    }

    pub(crate) fn store_answered(&mut self, now: Now, answer: StoreAnswer) {
        if self.observer.is_none() {
            return self.engine.store_answered(now, answer);
        }
        let input = Input::StoreAnswered(&answer);
        self.call(Some((now, input)), |engine| engine.store_answered(now, answer.clone()));
        self.handled(now, input);
    }

    pub(crate) fn shutdown(&mut self, now: Now) {
        self.call(Some((now, Input::Shutdown)), |engine| engine.shutdown(now));
        self.handled(now, Input::Shutdown);
    }

    pub(crate) fn poll_action(&mut self) -> Option<Action> {
        let action = self.call(None, Engine::poll_action);
        if let Some(observer) = &mut self.observer {
            observer.polled(action.as_ref(), &self.engine);
        }
        action
    }

    /// Lets the observer have a look.
    pub(crate) fn inspect(&mut self) {
        if let Some(observer) = &mut self.observer {
            observer.inspected(&self.engine);
        }
    }

    /// Calls the engine. The observer learns of a panic before it goes on.
    fn call<T>(&mut self, input: Option<(Now, Input<'_>)>, act: impl FnOnce(&mut Engine) -> T) -> T {
        let Some(observer) = &mut self.observer else { return act(&mut self.engine) };
        catch_unwind(AssertUnwindSafe(|| act(&mut self.engine))).unwrap_or_else(|panic| {
            observer.panicked(input, &self.engine);
            resume_unwind(panic)
        })
    }

    fn handled(&mut self, now: Now, input: Input<'_>) {
        if let Some(observer) = &mut self.observer {
            observer.handled(now, input, &self.engine);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use chat_core::{Config, Mono};
    use chrono::DateTime;

    use super::*;

    #[derive(Clone, Default)]
    struct Seen(Rc<RefCell<Vec<String>>>);

    impl Observer for Seen {
        fn handled(&mut self, _: Now, input: Input<'_>, _: &Engine) {
            self.0.borrow_mut().push(format!("handled {input:?}"));
        }

        fn polled(&mut self, action: Option<&Action>, _: &Engine) {
            self.0.borrow_mut().push(format!("polled {action:?}"));
        }

        fn panicked(&mut self, input: Option<(Now, Input<'_>)>, engine: &Engine) {
            let input = input.map(|(_, input)| input);
            self.0.borrow_mut().push(format!("panicked {input:?}, poisoned: {}", engine.is_poisoned()));
        }
    }

    #[test]
    fn the_event_that_panics_the_engine_is_seen_and_the_panic_goes_on() {
        let seen = Seen::default();
        let engine = Engine::new(Config::default()).unwrap();
        let mut observed = Observed::new(engine, Some(Box::new(seen.clone())));
        let now = Now { mono: Mono(0), utc: DateTime::UNIX_EPOCH };
        let conn = observed.connect(now, ([127, 0, 0, 1], 4_711).into());
        observed.handle(now, conn, Event::Opened);
        // More credit than was written is the adapter's fault, and the engine stops on it.
        let credit = AssertUnwindSafe(|| observed.handle(now, conn, Event::Wrote(1)));
        assert!(catch_unwind(credit).is_err());
        let seen = seen.0.borrow();
        assert!(seen.len() == 3 && seen[2].starts_with("panicked Some(Event"), "{seen:?}");
        assert!(seen[2].ends_with("Wrote(1) }), poisoned: true"), "{seen:?}");
    }
}
