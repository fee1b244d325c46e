//! A first recipe: for a folder of data, by looking at it, or from a template.
//!
//! [`look`] reads the begins of a folder's tables and recognises the layout; what it returns becomes a recipe by
//! [`Draft::recipe`]. Nothing here decides in silence: every setting that the data do not state carries a comment
//! `# guess:` with the reason. [`Template`] is for those who have no data yet, and [`project`] makes the files beside
//! the recipe.

mod draft;
mod folder;
mod layouts;
mod names;
pub mod project;
mod table;
mod template;
mod text;

pub use draft::{Draft, Guess};
pub use layouts::{Looking, look};
pub use template::Template;
