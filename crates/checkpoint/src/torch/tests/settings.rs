//! Settings of the model beside its weights.

use super::*;

#[test]
fn settings_are_found_in_namespaces_and_beside_the_state_dict() {
    let heads = |number: i32| dict(&[("heads", int(number))]);
    let namespace = [
        b"cargparse\nNamespace\n)\x81".to_vec(),
        heads(2),
        b"b".to_vec(),
    ]
    .concat();
    let weights = || dict(&[("w", one())]);
    let beside = dict(&[("state_dict", weights()), ("hyper_parameters", heads(2))]);
    for root in [
        dict(&[("model", weights()), ("args", namespace)]),
        dict(&[("ck", beside)]),
    ] {
        let stated = read(&archive(&root, &[ONE])).unwrap().stated;
        assert_eq!(stated.settings["heads"], 2);
    }
    let wrapped = |class: &[u8], attribute: &str, inner: Vec<u8>| {
        let attributes = dict(&[("_parent", b"N".to_vec()), (attribute, inner)]);
        [class, b"\n)\x81", &attributes, b"b"].concat()
    };
    let node = |inner| wrapped(b"comegaconf.nodes\nAnyNode", "_val", inner);
    let table = |entry| {
        let inner = dict(&[("heads", node(entry))]);
        wrapped(b"comegaconf.dictconfig\nDictConfig", "_content", inner)
    };
    let nested = |entry| {
        let inner = dict(&[("model", table(entry))]);
        let class = b"cml_collections.config_dict.config_dict\nConfigDict";
        let root = dict(&[
            ("model", weights()),
            ("config", wrapped(class, "_fields", inner)),
        ]);
        read(&archive(&root, &[ONE])).unwrap().stated
    };
    assert_eq!(nested(int(2)).settings["heads"], 2);
    assert!(nested(text("${other.heads}")).settings.is_empty());
    let root = dict(&[
        ("model", weights()),
        ("args", heads(2)),
        ("config", heads(4)),
    ]);
    let stated = read(&archive(&root, &[ONE])).unwrap().stated;
    assert!(stated.settings.is_empty());
    assert_eq!(stated.disputed["heads"].len(), 2);
}

#[test]
fn a_setting_counts_in_every_table_and_is_known_to_be_there_in_a_form_that_is_not_read() {
    let stated = |table: Vec<u8>| {
        let root = dict(&[("model", dict(&[("w", one())])), ("args", table)]);
        read(&archive(&root, &[ONE])).unwrap().stated
    };
    let heads = |number: i32| dict(&[("heads", int(number))]);
    let nested = |inner| stated(dict(&[("heads", int(2)), ("model", inner)]));
    assert_eq!(nested(heads(2)).settings["heads"], 2);
    let two = b"G\x40\x00\x00\x00\x00\x00\x00\x00".to_vec();
    assert_eq!(nested(dict(&[("heads", two)])).settings["heads"], 2);
    assert_eq!(nested(heads(4)).disputed["heads"].len(), 2);
    let items = heads(4).split_off(1);
    let default = [
        b"ccollections\ndefaultdict\n(c__builtin__\nint\ntR".to_vec(),
        items,
    ];
    assert_eq!(stated(default.concat()).settings["heads"], 4);
    let a_tensor = || dict(&[("heads", tensor("0", 1, &[], &[]))]);
    let beside = nested(a_tensor());
    for unread in [stated(a_tensor()).unread, beside.unread] {
        assert_eq!(unread["heads"], "a tensor");
    }
    for (open, form) in [
        ("${other.heads}", "an interpolation"),
        ("???", "a value that is yet to be given"),
    ] {
        let open = || dict(&[("heads", text(open))]);
        assert_eq!(stated(open()).unread["heads"], form);
        let given = nested(open());
        assert_eq!(given.settings["heads"], 2);
        assert!(given.unread.is_empty());
    }
    let places: Vec<_> = (nested(heads(4)).disputed["heads"].iter())
        .map(|(place, _)| place.clone())
        .collect();
    assert_eq!(places, ["args.heads", "args.model.heads"]);
}

#[test]
fn a_setting_whose_name_begins_with_its_tables_counts_like_one_inside_of_them() {
    let stated = |entries: &[(&str, Vec<u8>)]| {
        let table = ("hyper_parameters", dict(entries));
        let root = dict(&[("model", dict(&[("w", one())])), table]);
        read(&archive(&root, &[ONE])).unwrap().stated
    };
    for name in ["model.heads", "model/heads", "run/heads", "run/model.heads"] {
        assert_eq!(stated(&[(name, int(4))]).settings["heads"], 4, "{name}");
    }
    for name in ["model.heads", "model/heads"] {
        let both = stated(&[("heads", int(2)), (name, int(4))]);
        let places: Vec<&str> = (both.disputed["heads"].iter())
            .map(|(place, _)| place.as_str())
            .collect();
        let whole = format!("hyper_parameters.{name}");
        assert_eq!(places, ["hyper_parameters.heads", &whole]);
    }
    assert_eq!(
        stated(&[("model.heads", one())]).unread["heads"],
        "a tensor"
    );
    assert_eq!(stated(&[("heads.", int(4))]).settings["heads."], 4);
}

#[test]
fn a_setting_of_another_module_is_not_held_against_the_model_s() {
    let stated = |entries: &[(&str, Vec<u8>)]| {
        let table = ("hyper_parameters", dict(entries));
        let root = dict(&[("model", dict(&[("w", one())])), table]);
        read(&archive(&root, &[ONE])).unwrap().stated
    };
    for own in ["heads", "model.heads", "model/heads"] {
        for other in ["text_encoder.heads", "optimizer/heads", "run/model.heads"] {
            for value in [int(12), one()] {
                let stated = stated(&[(other, value), (own, int(2))]);
                assert_eq!(stated.settings["heads"], 2, "{own}, {other}");
                assert!(stated.disputed.is_empty() && stated.unread.is_empty());
            }
        }
    }
    let modules = [("encoder.heads", int(2)), ("decoder.heads", int(4))];
    assert_eq!(stated(&modules).disputed["heads"].len(), 2);
    let unread = stated(&[("heads", one()), ("encoder.heads", int(4))]);
    assert!(unread.settings.is_empty());
    assert_eq!(unread.unread["heads"], "a tensor");
    let open = stated(&[("heads", text("???")), ("encoder.heads", int(4))]);
    assert_eq!(open.settings["heads"], 4);
}

#[test]
fn tables_that_are_not_looked_into_are_noted() {
    let notes = |count: usize| {
        let names: Vec<String> = (0..count).map(|number| format!("t{number}")).collect();
        let tables = names.iter().map(|name| (name.as_str(), b"}".to_vec()));
        let config = dict(&tables.collect::<Vec<_>>());
        let root = dict(&[("model", dict(&[("w", one())])), ("config", config)]);
        read(&archive(&root, &[ONE])).unwrap().notes.join("\n")
    };
    let told = "hyper-parameters beyond 64 tables or 1024 settings of one are not read";
    assert!(!notes(64).contains(told));
    assert!(notes(65).contains(told));
}
