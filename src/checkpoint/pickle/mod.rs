//! A pickle machine that builds plain values and calls nothing.
//!
//! Values live in an arena and refer to each other by number: a memo reference is shared and never
//! cloned, cycles and deep nesting cost nothing and are never walked recursively.

mod global;
mod heap;
mod input;
mod machine;
mod rebuild;
mod stack;

pub(super) use heap::{Heap, TensorView, Value};
pub(super) use machine::{Pickle, load};
