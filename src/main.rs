//! The command line: raw arguments → validated arguments → one file a command → what people see.

mod arguments;
mod command_line;
mod commands;
mod device;
mod display;
mod error_pages;
mod examples;
mod experiment;
mod fault;
mod interrupt;
mod lock_file;
mod processor;
mod records;
mod remote;
mod serve;
mod submission;
mod terminal;

fn main() -> std::process::ExitCode {
    pipeline_train::memory::keep_what_is_freed();
    // The matrix product reads this and would otherwise start threads of its own below our
    // sharded training; our own pools take their size from `--threads`.
    // SAFETY: no other thread has been started yet.
    unsafe { std::env::set_var("RAYON_NUM_THREADS", "1") };
    // A limit on the size of files (`ulimit -f`) would end the process without a word: a write that fails has an
    // error to show.
    // SAFETY: no handler is installed, the signal is ignored.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    command_line::main()
}
