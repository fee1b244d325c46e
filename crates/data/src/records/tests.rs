use proptest::prelude::*;

use super::*;

/// Hands out so many bytes at a time.
struct Slowly<'a>(&'a [u8], usize);

impl Read for Slowly<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let length = self.1.min(bytes.len());
        self.0.read(&mut bytes[..length])
    }
}

fn look_slowly(text: &[u8], columns: usize, length: usize) -> Result<RowLike, Fault> {
    let mut records = Records::new(Slowly(text, length), b',', columns);
    let mut passed = Vec::new();
    match records.read_to_end(&mut passed) {
        Ok(_) => {
            assert_eq!(passed, text);
            Ok(records.row_like())
        }
        Err(error) => Err(*error.get_ref().unwrap().downcast_ref().unwrap()),
    }
}

fn refusal(text: &str) -> (u64, String) {
    let fault = look_through(text.as_bytes(), b',', 3).unwrap_err();
    (fault.opened, fault.to_string())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn issue16_what_is_seen_does_not_depend_on_how_bytes_come(
        pieces in prop::collection::vec(0..8_usize, 0..60),
        rows in prop::collection::vec(0..4_usize, 0..30),
        length in 1..20_usize,
        columns in 0..4_usize,
    ) {
        let pieces = pieces.iter().map(|&piece| ["a", " ", "\n", "\r\n", "\"", "\"\"", ",\"", "\","][piece]);
        let rows = rows.iter().map(|&row| ["\"ab\",\"c,d\"\n", "\"\",\"x\"\"y\"\r\n", "1,2\n", "\"12\","][row]);
        let text = rows.chain(pieces).collect::<String>().into_bytes();
        let whole = look_through(&text, b',', columns);
        prop_assert_eq!(look_slowly(&text, columns, length), whole);
        for start in State::ALL {
            let one_by_one = text.iter().fold(start, |state, &byte| state.after(byte, b','));
            prop_assert_eq!(start.after_all(&text, b','), one_by_one);
        }
        let first = text.iter().position(|&byte| byte == b'"');
        prop_assert_eq!(state::position_of(&text, b'"'), first);
    }
}

#[test]
fn a_quote_that_cannot_be_meant_is_named_where_it_opens() {
    for (text, opened, what) in [
        ("a,b,c\n1,\"2,3\n4,5,6\n", 8, "to the end of the file"),
        (
            "a,b,c\n1,\"2,3\n4,\"5\",6\n",
            8,
            "text follows its closing quote",
        ),
        ("\"", 0, "to the end of the file"),
        (
            "a,b,c\n1,\"a\"b\"c,3\n",
            8,
            "text follows the closing quote",
        ),
        (
            "a,b,c\n1,\"so \\\"HR\\\"\",3\n",
            8,
            "text follows the closing quote",
        ),
        ("a,b,c\n1,\"a\" b,3\n", 8, "text follows the closing quote"),
        ("a,\"\"\",\n", 2, "to the end of the file"),
    ] {
        let (found, refusal) = refusal(text);
        assert_eq!(found, opened, "{text:?}");
        assert!(refusal.contains(what), "{text:?}: {refusal}");
    }
    let long = format!("a,b\n1,\"{}\"\n", "x\n".repeat(1 << 19));
    assert!(look_through(long.as_bytes(), b',', 2).is_ok());
    let longer = long.replace("\"\n", "x\"\n");
    let (opened, refusal) = refusal(&longer);
    assert_eq!(opened, 6);
    assert!(refusal.contains("longer than 1 MiB"), "{refusal}");
    for over in [0, 1] {
        let long = format!("a,b\n1,\"{}\"\n", "x".repeat((1 << 20) + over));
        let seen = look_through(long.as_bytes(), b',', 2);
        assert_eq!(seen.is_ok(), over == 0, "{seen:?}");
    }
}

#[test]
fn quotes_that_are_sound_or_mean_nothing_are_passed_on() {
    for text in [
        "",
        "a,b,c\n1,\"2\n2\",3\n",
        "a,b,c\n1,tube 5\" deep,3\n",
        "a,b,c\n1,\"a\" ,3\n",
        "a,b,c\n1,\"\",\"\"\"\"\n",
        "a,b,c\r1,\"x\r\ny\",3",
        "a,b,\"c\"",
    ] {
        assert_eq!(
            look_through(text.as_bytes(), b',', 3),
            Ok(RowLike::default()),
            "{text:?}"
        );
    }
}

#[test]
fn lines_in_quotes_that_look_like_rows_are_counted() {
    for (text, lines) in [
        ("a,b,c\n1,2,\"see\n4,5,6\n7,8,9\"\n", 2),
        ("a,b,c\n1,\"see\n4,5,6\nend\",3\n", 1),
        ("a,b,c\n1,\"see\n4,5,6,7\r\n\r\nend\",3\n", 0),
        // The row goes on behind its first field.
        ("a,b,c\n\"1\n1\",2,3\n", 0),
        ("a,b,c\n1,\"2\n2\",3\n", 0),
    ] {
        let found = look_through(text.as_bytes(), b',', 3).unwrap();
        assert_eq!(found.lines, lines, "{text:?}");
        assert_eq!(found.opened.is_some(), lines > 0);
    }
}
