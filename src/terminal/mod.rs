//! What is written where, and how it looks.

mod abridged;
pub mod diagnostic;
pub mod page;
pub mod shown;
pub mod stderr;
pub mod stdout;
pub mod stream;
pub mod style;
pub mod verbosity;
