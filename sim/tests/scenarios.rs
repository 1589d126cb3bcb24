//! What users live through, with the network between them: one behaviour a test.

use std::io::ErrorKind;
use std::time::Duration;

use sim::adapters::{Adapter, Client, End, Fault, HOSTS, Outcome, Plan, Rng, Step};

const SEED: u64 = 7;
const ALDER: &str = HOSTS[0];
const BIRCH: &str = HOSTS[1];
const CEDAR: &str = HOSTS[2];

/// Tests one behaviour on both adapters: `plan`, then what must have come of it.
fn on_both(plan: Plan, check: impl Fn(&Outcome)) {
    for adapter in [Adapter::Tokio, Adapter::Smol] {
        let plan = Plan { adapter, ..plan.clone() };
        let outcome = plan.run();
        check(&outcome);
    }
}

/// What a client heard of the room, without stamps.
fn room(outcome: &Outcome, client: usize) -> Vec<&str> {
    let lines = outcome.transcripts[client].lines.iter();
    lines.filter_map(|line| line.strip_prefix('[')?.split_once("] #lobby ")).map(|(_, line)| line).collect()
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Somebody who comes first, says nothing, and stays.
fn witness() -> Client {
    Client::new("witness", ALDER, ms(10))
}

/// Somebody who comes when the witness is there.
fn guest(nick: &str, host: &'static str) -> Client {
    Client::new(nick, host, secs(1))
}

#[test]
fn a_join_is_announced_once_to_those_who_are_there() {
    let plan = Plan::new(SEED, secs(5)).client(witness()).client(guest("ann", BIRCH)).client(Client::new(
        "bob",
        CEDAR,
        secs(2),
    ));
    on_both(plan.clone(), |outcome| {
        outcome.check(&plan);
        assert_eq!(room(outcome, 0), ["-- ann joined", "-- bob joined"]);
        assert_eq!(room(outcome, 1), ["-- bob joined"]);
        assert!(room(outcome, 2).is_empty());
        assert_eq!(
            outcome.transcripts[2].lines,
            [
                "* welcome, bob; /help shows what you can do here",
                "* you are in #lobby (3 members); no topic yet",
            ]
        );
    });
}

#[test]
fn a_quit_is_answered_and_announced() {
    let ann = guest("ann", BIRCH).wait(secs(1)).say("/quit off to bed");
    let plan = Plan::new(SEED, secs(5)).client(witness()).client(ann);
    on_both(plan.clone(), |outcome| {
        outcome.check(&plan);
        assert_eq!(room(outcome, 0), ["-- ann joined", "-- ann left (off to bed)"]);
        assert_eq!(outcome.transcripts[1].lines.last().unwrap(), "* goodbye");
        assert_eq!(outcome.transcripts[1].end, Some(End::Eof));
    });
}

#[test]
fn a_half_close_is_a_polite_quit() {
    let ann = guest("ann", BIRCH).say("one").say("two").then(Step::Finish);
    let plan = Plan::new(SEED, secs(5)).client(witness()).client(ann);
    on_both(plan.clone(), |outcome| {
        outcome.check(&plan);
        let heard = ["-- ann joined", "<ann> one", "<ann> two", "-- ann left (end of input)"];
        assert_eq!(room(outcome, 0), heard);
        assert_eq!(outcome.transcripts[1].end, Some(End::Eof));
    });
}

#[test]
fn a_reset_is_a_leave_and_frees_the_name() {
    let bob = guest("bob", CEDAR).wait(secs(1)).say("are you there?");
    let ann = guest("ann", BIRCH).then(Step::Ignore(secs(2))).then(Step::Drop);
    let again = Client::new("ann", BIRCH, secs(4));
    let plan = Plan::new(SEED, secs(6)).client(witness()).client(bob).client(ann).client(again);
    on_both(plan, |outcome| {
        let mut heard = room(outcome, 0);
        // Both came at once.
        heard[..2].sort_unstable();
        let rest = ["<bob> are you there?", "-- ann left (connection reset)", "-- ann joined"];
        assert_eq!(heard, [&["-- ann joined", "-- bob joined"], &rest[..]].concat());
    });
}

#[test]
fn a_crash_of_a_machine_is_a_leave_of_all_on_it() {
    let plan = Plan::new(SEED, secs(5))
        .client(witness())
        .client(Client::new("ann", BIRCH, secs(1)))
        .client(Client::new("bob", BIRCH, secs(2)))
        .fault(secs(3), Fault::Crash(BIRCH));
    on_both(plan.clone(), |outcome| {
        outcome.check(&plan);
        let mut left = room(outcome, 0)[2..].to_vec();
        left.sort_unstable();
        assert_eq!(left, ["-- ann left (end of input)", "-- bob left (end of input)"]);
    });
}

#[test]
fn a_silent_death_is_a_leave_when_the_kernel_gives_up() {
    let dark = secs(3);
    let again = |at| Client::new("ann", CEDAR, secs(at));
    let plan = Plan::new(SEED, secs(200))
        .client(witness().wait(secs(10)).say("hello?"))
        .client(guest("ann", BIRCH))
        .client(again(60).wait(secs(1)).then(Step::Finish))
        .client(again(150))
        .fault(dark, Fault::Partition(BIRCH))
        .fault(dark + secs(1), Fault::Crash(BIRCH));
    on_both(plan, |outcome| {
        let heard = ["-- ann joined", "-- ann left (connection timed out)", "-- ann joined"];
        assert_eq!(room(outcome, 0), heard);
        // The user timeout counts from the line that was not acknowledged.
        let left = outcome.records.iter().find(|record| record.kind == "left").unwrap();
        assert_eq!(left.stamp, "00:02:07", "120 s after 10 s, counted from 23:59:57");
        let taken = "! the nickname ann is taken: choose another";
        assert_eq!(outcome.transcripts[2].lines, [taken], "until then the name is taken");
    });
}

#[test]
fn a_silent_death_of_an_idle_client_is_found_by_keepalive() {
    let plan = Plan::new(SEED, secs(200))
        .client(witness())
        .client(guest("ann", BIRCH))
        .fault(secs(100), Fault::Partition(BIRCH));
    on_both(plan.clone(), |outcome| {
        outcome.check(&plan);
        assert_eq!(room(outcome, 0)[1..], ["-- ann left (connection timed out)"]);
        // Asked at 61 s, and then at 121 s, 141 s and 161 s: given up at 181 s.
        assert_eq!(outcome.records.last().unwrap().stamp, "00:02:58", "181 s, counted from 23:59:57");
    });
}

#[test]
fn a_glitch_that_heals_loses_nothing() {
    let mut plan = Plan::new(SEED, secs(20))
        .client(witness())
        .fault(secs(3), Fault::Hold(BIRCH))
        .fault(secs(8), Fault::Release(BIRCH));
    for (nick, host) in [("ann", BIRCH), ("bob", CEDAR)] {
        let mut client = guest(nick, host);
        for line in 0..50 {
            client = client.say(format!("line {line}")).wait(ms(200));
        }
        plan = plan.client(client);
    }
    on_both(plan.clone(), |outcome| {
        outcome.check(&plan);
        assert_eq!(room(outcome, 0).len(), 2 + 2 * 50);
    });
}

/// A dozen clients who all talk at once, with several lines of each under way.
fn crowd(plan: Plan, lines: usize) -> Plan {
    let mut rng = Rng::new(SEED);
    (0..12).fold(plan, |plan, number| {
        let nick = format!("user{number}");
        let mut client = Client::new(&nick, HOSTS[number % HOSTS.len()], ms(500) + rng.millis_below(1_000));
        for line in 0..lines {
            client = client.say(format!("{nick} says {line}")).wait(rng.millis_below(60));
        }
        plan.client(client)
    })
}

#[test]
fn everybody_hears_one_order() {
    for ragged in [false, true] {
        let plan = Plan { ragged, ..crowd(Plan::new(SEED, secs(10)).client(witness()), 60) };
        on_both(plan.clone(), |outcome| {
            // Against the server's own record,
            outcome.check(&plan);
            // and, without it, against what the witness heard.
            let order = room(outcome, 0);
            assert_eq!(order.len(), 12 + 12 * 60);
            for (index, client) in plan.clients.iter().enumerate().skip(1) {
                let joined = format!("-- {} joined", client.nick);
                let own = format!("<{}> ", client.nick);
                let after_join = order.iter().skip_while(|line| **line != joined).skip(1);
                let owed: Vec<_> = after_join.filter(|line| !line.starts_with(&own)).copied().collect();
                assert_eq!(room(outcome, index), owed, "{}", client.nick);
            }
        });
    }
}

#[test]
fn a_shutdown_in_mid_broadcast_is_a_goodbye_and_a_clean_end_for_all() {
    let plan = crowd(Plan::new(SEED, secs(9)).client(witness()), 1_000);
    let plan = Plan { abrupt: true, ragged: true, ..plan.fault(secs(3), Fault::Shutdown) };
    on_both(plan.clone(), |outcome| {
        outcome.check(&plan);
        assert!(room(outcome, 0).len() > 200, "it was in mid-broadcast");
        for transcript in &outcome.transcripts {
            assert_eq!(transcript.lines.last().unwrap(), "* the server is shutting down: goodbye");
            assert_eq!(transcript.end, Some(End::Eof));
        }
    });
}

#[test]
fn nobody_is_let_in_after_a_shutdown() {
    let late = Client::new("late", BIRCH, secs(4));
    let plan = Plan::new(SEED, secs(9)).client(witness()).client(late).fault(secs(3), Fault::Shutdown);
    on_both(plan, |outcome| {
        assert!(outcome.ended);
        assert_eq!(outcome.transcripts[1].end, Some(End::Failed(ErrorKind::ConnectionRefused)));
    });
}

#[test]
fn a_panic_in_the_code_of_one_connection_ends_that_connection_alone() {
    let bomb = Client::new("eve", BIRCH, secs(2)).wait(secs(1)).say("kaboom");
    let plan = Plan::new(SEED, secs(10))
        .client(witness())
        .client(guest("ann", BIRCH).wait(secs(5)).say("what was that?"))
        .client(bomb)
        .fault(secs(8), Fault::Shutdown);
    let plan = Plan { bomb: Some("kaboom"), ..plan };
    on_both(plan.clone(), |outcome| {
        outcome.check(&plan);
        let heard =
            ["-- ann joined", "-- eve joined", "-- eve left (internal error)", "<ann> what was that?"];
        assert_eq!(room(outcome, 0), heard);
    });
}
