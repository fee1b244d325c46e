"""A batched PyTorch forward of the model that `benches/predict` predicts with: peer_torch_forward.py FOLDER, where torch_batched.py is.

Every set of a batch in one padded product, under `torch.inference_mode`; reading, packing and the head are left out, in its favour."""
import sys, time
import torch, torch.nn.functional as F

sys.path.insert(0, sys.argv[1])
from bench_data import full_size_params
from torch_batched import Net

STAYS, SETS, EVENTS, D, V = 2000, 74, 400, 64, 41
net = Net(full_size_params(Din=D, R=D, D=D, L=2, m=8, ff=2 * D, tl=2), 2, 2, 4, 2).eval()
E = torch.linalg.qr(torch.randn(D, D))[0][:V].contiguous()
sizes = torch.bincount(torch.arange(EVENTS) * SETS // EVENTS, minlength=SETS)
n = int(sizes.max())
print('torch', torch.__version__, 'threads', torch.get_num_threads())
with torch.inference_mode():
    for batch in (8, 32, 128):
        ok = (torch.arange(n)[None] < sizes[:, None]).repeat(batch, 1)
        var = torch.randint(V, (batch * SETS, n)); val = torch.randn(batch * SETS, n, 1)
        minutes = torch.arange(SETS).float().mul(37).repeat(batch, 1); valid = torch.ones(batch, SETS, dtype=torch.bool)
        rounds = STAYS // batch; start = time.time()
        for _ in range(rounds):
            zs, _ = net.encode(E[var], val, ok); mu, lv = zs[-1]
            net.seq(F.layer_norm(mu, [D]).view(batch, SETS, D), minutes, valid)
        print(f'batches of {batch}: {rounds * batch / (time.time() - start):.0f} stays/s')
