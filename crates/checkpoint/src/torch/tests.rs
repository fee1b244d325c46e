mod elsewhere;
mod foreign;
mod lists;
mod rivals;
mod settings;

use std::io::{Cursor, Write};

use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::container::contents;
use crate::contents::Contents;
use crate::refusal::Refusal;

fn text(text: &str) -> Vec<u8> {
    [
        b"X",
        &(text.len() as u32).to_le_bytes()[..],
        text.as_bytes(),
    ]
    .concat()
}

fn int(number: i32) -> Vec<u8> {
    [b"J", &number.to_le_bytes()[..]].concat()
}

fn tuple(items: &[i32]) -> Vec<u8> {
    [
        vec![b'('],
        items.iter().flat_map(|n| int(*n)).collect(),
        vec![b't'],
    ]
    .concat()
}

/// An F32 tensor on storage `key`.
fn tensor(key: &str, length: i32, shape: &[i32], stride: &[i32]) -> Vec<u8> {
    tensor_with(key, length, shape, stride, b")")
}

/// As [`tensor`], with these opcodes for hooks and metadata.
fn tensor_with(key: &str, length: i32, shape: &[i32], stride: &[i32], more: &[u8]) -> Vec<u8> {
    let storage = [
        b"(".to_vec(),
        text("storage"),
        b"ctorch\nFloatStorage\n".to_vec(),
        text(key),
        text("cpu"),
        int(length),
        b"tQ".to_vec(),
    ];
    let rest = [int(0), tuple(shape), tuple(stride)].concat();
    [
        b"ctorch._utils\n_rebuild_tensor_v2\n(",
        &storage.concat()[..],
        &rest,
        b"\x89",
        more,
        b"tR",
    ]
    .concat()
}

fn dict(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let entries = entries
        .iter()
        .map(|(key, value)| [text(key), value.clone()].concat());
    [
        b"}(".to_vec(),
        entries.collect::<Vec<_>>().concat(),
        b"u".to_vec(),
    ]
    .concat()
}

