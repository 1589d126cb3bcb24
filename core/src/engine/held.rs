//! Input that has to wait.

use alloc::boxed::Box;

use bytes::{Buf as _, Bytes};

/// What was received and cannot be served yet. As small as a pointer, since mostly there is nothing.
#[derive(Debug, Default)]
pub(super) struct Held(Option<Box<Bytes>>);

impl Held {
    pub(super) fn new(bytes: Bytes) -> Self {
        Self((!bytes.is_empty()).then(|| Box::new(bytes)))
    }

    /// Adds what came behind it.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        *self = Self::new([self.bytes(), bytes].concat().into());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes().len()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_deref().map_or(&[], |bytes| bytes)
    }

    /// The last `left` bytes of it.
    pub(super) fn last(self, left: usize) -> Self {
        let mut bytes = self.0.map_or_else(Bytes::new, |bytes| *bytes);
        // What is left keeps all of it in memory, so a small rest is copied.
        if left < bytes.len() / 2 {
            return Self::new(Bytes::copy_from_slice(&bytes[bytes.len() - left..]));
        }
        bytes.advance(bytes.len() - left);
        Self::new(bytes)
    }
}
