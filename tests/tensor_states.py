"""Saves a checkpoint for every state that a tensor of torch can be in, and what `torch.load` makes of each.

tensor_states.py FOLDER writes FOLDER/N.pt and FOLDER/answers.json.
"""

import json
import sys
import warnings
from collections import OrderedDict

import torch

warnings.filterwarnings("ignore")
folder = sys.argv[1]
states = {}


def state(name):
    """Registers what makes a tensor in the state of this name."""

    def register(make):
        states[name] = make
        return make

    return register


def ramp(*shape, dtype=torch.float32):
    """Numbers that differ, with a zero and a fraction among them."""
    count = 1
    for axis in shape:
        count *= axis
    return ((torch.arange(count, dtype=torch.float64) - count // 3) * 1.25).reshape(shape).to(dtype)


def complexes(*shape):
    return torch.complex(ramp(*shape), ramp(*shape) + 1)


class Sub(torch.Tensor):
    pass


class OwnParameter(torch.nn.Parameter):
    pass


def with_note(tensor):
    tensor.note = "x"
    return tensor


base = ramp(4, 6)
own = torch.nn.parameter
for name, make in {
    "plain": lambda: ramp(2, 3),
    "negated": lambda: complexes(2, 3).conj().imag,
    "negated, double": lambda: torch._neg_view(ramp(5, dtype=torch.float64)),
    "negated, bfloat16": lambda: torch._neg_view(ramp(5, dtype=torch.bfloat16)),
    "negated, transposed": lambda: torch._neg_view(ramp(2, 3)).t(),
    "negated, int32": lambda: torch._neg_view(ramp(5, dtype=torch.int32)),
    "conjugate": lambda: complexes(2, 3).conj(),
    "imaginary part": lambda: complexes(2, 3).imag,
    "real part": lambda: complexes(2, 3).real,
    "transposed": lambda: ramp(3, 4).t(),
    "permuted": lambda: ramp(2, 3, 4).permute(2, 0, 1),
    "strided": lambda: ramp(40)[1::3],
    "channels last": lambda: ramp(2, 3, 4, 5).to(memory_format=torch.channels_last),
    "expanded": lambda: ramp(3, 1).expand(3, 5),
    "expanded from a scalar": lambda: torch.tensor(2.5).expand(4, 3),
    "as strided": lambda: torch.as_strided(ramp(20), (4, 3), (2, 5), 1),
    "overlapping itself": lambda: torch.as_strided(ramp(20), (6, 4), (1, 1), 3),
    "unfolded": lambda: ramp(10).unfold(0, 4, 2),
    "diagonal": lambda: ramp(4, 5).diagonal(),
    "offset": lambda: base[1:, 2:],
    "sharing all": lambda: base,
    "viewed as another type": lambda: ramp(4, 6).view(torch.int32)[1:],
    "flipped": lambda: ramp(6).flip(0),
    "resized": lambda: ramp(9).resize_(2),
    "parameter": lambda: torch.nn.Parameter(ramp(3, 3)),
    "frozen parameter": lambda: torch.nn.Parameter(ramp(3, 3).t(), requires_grad=False),
    "parameter of a subclass": lambda: OwnParameter(ramp(2, 2)),
    "parameter without a shape": lambda: own.UninitializedParameter(),
    "parameter with an attribute": lambda: with_note(torch.nn.Parameter(ramp(2))),
    "buffer": lambda: torch.nn.Buffer(ramp(2, 2)),
    "with a gradient to come": lambda: ramp(3).requires_grad_(),
    "with an attribute": lambda: with_note(ramp(2, 2)),
    "subclass": lambda: ramp(2, 3).as_subclass(Sub),
    "sparse": lambda: ramp(3, 3).to_sparse(),
    "sparse by rows": lambda: ramp(3, 3).to_sparse_csr(),
    "sparse by columns": lambda: ramp(3, 3).to_sparse_csc(),
    "sparse by blocks": lambda: ramp(4, 4).to_sparse_bsr((2, 2)),
    "quantised": lambda: torch.quantize_per_tensor(ramp(2, 3), 0.1, 10, torch.quint8),
    "quantised by channel": lambda: torch.quantize_per_channel(
        ramp(2, 3), torch.tensor([0.1, 0.2]), torch.tensor([0, 0]), 0, torch.qint8
    ),
    "meta": lambda: torch.empty(2, 3, device="meta"),
    "nested": lambda: torch.nested.nested_tensor([ramp(2), ramp(3)]),
    "zero sized": lambda: torch.empty(0, 3),
    "zero sized view": lambda: ramp(4, 5)[:, 2:2],
    "zero dimensions": lambda: torch.tensor(1.25),
    "zero dimensions, a view": lambda: ramp(9)[7],
    "one of each axis": lambda: ramp(1, 1, 1),
    "odd numbers": lambda: torch.tensor([float("nan"), float("inf"), -0.0, 1e-45]),
}.items():
    state(name)(make)

# Of these types no tensor can be made yet, or only by quantising.
UNMADE = {"quint8", "qint8", "qint32", "quint4x2", "quint2x4", "float4_e2m1fn_x2"}
types = {str(value).removeprefix("torch."): value for value in vars(torch).values() if isinstance(value, torch.dtype)}
for name, dtype in sorted(types.items()):
    is_narrow = name[:-1] in ("int", "uint") and name[-1] in "1234567"
    if name in UNMADE or name.startswith("bits") or is_narrow:
        continue
    numbers = [1.0, 2.0, 0.0, 4.0, 3.0, 1.0]

    def make(dtype=dtype, numbers=numbers):
        return torch.tensor(numbers).to(dtype)

    state(name)(make)
    state(name + ", strided")(lambda make=make: make()[::2])


def loaded(tensor):
    """Type and bytes of its numbers, one after the other."""
    plain = tensor.detach().resolve_conj().resolve_neg().contiguous().clone().reshape(-1)
    return {
        "shape": list(tensor.shape),
        "dtype": str(plain.dtype).removeprefix("torch."),
        "bytes": plain.view(torch.uint8).numpy().tobytes().hex() if plain.numel() else "",
    }


FORMATS = {
    "zip": {},
    "zip, protocol 4": {"pickle_protocol": 4},
    "legacy": {"_use_new_zipfile_serialization": False},
}
answers = []
for name, make in states.items():
    for form, settings in FORMATS.items():
        file = f"{folder}/{len(answers)}.pt"
        answer = {"state": name, "form": form, "file": file, "tensors": {}}
        answers.append(answer)
        tensors = OrderedDict([("first", base[:2]), ("the.tensor", make()), ("last", base)])
        torch.save(tensors, file, **settings)
        try:
            read = torch.load(file, weights_only=False)
        except Exception as error:
            # Some that torch saves in the older format it cannot read.
            answer["unread"] = f"{type(error).__name__}: {error}"
            continue
        for key, tensor in read.items():
            try:
                answer["tensors"][key] = loaded(tensor)
            except Exception as error:
                answer["without_bytes"] = f"{type(error).__name__}: {error}"
with open(f"{folder}/answers.json", "w") as file:
    json.dump(answers, file)
