//! Recipes: raw TOML → resolved values → validated stages, with source spans kept throughout.

pub mod stage_config;
