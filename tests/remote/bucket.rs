//! A server on this machine that speaks as a bucket of S3 does, with faults where a test wants some.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// What a server may do in place of what it should.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// One bit of what is given is another one.
    Flip,
    /// What is given ends early, and says that it is whole.
    Short,
    /// The connection ends in the middle of what is given.
    Break,
    /// The object is told to be there no more.
    Gone,
    /// A status, and the code of an error.
    Status(u16, &'static str),
    /// Nothing is said for so long.
    Slow(Duration),
}

/// Where a fault is: in requests of this method whose path holds this, so many times.
#[derive(Clone, Debug)]
struct Planned {
    method: &'static str,
    path: &'static str,
    times: usize,
    fault: Fault,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    /// The object's name, without the bucket's.
    pub name: String,
    pub query: String,
    pub headers: BTreeMap<String, String>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Vec<u8>>,
    faults: Vec<Planned>,
    asked: Vec<Asked>,
}

/// The bucket `cache`.
#[derive(Clone)]
pub struct Bucket {
    pub endpoint: String,
    state: Arc<Mutex<State>>,
}

impl Bucket {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let bucket = Self {
            endpoint,
            state: Arc::default(),
        };
        let serving = bucket.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let bucket = serving.clone();
                thread::spawn(move || bucket.serve(stream));
            }
        });
        bucket
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }

    /// Plans a fault; those that were planned before come first.
    pub fn fault(&self, method: &'static str, path: &'static str, times: usize, fault: Fault) {
        self.state().faults.push(Planned {
            method,
            path,
            times,
            fault,
        });
    }

    pub fn without_faults(&self) {
        self.state().faults.clear();
    }

    /// What was asked since this was last called.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.state().asked)
    }

    /// Names of all objects below a folder.
    pub fn names(&self, below: &str) -> Vec<String> {
        let state = self.state();
        let names = state.objects.keys();
        names.filter(|name| name.contains(below)).cloned().collect()
    }

    pub fn change(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        change(self.state().objects.get_mut(name).expect("an object"));
    }

    /// Takes the object away whose name ends so.
    pub fn remove(&self, ending: &str) {
        let before = self.names("").len();
        self.state()
            .objects
            .retain(|name, _| !name.ends_with(ending));
        assert_eq!(self.names("").len() + 1, before);
    }

    fn serve(&self, mut stream: TcpStream) -> Option<()> {
        let (head, body) = request(&mut stream)?;
        let mut lines = head.split("\r\n");
        let mut words = lines.next()?.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let headers = lines.filter_map(|line| line.split_once(": "));
        let asked = Asked {
            method: method.into(),
            name: path.strip_prefix("/cache")?.trim_start_matches('/').into(),
            query: query.into(),
            headers: headers
                .map(|(name, value)| (name.to_lowercase(), value.into()))
                .collect(),
        };
        let fault = {
            let mut state = self.state();
            state.asked.push(asked.clone());
            let mut planned = state.faults.iter_mut();
            let planned = planned.find(|planned| {
                planned.times > 0 && planned.method == method && path.contains(planned.path)
            });
            planned.map(|planned| {
                planned.times -= 1;
                planned.fault
            })
        };
        let answer = match fault {
            Some(Fault::Status(status, code)) => error(status, code),
            Some(Fault::Gone) => error(404, "NoSuchKey"),
            _ => self.answer(&asked, body),
        };
        send(&mut stream, method, answer, fault);
        Some(())
    }

    fn answer(&self, asked: &Asked, body: Vec<u8>) -> (u16, Vec<u8>) {
        if !asked.query.contains("X-Amz-Signature=") {
            return error(403, "AccessDenied");
        }
        let mut state = self.state();
        let found = state.objects.get(&asked.name);
        match asked.method.as_str() {
            "GET" if asked.query.contains("list-type=2") => (200, listing(&state, &asked.query)),
            "GET" | "HEAD" => match found {
                Some(bytes) => (200, bytes.clone()),
                None => error(404, "NoSuchKey"),
            },
            "PUT" => {
                let first_only = asked
                    .headers
                    .get("if-none-match")
                    .is_some_and(|it| it == "*");
                if first_only && found.is_some() {
                    return error(412, "PreconditionFailed");
                }
                state.objects.insert(asked.name.clone(), body);
                (200, Vec::new())
            }
            _ => error(405, "MethodNotAllowed"),
        }
    }
}

/// Two objects a page.
fn listing(state: &State, query: &str) -> Vec<u8> {
    let part = |name: &str| {
        let mut parts = query.split('&').filter_map(|part| part.split_once('='));
        let found = parts.find(|(known, _)| *known == name)?;
        Some(found.1.replace("%2F", "/"))
    };
    let prefix = part("prefix").unwrap_or_default();
    let after = part("continuation-token").unwrap_or_default();
    let names = state.objects.iter();
    let names = names.filter(|(name, _)| name.starts_with(&prefix) && **name > after);
    let names: Vec<_> = names.collect();
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">",
    );
    for (name, bytes) in names.iter().take(2) {
        let length = bytes.len();
        text += &format!("<Contents><Key>{name}</Key><Size>{length}</Size></Contents>");
    }
    let more = names.len() > 2;
    text += &format!("<MaxKeys>2</MaxKeys><IsTruncated>{more}</IsTruncated>");
    if more {
        text += &format!(
            "<NextContinuationToken>{}</NextContinuationToken>",
            names[1].0
        );
    }
    (text + "</ListBucketResult>").into_bytes()
}

fn error(status: u16, code: &str) -> (u16, Vec<u8>) {
    let text = format!("<Error><Code>{code}</Code><Message>says the server</Message></Error>");
    (status, text.into_bytes())
}

fn request(stream: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        let read = stream.read(&mut piece).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&piece[..read]);
        let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
        let length = head.split("\r\n").find_map(|line| {
            let line = line.to_lowercase();
            line.strip_prefix("content-length: ")?.parse::<usize>().ok()
        });
        let mut body = bytes.split_off(end + 4);
        while body.len() < length.unwrap_or(0) {
            let read = stream.read(&mut piece).ok().filter(|read| *read > 0)?;
            body.extend_from_slice(&piece[..read]);
        }
        return Some((head, body));
    }
}

fn send(stream: &mut TcpStream, method: &str, answer: (u16, Vec<u8>), fault: Option<Fault>) {
    let (status, mut body) = answer;
    match fault {
        Some(Fault::Flip) => {
            let middle = body.len() / 2;
            body[middle] ^= 1;
        }
        Some(Fault::Short) => body.truncate(body.len() / 2),
        Some(Fault::Slow(time)) => thread::sleep(time),
        _ => {}
    }
    let head = format!(
        "HTTP/1.1 {status} Status\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    if let Some(Fault::Break) = fault {
        body.truncate(body.len() / 2);
    }
    // Who has heard enough closes the connection.
    let _ = stream.write_all(head.as_bytes());
    if method != "HEAD" {
        let _ = stream.write_all(&body);
    }
}
