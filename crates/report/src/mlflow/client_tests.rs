use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::*;

/// A server on this machine that answers every request in one way, and what it was asked.
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
}

#[test]
fn an_endpoint_is_asked_with_the_token_and_a_missing_thing_is_none() {
    let server = Server::saying("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{\"a\":1}");
    let found = server.client().find("x", "n", "v").unwrap().unwrap();
    assert_eq!(found["a"], 1);
    let asked = server.asked.lock().unwrap().join("").to_lowercase();
    assert!(
        asked.starts_with("get /api/2.0/mlflow/x?n=v http/1.1\r\n"),
        "{asked}"
    );
    assert!(
        asked.contains("authorization: bearer the-token\r\n"),
        "{asked}"
    );
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
fn an_answer_of_more_than_a_mebibyte_or_without_an_end_is_an_error() {
    let told = Server::saying("HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n");
    let endless = Server::start(Box::new(|stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b' '; 1 << 16]).is_ok() {}
    }));
    for server in [told, endless] {
        let error = server.client().find("x", "n", "v").unwrap_err();
        assert!(error.to_string().starts_with("GET http://"), "{error}");
    }
}
