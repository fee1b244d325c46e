//! The scheduler: decides what is out of date, runs it, and tells what happens as events.

pub mod event;
pub mod record;
