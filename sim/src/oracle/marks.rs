//! Situations that a sweep must have met: without them it proves less than it seems to.

/// A situation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Mark {
    /// Part of an outstanding write was credited.
    PartialWrite,
    /// A slow reader was cut off.
    Eviction,
    /// A reader was dropped since memory was short.
    MemoryEviction,
    /// A connection began to close while it was owed something.
    CloseWithBacklog,
    /// A peer was lost while the last of what it was owed was being written.
    ResetDuringFlush,
    /// A nickname was refused because somebody has it.
    NameCollision,
    /// A nickname was refused because it looks like another.
    LookAlike,
    /// A nickname was refused because nobody may have it.
    Reserved,
    /// Somebody joined and left a room in one turn.
    JoinAndLeaveInOneTurn,
    /// A character came in two pieces.
    CharacterSplit,
    /// A room was made again that had lost its last member.
    RoomRecreated,
    /// A deadline was due at the very time at which data came.
    DeadlineTiedWithData,
    /// The server ended while somebody was owed something.
    ShutdownWithBacklog,
    /// Reading from somebody was paused, and resumed.
    PausedAndResumed,
    /// A room fell quiet, and woke up.
    QuietAndLively,
    /// A connection over a limit was refused.
    Refused,
    /// A long answer was given in parts.
    LongAnswer,
    /// A line was too long.
    LineTooLong,
    /// Too much waited of somebody without a nickname.
    TooMuchWaits,
    /// A line was not UTF-8.
    InvalidUtf8,
    /// Telnet negotiation was swallowed.
    Telnet,
    /// Telnet was answered.
    TelnetAnswered,
    /// A line was edited by keys that came with it.
    Edited,
    /// Input was ended with something still held back.
    EndOfInputHeld,
    /// A nickname was not chosen in time.
    RegistrationTimeout,
    /// The wall clock jumped back,
    ClockBack,
    /// and far, and was believed after a while.
    ClockBelieved,
    /// The process stood still while a deadline came.
    StoodStill,
    /// A name was taken again by another connection after its holder was lost.
    NameTakenAgain,
    /// A private message was delivered.
    Private,
    /// A dozen connections came at one time.
    AcceptStorm,
    /// So many were over a limit that some were refused without a word.
    RefusedInSilence,
    /// The code of one connection panicked.
    Panicked,
    /// A peer that had fallen silent was given up.
    GivenUp,
    /// A reader that owed something was spared when another was dropped since memory was short.
    SparedReader,
    /// A handshake began.
    Securing,
    /// One began when its peer had been greeted, or had spoken.
    SecuringTooLate,
    /// One took too long.
    HandshakeTimeout,
    /// Input ended without its transport's goodbye, and with an unfinished line.
    CutShort,
    /// A peer did not keep to its transport from the start,
    Violated,
    /// or when it had a nickname.
    ViolatedInChat,
    /// A connection was refused since too many had no nickname.
    TooManyUnregistered,
    /// A connection was refused since its address connected too often.
    ConnectingTooFast,
    /// A user was silent for too long.
    Idle,
    /// A line counted as more than one.
    LongLine,
    /// A line was heard in several rooms, and counted as so many.
    HeardInSeveralRooms,
    /// Somebody wanted to make a room too soon after others.
    TooManyNewRooms,
    /// Lines waited for the next turn, since this one had come to as much as it may.
    Postponed,
    /// Whoever had used less of what flood control gives was served first of them.
    Overtaken,
    /// What could not wait began a turn of its own for that.
    TurnWithinTurn,
    /// Somebody said the password,
    PasswordRight,
    /// or something else,
    PasswordWrong,
    /// or guessed when there had been too many wrong guesses,
    GuessUnheard,
    /// or more at once than flood control lets through.
    GuessingTooFast,
    /// A connection from a banned address was refused.
    Banned,
    /// A user had to leave since its address is banned by now.
    BannedInChat,
    /// A proxy said for whom it had connected.
    Forwarded,
    /// A turn was held back until it was stored, and shown then.
    ReleasedLate,
    /// A connection that was closed waited for its goodbye to be shown.
    ClosingWaits,
    /// The server ended while something was held back.
    ShutdownWithHeldTurns,
    /// The store answered what nobody waited for any more.
    AnsweredLate,
    /// The store took so long that what is said is refused from then on.
    StoreStuck,
    /// Something that was said was refused for that,
    NotDelivered,
    /// or any other line.
    NotNow,
    /// A long answer that was held back was given up.
    AnswerGivenUp,
    /// Lines waited since too much was held back.
    StoreFull,
    /// The store took too long to look something up.
    LookUpTimedOut,
    /// Several waited for one room.
    JoinersWait,
    /// A room was opened of which the store knew more.
    OpenedWithHistory,
    /// A room could not be opened.
    OpeningFailed,
    /// Whoever joined was shown what was said before.
    Replayed,
    /// Events were read from the store.
    ReadFromStore,
    /// Something was looked for, and all of it found.
    Searched,
    /// There was no time for all of it.
    SearchCut,
    /// More was searched for than may be.
    SearchTooLong,
    /// The store could not say what a reader has asked for.
    Unreadable,
    /// What a room said could never be stored,
    PartRefused,
    /// nothing was taken for it until it was known how far it had come,
    SaidInLost,
    /// and it went on from there.
    FoundAgain,
}

