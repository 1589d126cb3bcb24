//! Two servers, one history: whoever was away for so long that another one has it says so, and ends.

use conformance::{Binary, Client, Store, scenarios};

scenarios! {
    a_server_whose_lock_was_deleted_ends,
    a_server_whose_session_was_lost_ends,
    a_server_whose_lease_ran_out_ends,
}

fn takeover(binary: Binary, mut store: Store) {
    let mut first = store.serve(binary, &[]);
    let mut ann = Client::register(&first, "ann");
    ann.ask("hello");
    // It stands still, and can see to nothing.
    first.suspend();
    store.lose_guard();
    let second = store.serve(binary, &[]);
    let mut bob = Client::register(&second, "bob");
    bob.ask("who is here?");
    first.resume();
    assert_eq!(first.wait().code(), Some(75), "{:#?}", first.log());
    let told = first.log();
    let last = told.last().map(String::as_str).unwrap_or_default();
    assert!(last.starts_with("chat: another server has taken over the history "), "{told:#?}");
    ann.expect_closed();
    bob.ask("nobody, it seems");
    second.stop();
    let events = store.events(binary);
    let said: Vec<_> = events.iter().filter(|event| event.kind == "said").map(|event| &*event.text).collect();
    assert_eq!(said, ["hello", "who is here?", "nobody, it seems"]);
}

fn a_server_whose_lock_was_deleted_ends(binary: Binary) {
    takeover(binary, Store::sqlite());
}

fn a_server_whose_session_was_lost_ends(binary: Binary) {
    takeover(binary, Store::postgres());
}

fn a_server_whose_lease_ran_out_ends(binary: Binary) {
    takeover(binary, Store::redis());
}
