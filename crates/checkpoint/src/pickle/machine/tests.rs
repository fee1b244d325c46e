use super::*;

fn refusal(bytes: &[u8]) -> String {
    load(bytes).unwrap_err().to_string()
}

#[test]
fn plain_values_are_built_by_every_protocol() {
    // pickle.dumps({"a": [1, -2, None], "b": (True, 1.5)}, protocol) of protocols 2 and 4
    let two = b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01]q\x02(K\x01J\xfe\xff\xff\xffNeX\x01\x00\x00\x00bq\x03\x88G?\xf8\x00\x00\x00\x00\x00\x00\x86q\x04u.";
    let four = b"\x80\x04\x95\x26\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01a\x94]\x94(K\x01J\xfe\xff\xff\xffNe\x8c\x01b\x94\x88G?\xf8\x00\x00\x00\x00\x00\x00\x86\x94u.";
    for bytes in [&two[..], &four[..]] {
        let pickle = load(bytes).unwrap();
        assert_eq!(pickle.length, bytes.len());
        let list = pickle.heap.entry(pickle.root, "a").unwrap();
        let items = pickle.heap.list(list).unwrap();
        assert_eq!(items, [Value::Int(1), Value::Int(-2), Value::None]);
        let tuple = pickle.heap.entry(pickle.root, "b").unwrap();
        assert_eq!(
            pickle.heap.tuple(tuple).unwrap(),
            [Value::Bool(true), Value::Float(1.5)]
        );
    }
}

#[test]
fn forbidden_globals_are_named_in_every_spelling() {
    assert!(refusal(b"\x80\x02cposix\nsystem\n.").contains("posix.system"));
    assert!(refusal(b"\x80\x04\x8c\x05posix\x8c\x06system\x93.").contains("posix.system"));
    // INST of protocol 0 and EXT1
    assert!(refusal(b"\x80\x02(iposix\nsystem\n.").contains("opcode 0x69"));
    assert!(refusal(b"\x80\x02\x82\x01.").contains("opcode 0x82"));
}

#[test]
fn a_refusal_names_the_entry_whose_value_it_is_about() {
    // {"a": 1, "b.c": system}, {"a": {"b": 1, "c": (system,)}}, {"a": system}, [system]
    let several = b"\x80\x02}(X\x01\x00\x00\x00aK\x01X\x03\x00\x00\x00b.ccposix\nsystem\n";
    let inner =
        b"\x80\x02}(X\x01\x00\x00\x00a}(X\x01\x00\x00\x00bK\x01X\x01\x00\x00\x00c(cposix\nsystem\n";
    let only = b"\x80\x02}X\x01\x00\x00\x00acposix\nsystem\n";
    for (bytes, name) in [(&several[..], "b.c"), (inner, "c"), (only, "a")] {
        let refusal = refusal(bytes);
        assert!(
            refusal.contains(&format!(", entry `{name}`: ")),
            "{refusal}"
        );
    }
    assert!(!refusal(b"\x80\x02](cposix\nsystem\n").contains("entry"));
}

#[test]
fn nothing_below_a_mark_and_nothing_that_is_absent_is_taken() {
    assert!(refusal(b"\x80\x02K\x01(0a.").contains("more from its stack"));
    assert!(refusal(b"\x80\x02K\x01(\x85.").contains("more from its stack"));
    assert!(refusal(b"\x80\x020.").contains("more from its stack"));
    assert!(refusal(b"\x80\x02t.").contains("MARK"));
    assert!(refusal(b"\x80\x02h\x07.").contains("memo 7"));
    assert!(refusal(b"\x80\x02K\x01K\x02.").contains("one object"));
    assert!(refusal(b"\x80\x02X\xff\xff\xff\xffab.").contains("string of"));
    assert!(refusal(b"\x80\x07N.").contains("protocol 7"));
    assert!(refusal(b"").contains("ends in the middle"));
}

#[test]
fn a_list_that_is_copied_again_and_again_does_not_fill_the_memory() {
    // list = [[1, 1], …]; then OrderedDict(list) as often as two memo references take to write
    let pairs = b"K\x01K\x01\x86".repeat(1000);
    let start = b"\x80\x02ccollections\nOrderedDict\nq\x00](";
    let calls = b"0h\x00h\x01R".repeat(100);
    let bytes = [&start[..], &pairs, b"e\x85q\x01", &calls, b"."].concat();
    assert!(refusal(&bytes).contains("members"));
    let once = [&start[..], &pairs, b"e\x85q\x01", b"R."].concat();
    assert!(load(&once).is_ok());
}

#[test]
fn a_million_nested_lists_need_no_deep_stack() {
    let mut bytes = b"\x80\x02".to_vec();
    bytes.extend(vec![b']'; 1_000_000]);
    bytes.extend(vec![b'a'; 999_999]);
    bytes.push(b'.');
    assert!(load(&bytes).is_ok());
    let endless = vec![b']'; 5_000_000];
    assert!(refusal(&endless).contains("objects"));
}
