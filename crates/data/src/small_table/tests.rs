use super::*;

fn refusal(bytes: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    std::fs::write(&path, bytes).unwrap();
    let outcome = SmallTable::read(&path).and_then(|table| table.column("b").map(drop));
    outcome.unwrap_err().to_string()
}

#[test]
fn a_malformed_table_is_refused_with_its_line() {
    assert!(refusal(b"").contains("table.csv: is empty"));
    assert!(refusal(b"a,b\n").contains("no rows"));
    let ragged = "1 fields where the header has 2";
    assert!(refusal(b"a,b\n1,2\n3\n").contains(&format!("line 3: {ragged}")));
    assert!(refusal(b"a,b\r\n1,2\r\n\r\n3\r\n").contains(&format!("line 4: {ragged}")));
    assert!(refusal(b"a,b\n1,2\n\xff,2\n").contains("line 3: not UTF-8"));
    assert!(refusal(b"a,c\n1,2\n").contains("no column `b`; it has `a`, `c`"));
    assert!(refusal(b"b,b\n1,2\n").contains("two columns `b`"));
}

#[test]
fn issue16_a_quote_that_is_not_closed_is_refused_with_the_line_it_is_on() {
    let missing = "its own closing quote is missing";
    for (table, line) in [
        ("a,b,c\n1,2,\"3\n4,5,6\n", 2),
        ("a,b,c\r\n1,2,3\r\n\r\n1,2,\"3\r\n4,5,6\r\n7,8,9\"\r\n", 4),
        ("a,b,c\n1,2,\"3\n4,5,\"x\"\n", 2),
        ("a,b,c\r1,2,3\r1,\"2,3\r4,\"5,6\r", 3),
        ("a,b,\"c\n1,2,3\n", 1),
    ] {
        let refusal = refusal(table.as_bytes());
        assert!(
            refusal.contains(&format!("line {line}: ")),
            "{table:?}: {refusal}"
        );
        assert!(refusal.contains(missing), "{table:?}: {refusal}");
    }
}

#[test]
fn a_field_may_hold_line_ends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    let text = "a,b,c\n\"say\nso\",\"5\"\" x\n then\",3\n4,5 \" 5,6\n";
    std::fs::write(&path, text).unwrap();
    let table = SmallTable::read(&path).unwrap();
    assert_eq!(table.rows.len(), 2);
    assert_eq!(&table.rows[0].fields[0], "say\nso");
    assert_eq!(
        (table.rows[1].line, &table.rows[1].fields[1]),
        (5, "5 \" 5")
    );
}

#[test]
fn a_byte_order_mark_and_carriage_returns_are_no_part_of_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    std::fs::write(&path, b"\xef\xbb\xbfa, b\r\n1,2\r\n").unwrap();
    let table = SmallTable::read(&path).unwrap();
    assert_eq!(table.header, ["a", "b"]);
    assert_eq!(table.rows[0].line, 2);
    assert_eq!(table.number(&table.rows[0], 1).unwrap(), 2.0);
}
