//! The plain dialect: for people with nc or telnet.
//!
//! It translates a line to a request and a notice to bytes, and holds no state. Every line to the user starts
//! with `* ` (the server speaks to you alone), `! ` (an error) or `[HH:MM:SS] ` (somebody did something); what
//! users type stands only behind their nickname or behind `topic: `, so nobody can forge a line.

mod encode;
mod help;
mod http;
mod parse;
mod recall;

pub(crate) use encode::{
    greeting, here, line_too_long, no_password, not_delivered, not_now, notice, notice_of_close,
    password_help, password_right, password_wrong, room_event, too_many_guesses,
};
pub(crate) use help::{help, unknown_command, usage};
pub(crate) use http::{HTTP_ANSWER, is_http_request};
pub(crate) use parse::{Entrance, Registration, Request, parse, parse_entrance, parse_registration};
pub(crate) use recall::without_events;
