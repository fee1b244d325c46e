//! Whatever a remote cache does wrong, a run ends as without it.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::bucket::{Bucket, Fault};
use super::{PULL, RECIPE, RUN, all, assert_sound, bucket_lines, filled, machine, with_bucket};
use crate::document::{digests, statuses};
use crate::harness::{Outcome, Test};
use crate::running::Running;

/// The 100 KB artifact.
fn large(made: &Value) -> String {
    let digest = digests(made)[&("first".into(), "a".into())].clone();
    format!("blobs/v1/{}/{digest}", &digest[..2])
}

/// Runs where a fault is: all must come to the same as without the cache.
fn pulled(bucket: &Bucket, made: &Value) -> (Test, Outcome) {
    let mut test = with_bucket(bucket, RECIPE, &bucket_lines(""));
    let run = test.run_with(PULL).success();
    assert_eq!(digests(&run.json()), digests(made), "{run}");
    assert_sound(&mut test);
    (test, run)
}

#[test]
fn other_bytes_are_not_taken_and_the_object_is_named() {
    let (bucket, made) = filled();
    let object = format!("s3://cache/some/prefix/{}", large(&made));
    for (fault, told) in [
        (Fault::Flip, "its bytes have the digest"),
        (Fault::Short, "bytes of 108894"),
    ] {
        bucket.without_faults();
        bucket.fault("GET", "/blobs/", 1, fault);
        // The smaller artifact comes second.
        let (mut test, run) = pulled(&bucket, &made);
        assert_eq!(statuses(&run.json())[0], ("first", "executed"), "{run}");
        let run = run.stderr_has(&object).stderr_has("damaged, not taken");
        let run = run.stderr_has(told);
        // The cache is not away: the next stage is pulled.
        assert_eq!(statuses(&run.json())[1], ("second", "cached"), "{run}");
        bucket.fault("GET", "/blobs/", 1, fault);
        let folder = test.folder().join(".pipeline");
        std::fs::remove_dir_all(&folder).expect("a store");
        let pull = ["cache", "pull", "recipe.toml", "--format", "json"];
        let ended = test.run_with(pull).failure(3).stderr_has(&object);
        assert_eq!(statuses(&ended.json())[0], ("first", "refused"), "{ended}");
        let left = std::fs::read_dir(folder.join("work")).expect("a folder");
        assert_eq!(left.count(), 0);
        assert!(!folder.join("blobs/v1").exists());
        assert!(!folder.join("actions/v1").exists());
    }
}

#[test]
fn an_action_that_was_changed_or_is_of_another_key_is_not_taken() {
    let (bucket, made) = filled();
    let actions = bucket.names("/actions/");
    let mut whole = Vec::new();
    bucket.change(&actions[0], |bytes| whole = bytes.clone());
    bucket.change(&actions[1], |bytes| std::mem::swap(bytes, &mut whole));
    let (_, run) = pulled(&bucket, &made);
    run.stderr_has("is the action of");
    bucket.fault("GET", "/actions/", 2, Fault::Flip);
    let (_, run) = pulled(&bucket, &made);
    assert!(all(&run.json(), "executed"), "{run}");
    run.stderr_has("its checksum is that of other contents");
}

#[test]
fn an_artifact_that_is_gone_is_named_and_made_again() {
    let (bucket, made) = filled();
    bucket.fault("GET", "/blobs/", 1, Fault::Gone);
    let (_, run) = pulled(&bucket, &made);
    assert_eq!(statuses(&run.json())[0], ("first", "executed"), "{run}");
    run.stderr_has("is missing").stderr_has("artifact `a`");
}

#[test]
fn a_server_that_fails_for_a_moment_is_asked_again() {
    let (bucket, made) = filled();
    for fault in [
        Fault::Status(500, "InternalError"),
        Fault::Status(503, "SlowDown"),
        Fault::Break,
    ] {
        bucket.without_faults();
        bucket.fault("GET", "", 2, fault);
        let (_, run) = pulled(&bucket, &made);
        assert!(all(&run.json(), "cached"), "{fault:?}: {run}");
    }
}

/// That the cache is away, told once.
fn told_once(run: &Outcome) {
    let told = run
        .stderr
        .matches("goes on without the remote cache")
        .count();
    assert_eq!(told, 1, "{run}");
}

