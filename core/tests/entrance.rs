//! The password that is asked for before the nickname, and what of it recordings may hold.

mod harness;

use std::net::Ipv6Addr;
use std::time::Duration;

use chat_core::{Attempt, Cause, Config, ConfigError, Engine, Event, FloodLimit, Password, Reason};
use harness::{World, config};

const SILENCE: Duration = Duration::from_millis(250);

fn guarded() -> World {
    World::new(Config { password: Some(Password::new("open sesame")), ..config() })
}

#[test]
fn the_password_comes_before_the_nickname() {
    let mut world = guarded();
    let ann = world.connect();
    world.advance(SILENCE);
    assert_eq!(
        world.lines(ann),
        ["* welcome! type the password of this server and press Enter (/help for help)"]
    );
    world.send(ann, "/help nick\nann\n");
    let wrong = "! that is not the password of this server: try again";
    assert_eq!(
        world.lines(ann),
        ["* type the password of this server, or /pass and the password; /quit: leave", wrong]
    );
    world.send(ann, " open sesame \r\n");
    let right = "* that is the password; now type a nickname and press Enter (/help for help)";
    assert_eq!(world.lines(ann), [right]);
    world.send(ann, "ann\n");
    assert!(world.text(ann).starts_with("* welcome, ann"));
    // Behind it, as before, /pass is no command.
    world.send(ann, "/pass open sesame\n");
    assert!(world.text(ann).starts_with("! there is no such command"));
}

#[test]
fn a_script_says_it_all_at_once() {
    let mut world = guarded();
    let [right, wrong, quits] = [(); 3].map(|()| world.connect());
    world.send(right, "/PASS open sesame\nann\nhello\n");
    assert_eq!(world.lines(right)[1..].len(), 2, "welcome, and the room");
    world.send(wrong, "open says me\nopen sesame\nbob\n");
    assert_eq!(world.closed(wrong), Some(Reason::PasswordRefused));
    assert_eq!(world.lines(wrong).last().unwrap(), "! no password was accepted: connect again");
    world.send(quits, "/quit\n");
    assert_eq!(world.closed(quits), Some(Reason::Quit));
}

#[test]
fn only_so_many_guesses() {
    let mut world = guarded();
    let guesser = world.connect();
    for guess in ["1", "2", "/pass", ""] {
        world.send(guesser, &format!("{guess}\n"));
        assert_eq!(world.closed(guesser), None, "{guess}");
    }
    world.send(guesser, &"x".repeat(5_000));
    assert_eq!(world.closed(guesser), Some(Reason::PasswordRefused), "a long line is one of them");
    // Whoever has guessed right begins anew with nicknames.
    let lucky = world.connect();
    for line in ["1", "2", "3", "4", "open sesame", "no nick", "nor this", "/", "/x"] {
        world.send(lucky, &format!("{line}\n"));
        assert_eq!(world.closed(lucky), None, "{line}");
    }
    let impatient = world.connect();
    world.advance(Duration::from_secs(60));
    assert_eq!(world.closed(impatient), Some(Reason::RegistrationTimeout));
}

#[test]
fn guesses_beyond_flood_control_end_the_connection() {
    let flood = Some(FloodLimit { lines: 2, per: Duration::from_secs(10) });
    let mut world = World::new(Config { password: Some(Password::new("x")), flood, ..config() });
    let [patient, hasty] = [(); 2].map(|()| world.connect());
    world.send(patient, "x\nann\nhello\n");
    assert_eq!(world.closed(patient), None, "it has said the password, and waits like everybody");
    world.send(hasty, "/help\n/help\nx\n");
    assert_eq!(world.closed(hasty), Some(Reason::PasswordRefused));
}

#[test]
fn browsers_and_the_end_of_input() {
    let mut world = guarded();
    let [browser, unfinished] = [(); 2].map(|()| world.connect());
    world.send(browser, "GET / HTTP/1.1\r\n\r\n");
    assert_eq!(world.closed(browser), Some(Reason::Http));
    world.send(unfinished, "open ses");
    world.send(unfinished, "ame");
    world.finish(unfinished);
    assert!(world.text(unfinished).starts_with("* that is the password"));
    assert_eq!(world.closed(unfinished), Some(Reason::EndOfInput));
}

#[test]
fn without_a_password_none_is_needed() {
    let mut world = World::new(config());
    let ann = world.connect();
    world.send(ann, "/pass x\nann\n");
    assert_eq!(world.lines(ann)[0], "* no password is needed: type a nickname");
    world.send(ann, "/who\n");
    assert!(world.text(ann).contains("ann"));
}

