//! The whole program, from the outside: one binary, so that it links once.

mod cache;
mod check;
mod command_line;
mod data_errors;
mod document;
mod explain;
mod export;
mod fingerprints;
mod golden;
mod golden_head;
mod graph;
mod harness;
mod history;
mod import_audit;
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
mod shipped_recipes;
