//! How a training loop talks to whoever started it.

/// Receives progress, and says when to stop.
pub trait Watch: Sync {
    /// `done` of `total` stays; `message` says where training is and how it goes.
    fn progress(&self, done: u64, total: u64, message: String);
    /// One line worth reading now.
    fn note(&self, line: &str);
    /// Whether the user asked to stop.
    fn is_interrupted(&self) -> bool;
}

/// Nobody listens and nobody interrupts.
#[cfg(test)]
pub struct Unwatched;

#[cfg(test)]
impl Watch for Unwatched {
    fn progress(&self, _: u64, _: u64, _: String) {}
    fn note(&self, _: &str) {}
    fn is_interrupted(&self) -> bool {
        false
    }
}
