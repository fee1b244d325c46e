//! What torch writes and is not read, with what to do.

use std::path::Path;

use super::*;

fn hint(bytes: &[u8]) -> String {
    let error = read(bytes).unwrap_err().into_error(Path::new("w.pt"));
    error.hint().unwrap_or_default().to_string()
}

#[test]
fn an_archive_without_checksums_is_not_taken_for_a_damaged_one() {
    let good = archive(&dict(&[("w", one())]), &[ONE]);
    let mut without = good.clone();
    for at in 0..good.len() - 20 {
        // The field is at 14 of a local and at 16 of a central header.
        match &good[at..at + 4] {
            b"PK\x03\x04" => without[at + 14..at + 18].fill(0),
            b"PK\x01\x02" => without[at + 16..at + 20].fill(0),
            _ => {}
        }
    }
    let reason = refusal(&without);
    assert!(reason.contains("set_crc32_options(False)"), "{reason}");
    assert!(hint(&without).contains("torch.save(torch.load('FILE'"));
    let mut damaged = good.clone();
    let at = good.windows(4).position(|bytes| bytes == ONE.1).unwrap();
    damaged[at] ^= 1;
    assert!(refusal(&damaged).contains("Invalid checksum"));
}

#[test]
fn pickles_of_the_first_protocols_are_named_by_their_number() {
    let with_pickle = |pickle: &[u8]| {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let stored = zip::CompressionMethod::Stored;
        let options = SimpleFileOptions::default().compression_method(stored);
        zip.start_file("x/data.pkl", options).unwrap();
        zip.write_all(pickle).unwrap();
        zip.finish().unwrap().into_inner()
    };
    // {'w': 0} of protocol 0, {'w': False} of protocol 1
    for (pickle, protocol, told) in [
        (
            &b"(dp0\nVw\np1\nI0\ns."[..],
            "protocol 0",
            "torch does not load",
        ),
        (
            b"}q\x00X\x01\x00\x00\x00wq\x01I00\ns.",
            "protocol 1",
            "weights_only=False",
        ),
    ] {
        let file = with_pickle(pickle);
        let reason = refusal(&file);
        assert!(
            reason.contains(&format!("a pickle of {protocol}, known are 2 to 5")),
            "{reason}"
        );
        assert!(hint(&file).contains(told), "{}", hint(&file));
    }
    assert!(!refusal(&with_pickle(b"\x80\x02}p0\n.")).contains("protocol"));
}

#[test]
fn parts_of_a_distributed_checkpoint_are_known_by_name_and_content() {
    let reason = |name: &str, bytes: &[u8]| {
        let read = crate::read_from(Path::new(name), Cursor::new(bytes), bytes.len() as u64);
        read.map_err(|error| {
            (
                error.to_string(),
                error.hint().unwrap_or_default().to_string(),
            )
        })
    };
    let tensor = archive(&one(), &[ONE]);
    let (message, hint) = reason("parts/__0_0.distcp", &tensor).unwrap_err();
    assert!(
        message.contains("is a part of a checkpoint of torch.distributed"),
        "{message}"
    );
    assert!(hint.contains("dcp_to_torch /"), "{hint}");
    assert!(hint.ends_with("/parts whole.pt"), "{hint}");
    assert!(
        reason("w.pt", &tensor)
            .unwrap_err()
            .0
            .contains("it is a tensor, not a dict")
    );
    let several = [tensor.clone(), tensor].concat();
    let (message, _) = reason("__0_0.distcp", &several).unwrap_err();
    assert!(message.contains("is a part of"), "{message}");
    let index = b"\x80\x04\x95\xcd\x03\0\0\0\0\0\0\x8c%torch.distributed.checkpoint.metadata\x94.";
    let (message, _) = reason(".metadata", index).unwrap_err();
    assert!(
        message.contains("is the index of a checkpoint"),
        "{message}"
    );
    assert!(
        reason("a.distcp", b"hello")
            .unwrap_err()
            .0
            .contains("is text")
    );
    let whole = archive(&dict(&[("w", one())]), &[ONE]);
    assert!(reason("a.distcp", &whole).is_ok());
}

#[test]
fn a_name_that_is_no_string_is_told_by_its_type() {
    let numbered = [b"}(".to_vec(), int(0), one(), b"u".to_vec()].concat();
    let told = |root: &[u8]| refusal(&archive(root, &[ONE]));
    assert_eq!(
        told(&numbered),
        "a name in the file's own entries is an int, not a string"
    );
    let root = dict(&[("model", numbered.clone())]);
    assert_eq!(told(&root), "a name in `model` is an int, not a string");
    let root = dict(&[("ema", numbered)]);
    assert!(told(&root).contains("tensors are under `ema`"));
}
