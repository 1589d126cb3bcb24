//! Typing, as a sequence of keys and what is left of it.

use super::*;

fn press(editor: &mut Editor, code: KeyCode) -> Wish {
    editor.key(KeyEvent::new(code, KeyModifiers::NONE))
}

fn ctrl(editor: &mut Editor, c: char) -> Wish {
    editor.key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL))
}

fn typed(text: &str) -> Editor {
    let mut editor = Editor::default();
    type_in(&mut editor, text);
    editor
}

fn type_in(editor: &mut Editor, text: &str) {
    for c in text.chars() {
        assert_eq!(press(editor, KeyCode::Char(c)), Wish::None);
    }
}

/// The line with a bar where the cursor is.
fn shown(editor: &Editor) -> String {
    let (before, after) = editor.text.split_at(editor.cursor);
    format!("{before}|{after}")
}

#[test]
fn editing_in_the_middle() {
    let mut editor = typed("helo world");
    press(&mut editor, KeyCode::Home);
    for _ in 0..3 {
        press(&mut editor, KeyCode::Right);
    }
    type_in(&mut editor, "l");
    assert_eq!(shown(&editor), "hell|o world");
    ctrl(&mut editor, 'k');
    assert_eq!(shown(&editor), "hell|");
    press(&mut editor, KeyCode::Backspace);
    ctrl(&mut editor, 'a');
    press(&mut editor, KeyCode::Delete);
    assert_eq!(shown(&editor), "|el");
    assert_eq!(ctrl(&mut editor, 'd'), Wish::None);
    assert_eq!(shown(&editor), "|l");
}

#[test]
fn words_of_any_script() {
    let mut editor = typed("ééé größe ab");
    ctrl(&mut editor, 'w');
    ctrl(&mut editor, 'w');
    assert_eq!(shown(&editor), "ééé |");
    ctrl(&mut editor, 'w');
    ctrl(&mut editor, 'w');
    assert_eq!(shown(&editor), "|");

    let mut editor = typed("one two");
    editor.key(KeyEvent::new(KeyCode::Left, KeyModifiers::CONTROL));
    assert_eq!(shown(&editor), "one |two");
    ctrl(&mut editor, 'a');
    editor.key(KeyEvent::new(KeyCode::Char('f'), KeyModifiers::ALT));
    assert_eq!(shown(&editor), "one| two");
}

#[test]
fn a_grapheme_is_one_step() {
    let mut editor = typed("a👋🏽e\u{301}");
    press(&mut editor, KeyCode::Left);
    press(&mut editor, KeyCode::Left);
    assert_eq!(shown(&editor), "a|👋🏽e\u{301}");
    press(&mut editor, KeyCode::Delete);
    press(&mut editor, KeyCode::Delete);
    assert_eq!(shown(&editor), "a|");
}

#[test]
fn history_keeps_the_draft() {
    let mut editor = typed("one");
    assert_eq!(press(&mut editor, KeyCode::Enter), Wish::Send("one".to_owned()));
    type_in(&mut editor, "two");
    press(&mut editor, KeyCode::Enter);
    type_in(&mut editor, "dra");
    for (key, line) in [
        (KeyCode::Up, "two|"),
        (KeyCode::Up, "one|"),
        (KeyCode::Up, "one|"),
        (KeyCode::Down, "two|"),
        (KeyCode::Down, "dra|"),
        (KeyCode::Down, "dra|"),
    ] {
        press(&mut editor, key);
        assert_eq!(shown(&editor), line);
    }
}

#[test]
fn keys_that_are_not_for_the_line() {
    let mut editor = Editor::default();
    assert_eq!(ctrl(&mut editor, 'd'), Wish::EndOfInput);
    assert_eq!(ctrl(&mut editor, 'l'), Wish::ClearScreen);
    assert_eq!(ctrl(&mut editor, 'c'), Wish::Quit);
    assert_eq!(press(&mut editor, KeyCode::Enter), Wish::Send(String::new()));
    assert_eq!(press(&mut editor, KeyCode::Up), Wish::None);
}

#[test]
fn what_a_terminal_would_obey_is_not_taken() {
    assert_eq!(shown(&typed("a\u{9b}b\u{202e}c")), "abc|");
}

#[test]
fn the_view_always_holds_the_cursor() {
    let mut editor = typed("0123456789你好吗 👋🏽 abcdefghij\t");
    loop {
        for columns in 2..60 {
            let (shown, cursor) = editor.view(columns);
            assert!(width(&shown) <= columns && cursor <= width(&shown), "{shown:?} {cursor} in {columns}");
        }
        if editor.cursor == 0 {
            break;
        }
        press(&mut editor, KeyCode::Left);
    }
    assert_eq!(editor.view(10), ("0123456789".to_owned(), 0));
    press(&mut editor, KeyCode::End);
    assert_eq!(editor.view(60).1, 10 + 6 + 1 + 2 + 1 + 10 + 1);
    assert_eq!(editor.view(10), ("fghij ".to_owned(), 6));
}
