//! Who gets what: from notices, through the turn under way, to one queue for each connection.
//!
//! What a room says in one turn is encoded once, and is a line of that room's log. Sealing the turn freezes each
//! log into one shared segment, and a member's share of it is a range. Cost per turn: lines + members, not their
//! product. Those who listen to several rooms that spoke share a blend of these, merged in the order of things; only what
//! was private for somebody, and short runs beside it, is copied.

mod dense;
mod queue;
mod seal;
mod segment;
mod turn;
mod view;

pub(crate) use queue::Queue;
pub(crate) use seal::{Parcel, Sealed};
pub(crate) use segment::{Piece, Segments};
pub(crate) use turn::{Share, Turn};
