use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Instant;

use super::*;

const MIB: u64 = 1 << 20;

/// A server on this machine that answers every request this way; its address.
fn server(answer: impl Fn(&mut TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            answer(&mut stream);
        }
    });
    address
}

fn saying(text: &'static str) -> String {
    server(move |stream| {
        // Who has heard enough closes the connection.
        let _ = stream.write_all(text.as_bytes());
    })
}

fn get(address: &str, whole: Duration) -> Result<Vec<u8>, Failure> {
    let connect = whole;
    let http = Http::new(Patience { connect, whole }).unwrap();
    http.send(Request::get(address))?.bytes(MIB)
}

const LONG: Duration = Duration::from_secs(20);

#[test]
fn an_answer_is_read_whatever_way_its_end_is_told() {
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4;x=y\r\n\":1}\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\n{\"a\":1}",
    ] {
        assert_eq!(get(&saying(text), LONG).unwrap(), b"{\"a\":1}", "{text}");
    }
}

#[test]
fn an_answer_that_is_too_long_or_too_short_fails() {
    let endless = |head: &'static str, piece: &'static [u8]| {
        server(move |stream| {
            let _ = stream.write_all(head.as_bytes());
            while stream.write_all(piece).is_ok() {}
        })
    };
    let chunk = b"4\r\nxxxx\r\n";
    for address in [
        endless(
            "HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n",
            &[b'x'; 4096],
        ),
        endless("HTTP/1.1 200 OK\r\n\r\n", &[b' '; 4096]),
        endless(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            chunk,
        ),
        endless("HTTP/1.1 200 OK\r\n", b"a: b\r\n"),
        saying("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"),
        saying("HTTP/1.1 200 OK\r\nContent-Le"),
        saying("SSH-2.0-OpenSSH\r\n\r\n"),
    ] {
        assert!(get(&address, LONG).is_err());
    }
}

#[test]
fn a_server_that_does_not_come_to_an_end_is_given_up() {
    for begun in ["", "HTTP/1.1 200 OK\r\nx: ", "HTTP/1.1 200 OK\r\n\r\n"] {
        let drops = server(move |stream| {
            let _ = stream.write_all(begun.as_bytes());
            // A byte now and then, for ever, or none.
            while begun.is_empty() || stream.write_all(b"H").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let start = Instant::now();
        let failure = get(&drops, Duration::from_millis(300)).unwrap_err();
        assert!(failure.is_transient, "{failure}");
        assert!(failure.to_string().contains("0.3 s"), "{failure}");
        assert!(start.elapsed() < Duration::from_secs(5));
    }
    assert_eq!(Patience::default().moving(3 * MIB).as_secs(), 63);
}

#[test]
fn a_redirect_is_an_answer_like_any_other() {
    let address =
        saying("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n");
    let http = Http::new(Patience::default()).unwrap();
    let answer = http.send(Request::get(&address)).unwrap();
    assert_eq!(
        (answer.status(), answer.header("location")),
        (302, Some("http://127.0.0.1:9/"))
    );
}

#[test]
fn no_failure_shows_an_address() {
    let http = Http::new(Patience::default()).unwrap();
    for address in [
        "http://host/a b?Signature=s3cr3t",
        "nohost?Signature=s3cr3t",
    ] {
        let failure = http.send(Request::get(address)).unwrap_err();
        assert!(!failure.to_string().contains("s3cr3t"), "{failure}");
    }
}
