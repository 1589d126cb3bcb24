//! The chat server on smol.

use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use chat_driver::Driver;
use chat_proxy::ProxyListener;
use chat_server::Error;
use chat_tls::SecureListener;
use runtime_smol::{Reactor, SmolClock, SmolListener};

fn main() -> ExitCode {
    chat_server::finish(run())
}

fn run() -> Result<(), Error> {
    let setup = chat_server::start()?;
    smol::block_on(async {
        let mut reactor = Reactor::new()?;
        let listen = |(listener, security)| {
            let listener = SmolListener::new(listener, reactor.registry())?;
            Ok(SecureListener::new(ProxyListener::new(listener, Arc::clone(&setup.proxies)), security))
        };
        let listeners = setup.listeners.into_iter().map(listen).collect::<io::Result<_>>()?;
        let clock = SmolClock::new(chat_server::utc_now);
        let driver = Driver::with_observer(setup.engine, clock, listeners, setup.observer);
        let (store, history) = setup.history.start(driver.handle())?;
        let driver = driver.with_store(store);
        setup.signals.shut_down(driver.handle())?;
        if let Some(metrics) = setup.metrics {
            metrics.serve(driver.handle())?;
        }
        let mut driver = pin!(driver);
        let ended = poll_fn(|cx| {
            // First who can go on, then the turn.
            reactor.poll(cx)?;
            driver.as_mut().poll(cx).map_err(Error::from)
        })
        .await;
        let stored = history.finish();
        ended?;
        stored
    })
}
