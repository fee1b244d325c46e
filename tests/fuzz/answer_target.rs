//! Answers of an MLflow server: HTTP with JSON in it.

use std::io::{self, Read};

use pipeline_random::Draws;
use pipeline_report::mlflow::Answer;
use serde_json::Value;

use crate::bytes::{self, border, pick, place, range};
use crate::json;

const SEEDS: [&str; 6] = [
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n{\"experiment_id\": \"17\"}    ",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4;x=y\r\n\":1}\r\n0\r\n\r\n",
    "HTTP/1.0 200 OK\r\n\r\n{\"runs\": [{\"info\": {\"run_id\": \"a\", \"status\": \"RUNNING\"}}]}",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 404 Not Found\r\nContent-Length: 60\r\n\r\n{\"error_code\": \"RESOURCE_DOES_NOT_EXIST\", \"message\": \"none\"}",
    "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
];

const HEADERS: &[&str] = &[
    "Content-Length: 18446744073709551615\r\n",
    "Content-Length: -1\r\n",
    "Content-Length: +7\r\n",
    "content-length: 7, 7\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Location: \r\n",
    ": \r\n",
    "\r\n",
    "\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "ffffffffffffffff\r\n",
    "-1\r\n",
    "0\r\n",
    "100000\r\n",
    "1;\r\n",
];

/// An error is for a person to read; a server's words are cut long before.
const LONGEST_ERROR: usize = 4096;

pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let seeds = SEEDS.iter().map(|seed| {
        let first = seed.lines().next().unwrap_or_default();
        (first.to_string(), (*seed).into())
    });
    seeds.collect()
}

pub fn mutate(input: &[u8], other: &[u8], draws: &mut Draws) -> Vec<u8> {
    let head = find(input, b"\r\n\r\n").map_or(input.len(), |at| at + 4);
    let (head, body) = input.split_at(head);
    match draws.below(8) {
        0 | 1 => {
            let lines: Vec<usize> = (0..head.len()).filter(|at| head[*at] == b'\n').collect();
            let at = lines.get(place(draws, lines.len())).map_or(0, |at| at + 1);
            let times = 1 + draws.below(8) * draws.below(8) * draws.below(40);
            let line = pick(draws, HEADERS).repeat(times as usize);
            let mut input = input.to_vec();
            input.splice(at..at, line.into_bytes());
            input
        }
        2 => {
            let status = format!("HTTP/1.1 {} x\r\n", draws.below(600));
            let rest = find(head, b"\n").map_or(&[][..], |at| &head[at + 1..]);
            [status.as_bytes(), rest, body].concat()
        }
        3 => whole(&json::mutate(body, other, draws), draws),
        4 => {
            let body = body.repeat(1 + place(draws, 200));
            whole(&body, draws)
        }
        5 => {
            let number = match draws.below(2) {
                0 => format!("{:x}\r\n", border(draws, body.len())),
                _ => format!("Content-Length: {}\r\n", border(draws, body.len())),
            };
            let mut input = input.to_vec();
            input.splice(range(draws, input.len()), number.into_bytes());
            input
        }
        _ => bytes::mutate(input, other, draws),
    }
}

/// An answer around any body, its end told in one of the three ways.
fn whole(body: &[u8], draws: &mut Draws) -> Vec<u8> {
    let status = pick(
        draws,
        &["200 OK", "201 Created", "400 Bad", "403 No", "500 Oops"],
    );
    let head = format!("HTTP/1.1 {status}\r\n");
    match draws.below(3) {
        0 => [head.as_bytes(), b"\r\n", body].concat(),
        1 => {
            let length = format!("Content-Length: {}\r\n\r\n", body.len());
            [head.as_bytes(), length.as_bytes(), body].concat()
        }
        _ => {
            let mut answer = (head + "Transfer-Encoding: chunked\r\n\r\n").into_bytes();
            for chunk in body.chunks(1 + place(draws, 300)) {
                answer.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
                answer.extend([chunk, b"\r\n"].concat());
            }
            answer.extend(b"0\r\n\r\n");
            answer
        }
    }
}

fn find(bytes: &[u8], piece: &[u8]) -> Option<usize> {
    bytes.windows(piece.len()).position(|part| part == piece)
}

/// Bytes as they come over a network: a few at a time.
struct Pieces<'a>(&'a [u8], usize);

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let now = self.1.min(into.len()).min(self.0.len());
        let (now, later) = self.0.split_at(now);
        into[..now.len()].copy_from_slice(now);
        self.0 = later;
        Ok(now.len())
    }
}

/// Whether the answer is one, and says something; it is the same in whichever pieces it comes.
pub fn check(input: &[u8]) -> Result<bool, String> {
    let at_once = told(Answer::read(input))?;
    for length in [1, 7] {
        if told(Answer::read(Pieces(input, length)))? != at_once {
            return Err(format!("in pieces of {length} it is another answer"));
        }
    }
    Ok(at_once.is_ok())
}

/// Status and document, or the error, which is one to be shown.
fn told(answer: io::Result<Answer>) -> Result<Result<(u16, Value), String>, String> {
    let read = match answer {
        Ok(answer) => {
            let document = answer.document("GET http://127.0.0.1:5000/api");
            document
                .map(|document| (answer.status, document))
                .map_err(|error| error.to_string())
        }
        Err(error) => Err(error.to_string()),
    };
    match &read {
        Err(what) if what.is_empty() => Err("an error without a message".into()),
        Err(what) if what.len() > LONGEST_ERROR => Err(format!("an error of {} bytes", what.len())),
        _ => Ok(read),
    }
}
