//! The script of a job.

use std::fmt::Write as _;

use crate::config::{Cluster, Word};
use crate::resources::Resources;
use pipeline_error::pasted::shell_line;

/// A longer label of a job is cut.
const LONGEST_LABEL: usize = 120;

/// What a script is made of.
#[derive(Clone, Copy, Debug)]
pub struct Script<'a> {
    /// How jobs are submitted here.
    pub cluster: &'a Cluster,
    /// The job's name in the queue.
    pub name: &'a str,
    /// What it asks for.
    pub resources: Resources,
    /// Tasks of the array; 1: it is none.
    pub tasks: usize,
    /// The dependency, as `sbatch` takes it; empty: none.
    pub dependency: &'a str,
    /// Where it runs: the folder from which it was submitted.
    pub folder: &'a str,
    /// Folders that a container must see, besides.
    pub binds: &'a [String],
    /// Where its output goes: `%a` is the index in the array.
    pub log: &'a str,
    /// This program, and its arguments in the job.
    pub command: &'a [String],
}

/// A node's name as part of a job's name and of a file's.
pub fn label(name: &str) -> String {
    let plain = |it: char| match it.is_ascii_alphanumeric() || "._=-".contains(it) {
        true => it,
        false => '-',
    };
    name.chars().take(LONGEST_LABEL).map(plain).collect()
}

/// The option that makes an array of so many tasks; none for one.
pub fn array_of(tasks: usize) -> Option<String> {
    (tasks > 1).then(|| format!("--array=0-{}", tasks - 1))
}

impl Script<'_> {
    /// The text that `sbatch` reads.
    pub fn text(&self) -> String {
        let mut text = String::from("#!/bin/bash\n");
        for option in self.options() {
            let _ = writeln!(text, "#SBATCH {option}");
        }
        let modules: Vec<&str> = self
            .cluster
            .modules
            .iter()
            .map(|it| it.0.as_str())
            .collect();
        if !modules.is_empty() {
            let _ = writeln!(text, "module load {} || exit 1", modules.join(" "));
        }
        let prelude = self.cluster.prelude.trim_end();
        if !prelude.is_empty() {
            let _ = writeln!(text, "{prelude}");
        }
        match &self.cluster.container {
            None => {
                let _ = writeln!(text, "exec {}", shell_line(self.command));
            }
            Some(image) => text += &self.in_container(image),
        }
        text
    }

    fn options(&self) -> Vec<String> {
        let Self {
            cluster, resources, ..
        } = self;
        let option = |name: &str, value: Option<String>| value.map(|it| format!("--{name}={it}"));
        let word = |word: &Option<Word>| word.as_ref().map(|word| word.0.clone());
        let stated = [
            Some(format!("--job-name={}", self.name)),
            Some(format!("--chdir={}", in_quotes(self.folder))),
            Some(format!("--output={}", in_quotes(self.log))),
            Some("--open-mode=append".into()),
            Some("--requeue".into()),
            Some(format!("--signal=B:USR1@{}", cluster.warn_seconds)),
            array_of(self.tasks),
            option(
                "dependency",
                (!self.dependency.is_empty()).then(|| self.dependency.into()),
            ),
            (!self.dependency.is_empty()).then(|| "--kill-on-invalid-dep=yes".into()),
            option("partition", word(&cluster.partition)),
            option("account", word(&cluster.account)),
            option("qos", word(&cluster.qos)),
            option("constraint", word(&cluster.constraint)),
            Some("--nodes=1 --ntasks=1".into()),
            option("cpus-per-task", resources.cpus.map(|it| it.to_string())),
            option("mem", resources.mem.map(|it| it.to_string())),
            option(
                "gpus",
                resources.gpus.filter(|it| *it > 0).map(|it| it.to_string()),
            ),
            option("time", resources.time.map(|it| it.to_string())),
        ];
        let extra = cluster.extra.iter().map(|flag| flag.0.clone());
        stated.into_iter().flatten().chain(extra).collect()
    }

    /// A container has no client of Slurm in it: the shell outside passes warnings on, and puts the job in the queue again.
    fn in_container(&self, image: &str) -> String {
        let mut apptainer = vec!["apptainer".to_string(), "exec".into()];
        if self.resources.gpus.is_some_and(|gpus| gpus > 0) {
            apptainer.push("--nv".into());
        }
        for folder in self.binds.iter().map(String::as_str).chain([self.folder]) {
            apptainer.extend(["--bind".into(), folder.into()]);
        }
        apptainer.extend([image.into(), "pipeline".into()]);
        apptainer.extend(self.command.iter().skip(1).cloned());
        format!(
            "export PIPELINE_REQUEUE=outside\n\
             {} &\n\
             worker=$!\n\
             trap 'warned=1; kill -USR1 \"$worker\"' USR1\n\
             trap 'kill -TERM \"$worker\"' TERM\n\
             while wait \"$worker\"; code=$?; [ $code -gt 128 ] && kill -0 \"$worker\" 2>/dev/null; do :; done\n\
             [ $code -eq 138 ] && {{ wait \"$worker\"; code=$?; }}\n\
             [ -n \"$warned\" ] && [ $code -eq 130 ] && scontrol requeue \"$SLURM_JOB_ID\"\n\
             exit $code\n",
            shell_line(&apptainer)
        )
    }
}

