//! The chat server on tokio.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use chat_driver::Driver;
use chat_proxy::ProxyListener;
use chat_server::Error;
use chat_tls::SecureListener;
use runtime_tokio::{TokioClock, TokioListener};
use tokio::runtime::Builder;
use tokio::task::unconstrained;

fn main() -> ExitCode {
    chat_server::finish(run())
}

fn run() -> Result<(), Error> {
    let setup = chat_server::start()?;
    Builder::new_current_thread().enable_io().enable_time().build()?.block_on(async {
        let listen = |(listener, security)| {
            let listener = ProxyListener::new(TokioListener::new(listener)?, Arc::clone(&setup.proxies));
            Ok(SecureListener::new(listener, security))
        };
        let listeners = setup.listeners.into_iter().map(listen).collect::<io::Result<_>>()?;
        let clock = TokioClock::new(chat_server::utc_now);
        let driver = Driver::with_observer(setup.engine, clock, listeners, setup.observer);
        let (store, history) = setup.history.start(driver.handle())?;
        let driver = driver.with_store(store);
        setup.signals.shut_down(driver.handle())?;
        if let Some(metrics) = setup.metrics {
            metrics.serve(driver.handle())?;
        }
        let ended = unconstrained(driver).await;
        let stored = history.finish();
        ended?;
        stored
    })
}