impl Mark {
    /// All of them.
    pub const ALL: [Self; 79] = [
        Self::PartialWrite,
        Self::Eviction,
        Self::MemoryEviction,
        Self::CloseWithBacklog,
        Self::ResetDuringFlush,
        Self::NameCollision,
        Self::LookAlike,
        Self::Reserved,
        Self::JoinAndLeaveInOneTurn,
        Self::CharacterSplit,
        Self::RoomRecreated,
        Self::DeadlineTiedWithData,
        Self::ShutdownWithBacklog,
        Self::PausedAndResumed,
        Self::QuietAndLively,
        Self::Refused,
        Self::LongAnswer,
        Self::LineTooLong,
        Self::TooMuchWaits,
        Self::InvalidUtf8,
        Self::Telnet,
        Self::TelnetAnswered,
        Self::Edited,
        Self::EndOfInputHeld,
        Self::RegistrationTimeout,
        Self::ClockBack,
        Self::ClockBelieved,
        Self::StoodStill,
        Self::NameTakenAgain,
        Self::Private,
        Self::AcceptStorm,
        Self::RefusedInSilence,
        Self::Panicked,
        Self::GivenUp,
        Self::SparedReader,
        Self::Securing,
        Self::SecuringTooLate,
        Self::HandshakeTimeout,
        Self::CutShort,
        Self::Violated,
        Self::ViolatedInChat,
        Self::TooManyUnregistered,
        Self::ConnectingTooFast,
        Self::Idle,
        Self::LongLine,
        Self::HeardInSeveralRooms,
        Self::TooManyNewRooms,
        Self::Postponed,
        Self::Overtaken,
        Self::TurnWithinTurn,
        Self::PasswordRight,
        Self::PasswordWrong,
        Self::GuessUnheard,
        Self::GuessingTooFast,
        Self::Banned,
        Self::BannedInChat,
        Self::Forwarded,
        Self::ReleasedLate,
        Self::ClosingWaits,
        Self::ShutdownWithHeldTurns,
        Self::AnsweredLate,
        Self::StoreStuck,
        Self::AnswerGivenUp,
        Self::NotDelivered,
        Self::NotNow,
        Self::StoreFull,
        Self::LookUpTimedOut,
        Self::JoinersWait,
        Self::OpenedWithHistory,
        Self::OpeningFailed,
        Self::Replayed,
        Self::ReadFromStore,
        Self::Searched,
        Self::SearchCut,
        Self::SearchTooLong,
        Self::Unreadable,
        Self::PartRefused,
        Self::SaidInLost,
        Self::FoundAgain,
    ];
}

/// A set of situations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks(u128);

impl Marks {
    /// Adds one.
    pub fn set(&mut self, mark: Mark) {
        self.0 |= 1 << mark as u8;
    }

    /// Adds all of `other`.
    pub fn merge(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether this one is in it.
    #[must_use]
    pub fn contains(self, mark: Mark) -> bool {
        self.0 & (1 << mark as u8) != 0
    }

    /// Those that are not in it.
    pub fn missing(self) -> impl Iterator<Item = Mark> {
        Mark::ALL.into_iter().filter(move |&mark| !self.contains(mark))
    }
}
