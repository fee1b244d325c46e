//! What is written where, and how it looks.

pub mod diagnostic;
pub mod page;
pub mod size;
pub mod stdout;
pub mod stream;
pub mod style;
pub mod verbosity;
