//! Taking back what nobody has seen yet.

use alloc::vec::Vec;
use core::str;

use crate::chat::room_key;

/// What stands before the room in an event's line.
const STAMP: usize = "[HH:MM:SS] ".len();

/// The lines of a text, but for those that show an event of the room of this key.
pub(crate) fn without_events(text: &[u8], key: &str) -> Vec<u8> {
    let lines = text.split_inclusive(|&byte| byte == b'\n');
    lines.filter(|line| !shows_event(line, key)).flatten().copied().collect()
}

fn shows_event(line: &[u8], key: &str) -> bool {
    let Some((stamp, rest)) = line.split_at_checked(STAMP) else { return false };
    let name = rest.split(|&byte| byte == b' ').next().unwrap_or_default();
    let is_event = stamp[0] == b'[' && name.first() == Some(&b'#');
    is_event && str::from_utf8(name).ok().and_then(room_key).is_some_and(|room| *room == *key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_say_and_what_users_type_stays() {
        let text = "* you are in #tea (2 members); no topic yet\n\
            [12:00:00] #tea <ann> one\n\
            [12:00:00] #Tea -- bob left (#tea)\n\
            [12:00:00] #teas <ann> [12:00:00] #tea <bob> two\n\
            [12:00:00] <ann -> you> #tea\n\
            [12:00:00]\n";
        let left = without_events(text.as_bytes(), "#tea");
        let left = str::from_utf8(&left).unwrap();
        assert_eq!(left, text.replace("[12:00:00] #tea <ann> one\n[12:00:00] #Tea -- bob left (#tea)\n", ""));
        assert_eq!(without_events(left.as_bytes(), "#tea"), left.as_bytes());
    }
}
