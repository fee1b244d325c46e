//! The whole program, from the outside: one binary, so that it links once.

mod check;
mod command_line;
mod golden;
mod harness;
mod outputs;
mod plan;
mod recipes;
mod run;