#[test]
fn a_cache_that_is_away_is_told_once_and_not_asked_again() {
    let (bucket, made) = filled();
    let times = usize::MAX;
    for (fault, told) in [
        (
            Fault::Status(500, "InternalError"),
            "500 Internal Server Error",
        ),
        (Fault::Break, "ends in the middle"),
        (Fault::Status(404, "NoSuchBucket"), "make the bucket"),
        (
            Fault::Status(400, "ExpiredToken"),
            "credentials are not good",
        ),
        (
            Fault::Status(307, "TemporaryRedirect"),
            "is the region right",
        ),
    ] {
        bucket.without_faults();
        bucket.fault("GET", "", times, fault);
        bucket.asked();
        let (_, run) = pulled(&bucket, &made);
        assert!(all(&run.json(), "executed"), "{run}");
        told_once(&run);
        run.stderr_has(told);
        assert!(bucket.asked().len() <= 3, "{fault:?}");
    }
}

#[test]
fn a_server_that_is_slow_or_absent_is_given_up_in_time() {
    let (bucket, made) = filled();
    bucket.fault("GET", "", 9, Fault::Slow(Duration::from_secs(20)));
    let start = Instant::now();
    let mut slow = with_bucket(&bucket, RECIPE, &bucket_lines(""));
    slow = slow.env("PIPELINE_REMOTE_SECONDS", "0.3");
    let run = slow.run_with(PULL).success();
    assert!(start.elapsed() < Duration::from_secs(10));
    told_once(&run);
    assert_eq!(digests(&run.json()), digests(&made));
    run.stderr_has("no whole answer within 0.3");

    // Nobody listens there any more.
    let port = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", port.local_addr().expect("an address"));
    drop(port);
    let push = bucket_lines("push = true");
    let absent = with_bucket(&bucket, RECIPE, &push);
    let mut absent = absent.env("AWS_ENDPOINT_URL_S3", &address);
    let run = absent.run_with(RUN).success();
    told_once(&run);
    run.stderr_has("127.0.0.1");
    absent.run_with(["cache", "push", "recipe.toml"]).failure(3);

    let mut unmounted = machine(RECIPE, "url = \"file:///nowhere/shared\"\npull = true");
    let run = unmounted.run_with(RUN).success();
    told_once(&run);
    run.stderr_has("/nowhere/shared is not there");
}

#[test]
fn a_missing_permission_is_named() {
    let (bucket, made) = filled();
    let denied = Fault::Status(403, "AccessDenied");
    bucket.fault("GET", "", 1, denied);
    let (mut test, run) = pulled(&bucket, &made);
    told_once(&run);
    run.stderr_has("s3:GetObject on arn:aws:s3:::cache/some/prefix/*")
        .stderr_has("s3:ListBucket");
    bucket.without_faults();
    let empty = Bucket::new();
    empty.fault("PUT", "", 9, denied);
    let mut pushing = with_bucket(&empty, RECIPE, &bucket_lines("push = true"));
    let run = pushing.run_with(RUN).success();
    told_once(&run);
    run.stderr_has("s3:PutObject on arn:aws:s3:::cache/some/prefix/*");
    let push = pushing
        .run_with(["cache", "push", "recipe.toml"])
        .failure(3);
    push.stderr_has("s3:PutObject");
    bucket.fault("GET", "", 1, denied);
    let ls = ["cache", "ls", "--remote", "--recipe", "recipe.toml"];
    test.run_with(ls)
        .failure(3)
        .stderr_has("s3:ListBucket on arn:aws:s3:::cache");
}

#[test]
fn a_pull_that_is_interrupted_leaves_nothing_and_the_next_one_goes_through() {
    let (bucket, made) = filled();
    bucket.fault("GET", "/blobs/", 1, Fault::Slow(Duration::from_secs(1)));
    let mut test = with_bucket(&bucket, RECIPE, &bucket_lines("")).args(PULL);
    let running = Running::start(&test);
    let deadline = Instant::now() + Duration::from_secs(20);
    while !bucket.asked().iter().any(|it| it.name.contains("/blobs/")) {
        assert!(Instant::now() < deadline, "no blob is asked for");
        std::thread::sleep(Duration::from_millis(20));
    }
    running.signal(libc::SIGINT);
    running.finish().failure(130);
    assert!(!test.folder().join(".pipeline/actions/v1").exists());
    let run = test.run_with(PULL).success();
    assert!(all(&run.json(), "cached"), "{run}");
    assert_eq!(digests(&run.json()), digests(&made));
    assert_sound(&mut test);
}

#[test]
fn a_damaged_object_that_was_deleted_is_put_there_again() {
    let (bucket, made) = filled();
    let mut owner = with_bucket(&bucket, RECIPE, &bucket_lines(""));
    owner.run_with(RUN).success();
    bucket.remove(&large(&made));
    let push = ["cache", "push", "recipe.toml", "--format", "json"];
    let document = owner.run_with(push).success().json();
    assert_eq!(
        statuses(&document),
        [("first", "there"), ("second", "there")]
    );
    let (_, run) = pulled(&bucket, &made);
    assert!(all(&run.json(), "cached"), "{run}");
}
