"""Pretraining beside PyTorch: pairs.py BENCH PEERS [ROUNDS [SIZE…]], under a Python that has torch.

BENCH is the program that `cargo bench --bench pretrain --no-run` built, PEERS the folder of torch_batched.py. Each round
runs, one after the other, ours, PyTorch in eager mode and (at full size) under torch.compile, and one round of the matrix
products that a stay consists of; then the features of the frozen backbone, PyTorch's under torch.inference_mode in batches
of 8 and of 32. Prints a JSON line each, then a table of medians and of ratios in each round.
"""
import json
import statistics
import subprocess
import sys
import time

# Multiply-adds of a stay at full size: 74 sets of six events, forward and backward.
GFLOP_A_STAY = 17.0
SIZES = {
    "full": dict(width=0, stays=24, batch=8),
    "small": dict(width=64, stays=160, batch=16),
    "features": dict(width=0, stays=64, batch=8),
}
KINDS = {"full": ["eager", "compiled", "sgemm"], "small": ["eager"], "features": ["inferred 8", "inferred 32"]}
SETS = 74


def torch_rate(peers, size, compiled):
    """Stays a second of the second of two epochs, as the bench counts them."""
    import torch

    sys.path.insert(0, peers)
    from bench_data import full_size_params, patients
    from torch_batched import Net, pack, step

    width, stays, batch = size["width"], size["stays"], size["batch"]
    if width:
        dims = dict(Din=width, R=width, D=width, L=2, m=8, ff=2 * width, tl=2)
        net, given = Net(full_size_params(**dims), 2, 2, 4, 2), patients(stays, SETS, Din=width)
    else:
        width, net, given = 256, Net(full_size_params(), 2, 2, 8, 4), patients(stays, SETS)
    optimizer = torch.optim.AdamW(net.parameters(), lr=5e-5, weight_decay=0.02)
    run = torch.compile(step, dynamic=True) if compiled else step
    for _ in range(2):
        start = time.time()
        for first in range(0, stays, batch):
            packed = pack(given[first : first + batch])
            seeds = {level: torch.randn(*packed[0].shape[:2], width) for level in range(2)}
            reconstruction, kl, *_ = run(net, packed, seeds)
            optimizer.zero_grad()
            (reconstruction.mean() + 0.05 * kl.mean()).backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 0.2)
            optimizer.step()
        rate = stays / (time.time() - start)
    return rate


def torch_inference(peers, size, batch):
    """Stays a second of the second of two passes; packing is left out, in its favour."""
    import torch
    import torch.nn.functional as F

    sys.path.insert(0, peers)
    from bench_data import full_size_params, patients
    from torch_batched import Net, pack

    net, given = Net(full_size_params(), 2, 2, 8, 4).eval(), patients(size["stays"], SETS)
    packed = [pack(given[first : first + batch]) for first in range(0, size["stays"], batch)]
    with torch.inference_mode():
        for _ in range(2):
            start = time.time()
            # Every stay has the same number of sets, so that sets lie in the order of the grid.
            for variables, values, inside, _, minutes, valid in packed:
                encoded, _ = net.encode(variables, values, inside)
                mean = encoded[-1][0].view(*minutes.shape, -1)
                net.seq(F.layer_norm(mean, mean.shape[-1:]), minutes, valid)
    return size["stays"] / (time.time() - start)


def sgemm_gflops():
    """The median over the shapes of the encoder's products, of four stays at once."""
    import torch

    rates = []
    for rows, inner, columns in [(4736, 256, 256), (4736, 256, 512), (4736, 512, 256), (1776, 256, 512)]:
        a, b = torch.randn(rows, inner), torch.randn(inner, columns)
        a @ b
        best = float("inf")
        for _ in range(20):
            start = time.time()
            a @ b
            best = min(best, time.time() - start)
        rates.append(2 * rows * inner * columns / best / 1e9)
    return statistics.median(rates)


def measured(bench, peers, name, size, what):
    if what == "ours":
        options = ["--patients", size["stays"], "--sets", SETS, "--batch", size["batch"], "--width", size["width"]]
        options += ["--infer"] * (name == "features")
        out = subprocess.run([bench, "--bench", *map(str, options)], capture_output=True, text=True, check=True)
        return json.loads(out.stdout)["stays_per_second"]
    child = [sys.executable, __file__, "--child", peers, name, what]
    out = subprocess.run(child, capture_output=True, text=True, check=True)
    return float(out.stdout.split()[-1])


def main(bench, peers, rounds=5, *sizes):
    for name in sizes or SIZES:
        size = SIZES[name]
        kinds = ["ours", *KINDS[name]]
        found = {kind: [] for kind in kinds}
        for number in range(int(rounds)):
            for kind in kinds:
                found[kind].append(measured(bench, peers, name, size, kind))
                unit = "gflops" if kind == "sgemm" else "stays_per_second"
                print(json.dumps({"size": name, "round": number, "what": kind, unit: round(found[kind][-1], 3)}), flush=True)
        fastest = [max(pair) for pair in zip(*(found[kind] for kind in kinds if kind not in ("ours", "sgemm")))]
        ratios = [ours / theirs for ours, theirs in zip(found["ours"], fastest)]
        print(f"\n| {name} | median | range |\n|---|---|---|")
        for kind in kinds:
            print(f"| {kind} | {statistics.median(found[kind]):.2f} | {min(found[kind]):.2f} to {max(found[kind]):.2f} |")
        print(f"| ours / faster PyTorch | {statistics.median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f} |")
        if name == "full":
            shares = [ours * GFLOP_A_STAY / limit for ours, limit in zip(found["ours"], found["sgemm"])]
            print(f"| ours / sgemm's limit | {statistics.median(shares):.2f} | {min(shares):.2f} to {max(shares):.2f} |")
        print(flush=True)


if sys.argv[1:2] == ["--child"]:
    _, _, peers, name, what = sys.argv
    if what == "sgemm":
        print(sgemm_gflops())
    elif name == "features":
        print(torch_inference(peers, SIZES[name], int(what.split()[1])))
    else:
        print(torch_rate(peers, SIZES[name], what == "compiled"))
else:
    main(*sys.argv[1:])
