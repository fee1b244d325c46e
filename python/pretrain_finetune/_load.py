"""Artifacts as the objects of the libraries that read them."""

from __future__ import annotations

import json
import os
from typing import Any, Literal, Optional, Union

from ._records import Artifact

As = Literal["pyarrow", "pandas", "numpy", "torch"]

#: The longest header that safetensors allows.
_LONGEST_HEADER = 100_000_000


def load(artifact: Union[Artifact, str, "os.PathLike[str]"], as_: Optional[As] = None) -> Any:
    """The contents of an artifact, or of a file.

    ============  =====================================  ==========================
    contents      returned                               other forms, by ``as_``
    ============  =====================================  ==========================
    Parquet       ``pyarrow.Table``                      ``"pandas"``: a DataFrame
    safetensors   ``dict`` of names to NumPy arrays      ``"torch"``: tensors
    JSON          ``dict`` or ``list``
    other text    ``str``
    ============  =====================================  ==========================

    The library that reads the contents must be installed: an :class:`ImportError` names the extra that brings it.
    """
    path = artifact.path if isinstance(artifact, Artifact) else os.fspath(artifact)
    contents = _contents(path)
    allowed = {"parquet": ("pyarrow", "pandas"), "safetensors": ("numpy", "torch")}.get(contents, ())
    if as_ is not None and as_ not in allowed:
        forms = " or ".join(repr(form) for form in allowed) or "no form but its own"
        raise ValueError(f"{path} is {contents}: it can be loaded as {forms}, not as {as_!r}")
    if contents == "parquet":
        table = _library("pyarrow.parquet", "parquet").read_table(path)
        if as_ == "pandas":
            _library("pandas", "pandas")
            return table.to_pandas()
        return table
    if contents == "safetensors":
        if as_ == "torch":
            return _library("safetensors.torch", "torch").load_file(path)
        return _library("safetensors.numpy", "safetensors").load_file(path)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    return json.loads(text) if contents == "json" else text


def _contents(path: str) -> str:
    """What the first bytes say: files of the store have no endings."""
    with open(path, "rb") as file:
        first = file.read(9)
        size = os.fstat(file.fileno()).st_size
    if first.startswith(b"PAR1"):
        return "parquet"
    header = int.from_bytes(first[:8], "little")
    if first[8:9] == b"{" and header <= min(_LONGEST_HEADER, size - 8):
        return "safetensors"
    if first.lstrip()[:1] in (b"{", b"["):
        return "json"
    return "text"


def _library(name: str, extra: str) -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        package = name.split(".")[0]
        raise ImportError(
            f"{package} is needed to read this: pip install 'pretrain-finetune[{extra}]'"
        ) from error
