//! Stage kinds: one file each, a small struct behind the trait [`stage::Stage`].

pub mod node;
pub mod stage;
