//! `pipeline watch --serve`: a run that was not submitted, as it goes on, as a page for a browser on this machine.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use jiff::Timestamp;

use crate::interrupt;
use crate::serve::{Answer, Server};
use crate::submission::record::Submission;
use crate::terminal::stdout;
use pipeline_error::Error;
use pipeline_report::live::{LiveRun, SCRIPT, live_page};
use pipeline_runner::history::{self, PastRun};
use pipeline_store::Store;

/// What is served, and where.
pub struct Watch {
    run: Option<String>,
    address: SocketAddr,
    store: PathBuf,
}

impl Watch {
    /// A page of `run`, or of the latest, at the address that was `stated`. Fails unless that is one of this machine alone.
    pub fn at(stated: &str, run: Option<String>, store: PathBuf) -> Result<Self, Error> {
        Ok(Self {
            address: loopback(stated)?,
            run,
            store,
        })
    }
}

/// An address that nobody but this machine can reach: runs tell of patients.
fn loopback(stated: &str) -> Result<SocketAddr, Error> {
    let local = stated.strip_prefix("localhost:");
    let local = local.and_then(|port| port.parse().ok());
    let local = local.map(|port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    let address = local.or_else(|| stated.parse().ok());
    let refused = |what: &str| Error::Usage {
        message: format!("--serve {stated}: {what}"),
        hint: Some(
            "give 127.0.0.1:PORT, and forward that from elsewhere: ssh -L PORT:127.0.0.1:PORT HOST"
                .into(),
        ),
    };
    match address {
        None => Err(refused("no address with a port")),
        Some(address) if !address.ip().is_loopback() => {
            Err(refused("other machines could reach this address"))
        }
        Some(address) => Ok(address),
    }
}

/// Serves until it is stopped; nothing is executed and nothing is written.
pub fn execute(watch: &Watch) -> Result<ExitCode, Error> {
    let store = Store::open(&watch.store)?;
    let run = match &watch.run {
        None => None,
        Some(prefix) => Some(served(&store, prefix)?),
    };
    let server = Server::bind(watch.address)?;
    stdout::print(&format!("http://{}/\n", server.address()))?;
    server.serve(interrupt::listen(), &|path| {
        answer(&store, run.as_deref(), path)
    })?;
    Err(Error::Interrupted)
}

/// The run whose id starts like this. Nothing tells in one place how jobs go on: a submitted run has no such page.
fn served(store: &Store, prefix: &str) -> Result<String, Error> {
    let run = history::show(store, prefix)?.run.run;
    match Submission::is_submitted(store, &run) {
        false => Ok(run),
        true => Err(Error::Usage {
            message: format!("run {run} was submitted: its stages are jobs, which have no page"),
            hint: Some(format!("`pipeline watch {run}` shows how they stand")),
        }),
    }
}

/// What is at a path.
fn answer(store: &Store, wanted: Option<&str>, path: &str) -> Result<Option<Answer>, Error> {
    if path == "/live.js" {
        return Ok(Some(Answer::script(SCRIPT)));
    }
    let runs = history::list(store, None)?;
    let mut runs: Vec<PastRun> = runs.into_iter().map(|(run, _)| run).collect();
    runs.retain(|run| !Submission::is_submitted(store, &run.run));
    // A run that there is: nothing else of the disk is looked at.
    let named = path.strip_prefix("/runs/");
    let named = named.filter(|id| runs.iter().any(|run| run.run == **id));
    runs.retain(|run| run.worker_of.is_none());
    let id = match named {
        None if path == "/" => wanted.or(runs.first().map(|run| run.run.as_str())),
        Some(id) => Some(id),
        None => return Ok(None),
    };
    let live = id.map(|id| LiveRun::read(store, id)).transpose()?;
    live_page(live.as_ref(), &runs, Timestamp::now()).map(|page| Some(Answer::page(page)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_can_be_served() {
        let served = ["127.0.0.1:8080", "[::1]:0", "localhost:80"].map(|at| loopback(at).is_ok());
        assert_eq!(served, [true; 3]);
        for refused in [
            "0.0.0.0:80",
            "[::]:80",
            "192.168.0.1:80",
            "127.0.0.1",
            "8080",
            "",
        ] {
            let error = loopback(refused).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{refused}");
        }
    }
}
