//! Who holds which name.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use smol_str::SmolStr;

use super::look::{Looks, look};
use super::name::Name;

/// Who holds which name: at most one holder a key, and no two names that pass for each other.
///
/// Names stand in one tree by what they look like, so a path through it says whether a name is free: among a million, most
/// of that path is in no cache. A name in ASCII stands there once; the others once for each of their looks. Those of one
/// look are either in ASCII, all of them, and never collide with each other (user1 and userl may both live), or there is
/// only one.
#[derive(Debug)]
pub(crate) struct Directory<T> {
    holders: BTreeMap<Place, Holder<T>>,
    /// How many names are held.
    names: usize,
    /// What nobody's name may look like.
    reserved: Vec<SmolStr>,
}

/// A key behind what its name looks like.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    look: SmolStr,
    key: SmolStr,
}

#[derive(Debug)]
struct Holder<T> {
    holder: T,
    /// Whether the name, as its owner wrote it, is in ASCII.
    ascii: bool,
}

/// Why a name is not to be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Somebody holds that very name.
    Same,
    /// Somebody holds a name that looks like it.
    LooksAlike,
    /// It is nobody's, or looks like one that is.
    Reserved,
}

impl<T> Default for Directory<T> {
    fn default() -> Self {
        Self::reserving(&[])
    }
}

impl<T> Directory<T> {
    /// An empty one, of names that look like none of these.
    pub(crate) fn reserving(reserved: &[&str]) -> Self {
        let reserved = reserved.iter().map(|name| look(name)).collect();
        Self { holders: BTreeMap::new(), names: 0, reserved }
    }
}

impl<T: Copy> Directory<T> {
    /// Who holds the name with this key.
    pub(crate) fn holder(&self, key: &SmolStr) -> Option<T> {
        let place = Place { look: look(key), key: key.clone() };
        self.holders.get(&place).map(|held| held.holder)
    }

    /// Whether `name` is free for somebody who holds `own` until then.
    pub(crate) fn check(&self, name: &Name, own: Option<&Name>) -> Result<(), Taken> {
        let looks = name.looks();
        if looks.iter().any(|look| self.reserved.contains(look)) {
            return Err(Taken::Reserved);
        }
        let is_own = |key: &SmolStr| own.is_some_and(|own| own.key == *key);
        let mut taken = Ok(());
        for place in places(looks, &SmolStr::default()) {
            let alike = self.holders.range(&place..).take_while(|(held, _)| held.look == place.look);
            let mut alike = alike.filter(|(held, _)| !is_own(&held.key)).peekable();
            let collides = |ascii: bool| !ascii || !name.shown.is_ascii();
            if alike.peek().is_some_and(|(_, first)| collides(first.ascii)) {
                taken = Err(Taken::LooksAlike);
            }
        }
        let is_held = !is_own(&name.key) && self.holder(&name.key).is_some();
        if is_held { Err(Taken::Same) } else { taken }
    }

    /// Gives a free name to `holder`.
    pub(crate) fn insert(&mut self, name: &Name, holder: T) {
        let ascii = name.shown.is_ascii();
        self.names += 1;
        for place in places(name.looks(), &name.key) {
            let before = self.holders.insert(place, Holder { holder, ascii });
            assert!(before.is_none(), "a name has one holder");
        }
    }

    /// Frees a name.
    pub(crate) fn remove(&mut self, name: &Name) {
        self.names -= 1;
        for place in places(name.looks(), &name.key) {
            self.holders.remove(&place).expect("only a held name is freed");
        }
    }

    /// How many names are held.
    pub(crate) fn len(&self) -> usize {
        self.names
    }
}

fn places(looks: Looks, key: &SmolStr) -> impl Iterator<Item = Place> {
    looks.into_iter().map(|look| Place { look, key: key.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nick(name: &str) -> Name {
        Name::nick(name).unwrap_or_else(|| panic!("{name} is a nickname"))
    }

    #[test]
    fn look_alikes_are_refused_unless_both_are_ascii() {
        let mut names = Directory::default();
        names.insert(&nick("ann"), 1);
        assert_eq!(names.check(&nick("ANN"), None), Err(Taken::Same));
        assert_eq!(names.check(&nick("аnn"), None), Err(Taken::LooksAlike), "with a Cyrillic a");
        names.insert(&nick("user1"), 2);
        assert_eq!(names.check(&nick("userl"), None), Ok(()));
        names.insert(&nick("userl"), 4);
        assert_eq!(names.check(&nick("ｕser1"), Some(&nick("user1"))), Err(Taken::LooksAlike), "fullwidth");
        names.insert(&nick("раса"), 3);
        assert_eq!(names.check(&nick("paca"), None), Err(Taken::LooksAlike), "the Cyrillic one came first");
        names.remove(&nick("раса"));
        assert_eq!(names.check(&nick("paca"), None), Ok(()));
        assert_eq!(names.len(), 3);
    }

    #[test]
    fn ones_own_name_is_no_obstacle() {
        let mut names = Directory::default();
        names.insert(&nick("ann"), 1);
        assert_eq!(names.check(&nick("Ann"), Some(&nick("ann"))), Ok(()));
        assert_eq!(names.check(&nick("аnn"), Some(&nick("ann"))), Ok(()), "with a Cyrillic a");
        assert_eq!(names.check(&nick("аnn"), Some(&nick("bob"))), Err(Taken::LooksAlike));
    }

    #[test]
    fn a_name_is_freed_in_all_its_looks() {
        let mut names = Directory::default();
        for name in ["Вова", "вова", "ΑΝΝ", "ｆｒｅｄ"] {
            names.insert(&nick(name), ());
            assert_eq!(names.holder(&nick(name).key), Some(()));
            names.remove(&nick(name));
            assert!(names.holders.is_empty(), "{name}");
        }
    }

    #[test]
    fn reserved_names_and_all_that_look_like_them() {
        let names = Directory::<()>::reserving(&["server", "nickserv"]);
        for name in ["server", "Server", "sеrver", "ＳＥＲＶＥＲ", "NickServ", "nlckserv", "NІCKSERV"]
        {
            assert_eq!(names.check(&nick(name), None), Err(Taken::Reserved), "{name}");
        }
        assert_eq!(names.check(&nick("servers"), None), Ok(()));
    }
}
