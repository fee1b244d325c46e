//! State dicts inside of lists and tuples.

use super::*;

fn weights() -> Vec<u8> {
    dict(&[("w", one())])
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    [b"](".to_vec(), items.concat(), b"e".to_vec()].concat()
}

fn in_tuple(items: &[Vec<u8>]) -> Vec<u8> {
    [b"(".to_vec(), items.concat(), b"t".to_vec()].concat()
}

#[test]
fn dicts_in_lists_and_tuples_are_places_like_any_other() {
    let head = || dict(&[("out.w", one())]);
    let moments = dict(&[("state", weights()), ("param_groups", b"]".to_vec())]);
    let root = dict(&[
        ("model", weights()),
        ("averages", list(&[weights(), in_tuple(&[weights()])])),
        ("heads", list(&[dict(&[("cls_head", head())])])),
        ("optimizer_states", list(&[moments])),
        ("seeds", list(&[int(1), int(2)])),
    ]);
    let read = read(&archive(&root, &[ONE])).unwrap();
    assert_eq!(
        read.notes[1..],
        [
            "tensors of the same names are not read: `averages[0]` (1 tensor), `averages[1][0]` (1 tensor)",
            "tensors of other dicts are not read: `heads[0].cls_head`",
        ]
    );
    let place = &read.elsewhere.tensors["cls_head.out.w"];
    let in_python = place.dict.in_python().unwrap();
    assert_eq!(in_python, r#"["heads"][0]["cls_head"]"#);
}

#[test]
fn samples_and_states_in_lists_are_not_noted() {
    let notes = |each: &[(&str, Vec<u8>)]| {
        let read_ones = dict(&[("enc.0.w", one()), ("enc.0.b", one())]);
        let in_lists = list(&[list(&[dict(each)])]);
        let root = dict(&[("model", read_ones), ("more", in_lists)]);
        read(&archive(&root, &[ONE])).unwrap().notes.split_off(1)
    };
    let matrix = || tensor("0", 1, &[1, 1], &[1, 1]);
    let number = || tensor("0", 1, &[], &[]);
    for (name, other) in [
        ("x", one()),
        ("train.loss", one()),
        ("w", matrix()),
        ("0.w", number()),
    ] {
        assert!(notes(&[(name, other)]).is_empty(), "{name}");
    }
    let told = ["tensors of other dicts are not read: `more[0][0]`"];
    for (name, weights) in [
        ("w", one()),
        ("cls_head.b", one()),
        ("0.w", matrix()),
        ("cls_head.0.b", matrix()),
    ] {
        assert_eq!(notes(&[("x", one()), (name, weights)]), told, "{name}");
    }
}

#[test]
fn a_second_state_dict_in_a_list_is_refused_like_one_in_a_dict() {
    let inner = || dict(&[("state_dict", weights())]);
    for (other, told) in [
        (
            ("ensemble", list(&[inner()])),
            "`state_dict`, `ensemble[0].state_dict`",
        ),
        (
            ("model", in_tuple(&[weights()])),
            "`state_dict`, `model[0]`",
        ),
        (
            ("model", list(&[int(1), list(&[weights()])])),
            "`state_dict`, `model[1][0]`",
        ),
        (
            (
                "ensemble",
                in_tuple(&[dict(&[("model", list(&[weights()]))])]),
            ),
            "`state_dict`, `ensemble[0].model[0]`",
        ),
    ] {
        let root = dict(&[("state_dict", weights()), other]);
        let refusal = refusal(&archive(&root, &[ONE]));
        let told = format!("more than one state dict: {told}");
        assert!(refusal.contains(&told), "{refusal}");
    }
    let alone = dict(&[("model", list(&[weights()]))]);
    let told = "state dict in a list or tuple, which may hold others: `model[0]`";
    assert!(refusal(&archive(&alone, &[ONE])).contains(told));
}

/// A model beside 70,000 times `each`, in a dict or in a list.
fn beside_many(each: &[u8], in_list: bool) -> Vec<u8> {
    let names: Vec<String> = (0..70_000).map(|number| format!("m{number}")).collect();
    let more = match in_list {
        true => list(&vec![each.to_vec(); names.len()]),
        false => {
            let many = names.iter().map(|name| (name.as_str(), each.to_vec()));
            dict(&many.collect::<Vec<_>>())
        }
    };
    archive(&dict(&[("model", weights()), ("more", more)]), &[ONE])
}

#[test]
fn lists_and_dicts_in_which_no_state_dict_lies_are_not_counted() {
    let places = dict(&[("at", list(&[list(&[int(1)]), dict(&[("code", int(1))])]))]);
    let log = dict(&[("train", dict(&[("loss", int(1))]))]);
    let sample = || dict(&[("obs", one())]);
    for (each, in_list) in [
        (places, false),
        (log, true),
        (sample(), true),
        (list(&[sample()]), true),
        (dict(&[("steps", list(&[sample()]))]), true),
    ] {
        assert!(read(&beside_many(&each, in_list)).is_ok());
    }
    // A state dict at the end of many samples is found.
    let samples = vec![sample(); 70_000];
    let last = dict(&[("model", weights())]);
    let root = dict(&[
        ("model", weights()),
        ("more", list(&[samples, vec![last]].concat())),
    ]);
    let told = "more than one state dict: `model`, `more[70000].model`";
    assert!(refusal(&archive(&root, &[ONE])).contains(told));

    let suspect = dict(&[("at", list(&[dict(&[("model", weights())])]))]);
    assert!(refusal(&beside_many(&suspect, false)).contains("more than 65536 dicts"));
}

#[test]
fn lists_that_hold_themselves_or_each_other_many_times_are_walked_once() {
    // l = [d]; l.append(l); then l a million times in another list
    let itself = [
        b"]q\x07".to_vec(),
        dict(&[("w", one())]),
        b"ah\x07a".to_vec(),
    ];
    let many = [b"](".to_vec(), b"h\x07".repeat(1_000_000), b"e".to_vec()];
    let root = dict(&[
        ("model", weights()),
        ("loop", itself.concat()),
        ("many", many.concat()),
    ]);
    let notes = read(&archive(&root, &[ONE])).unwrap().notes;
    assert!(
        notes[1].ends_with("not read: `loop[0]` (1 tensor)"),
        "{notes:?}"
    );
}
