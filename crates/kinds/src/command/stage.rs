//! The stage `command`: any program, with declared inputs and outputs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::folder::{self, CommandFolder};
use super::log::Log;
use super::process::Program;
use super::quoting::quoted;
use super::secrets::Secrets;
use crate::command::table::{CommandLine, Piece, pieces};
use crate::json::as_json;
use pipeline_data::input_path::InputPath;
use pipeline_error::Error;
use pipeline_files::UniqueMap;
use pipeline_stage::{ExternalInput, Stage, StageContext, StageInput, StageOutput};

/// How often a waiting stage looks whether the user asks to stop.
const INTERRUPT_CHECK: Duration = Duration::from_millis(50);

/// Runs a program.
pub struct CommandStage {
    /// What is run; may hold `{inputs.NAME}` and `{outputs.NAME}`.
    pub run: CommandLine,
    /// What it reads, by name.
    pub inputs: BTreeMap<String, CommandInput>,
    /// Files it writes, relative to the folder it runs in, by the artifact's name.
    pub outputs: BTreeMap<String, String>,
    /// The output that holds metrics.
    pub metrics: Option<String>,
    /// Environment variables that are set.
    pub env: BTreeMap<String, String>,
    /// Environment variables that are handed through.
    pub pass_env: Vec<String>,
    /// Environment variables that are handed through and that nothing keeps.
    pub secret_env: Vec<String>,
    /// The program's seed, if it draws random numbers.
    pub seed: Option<u64>,
    /// When the program is stopped.
    pub timeout: Option<Duration>,
    /// Time between asking the program to end and making it.
    pub grace: Duration,
    /// How often a failed program is started again.
    pub retries: u32,
    /// The wait before the first new start.
    pub retry_delay: Duration,
}

/// Something the program reads.
pub struct CommandInput {
    /// What and where it is.
    pub path: InputPath,
    /// Its name in the folder `inputs`: that of the input, with the ending of what it is.
    pub file_name: String,
}

impl CommandStage {
    /// The setting that names an input.
    fn field(name: &str) -> String {
        format!("inputs.{name}")
    }

    /// The command line with paths in place of what stands for them, each one word for the shell.
    fn command_line(&self) -> CommandLine {
        let shell = matches!(self.run, CommandLine::Shell(_));
        self.run.map(|text| {
            let mut line = String::new();
            for piece in pieces(text) {
                let path = match piece {
                    Piece::Text(text) => {
                        line.push_str(text);
                        continue;
                    }
                    Piece::Input(name) => match self.inputs.get(name) {
                        Some(input) => format!("{}/{}", folder::INPUTS, input.file_name),
                        None => format!("{{inputs.{name}}}"),
                    },
                    Piece::Output(name) => match self.outputs.get(name) {
                        Some(file) => file.clone(),
                        None => format!("{{outputs.{name}}}"),
                    },
                };
                match shell {
                    true => line.push_str(&quoted(&path, &line)),
                    false => line.push_str(&path),
                }
            }
            line
        })
    }

