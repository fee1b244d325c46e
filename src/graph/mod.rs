//! The order of things that need each other.

mod dag;

pub use dag::{Dag, GraphError, cycles};
