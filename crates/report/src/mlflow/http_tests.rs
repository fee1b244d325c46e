use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::*;
use crate::mlflow::{Client, Credentials};

/// A server on this machine that answers every request with these bytes, and what it was asked.
struct Server {
    authority: String,
    asked: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

/// Writes an answer to the one that asks.
type Saying = dyn Fn(&mut TcpStream) + Send;

impl Server {
    fn start(answer: Box<Saying>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let (asked, connections) = (Arc::default(), Arc::default());
        let server = Self {
            authority,
            asked: Arc::clone(&asked),
            connections: Arc::clone(&connections),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                connections.fetch_add(1, Ordering::SeqCst);
                let mut bytes = [0; 4096];
                let read = stream.read(&mut bytes).unwrap_or(0);
                let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
                asked.lock().unwrap().push(text);
                answer(&mut stream);
            }
        });
        server
    }

    fn saying(text: &'static str) -> Self {
        Self::start(Box::new(move |stream| {
            // Who has heard enough closes the connection.
            let _ = stream.write_all(text.as_bytes());
        }))
    }

    fn client(&self) -> Client {
        let token = Credentials::Bearer("the-token".into());
        Client::new(&format!("http://{}", self.authority), &token).unwrap()
    }

    fn get(&self, limits: Limits) -> io::Result<Answer> {
        let request = Request {
            method: "GET",
            authority: &self.authority,
            target: "/",
            headers: Vec::new(),
            body: b"",
        };
        request.send(limits)
    }
}

#[test]
fn an_answer_is_read_whatever_way_its_end_is_told() {
    for text in [
        "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4;x=y\r\n\":1}\r\n0\r\n\r\n",
        "HTTP/1.0 200 OK\r\n\r\n{\"a\":1}",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n{\"a\":1}",
    ] {
        let server = Server::saying(text);
        let found = server.client().find("x", "n", "v").unwrap().unwrap();
        assert_eq!(found["a"], 1, "{text}");
        let asked = server.asked.lock().unwrap().join("");
        assert!(
            asked.starts_with("GET /api/2.0/mlflow/x?n=v HTTP/1.1\r\n"),
            "{asked}"
        );
        assert!(
            asked.contains("Authorization: Bearer the-token\r\n"),
            "{asked}"
        );
    }
    let missing = Server::saying("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(missing.client().find("x", "n", "v").unwrap(), None);
}

#[test]
fn a_redirect_is_not_followed_and_named_so_that_no_other_host_sees_the_token() {
    let other = Server::saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    for status in [
        "301 Moved",
        "302 Found",
        "303 See Other",
        "307 Temporary",
        "308 Permanent",
    ] {
        let authority = other.authority.clone();
        let server = Server::start(Box::new(move |stream| {
            let answer = format!(
                "HTTP/1.1 {status}\r\nLocation: http://{authority}/steal\r\nContent-Length: 0\r\n\r\n"
            );
            stream.write_all(answer.as_bytes()).unwrap();
        }));
        let refused = server.client().post("runs/search", &serde_json::json!({}));
        let message = refused.unwrap_err().to_string();
        assert!(
            message.contains(&format!("http://{}/steal", other.authority)),
            "{message}"
        );
        assert!(message.contains("redirect"), "{message}");
    }
    assert_eq!(other.connections.load(Ordering::SeqCst), 0);
}

#[test]
fn an_answer_of_more_than_a_mebibyte_is_refused() {
    let told = Server::saying("HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n");
    let endless = |head: &'static str, piece: Vec<u8>| {
        Server::start(Box::new(move |stream| {
            let _ = stream.write_all(head.as_bytes());
            while stream.write_all(&piece).is_ok() {}
        }))
    };
    let untold = endless("HTTP/1.1 200 OK\r\n\r\n", vec![b' '; 1 << 16]);
    let chunked = endless(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        [&b"1000\r\n"[..], &[b'x'; 4096], b"\r\n"].concat(),
    );
    let headers = endless("HTTP/1.1 200 OK\r\n", b"a: b\r\n".repeat(1000));
    for server in [told, untold, chunked, headers] {
        let message = server.get(Limits::sending(0)).unwrap_err().to_string();
        assert!(message.contains("longer than"), "{message}");
    }
}

#[test]
fn a_server_that_does_not_come_to_an_end_is_given_up() {
    let drops = Server::start(Box::new(|stream| {
        // A byte now and then, for ever.
        while stream.write_all(b"H").is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    }));
    let limits = Limits {
        connect: Duration::from_millis(300),
        whole: Duration::from_millis(300),
    };
    let start = Instant::now();
    let error = drops.get(limits).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TimedOut, "{error}");
    assert!(start.elapsed() < Duration::from_secs(5));
    let usual = Limits::sending(3 << 20);
    assert_eq!((usual.connect.as_secs(), usual.whole.as_secs()), (10, 63));
}

#[test]
fn what_is_no_http_is_told() {
    for text in [
        "SSH-2.0-OpenSSH\r\n\r\n",
        "HTTP/1.1 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Le",
    ] {
        assert!(
            Server::saying(text).get(Limits::sending(0)).is_err(),
            "{text}"
        );
    }
}
