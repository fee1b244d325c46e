"""torch.load(mmap=False) and load_state_dict of one file; prints seconds, processor seconds and bytes of peak memory."""

import resource
import sys
import time

import torch


def module_like(state_dict):
    """A module with the names and shapes of a state dict."""
    root = torch.nn.Module()
    for name, tensor in state_dict.items():
        *parts, last = name.split(".")
        module = root
        for part in parts:
            if part not in module._modules:
                module.add_module(part, torch.nn.Module())
            module = module._modules[part]
        # Written once, so that its pages are there: a model that was initialised.
        module.register_parameter(last, torch.nn.Parameter(torch.zeros(tensor.shape).fill_(1)))
    return root


def main():
    path = sys.argv[1]
    model = module_like(torch.load(path, mmap=True, weights_only=True))
    start, processor = time.perf_counter(), time.process_time()
    state_dict = torch.load(path, mmap=False, weights_only=True)
    model.load_state_dict(state_dict, strict=True)
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    print(seconds, processor, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


main()
