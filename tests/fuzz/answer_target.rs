//! Answers of an MLflow server: a status, and then JSON.

use pipeline_random::Draws;
use pipeline_report::mlflow::Answer;

use crate::bytes;
use crate::json;

const SEEDS: [&str; 5] = [
    "200\n{\"experiment_id\": \"17\"}",
    "200\n{\"runs\": [{\"info\": {\"run_id\": \"a\", \"status\": \"RUNNING\"}}]}",
    "204\n",
    "404\n{\"error_code\": \"RESOURCE_DOES_NOT_EXIST\", \"message\": \"none\"}",
    "302\n",
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
    let (_, body) = parts(input);
    match draws.below(4) {
        0 => with_status(draws, body),
        1 | 2 => {
            let body = json::mutate(body, other, draws);
            with_status(draws, &body)
        }
        _ => bytes::mutate(input, other, draws),
    }
}

fn with_status(draws: &mut Draws, body: &[u8]) -> Vec<u8> {
    let status = match draws.below(2) {
        0 => 200,
        _ => draws.below(600),
    };
    [format!("{status}\n").as_bytes(), body].concat()
}

fn parts(input: &[u8]) -> (u16, &[u8]) {
    let end = input.iter().position(|byte| *byte == b'\n');
    let (status, body) = input.split_at(end.unwrap_or(input.len()));
    let status = std::str::from_utf8(status).ok();
    let status = status.and_then(|text| text.parse().ok()).unwrap_or(200);
    (status, body.get(1..).unwrap_or_default())
}

/// Whether the answer says something; the error is one to be shown.
pub fn check(input: &[u8]) -> Result<bool, String> {
    let (status, body) = parts(input);
    let text = String::from_utf8_lossy(body);
    let answer = Answer {
        status,
        reason: "",
        location: (300..400).contains(&status).then(|| text.into_owned()),
        body: body.to_vec(),
    };
    match answer.document("GET http://127.0.0.1:5000/api") {
        Ok(_) => Ok(true),
        Err(error) => match error.to_string() {
            what if what.is_empty() => Err("an error without a message".into()),
            what if what.len() > LONGEST_ERROR => Err(format!("an error of {} bytes", what.len())),
            _ => Ok(false),
        },
    }
}
