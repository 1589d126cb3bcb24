//! What comes of carrying out a plan, whatever the tier.

use crate::oracle::{Broken, Marks};
use crate::trace::Trace;

/// The outcome of a run.
#[derive(Clone, Debug)]
pub struct Run {
    /// Everything that was seen.
    pub trace: Trace,
    /// The first promise that was broken, if one was.
    pub broken: Option<Broken>,
    /// The situations that were met.
    pub marks: Marks,
}