    /// Where each input lies.
    fn input_places<'a>(
        &'a self,
        context: &'a StageContext,
    ) -> Result<Vec<(&'a str, &'a Path)>, Error> {
        let places = self.inputs.iter().map(|(name, input)| {
            let place = match input.path.artifact() {
                Some(made) => context.input(&Self::field(name), &made.artifact)?,
                None => input.path.as_ref(),
            };
            Ok((input.file_name.as_str(), place))
        });
        places.collect()
    }

    /// The program's whole environment.
    fn environment(
        &self,
        context: &StageContext,
        folder: &CommandFolder,
        secrets: &Secrets,
    ) -> Result<BTreeMap<String, OsString>, Error> {
        let scratch = folder.scratch().into_os_string();
        let threads = OsString::from(context.threads.to_string());
        let mut environment = BTreeMap::from([
            ("HOME".to_string(), scratch.clone()),
            ("TMPDIR".into(), scratch),
            ("PIPELINE_RESUME".into(), folder.resume().into()),
            ("PIPELINE_THREADS".into(), threads.clone()),
            ("PIPELINE_DEVICE".into(), context.device.to_string().into()),
            // No result depends on the order of Python's sets, and no input folder gets a cache.
            ("PYTHONHASHSEED".into(), "0".into()),
            ("PYTHONDONTWRITEBYTECODE".into(), "1".into()),
        ]);
        // What the libraries of numerical programs take their number of threads from.
        for name in [
            "OMP_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
            "MKL_NUM_THREADS",
            "RAYON_NUM_THREADS",
        ] {
            environment.insert(name.into(), threads.clone());
        }
        if let Some(path) = std::env::var_os("PATH") {
            environment.insert("PATH".into(), path);
        }
        for name in &self.pass_env {
            let value = std::env::var_os(name).ok_or_else(|| {
                Error::stage(format!("pass_env names `{name}`, which is not set"))
                    .with_hint(format!("set it, or state it in `env` and not in `pass_env`: env = {{ {name} = \"…\" }}"))
            })?;
            environment.insert(name.clone(), value);
        }
        if let Some(seed) = self.seed {
            environment.insert("PIPELINE_SEED".into(), seed.to_string().into());
        }
        let stated = self.env.iter();
        environment.extend(stated.map(|(name, value)| (name.clone(), value.into())));
        environment.extend(secrets.variables());
        Ok(environment)
    }

    /// Starts the program until it ends well or there are no retries left.
    fn attempts(
        &self,
        context: &StageContext,
        folder: &CommandFolder,
        secrets: &Secrets,
        log: &mut Log,
    ) -> Result<(), Error> {
        let places = self.input_places(context)?;
        let program = Program {
            line: self.command_line(),
            environment: self.environment(context, folder, secrets)?,
            folder: folder.path(),
            timeout: self.timeout,
            grace: self.grace,
        };
        let mut delay = self.retry_delay;
        for attempt in 1..=self.retries + 1 {
            folder.prepare(&places)?;
            let Err(failure) = program.run(context, log)? else {
                return Ok(());
            };
            if attempt > self.retries {
                return Err(failure.into_error(&program, attempt, log));
            }
            context.reporter.note(&format!(
                "{failure}; attempt {} of {} starts in {} s",
                attempt + 1,
                self.retries + 1,
                delay.as_secs_f64()
            ));
            wait(delay, context)?;
            delay *= 2;
        }
        Ok(())
    }

    /// Runs the program and takes what it left.
    fn make(&self, context: &StageContext, secrets: &Secrets) -> Result<StageOutput, Error> {
        let folder = CommandFolder::new(context.work);
        let mut log = Log::create(context.log, secrets)?;
        self.attempts(context, &folder, secrets, &mut log)?;
        folder.check_outputs(&self.outputs, &log)?;
        let artifacts = self.outputs.iter();
        Ok(StageOutput {
            metrics: self.read_metrics(&folder)?,
            artifacts: artifacts
                .map(|(name, file)| (name.clone(), Path::new(folder::NAME).join(file).into()))
                .collect(),
        })
    }

    fn read_metrics(&self, folder: &CommandFolder) -> Result<BTreeMap<String, Value>, Error> {
        let Some(name) = &self.metrics else {
            return Ok(BTreeMap::new());
        };
        let path = folder.path().join(&self.outputs[name]);
        let refuse = |what: String| {
            Error::stage(format!("the output `{name}` holds no metrics: {what}"))
                .with_hint("write one JSON object of numbers or nulls, e.g. {\"auroc\": 0.81}")
        };
        let bytes = std::fs::read(&path).map_err(|error| Error::file(&path, error))?;
        let UniqueMap(metrics): UniqueMap<Value> =
            serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))?;
        match metrics
            .iter()
            .find(|(_, value)| !value.is_null() && !value.is_number())
        {
            Some((metric, value)) => Err(refuse(format!("`{metric}` is {value}"))),
            None => Ok(metrics),
        }
    }
}

fn wait(delay: Duration, context: &StageContext) -> Result<(), Error> {
    let start = Instant::now();
    while start.elapsed() < delay {
        if context.is_interrupted() {
            return Err(Error::Interrupted);
        }
        std::thread::sleep(INTERRUPT_CHECK.min(delay.saturating_sub(start.elapsed())));
    }
    Ok(())
}

impl Stage for CommandStage {
    fn kind(&self) -> &'static str {
        "command"
    }

    /// Of lines for the shell: 2 ends at the first command that fails, 1 went on. Programs without a shell: 1.
    fn code_version(&self) -> u32 {
        match self.run {
            CommandLine::Shell(_) => 2,
            CommandLine::Words(_) => 1,
        }
    }

    fn fields(&self) -> Value {
        let inputs = self.inputs.iter();
        let inputs: Map<String, Value> = inputs
            .map(|(name, input)| (name.clone(), json!(input.file_name)))
            .collect();
        let mut fields = json!({
            "run": as_json(&self.command_line()),
            "inputs": inputs,
            "outputs": self.outputs,
            "metrics": self.metrics,
            "env": self.env,
            "pass_env": self.pass_env,
        });
        // Left out where there are none, so that keys of results from before there was such a setting stay.
        if !self.secret_env.is_empty() {
            fields["secret_env"] = json!(self.secret_env);
        }
        fields
    }

    fn seed(&self) -> Option<u64> {
        self.seed
    }

    /// Its program is told of the device, and may use it.
    fn uses_device(&self) -> bool {
        true
    }

    fn inputs(&self) -> Vec<StageInput> {
        let inputs = self.inputs.iter().filter_map(|(name, input)| {
            let made = input.path.artifact()?;
            Some(StageInput::new(
                &Self::field(name),
                &made.stage,
                &[&made.artifact],
            ))
        });
        inputs.collect()
    }

    fn external_inputs(&self) -> Vec<ExternalInput> {
        let inputs = self
            .inputs
            .iter()
            .filter(|(_, input)| input.path.artifact().is_none());
        inputs
            .map(|(name, input)| ExternalInput {
                field: Self::field(name),
                path: input.path.as_ref().to_path_buf(),
                // A command may read whatever lies in its folder.
                of_data: false,
            })
            .collect()
    }

    fn run(&self, context: &StageContext) -> Result<StageOutput, Error> {
        let secrets = Secrets::named(&self.secret_env)?;
        let made = self.make(context, &secrets);
        made.map_err(|error| secrets.redacted_error(error))
    }
}
