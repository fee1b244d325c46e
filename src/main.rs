//! The command line: raw arguments → validated arguments → one file a command → what people see.

mod arguments;
mod command_line;
mod commands;
mod device;
mod display;
mod experiment;
mod interrupt;
mod lock_file;
mod records;
mod terminal;

fn main() -> std::process::ExitCode {
    pipeline_train::memory::keep_what_is_freed();
    // The matrix product reads this and would otherwise start threads of its own below our
    // sharded training; our own pools take their size from `--threads`.
    // SAFETY: no other thread has been started yet.
    unsafe { std::env::set_var("RAYON_NUM_THREADS", "1") };
    command_line::main()
}