fn archive(root: &[u8], others: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    let pickle = [b"\x80\x02", root, b"."].concat();
    for (name, data) in [&[("data.pkl", &pickle[..])], others].concat() {
        zip.start_file(format!("x/{name}"), options).unwrap();
        zip.write_all(data).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn read(bytes: &[u8]) -> Result<Contents, Refusal> {
    contents(Cursor::new(bytes), bytes.len() as u64).map(|(_, contents)| contents)
}

fn refusal(bytes: &[u8]) -> String {
    read(bytes).unwrap_err().to_string()
}

fn one() -> Vec<u8> {
    tensor("0", 1, &[1], &[1])
}

const ONE: (&str, &[u8]) = ("data/0", &[0, 0, 0x80, 0x3f]);

#[test]
fn a_transposed_slice_is_gathered_and_a_shared_storage_is_shared() {
    let root = dict(&[
        ("columns", tensor("0", 6, &[3, 2], &[1, 3])),
        ("rows", tensor("0", 6, &[2, 3], &[3, 1])),
    ]);
    let data: Vec<u8> = (0..6).flat_map(|i| (i as f32).to_le_bytes()).collect();
    let tensors = read(&archive(&root, &[("data/0", &data)])).unwrap().tensors;
    assert_eq!(
        *tensors["columns"].to_f32(false).unwrap().0,
        [0., 3., 1., 4., 2., 5.]
    );
    assert_eq!(tensors["rows"].bytes(), data);
}

#[test]
fn which_state_dict_is_meant_is_not_guessed() {
    let weights = || dict(&[("w", one())]);
    let root = dict(&[("state_dict", weights()), ("model", weights())]);
    assert!(
        refusal(&archive(&root, &[ONE]))
            .contains("more than one state dict: `state_dict`, `model`")
    );
    let root = dict(&[("ema", weights()), ("epoch", int(3))]);
    assert!(refusal(&archive(&root, &[ONE])).contains("tensors are under `ema`"));
    let root = dict(&[("state_dict", weights()), ("w", one())]);
    assert!(refusal(&archive(&root, &[ONE])).contains("the file's own entries"));
    let root = dict(&[("w", one()), ("w", one())]);
    assert!(refusal(&archive(&root, &[ONE])).contains("w twice"));
}

#[test]
fn a_loss_beside_the_state_dict_is_noted_and_other_dicts_are_known_by_name() {
    let weights = || dict(&[("w", one())]);
    for inside in [true, false] {
        let holder = dict(&[("model", weights())]);
        let state_dict = match inside {
            true => ("checkpoint", holder),
            false => ("model", weights()),
        };
        let head = dict(&[("out.w", one()), ("module.out.b", one())]);
        let root = dict(&[("loss", one()), ("step", one()), state_dict, ("head", head)]);
        let read = read(&archive(&root, &[ONE])).unwrap();
        assert_eq!(read.tensors.len(), 1);
        let beside = "tensors beside the state dict are not read: `loss`, `step`";
        assert!(read.notes.iter().any(|note| note == beside));
        for name in ["out.w", "head.out.w", "out.b", "module.out.b", "head.out.b"] {
            assert_eq!(read.elsewhere.tensors[name].dict.to_string(), "head");
        }
    }
    let matrix = tensor("0", 1, &[1, 1], &[1, 1]);
    for (name, own) in [("encoder.w", one()), ("projection", matrix)] {
        let root = dict(&[("model", weights()), (name, own)]);
        assert!(refusal(&archive(&root, &[ONE])).contains("the file's own entries"));
    }
}

#[test]
fn an_optimizer_of_several_groups_does_not_say_which_tensors_were_trained() {
    let list = |items: &[Vec<u8>]| [b"](".to_vec(), items.concat(), b"e".to_vec()].concat();
    let group = |numbers: &[i32]| {
        let numbers: Vec<_> = numbers.iter().map(|number| int(*number)).collect();
        dict(&[("params", list(&numbers))])
    };
    let state_of = |moments: Vec<u8>| [b"}(".to_vec(), int(0), moments, b"u".to_vec()].concat();
    let state = state_of(dict(&[("exp_avg", one())]));
    let trained = |groups: &[Vec<u8>]| {
        let optimizer = dict(&[("param_groups", list(groups)), ("state", state.clone())]);
        let weights = dict(&[("a", one()), ("b", one())]);
        let root = dict(&[("model", weights), ("optimizer", optimizer)]);
        read(&archive(&root, &[ONE])).unwrap().trained
    };
    let of_adagrad = state_of(dict(&[("sum", one())]));
    let optimizer = dict(&[
        ("param_groups", list(&[group(&[0, 1])])),
        ("state", of_adagrad),
    ]);
    let weights = dict(&[("a", one()), ("b", one())]);
    let root = dict(&[("model", weights), ("optimizer", optimizer)]);
    assert_eq!(read(&archive(&root, &[ONE])).unwrap().trained, None);
    let first = std::collections::BTreeSet::from(["a".to_string()]);
    assert_eq!(trained(&[group(&[0, 1])]), Some(first));
    assert_eq!(trained(&[group(&[1]), group(&[0])]), None);
}

#[test]
fn an_optimizer_that_names_its_parameters_says_which_were_trained_whatever_their_order() {
    let list = |items: Vec<Vec<u8>>| [b"](".to_vec(), items.concat(), b"e".to_vec()].concat();
    let group = |numbers: &[i32], names: &[&str]| {
        let numbers = numbers.iter().map(|number| int(*number)).collect();
        let names = names.iter().map(|name| text(name)).collect();
        dict(&[("params", list(numbers)), ("param_names", list(names))])
    };
    let moments = dict(&[("exp_avg", one())]);
    let state = [b"}(".to_vec(), int(0), moments, b"u".to_vec()].concat();
    let trained = |groups: Vec<Vec<u8>>| {
        let optimizer = dict(&[("param_groups", list(groups)), ("state", state.clone())]);
        let weights = dict(&[("a", one()), ("b", one())]);
        let root = dict(&[("model", weights), ("optimizer", optimizer)]);
        read(&archive(&root, &[ONE])).unwrap().trained
    };
    let second = Some(std::collections::BTreeSet::from(["b".to_string()]));
    assert_eq!(trained(vec![group(&[0, 1], &["b", "a"])]), second);
    assert_eq!(
        trained(vec![group(&[0, 1], &["module.b", "module.a"])]),
        second
    );
    assert_eq!(
        trained(vec![group(&[1], &["a"]), group(&[0], &["b"])]),
        second
    );
    // The names are not those of the state dict.
    assert_eq!(trained(vec![group(&[0], &["b"])]), None);
    assert_eq!(trained(vec![group(&[0, 1], &["b", "c"])]), None);
}

#[test]
fn the_older_format_is_known_in_every_protocol() {
    let magic = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e";
    let frame = [b"\x95\x0d".to_vec(), vec![0; 7]].concat();
    let start = |protocol: u8, frame: &[u8]| [&[0x80, protocol], frame, magic].concat();
    for (protocol, frame) in [(2, &[][..]), (3, &[]), (4, &frame), (5, &frame)] {
        assert!(
            super::legacy_file::is_legacy(&start(protocol, frame)),
            "{protocol}"
        );
    }
    assert!(!super::legacy_file::is_legacy(&start(6, &frame)));
}

#[test]
fn no_argument_of_a_tensor_is_passed_over() {
    let one_with = |more: &[u8]| {
        let root = dict(&[("w", tensor_with("0", 1, &[1], &[1], more))]);
        archive(&root, &[ONE])
    };
    let with_metadata = |metadata: Vec<u8>| one_with(&[b")".to_vec(), metadata].concat());
    let number = |bytes: &[u8]| read(bytes).unwrap().tensors["w"].to_f32(false).unwrap().0[0];
    assert_eq!(number(&one_with(b")")), 1.0);
    assert_eq!(number(&one_with(b"}")), 1.0);
    assert_eq!(number(&one_with(b"N")), 1.0);
    assert_eq!(number(&with_metadata(b"N".to_vec())), 1.0);
    assert_eq!(
        number(&with_metadata(dict(&[("neg", b"\x88".to_vec())]))),
        -1.0
    );
    let off = dict(&[("neg", b"\x89".to_vec()), ("conj", b"\x89".to_vec())]);
    assert_eq!(number(&with_metadata(off)), 1.0);

    let hooks = dict(&[("a", int(1))]);
    assert!(refusal(&one_with(&hooks)).contains("`backward_hooks`"));
    let conjugate = dict(&[("conj", b"\x88".to_vec())]);
    assert!(refusal(&with_metadata(conjugate)).contains("metadata `conj`"));
    let unknown = dict(&[("scale", int(2))]);
    assert!(refusal(&with_metadata(unknown)).contains("metadata `scale`"));
    assert!(refusal(&with_metadata(int(1))).contains("no small dict"));
    let too_many = [b")N".to_vec(), int(1)].concat();
    assert!(refusal(&one_with(&too_many)).contains("_rebuild_tensor_v2 with 8 arguments"));
}

#[test]
fn what_is_no_tensor_is_noted_and_what_could_hide_tensors_is_refused() {
    let root = dict(&[("w", one()), ("epoch", int(3))]);
    let notes = read(&archive(&root, &[ONE])).unwrap().notes;
    assert!(
        notes
            .iter()
            .any(|note| note.contains("epoch") && note.contains("an int")),
        "{notes:?}"
    );
    let root = dict(&[("w", one()), ("more", dict(&[("v", one())]))]);
    assert!(
        refusal(&archive(&root, &[ONE]))
            .contains("more in the file's own entries is no tensor but a dict")
    );
}

#[test]
fn a_tensor_far_larger_than_the_file_is_refused_before_it_is_built() {
    let root = dict(&[("w", tensor("0", 1, &[1_000_000, 1_000_000], &[0, 0]))]);
    assert!(refusal(&archive(&root, &[ONE])).contains("take more than"));
}

#[test]
fn archives_that_torch_does_not_write_are_refused() {
    let root = dict(&[("w", one())]);
    assert!(read(&archive(&root, &[ONE, ("byteorder", b"little")])).is_ok());
    assert!(refusal(&archive(&root, &[ONE, ("byteorder", b"big")])).contains("big-endian"));
    assert!(refusal(&archive(&root, &[])).contains("storage 0 of w is missing"));
    assert!(refusal(&archive(&root, &[("data/0", &[0; 8])])).contains("holds 8 bytes"));
    let other = archive(&root, &[ONE, ("y/data.pkl", b"\x80\x02N.")]);
    assert!(read(&other).is_ok());

    // The same name twice: rename an entry in both of its headers.
    let twice = archive(&root, &[ONE, ("data/1", &[0; 4])]);
    let mut renamed = twice.clone();
    for at in 0..twice.len() - 8 {
        if twice[at..].starts_with(b"x/data/1") {
            renamed[at + 7] = b'0';
        }
    }
    assert!(refusal(&renamed).contains("duplicate"));

    // Compressed: method 8 in the local (at 8) and the central header (at 10).
    let mut compressed = archive(&root, &[ONE]);
    for at in 0..compressed.len() - 12 {
        match &compressed[at..at + 4] {
            b"PK\x03\x04" => compressed[at + 8] = 8,
            b"PK\x01\x02" => compressed[at + 10] = 8,
            _ => {}
        }
    }
    assert!(refusal(&compressed).contains("compressed"));
}