#[test]
fn words_that_cannot_be_said_are_refused() {
    let refused = |config| Engine::new(config).err();
    for password in ["", " x", "x\ny"] {
        let config = Config { password: Some(Password::new(password)), ..config() };
        assert_eq!(refused(config), Some(ConfigError::Password), "{password:?}");
    }
    for name in ["", " ", "a\nb", &"x".repeat(65)] {
        assert_eq!(
            refused(Config { name: Some(name.into()), ..config() }),
            Some(ConfigError::Name),
            "{name:?}"
        );
    }
    assert_eq!(refused(Config { motd: vec!["x".repeat(20_000)], ..config() }), Some(ConfigError::Motd));
    assert_eq!(refused(Config { motd: vec![String::new(); 101], ..config() }), Some(ConfigError::Motd));
}

#[test]
fn a_name_and_a_message_of_the_day() {
    let motd = ["Be kind.", "", "Ends in \u{1b}[2J no harm."].map(String::from).to_vec();
    let mut world = World::new(Config { name: Some("The Cave".into()), motd, ..config() });
    let ann = world.connect();
    world.advance(SILENCE);
    assert_eq!(world.lines(ann), ["* welcome to The Cave! type a nickname and press Enter (/help for help)"]);
    world.send(ann, "ann\n");
    assert_eq!(world.lines(ann)[1..4], ["* Be kind.", "* ", "* Ends in \u{fffd}[2J no harm."]);
}

#[test]
fn secrets_end_with_the_password() {
    use Attempt::{Help, Quit, Right, Wrong};
    let mut world = guarded();
    let mut secrets = |chunks: &[&str]| {
        let peer = world.connect();
        let told = |world: &mut World, chunk: &str| {
            world.event(peer, Event::Received(chunk.as_bytes()));
            let (bytes, attempts) = world.engine.secrets();
            let told = (bytes, attempts.to_vec());
            world.drain();
            told
        };
        chunks.iter().map(|chunk| told(&mut world, chunk)).collect::<Vec<_>>()
    };
    assert_eq!(secrets(&["open sesame\nann\nhello\n"]), [(12, vec![Right])]);
    assert_eq!(
        secrets(&["/help\nopen", " sesame", "\r\nbob\n"]),
        [(10, vec![Help]), (7, vec![]), (2, vec![Right])]
    );
    assert_eq!(
        secrets(&["almost\nopen sesame\n"]),
        [(19, vec![Wrong])],
        "what is behind it may be the password"
    );
    assert_eq!(secrets(&["/quit\nopen sesame\n"]), [(18, vec![Quit])]);
    // Also of somebody who is being let go.
    let gone = world.connect();
    world.peers[gone].takes = false;
    world.event(gone, Event::Received(b"/quit\n"));
    world.event(gone, Event::Received(b"open sesame\n"));
    assert_eq!(world.engine.secrets(), (12, &[][..]));
    let ann = world.connect();
    world.send(ann, "open sesame\ncat\n");
    world.event(ann, Event::Received(b"open sesame\n"));
    assert_eq!(world.engine.secrets(), (0, &[][..]), "and nothing behind it is");
}

#[test]
fn guesses_are_limited_across_connections_and_nobody_else_is_locked_out() {
    let mut world = World::new(Config {
        password: Some(Password::new("open sesame")),
        connect_rate: None,
        max_connections_per_address: 0,
        ..config()
    });
    let wrong = "! that is not the password of this server: try again";
    let (mut looked_at, mut unheard) = (0, vec![]);
    // As many /64 as there are guesses, of one /48.
    for n in 0..200_u16 {
        let guesser = world.connect_from(Ipv6Addr::new(0x2001, 0xdb8, 7, n, 0, 0, 0, 1).into());
        world.send(guesser, "guess\n");
        match world.lines(guesser) {
            lines if lines == [wrong] => looked_at += 1,
            lines => unheard.extend(lines),
        }
        world.disconnect(guesser, Cause::Reset);
    }
    assert_eq!(looked_at, 60);
    assert!(
        unheard.iter().all(|line| line == "! too many wrong passwords from your network: try again in 10 s")
    );
    // Not even the right one is looked at, or it would be known from that.
    let neighbour = world.connect_from(Ipv6Addr::new(0x2001, 0xdb8, 7, 999, 0, 0, 0, 1).into());
    world.send(neighbour, "open sesame\n");
    assert!(world.text(neighbour).starts_with("! too many wrong passwords"));
    let elsewhere = world.connect_from(Ipv6Addr::new(0x2001, 0xdb8, 8, 0, 0, 0, 0, 1).into());
    world.send(elsewhere, "open sesame\nann\n");
    assert!(world.text(elsewhere).contains("* welcome, ann"), "others are not concerned");
    world.advance(Duration::from_secs(10));
    world.send(neighbour, "open sesame\n");
    assert!(world.text(neighbour).starts_with("* that is the password"));
}
