//! Documents that commands print, where no crate below has them.

pub mod bundle;
pub mod diagnosis;
pub mod inspection;
pub mod submission;
pub mod sweep_plan;
