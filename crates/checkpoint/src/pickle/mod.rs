//! A pickle machine that builds plain values and calls nothing: what a pickle may ask for is a
//! closed list, and anything else refuses the file by name. It serves checkpoints and statistics.
//!
//! Values live in an arena and refer to each other by number: a memo reference is shared and never
//! cloned, cycles and deep nesting cost nothing and are never walked recursively.

mod global;
mod heap;
mod input;
mod machine;
mod number;
mod numpy;
mod rebuild;
mod stack;
mod value;

pub use heap::Heap;
pub use heap::TensorView;
pub(super) use machine::{AGAIN, ANEW};
pub use machine::{Pickle, load};
pub use value::{ObjectId, Value};
