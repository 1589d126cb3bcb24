//! History that is stored, as users and operators meet it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

use conformance::{Binary, Client, Finished, Server, Store, scenarios, stamped, unstamped, wait_until};

scenarios! {
    what_was_said_is_there_after_a_restart,
    what_was_said_is_there_after_a_restart_in_postgres,
    what_was_said_is_there_after_a_restart_in_redis,
    a_search_has_so_many_words_and_its_answer_so_many_bytes,
    an_emptied_room_goes_on_where_it_was,
    what_is_replayed_and_what_is_live_has_no_gap_and_no_repeat,
    private_messages_are_not_stored,
    export_and_import_move_a_history,
    an_export_may_be_cut_short,
    exports_and_imports_that_fail_say_why,
    fast_shows_at_once_and_stores_all_the_same,
    a_store_that_cannot_be_used_is_an_error_at_start,
    the_password_of_a_store_is_told_to_nobody,
    it_is_in_the_data_folder_by_default,
    no_more_is_kept_than_is_wanted,
}

/// All that stands in the lobby of a fresh store.
fn talk(store: &Store, binary: Binary) {
    let server = store.serve(binary, &[]);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    ann.send("hello world");
    bob.expect("#lobby <ann> hello world");
    bob.send("/me waves");
    ann.expect("#lobby * bob waves");
    ann.ask("/topic milk first?");
    server.stop();
}

fn restart_in(store: &Store, binary: Binary, searches: bool) {
    talk(store, binary);
    let server = store.serve(binary, &["--history-replay", "20"]);
    let mut cat = Client::connect(&server);
    let lines = cat.ask("cat");
    let at = lines.iter().position(|line| line.contains("you are in #lobby")).expect("the lobby");
    let today = &lines[at + 2];
    assert!(today.len() == "* 2000-01-01".len() && today.starts_with("* 2"), "{lines:?}");
    let expected = format!(
        "* you are in #lobby (1 member); topic: milk first?\n* the last 3 lines of #lobby:\n{today}\n\
         #lobby <ann> hello world\n#lobby * bob waves\n#lobby -- ann set the topic: milk first?\n\
         * end of the history of #lobby\n"
    );
    assert_eq!(unstamped(&lines[at..]), expected);

    let history = unstamped(&cat.ask("/history 3"));
    assert!(history.starts_with(&format!("* history of #lobby: the last 3 events\n{today}\n")), "{history}");
    assert!(history.contains("-- cat joined\n"), "{history}");
    let before = unstamped(&cat.ask("/history before 2001-01-01"));
    assert!(before.contains("before 2001-01-01") && !before.contains("hello"), "{before}");
    let before = unstamped(&cat.ask("/history before 2999-12-31T23:59"));
    assert!(before.contains("<ann> hello world") && before.contains("-- cat joined"), "{before}");
    if searches {
        let found = unstamped(&cat.ask("/search WORLD"));
        assert!(
            found.contains("* found in #lobby: 1 line\n") && found.contains("<ann> hello world"),
            "{found}"
        );
        assert!(unstamped(&cat.ask("/search nothing")).contains("* found in #lobby: 0 lines\n"));
    } else {
        cat.send("/search world");
        cat.expect_error(&["this server cannot search its history"]);
    }
}

fn what_was_said_is_there_after_a_restart(binary: Binary) {
    restart_in(&Store::sqlite(), binary, true);
}

fn what_was_said_is_there_after_a_restart_in_postgres(binary: Binary) {
    restart_in(&Store::postgres(), binary, true);
}

fn what_was_said_is_there_after_a_restart_in_redis(binary: Binary) {
    restart_in(&Store::redis(), binary, false);
}

fn a_search_has_so_many_words_and_its_answer_so_many_bytes(binary: Binary) {
    const TOO_MUCH: &str = "that is too much to search for: at most 16 words, of 256 bytes together";
    let store = Store::sqlite();
    let server = store.serve(binary, &[]);
    let mut ann = Client::register(&server, "ann");
    for words in ["tea ".repeat(17), "x".repeat(257)] {
        ann.send(&format!("/search {words}"));
        ann.expect_error(&[TOO_MUCH]);
    }
    // Five of these, with nicknames, are more than an answer has.
    for number in 0..5 {
        ann.send(&format!("tea {number} {}", "x".repeat(3_900)));
    }
    let found = unstamped(&ann.ask(&format!("/search {}", "tea ".repeat(16))));
    assert!(found.contains("* found in #lobby: 4 lines\n"), "{}", found.len());
    assert!(found.contains("<ann> tea 4 ") && !found.contains("<ann> tea 0 "), "the newest");
    let more =
        "* there may be more: search for more words, or for rarer ones\n* end of what was found in #lobby\n";
    assert!(found.contains(more), "{}", &found[found.len() - 200..]);
}

