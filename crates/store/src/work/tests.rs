use super::*;
use crate::digest::Digest;
use std::fs;
use std::sync::mpsc;

fn key() -> Key {
    serde_json::from_value(serde_json::json!(Digest::of_bytes(b"key"))).unwrap()
}

#[test]
fn a_held_key_is_waited_for_and_the_holder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let never = AtomicBool::new(false);
    let held = store.claim(&key(), &never, |_| {}).unwrap();
    let (told, hear) = mpsc::channel();
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let claimed = store.claim(&key(), &never, |holder| told.send(holder).unwrap());
            claimed.unwrap().path().is_dir()
        });
        let holder = hear.recv().unwrap();
        assert!(holder.starts_with(&format!("pid {} on ", std::process::id())));
        held.remove();
        assert!(waiter.join().unwrap());
    });
}

#[test]
fn waiting_ends_when_the_user_asks_to_stop() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let stop = AtomicBool::new(true);
    let _held = store.claim(&key(), &stop, |_| {}).unwrap();
    let error = store.claim(&key(), &stop, |_| {}).unwrap_err();
    assert!(matches!(error, Error::Interrupted));
}

#[test]
fn many_threads_never_hold_one_key_together_although_the_folder_comes_and_goes() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path()).unwrap();
    let never = AtomicBool::new(false);
    let inside = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (store, never, inside) = (&store, &never, &inside);
            scope.spawn(move || {
                for round in 0..20 {
                    let work = store.claim(&key(), never, |_| {}).unwrap();
                    assert!(!inside.swap(true, Ordering::SeqCst));
                    fs::write(work.path().join("state"), "x").unwrap();
                    inside.store(false, Ordering::SeqCst);
                    if (thread + round) % 2 == 0 {
                        work.remove();
                    }
                }
            });
        }
    });
}
