//! Several state dicts in one file.

use super::*;

fn weights(prefix: &str) -> Vec<u8> {
    dict(&[(&format!("{prefix}w"), one())])
}

/// A dict with `own` after many that hold `each`.
fn among(count: usize, each: &[u8], own: (&str, Vec<u8>)) -> Vec<u8> {
    let names: Vec<String> = (0..count).map(|number| format!("m{number}")).collect();
    let many = names.iter().map(|name| (name.as_str(), each.to_vec()));
    dict(&many.chain([own]).collect::<Vec<_>>())
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
                ("more", among(300, b"}", ("best", inner("model", "")))),
            ]),
            "`model`, `more.best.model`",
        ),
    ] {
        let refusal = refusal(&archive(&root, &[ONE]));
        let told = format!("more than one state dict: {told}");
        assert!(refusal.contains(&told), "{refusal}");
    }
    let with_many = |each: &[u8]| {
        let more = among(70_000, each, ("x", int(1)));
        archive(&dict(&[("model", weights("")), ("more", more)]), &[ONE])
    };
    let refusal = refusal(&with_many(&inner("model", "")));
    assert!(refusal.contains("more than 65536 dicts"), "{refusal}");
    // In a vocabulary, samples and scores no state dict lies.
    let loss = dict(&[("train", dict(&[("loss", one())]))]);
    for each in [dict(&[("code", int(1))]), dict(&[("obs", one())]), loss] {
        assert!(read(&with_many(&each)).is_ok());
    }
}

#[test]
fn a_second_state_dict_beside_an_optimizer_s_settings_is_found() {
    let best = dict(&[
        ("model", weights("")),
        ("state", b"}".to_vec()),
        ("param_groups", b"]".to_vec()),
    ]);
    let root = dict(&[("model", weights("")), ("best", best)]);
    let told = "more than one state dict: `model`, `best.model`";
    assert!(refusal(&archive(&root, &[ONE])).contains(told));
}

#[test]
fn a_message_names_the_first_of_many_state_dicts() {
    let inner = dict(&[("model", weights(""))]);
    let root = dict(&[("all", among(70, &inner, ("x", int(1))))]);
    let refusal = refusal(&archive(&root, &[ONE]));
    assert!(refusal.contains("`all.m4.model` and 65 more"), "{refusal}");
    let copies = among(70, &weights(""), ("x", int(1)));
    let root = dict(&[("model", weights("")), ("all", copies)]);
    let notes = read(&archive(&root, &[ONE])).unwrap().notes;
    assert_eq!(notes.len(), 2);
    assert!(
        notes[1].ends_with("`all.m4` (1 tensor) and 65 more"),
        "{notes:?}"
    );
}

#[test]
fn keys_that_python_does_not_take_are_out_of_its_reach() {
    let namespace = [
        b"cargparse\nNamespace\n)\x81".to_vec(),
        dict(&[("in_namespace", one())]),
        b"b".to_vec(),
    ];
    let numbered = [
        b"}(".to_vec(),
        int(0),
        dict(&[("numbered", one())]),
        b"u".to_vec(),
    ];
    let long = "k".repeat(300);
    let root = dict(&[
        ("model", weights("")),
        ("a.b", dict(&[("dotted", one())])),
        ("ns", namespace.concat()),
        ("numbers", numbered.concat()),
        (&long, dict(&[("cut", one())])),
    ]);
    let places = read(&archive(&root, &[ONE])).unwrap().elsewhere.tensors;
    let dotted = places["dotted"].dict.in_python().unwrap();
    assert_eq!(dotted, r#"["a.b"]"#);
    for name in ["in_namespace", "numbered", "cut"] {
        assert_eq!(places[name].dict.in_python(), None, "{name}");
    }
}

#[test]
fn weights_that_are_not_read_are_noted_but_no_scores_and_no_optimizer() {
    let notes = |root: &[(&str, Vec<u8>)]| {
        let notes = read(&archive(&dict(root), &[ONE])).unwrap().notes;
        notes[1..].join("\n")
    };
    let same = "tensors of the same names are not read: `ema` (1 tensor)";
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

    let closed = || b"ccollections\nUserDict\n)R".to_vec();
    let best = || dict(&[("state_dict", closed())]);
    for (root, place) in [
        (
            [("state_dict", closed()), ("model", weights(""))],
            "state_dict",
        ),
        ([("w", one()), ("best", best())], "best.state_dict"),
        (
            [("model", weights("")), ("best", best())],
            "best.state_dict",
        ),
    ] {
        let refusal = refusal(&archive(&dict(&root), &[ONE]));
        let told = format!("has collections.UserDict under `{place}`, which is not looked into");
        assert!(refusal.contains(&told), "{refusal}");
    }
    let config = b"cbox.box\nBox\n)R".to_vec();
    let root = dict(&[("state_dict", weights("")), ("model", config)]);
    assert_eq!(read(&archive(&root, &[ONE])).unwrap().tensors.len(), 1);
}