fn an_emptied_room_goes_on_where_it_was(binary: Binary) {
    let store = Store::sqlite();
    let server = store.serve(binary, &[]);
    let mut ann = Client::register(&server, "ann");
    for round in 0..3 {
        let joined = unstamped(&ann.ask("/join #Tea"));
        let topic = if round == 0 { "no topic yet" } else { "topic: milk first?" };
        assert!(joined.contains(topic), "{joined}");
        ann.ask("/topic milk first?");
        ann.ask("/part");
    }
    server.stop();
    let events = store.events(binary);
    let tea: Vec<_> =
        events.iter().filter(|event| event.room == "#tea").map(|event| event.kind.as_str()).collect();
    assert_eq!(tea[..3], ["joined", "topic", "left"]);
    assert_eq!(tea.last(), Some(&"left"), "{tea:?}");
    assert_eq!(tea.iter().filter(|&&kind| kind == "joined").count(), 3, "{tea:?}");
}

fn what_is_replayed_and_what_is_live_has_no_gap_and_no_repeat(binary: Binary) {
    const LINES: usize = 100;
    const ROUNDS: usize = 20;
    let store = Store::sqlite();
    let server = store.serve(binary, &["--history-replay", "50"]);
    let mut ann = Client::register(&server, "ann");
    let mut joiners = Vec::new();
    for round in 0..ROUNDS {
        let lines: String = (0..LINES).map(|line| format!("{}\n", round * LINES + line)).collect();
        ann.send_bytes(lines.as_bytes());
        let mut joiner = Client::connect(&server);
        joiner.send(&format!("joiner{round}"));
        joiners.push(joiner);
    }
    let last = ROUNDS * LINES - 1;
    for joiner in &mut joiners {
        let number = |line: &str| stamped(line)?.strip_prefix("#lobby <ann> ")?.parse::<usize>().ok();
        let mut before = None;
        while before != Some(last) {
            let Some(number) = number(&joiner.line()) else { continue };
            assert!(before.is_none_or(|before| number == before + 1), "{before:?}, then {number}");
            before = Some(number);
        }
    }
}

fn private_messages_are_not_stored(binary: Binary) {
    let store = Store::sqlite();
    let server = store.serve(binary, &[]);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    ann.send("/msg bob entre-nous");
    bob.expect("<ann -> you> entre-nous");
    ann.send("for-everybody");
    bob.expect("#lobby <ann> for-everybody");
    server.stop();
    let files: Vec<_> =
        fs::read_dir(store.folder()).expect("a folder").map(|file| file.expect("a file").path()).collect();
    let holds = |text: &str| {
        let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        files.iter().any(|file| holds(&fs::read(file).expect("it can be read")))
    };
    assert!(holds("for-everybody"), "{files:?}");
    assert!(!holds("entre-nous"), "{files:?}");
}

fn export_and_import_move_a_history(binary: Binary) {
    let (here, there) = (Store::sqlite(), Store::postgres());
    talk(&here, binary);
    let server = here.serve(binary, &[]);
    // Also while a server uses it.
    let text = here.exported(binary);
    let file = here.folder().join("export.json");
    fs::write(&file, &text).expect("it can be written");
    for _ in 0..2 {
        let done = Finished::run(there.command(binary, "import").arg(&file));
        assert!(done.status.success() && done.stdout.is_empty(), "{done:?}");
    }
    assert_eq!(there.exported(binary), text);
    let other = there.serve(binary, &[]);
    let shown = |server: &Server| unstamped(&Client::register(server, "cat").ask("/history 100"));
    assert_eq!(shown(&other), shown(&server));
    let only = Finished::run(there.command(binary, "export").args(["--room", "#LOBBY"]));
    assert!(only.status.success() && only.stdout.contains("hello world"), "{only:?}");
}

fn an_export_may_be_cut_short(binary: Binary) {
    let store = Store::sqlite();
    let server = store.serve(binary, &[]);
    let mut ann = Client::register(&server, "ann");
    // More than a pipe takes.
    let line = format!("{}\n", "x".repeat(1_000));
    ann.send_bytes(line.repeat(500).as_bytes());
    ann.drain();
    server.stop();
    let mut command = store.command(binary, "export");
    let mut export = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut first = String::new();
    BufReader::new(export.stdout.take().expect("piped")).read_line(&mut first).expect("a line");
    assert!(first.contains("#lobby"), "{first}");
    let end = export.wait_with_output().expect("it ends");
    assert!(end.status.success() && end.stderr.is_empty(), "{end:?}");
}

