//! Work of a library that may panic over what it is given, and not by a fault of the program.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Does the work; a panic in it, on this thread, is an error with its message.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let before = GUARDED.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(before);
    done.map_err(|panic| message(&*panic).to_string())
}

/// Whether a panic on this thread will become an error: it is no fault to report then.
pub fn is_guarded() -> bool {
    GUARDED.get()
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_with_its_message_and_known_to_be_expected() {
        assert_eq!(guarded(is_guarded), Ok(true));
        let failed: Result<(), String> = guarded(|| panic!("row {}", 7));
        assert_eq!(failed, Err("row 7".into()));
        assert!(!is_guarded());
    }
}
