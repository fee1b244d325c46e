//! The whole program, from the outside: one binary, so that it links once.

mod check;
mod command_line;
mod data_errors;
mod document;
mod fingerprints;
mod golden;
mod golden_head;
mod harness;
mod import_audit;
mod lock;
mod main_job;
mod outputs;
mod physionet2012;
mod physionet_layout;
mod plan;
mod recipe_errors;
mod recipes;
mod reference_layout;
mod run;
mod running;
mod schema;
mod shipped_recipes;
