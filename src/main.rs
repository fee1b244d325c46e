fn main() -> std::process::ExitCode {
    pipeline::memory::keep_what_is_freed();
    // The matrix product reads this and would otherwise start threads of its own below our
    // sharded training; our own pools take their size from `--threads`.
    // SAFETY: no other thread has been started yet.
    unsafe { std::env::set_var("RAYON_NUM_THREADS", "1") };
    pipeline::cli::main()
}
