//! The order of things that need each other, and drawings of it.
//!
//! ```
//! use pipeline_graph::Dag;
//!
//! # fn main() -> Result<(), pipeline_graph::GraphError> {
//! let dag = Dag::new(vec![
//!     ("classifier".into(), vec!["events".into()]),
//!     ("events".into(), vec![]),
//! ])?;
//! assert_eq!(dag.order(), ["events", "classifier"]);
//! # Ok(())
//! # }
//! ```

mod ascii;
mod dag;
mod dot;
mod drawing;
mod layout;
mod mermaid;
mod svg;

pub use ascii::ascii;
pub use dag::{Dag, GraphError, cycles};
pub use dot::dot;
pub use drawing::{Drawing, DrawnEdge, DrawnNode, Given, Mark};
pub use mermaid::mermaid;
pub use svg::svg;
