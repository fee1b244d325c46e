//! Several state dicts in one file.

use super::*;

fn weights(prefix: &str) -> Vec<u8> {
    dict(&[(&format!("{prefix}w"), one())])
}

/// A dict with `own` after many that hold nothing.
fn among(count: usize, own: (&str, Vec<u8>)) -> Vec<u8> {
    let names: Vec<String> = (0..count).map(|number| format!("m{number}")).collect();
    let empty = names.iter().map(|name| (name.as_str(), b"}".to_vec()));
    dict(&empty.chain([own]).collect::<Vec<_>>())
}

#[test]
fn a_second_set_of_the_same_weights_is_refused_also_behind_a_prefix() {
    let inner = |key: &str, prefix: &str| dict(&[(key, weights(prefix))]);
    for (root, told) in [
        (
            dict(&[
                ("state_dict", weights("")),
                ("best", inner("state_dict", "")),
            ]),
            "`state_dict`, `best.state_dict`",
        ),
        (
            dict(&[
                ("state_dict", weights("")),
                ("ema", inner("state_dict", "module.")),
            ]),
            "`state_dict`, `ema.state_dict`",
        ),
        (
            dict(&[("model", weights("module.")), ("best", inner("model", ""))]),
            "`model`, `best.model`",
        ),
        (
            dict(&[
                ("model", weights("")),
                ("more", among(300, ("best", inner("model", "")))),
            ]),
            "`model`, `more.best.model`",
        ),
    ] {
        let refusal = refusal(&archive(&root, &[ONE]));
        let told = format!("more than one state dict: {told}");
        assert!(refusal.contains(&told), "{refusal}");
    }
    let root = dict(&[
        ("model", weights("")),
        ("more", among(70_000, ("x", one()))),
    ]);
    assert!(refusal(&archive(&root, &[ONE])).contains("more than 65536 dicts"));
}

#[test]
fn weights_that_are_not_read_are_noted_but_no_scores_and_no_optimizer() {
    let notes = |root: &[(&str, Vec<u8>)]| {
        let notes = read(&archive(&dict(root), &[ONE])).unwrap().notes;
        notes[1..].join("\n")
    };
    let same = "1 tensors of the same names are under `ema`, not read";
    for (read, average) in [("", ""), ("model.", ""), ("", "module.")] {
        let root = [("state_dict", weights(read)), ("ema", weights(average))];
        assert_eq!(notes(&root), same);
    }
    let callback = dict(&[("state_dict", dict(&[("mean", one())]))]);
    let scores = dict(&[("best", tensor("0", 1, &[], &[]))]);
    let moments = dict(&[("0", dict(&[("exp_avg", one())]))]);
    let optimizer = dict(&[("state", moments), ("param_groups", b"]".to_vec())]);
    let root = [
        ("model", weights("")),
        ("classifier", dict(&[("0.bias", one())])),
        ("callback", callback),
        ("scores", scores),
        ("optimizer", optimizer),
    ];
    let rest = "tensors of other dicts are not read: `classifier`, `callback.state_dict`";
    assert_eq!(notes(&root), rest);
}

#[test]
fn a_state_dict_of_another_class_of_dicts_is_read_or_refused_and_never_passed_over() {
    let items = weights("").split_off(1);
    let default = [
        b"ccollections\ndefaultdict\n(c__builtin__\nint\ntR".to_vec(),
        items,
    ]
    .concat();
    let alone = dict(&[("state_dict", default.clone())]);
    assert_eq!(read(&archive(&alone, &[ONE])).unwrap().tensors.len(), 1);
    let root = dict(&[("state_dict", default), ("model", weights(""))]);
    assert!(refusal(&archive(&root, &[ONE])).contains("more than one state dict"));

    let closed = b"ccollections\nUserDict\n)R".to_vec();
    let root = dict(&[("state_dict", closed), ("model", weights(""))]);
    let refusal = refusal(&archive(&root, &[ONE]));
    let told = "has collections.UserDict under `state_dict`, which is not looked into";
    assert!(refusal.contains(told), "{refusal}");
}
