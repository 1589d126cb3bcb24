//! Names that pass for others, with all that Unicode calls confusable (Unicode Technical Standard 39, section 4).

mod harness;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use harness::World;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Characters by what they are drawn like.
static DRAWN_LIKE: LazyLock<BTreeMap<String, Vec<char>>> = LazyLock::new(|| {
    let mut all = BTreeMap::<String, Vec<char>>::new();
    for c in ('!'..=char::MAX).filter(|c| c.is_alphanumeric() || c.is_ascii()) {
        all.entry(drawn(c)).or_default().push(c);
    }
    all
});

fn drawn(c: char) -> String {
    unicode_security::skeleton(c.encode_utf8(&mut [0; 4])).collect()
}

/// What `nick` is told that comes after `first`.
fn second(first: &str, nick: &str) -> String {
    let mut world = World::new(harness::config());
    world.user(first);
    let peer = world.connect();
    world.send(peer, &format!("{nick}\n"));
    world.text(peer)
}

/// A name in one script, and one of the ways to write it.
fn written() -> impl Strategy<Value = (String, String)> {
    let name = prop_oneof![
        4 => "[A-Za-z0-9|`_]{1,10}",
        1 => "[А-Яа-яЁё]{1,10}",
        1 => "[Α-ΡΣ-Ωα-ρσ-ω]{1,10}",
        1 => "[A-Za-zÀ-ÖØ-öø-ÿĀ-ž]{1,10}",
        1 => "[ᎠᎡꭰꭱᏴа-яA-Z]{1,10}",
    ];
    let taken = |name: &String| second("somebody", name).starts_with("* welcome");
    (name.prop_filter("may be a name", taken), 0..4, vec(any::<bool>(), 10)).prop_map(|(name, how, cases)| {
        let lower = name.to_lowercase();
        let cased =
            |(c, upper): (char, bool)| if upper { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
        let mixed = name.chars().zip(cases).map(cased);
        let mut letters = lower.chars();
        let capital = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters);
        let written = match how {
            0 if name.is_ascii() => mixed.collect(),
            0 => name.clone(),
            1 => name.to_uppercase(),
            2 => capital.collect(),
            _ => lower,
        };
        (name, written)
    })
}

/// A name, and another that is drawn like one of the ways to write it.
fn imitated() -> impl Strategy<Value = (String, String)> {
    (written(), vec(any::<Index>(), 30))
        .prop_map(|((name, written), choices)| (name, written.chars().zip(choices).map(imitate).collect()))
}

fn imitate((c, choice): (char, Index)) -> char {
    DRAWN_LIKE.get(&drawn(c)).map_or(c, |alike| *choice.get(alike))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_passes_for_another((name, imitation) in imitated()) {
        prop_assume!(!imitation.is_ascii() || !name.is_ascii());
        // It may not even be a name, as when it has spaces in disguise.
        prop_assume!(second("somebody", &imitation).starts_with("* welcome"));
        let answer = second(&name, &imitation);
        prop_assert!(answer.starts_with("! the nickname "), "{imitation} beside {name}: {answer}");
        let answer = second(&imitation, &name);
        prop_assert!(answer.starts_with("! the nickname "), "{name} beside {imitation}: {answer}");
    }

    #[test]
    fn names_in_ascii_never_collide(one in "[A-Za-z0-9|`_-]{1,10}", other in "[il1|o0Omrn`A-Z]{1,10}") {
        prop_assume!(!one.eq_ignore_ascii_case(&other));
        let reserved = |name: &str| second("somebody", name).contains("may be called");
        prop_assume!(!reserved(&one) && !reserved(&other));
        let answer = second(&one, &other);
        prop_assert!(answer.starts_with("* welcome"), "{other} beside {one}: {answer}");
    }

    #[test]
    fn nobody_speaks_as_the_server(name in select(vec!["you", "Server", "NICKSERV", "chanserv"]), choices in vec(any::<Index>(), 10)) {
        let imitation: String = name.chars().zip(choices).map(imitate).collect();
        for name in [name, &imitation] {
            prop_assert!(second("somebody", name).starts_with("! "), "{name}");
        }
    }
}

#[test]
fn the_table_is_the_whole_one() {
    assert!(DRAWN_LIKE["a"].len() > 20 && DRAWN_LIKE["l"].len() > 50);
    assert!(DRAWN_LIKE["B"].contains(&'В') && DRAWN_LIKE["Z"].contains(&'Ζ'));
}
