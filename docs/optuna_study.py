"""An Optuna study that drives `pipeline sweep RECIPE --ask-tell`.

    pip install optuna
    python docs/optuna_study.py recipes/physionet2012-search.toml --trials 30 --jobs 2

Options after `--` go to pipeline as they are (`-- --store DIR --set stages.pretrain.epochs=1`).
The space is the recipe's [sweep.random], the objective its [sweep] objective. The study lives in
memory; the results are in the store, so that asking for the same variant again takes no time.
"""

import argparse
import json
import subprocess
import sys

import optuna


def distribution(stated):
    """Optuna's form of what [sweep.random] draws from."""
    match stated["kind"]:
        case "uniform":
            return optuna.distributions.FloatDistribution(stated["min"], stated["max"])
        case "log-uniform":
            return optuna.distributions.FloatDistribution(stated["min"], stated["max"], log=True)
        case "integer":
            return optuna.distributions.IntDistribution(stated["min"], stated["max"])
        case "choice":
            # Optuna's choices are scalars: lists and tables travel as JSON.
            values = [json.dumps(value) for value in stated["values"]]
            return optuna.distributions.CategoricalDistribution(values)
        case other:
            raise SystemExit(f"no distribution of Optuna's for {other}")


def value(stated, suggested):
    return json.loads(suggested) if stated["kind"] == "choice" else suggested


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe")
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--jobs", type=int, default=1, help="variants asked for at once")
    parser.add_argument("--seed", type=int, default=0, help="of Optuna's sampler")
    parser.add_argument("--pipeline", default="pipeline")
    own, rest = sys.argv[1:], []
    if "--" in own:
        own, rest = own[: own.index("--")], own[own.index("--") + 1 :]
    arguments = parser.parse_args(own)
    command = [arguments.pipeline, "sweep", arguments.recipe, "--ask-tell", "--quiet"]
    command += ["--jobs", str(arguments.jobs), *rest]
    pipeline = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def answer():
        line = pipeline.stdout.readline()
        if not line:
            raise SystemExit(pipeline.wait() or 1)
        return json.loads(line)

    opening = answer()
    space = {path: distribution(stated) for path, stated in opening["space"].items()}
    if not space:
        raise SystemExit("the recipe has no [sweep.random]: there is nothing to search")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=arguments.seed, constant_liar=arguments.jobs > 1)
    study = optuna.create_study(direction=opening["objective"]["direction"], sampler=sampler)

    asked = 0
    while asked < arguments.trials:
        trials = {}
        for _ in range(min(arguments.jobs, arguments.trials - asked)):
            trial = study.ask(space)
            trials[trial.number] = trial
            overrides = {path: value(opening["space"][path], trial.params[path]) for path in space}
            print(json.dumps({"id": trial.number, "overrides": overrides}), file=pipeline.stdin)
            asked += 1
        pipeline.stdin.flush()
        for _ in range(len(trials)):
            told = answer()
            trial = trials[told["id"]]
            if told["status"] == "done" and told["objective"] is not None:
                study.tell(trial, told["objective"])
                print(f"{trial.number:3} {told['objective']:.4f} {told['variant']}", flush=True)
            else:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
                print(f"{trial.number:3} {told['status']}: {told.get('error')}", flush=True)
    pipeline.stdin.close()
    pipeline.wait()
    best = study.best_trial
    print(f"best: trial {best.number}, {best.value:.4f}")
    for path, suggested in best.params.items():
        print(f"  --set '{path}={json.dumps(value(opening['space'][path], suggested))}'")


if __name__ == "__main__":
    main()
