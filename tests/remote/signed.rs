//! Results that somebody vouches for.

use std::fs;

use super::{PULL, RECIPE, RUN, all};
use crate::document::digests;
use crate::harness::{Outcome, Test};

/// A shared folder, and two pairs of keys in it.
struct Shared(Test);

impl Shared {
    fn new() -> Self {
        let mut test = Test::new();
        for name in ["team", "stranger"] {
            let made = test.run_with(["cache", "keygen", name]).success();
            made.stdout_has(&format!("{name}.pub"));
        }
        fs::create_dir(test.folder().join("cache")).expect("a folder");
        Self(test)
    }

    fn machine(&self, more: &str) -> Test {
        let folder = self.0.folder().display();
        let more = more.replace("KEYS", &folder.to_string());
        Test::new().recipe(&format!(
            "{RECIPE}\n[remote]\nurl = \"file://{folder}/cache\"\nkinds = [\"command\"]\n{more}\n"
        ))
    }

    fn pull(&self, trusted: &str) -> Outcome {
        let mut test = self.machine(&format!("trusted_keys = [{trusted}]"));
        test.run_with(PULL).success()
    }
}

#[test]
fn only_what_somebody_trusted_has_signed_is_taken() {
    let shared = Shared::new();
    let mut first = shared.machine("push = true\nsigning_key = \"KEYS/team\"");
    let made = first.run_with(RUN).success().json();
    let run = shared.pull("\"KEYS/stranger.pub\", \"KEYS/team.pub\"");
    assert!(all(&run.json(), "cached"), "{run}");
    assert_eq!(digests(&run.json()), digests(&made));
    let run = shared.pull("\"KEYS/stranger.pub\"");
    assert!(all(&run.json(), "executed"), "{run}");
    let key = shared.0.folder().join("stranger.pub");
    run.stderr_has(&format!("not by the key of {}", key.display()));

    // Who can write there changes an action, its checksum with it, or what the signature stands behind.
    let folder = shared.0.folder().join("cache/actions/v1");
    for entry in fs::read_dir(folder).expect("actions") {
        let path = entry.expect("an action").path();
        let mut bytes = fs::read(&path).expect("an action");
        let end = bytes.len() - 20;
        bytes[end] = match bytes[end] {
            b'A' => b'B',
            _ => b'A',
        };
        fs::write(&path, bytes).expect("it can be written");
    }
    let run = shared.pull("\"KEYS/team.pub\"");
    assert!(all(&run.json(), "executed"), "{run}");
    run.stderr_has("is wrong").stderr_has("team.pub");
    // Who asks for no signature is not told of it.
    let run = shared.machine("").run_with(PULL).success();
    assert!(all(&run.json(), "cached"), "{run}");
}

#[test]
fn what_nobody_has_signed_is_refused_where_keys_are_trusted() {
    let shared = Shared::new();
    shared.machine("push = true").run_with(RUN).success();
    let run = shared.pull("\"KEYS/team.pub\"");
    assert!(all(&run.json(), "executed"), "{run}");
    run.stderr_has("not signed").stderr_has("team.pub");
    let mut strict = shared.machine("trusted_keys = [\"KEYS/team.pub\"]");
    strict
        .run_with(["cache", "pull", "recipe.toml"])
        .failure(3)
        .stderr_has("not signed");
}

#[test]
fn a_key_is_not_replaced_and_one_that_is_none_is_refused_with_its_file() {
    let mut shared = Shared::new();
    let before = fs::read(shared.0.folder().join("team")).expect("a key");
    shared
        .0
        .run_with(["cache", "keygen", "team"])
        .failure(2)
        .stderr_has("team");
    assert_eq!(
        fs::read(shared.0.folder().join("team")).expect("a key"),
        before
    );
    // The secret one in place of the public one, and the other way round.
    let mut test = shared.machine("trusted_keys = [\"KEYS/team\"]");
    test.run_with(PULL)
        .failure(2)
        .stderr_has("/team: the public key");
    let mut test = shared.machine("push = true\nsigning_key = \"KEYS/team.pub\"");
    test.run_with(RUN)
        .failure(2)
        .stderr_has("/team.pub: the secret key");
}
