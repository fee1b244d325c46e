//! Results for other people's programs.

pub mod tensorboard;