fn exports_and_imports_that_fail_say_why(binary: Binary) {
    let store = Store::sqlite();
    let file = store.folder().join("import.json");
    fs::write(&file, "\n{\"what\": 1}\n").expect("it can be written");
    let path = file.to_str().expect("UTF-8");
    for (code, why, flags) in [
        (1, "history.db", &["export", "--history", &store.url()][..]),
        (2, "memory", &["export"]),
        (2, "history has to be", &["export", "--history", "disk:x"]),
        (1, "line 2", &["import", "--history", &store.url(), path]),
        (1, "/not/there", &["import", "--history", &store.url(), "/not/there"]),
        (2, "no room name", &["export", "--history", &store.url(), "--room", "lobby"]),
        (1, "#tea", &["export", "--history", &store.url(), "--room", "#tea"]),
    ] {
        let end = Finished::run(binary.command().args(flags));
        assert_eq!(end.status.code(), Some(code), "{flags:?}: {end:?}");
        assert!(end.stderr.lines().count() == 1 && end.stderr.starts_with("chat: "), "{flags:?}: {end:?}");
        assert!(end.stderr.contains(why) && end.stdout.is_empty(), "{flags:?}: {end:?}");
    }
}

fn fast_shows_at_once_and_stores_all_the_same(binary: Binary) {
    let store = Store::sqlite();
    let server = store.serve(binary, &["--history-mode", "fast", "--history-sync", "full"]);
    let [mut ann, mut bob] = Client::party(&server, ["ann", "bob"]);
    ann.send("hello");
    bob.expect("#lobby <ann> hello");
    server.stop();
    assert!(store.events(binary).iter().any(|event| event.text == "hello"));
}

fn a_store_that_cannot_be_used_is_an_error_at_start(binary: Binary) {
    let store = Store::sqlite();
    let corrupt = store.folder().join("corrupt.db");
    fs::write(&corrupt, "this is no database, and has never been one ".repeat(100))
        .expect("it can be written");
    let used = store.serve(binary, &[]);
    for url in [
        format!("sqlite:{}", corrupt.display()),
        // A file where the folder should be.
        format!("sqlite:{}/history.db", corrupt.display()),
        format!("sqlite:{}", store.folder().display()),
        store.url(),
        String::from("postgres://127.0.0.1:1/chat"),
        String::from("redis://127.0.0.1:1/"),
    ] {
        let end = Finished::run(binary.command().args(["--listen", "127.0.0.1:0", "--history", &url]));
        assert_eq!(end.status.code(), Some(1), "{url}: {end:?}");
        assert!(!end.stderr.contains("listening"), "{url}: {end:?}");
        let last = end.stderr.lines().last().unwrap_or_default();
        assert!(last.starts_with("chat: cannot use the history ") && last.len() < 300, "{url}: {end:?}");
    }
    drop(used);
}

fn the_password_of_a_store_is_told_to_nobody(binary: Binary) {
    for url in
        ["postgres://ann:s3cret@127.0.0.1:1/chat", "redis://:s3cret@127.0.0.1:1/", "mysql://a:s3cret@h/"]
    {
        for more in [&[][..], &["--check-config"]] {
            let flags = ["--log-level", "trace", "--listen", "127.0.0.1:0", "--history", url];
            let end = Finished::run(binary.command().args(flags).args(more));
            assert!(!end.stderr.contains("s3cret") && !end.stdout.contains("s3cret"), "{url}: {end:?}");
        }
    }
}

fn it_is_in_the_data_folder_by_default(binary: Binary) {
    let store = Store::sqlite();
    let folder = store.folder().join("data");
    let mut command = binary.command();
    command.env_remove("CHAT_HISTORY").arg("--data").arg(&folder);
    let server = Server::spawn(command);
    server.logged("where it is stored", |line| {
        line.contains("history is stored") && line.contains("data/history.db")
    });
    let mut ann = Client::register(&server, "ann");
    ann.ask("hello");
    server.stop();
    let mut command = binary.command();
    let end = Finished::run(command.env_remove("CHAT_HISTORY").arg("export").arg("--data").arg(&folder));
    assert!(end.status.success() && end.stdout.contains("\"hello\""), "{end:?}");
}

fn no_more_is_kept_than_is_wanted(binary: Binary) {
    let store = Store::sqlite();
    let server = store.serve(binary, &[]);
    let mut ann = Client::register(&server, "ann");
    (0..50).for_each(|number| ann.send(&number.to_string()));
    ann.drain();
    server.stop();
    assert!(store.events(binary).len() > 50);
    let _server = store.serve(binary, &["--history-keep-events", "10"]);
    wait_until("the rest is forgotten", || {
        store.exported(binary).lines().filter(|line| line.contains("\"seq\"")).count() == 10
    });
}
