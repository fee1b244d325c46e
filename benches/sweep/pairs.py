"""A sweep of 100 heads beside a sweep of one: PHYSIONET2012=DATA pairs.py PIPELINE [ROUNDS].

PIPELINE is the program. A backbone of recipes/physionet2012.toml is pretrained for one epoch and frozen, once. Each round
then runs two sweeps, one after the other and each in a copy of that store: one head, and 100 (ten learning rates, ten weight
decays). Both compute the features of 8,000 stays and the baseline. Prints user + system seconds as a JSON line each, then
the ratio of every round: the time of processors and not of the clock, as others may be at work on the machine.
"""
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

RECIPE = pathlib.Path(__file__).resolve().parents[2] / "recipes" / "physionet2012.toml"
BASE = f"""format = 1
extends = ["{RECIPE}"]

[stages.pretrain]
epochs = 1

[stages.classifier]
optimizer = {{ kind = "adamw", lr = 1e-3, weight_decay = 0.01 }}
epochs = 15
batch_size = 32
"""
SWEEP = """format = 1
extends = ["base.toml"]

[sweep]
objective = {{ stage = "classifier", metric = "validation_auroc", direction = "maximize" }}

[sweep.grid]
"stages.classifier.optimizer.lr" = {rates}
"stages.classifier.optimizer.weight_decay" = {decays}
"""
RATES = [1e-4, 2e-4, 3e-4, 5e-4, 7e-4, 1e-3, 2e-3, 3e-3, 5e-3, 7e-3]
DECAYS = [0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1]


def processor_seconds(folder, *arguments):
    child = subprocess.Popen([*arguments, "--quiet"], cwd=folder, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"{' '.join(arguments)} failed")
    return usage.ru_utime + usage.ru_stime


def main(pipeline, rounds=5):
    pipeline = str(pathlib.Path(pipeline).resolve())
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "base.toml").write_text(BASE)
        (folder / "one.toml").write_text(SWEEP.format(rates=[1e-3], decays=[0.01]))
        (folder / "hundred.toml").write_text(SWEEP.format(rates=RATES, decays=DECAYS))
        processor_seconds(folder, pipeline, "run", "base.toml", "frozen", "--store", "frozen")
        for number in range(int(rounds)):
            seconds = {}
            for name in ["one", "hundred"]:
                shutil.copytree(folder / "frozen", folder / "store", symlinks=True)
                seconds[name] = processor_seconds(folder, pipeline, "sweep", f"{name}.toml", "--store", "store")
                shutil.rmtree(folder / "store")
            ratios.append(seconds["hundred"] / seconds["one"])
            print(json.dumps({"round": number, **seconds, "ratio": ratios[-1]}), flush=True)
    print(f"100 heads / one head: median {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
