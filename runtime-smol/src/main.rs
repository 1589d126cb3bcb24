//! The chat server on smol.

use std::io;
use std::process::ExitCode;

use chat_driver::Driver;
use chat_server::Error;
use runtime_smol::{SmolClock, SmolListener};

fn main() -> ExitCode {
    chat_server::finish(run())
}

fn run() -> Result<(), Error> {
    let setup = chat_server::start()?;
    smol::block_on(async {
        let listeners = setup.listeners.into_iter().map(SmolListener::new).collect::<io::Result<_>>()?;
        let clock = SmolClock::new(chat_server::utc_now);
        let driver = Driver::with_observer(setup.engine, clock, listeners, setup.observer);
        setup.signals.shut_down(driver.handle())?;
        Ok(driver.await?)
    })
}