/// A path in an option of `sbatch`.
fn in_quotes(path: &str) -> String {
    match path.contains([' ', '"', '\\', '\'']) {
        true => format!("\"{}\"", path.replace('\\', r"\\").replace('"', "\\\"")),
        false => path.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Flag, MemoryLimit, TimeLimit};

    fn script<'a>(cluster: &'a Cluster, command: &'a [String], dependency: &'a str) -> Script<'a> {
        Script {
            cluster,
            name: "20261128T170000Z-1a2b-head.3",
            resources: Resources {
                cpus: Some(4),
                mem: MemoryLimit::parse("16G"),
                gpus: Some(1),
                time: TimeLimit::parse("4h"),
                pack: None,
            },
            tasks: 100,
            dependency,
            folder: "/home/me/my study",
            binds: &[],
            log: "/shared/store/runs/R/logs/head.3.%a.log",
            command,
        }
    }

    #[test]
    fn a_script_says_all_that_the_cluster_is_asked_for_and_ends_in_the_program() {
        let cluster = Cluster {
            partition: Some(Word("gpu".into())),
            modules: vec![Word("cuda/12".into())],
            prelude: "export A='b c'\n".into(),
            extra: vec![Flag("--exclusive".into())],
            ..Cluster::default()
        };
        let command = ["/opt/pipeline", "worker", "it's"].map(String::from);
        let text = script(&cluster, &command, "afterok:7:8,aftercorr:9").text();
        assert_eq!(
            text,
            "#!/bin/bash\n\
             #SBATCH --job-name=20261128T170000Z-1a2b-head.3\n\
             #SBATCH --chdir=\"/home/me/my study\"\n\
             #SBATCH --output=/shared/store/runs/R/logs/head.3.%a.log\n\
             #SBATCH --open-mode=append\n\
             #SBATCH --requeue\n\
             #SBATCH --signal=B:USR1@120\n\
             #SBATCH --array=0-99\n\
             #SBATCH --dependency=afterok:7:8,aftercorr:9\n\
             #SBATCH --kill-on-invalid-dep=yes\n\
             #SBATCH --partition=gpu\n\
             #SBATCH --nodes=1 --ntasks=1\n\
             #SBATCH --cpus-per-task=4\n\
             #SBATCH --mem=16G\n\
             #SBATCH --gpus=1\n\
             #SBATCH --time=0-04:00:00\n\
             #SBATCH --exclusive\n\
             module load cuda/12 || exit 1\n\
             export A='b c'\n\
             exec /opt/pipeline worker 'it'\\''s'\n"
        );
    }

    #[test]
    fn a_container_is_told_of_warnings_and_sees_the_folders() {
        let cluster = Cluster {
            container: Some("image.sif".into()),
            ..Cluster::default()
        };
        let command = ["/opt/pipeline", "worker"].map(String::from);
        let binds = ["/shared/store".to_string()];
        let script = Script {
            binds: &binds,
            ..script(&cluster, &command, "")
        };
        let text = script.text();
        assert!(text.contains(
            "\napptainer exec --nv --bind /shared/store --bind '/home/me/my study' image.sif pipeline worker &\n"
        ), "{text}");
        assert!(!text.contains("--dependency") && !text.contains("/opt/pipeline"));
    }

    #[test]
    fn a_label_is_fit_for_a_name_of_a_job_and_of_a_file() {
        assert_eq!(label("classifier@lr=0.001,a/b"), "classifier-lr=0.001-a-b");
        assert_eq!(label(&"x".repeat(500)).len(), LONGEST_LABEL);
    }
}
