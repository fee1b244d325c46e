"""One function a command."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, List, Mapping, Optional, Sequence, Type, Union

from ._errors import PipelineError
from ._program import call
from ._records import Outputs, Plan, Prediction, Report, Run, Sweep

Path = Union[str, "os.PathLike[str]"]
Settings = Mapping[str, Any]


def run(
    recipe: Path,
    *stages: str,
    set: Optional[Settings] = None,
    store: Optional[Path] = None,
    device: str = "cpu",
    jobs: int = 1,
    threads: Optional[int] = None,
    keep_going: bool = False,
    refresh: Sequence[str] = (),
    locked: bool = False,
    progress: bool = True,
    cwd: Optional[Path] = None,
) -> Run:
    """Runs the stages that are out of date, with their dependencies: ``pipeline run``.

    ``recipe`` is a TOML file or the name of a shipped recipe. ``stages`` are the wanted ones; none means all. ``set``
    changes values of the recipe: ``{"stages.pretrain.epochs": 2}``. A stage that fails raises a
    :class:`StageError` (an import that is refused an :class:`AuditError`) whose ``record`` is the run.
    """
    arguments = ["run", os.fspath(recipe), *stages, *_settings(set, store, device)]
    arguments += ["--jobs", str(jobs)]
    arguments += _threads(threads)
    arguments += ["--keep-going"] * keep_going + ["--locked"] * locked
    for stage in refresh:
        arguments += ["--refresh", stage]
    return Run.of(_document(arguments, progress, cwd, Run))


def plan(
    recipe: Path,
    *,
    set: Optional[Settings] = None,
    store: Optional[Path] = None,
    device: str = "cpu",
    cwd: Optional[Path] = None,
) -> Plan:
    """What a run would do and why; nothing is executed: ``pipeline plan``."""
    arguments = ["plan", os.fspath(recipe), *_settings(set, store, device)]
    return Plan.of(_document(arguments, False, cwd))


def outputs(
    recipe: Path,
    stage: Optional[str] = None,
    *,
    set: Optional[Settings] = None,
    store: Optional[Path] = None,
    device: str = "cpu",
    cwd: Optional[Path] = None,
) -> Outputs:
    """Where up-to-date artifacts lie: ``pipeline outputs``. What is not up to date is an :class:`OutOfDateError`."""
    arguments = ["outputs", os.fspath(recipe), *([] if stage is None else [stage])]
    arguments += _settings(set, store, device)
    return Outputs.of(_document(arguments, False, cwd))


def report(
    recipe: Path,
    output: Path = "report.html",
    *,
    model_card: Optional[Path] = None,
    set: Optional[Settings] = None,
    store: Optional[Path] = None,
    device: str = "cpu",
    cwd: Optional[Path] = None,
) -> Report:
    """Writes what is up to date as one HTML page: ``pipeline report``. In a notebook the page is shown."""
    arguments = ["report", os.fspath(recipe), "--output", os.fspath(output)]
    arguments += [] if model_card is None else ["--model-card", os.fspath(model_card)]
    arguments += _settings(set, store, device)
    record = _document(arguments, False, cwd)
    return Report(**_beside(record, cwd, "path", "model_card"))


def predict(
    bundle: Path,
    source: Path,
    output: Path,
    *,
    explain: Optional[int] = None,
    threads: Optional[int] = None,
    force: bool = False,
    progress: bool = True,
    cwd: Optional[Path] = None,
) -> Prediction:
    """Predicts the stays of a source with a bundle: ``pipeline predict``. ``output`` ends in .parquet or .csv."""
    arguments = ["predict", os.fspath(bundle), "--source", os.fspath(source)]
    arguments += ["--output", os.fspath(output), *_threads(threads)]
    arguments += [] if explain is None else ["--explain", str(explain)]
    arguments += ["--force"] * force
    record = _document(arguments, progress, cwd)
    return Prediction(**_beside(record, cwd, "path"))


def sweep(
    recipe: Path,
    *,
    set: Optional[Settings] = None,
    store: Optional[Path] = None,
    device: str = "cpu",
    jobs: int = 1,
    threads: Optional[int] = None,
    progress: bool = True,
    cwd: Optional[Path] = None,
) -> Sweep:
    """Runs every variant of a recipe with ``[sweep]``, what is equal once: ``pipeline sweep``."""
    arguments = ["sweep", os.fspath(recipe), *_settings(set, store, device)]
    arguments += ["--jobs", str(jobs), *_threads(threads)]
    return Sweep.of(_document(arguments, progress, cwd, Sweep))


def _settings(set: Optional[Settings], store: Optional[Path], device: str) -> List[str]:
    arguments: List[str] = []
    for path, value in (set or {}).items():
        arguments += ["--set", f"{path}={_value(value)}"]
    if store is not None:
        arguments += ["--store", os.fspath(store)]
    return arguments + ["--device", device]


def _value(value: Any) -> str:
    """A value as `--set` reads it: TOML, in which lists, tables of one line, numbers and booleans look as here."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        inside = ", ".join(f"{json.dumps(str(key))} = {_quoted(item)}" for key, item in value.items())
        return f"{{ {inside} }}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_quoted(item) for item in value) + "]"
    return str(value)


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else _value(value)


def _threads(threads: Optional[int]) -> List[str]:
    return [] if threads is None else ["--threads", str(threads)]


def _beside(record: Dict[str, Any], cwd: Optional[Path], *names: str) -> Dict[str, Any]:
    """Paths of a record, which are relative to the folder that the program ran in."""
    if cwd is None:
        return record
    folder = os.fspath(cwd)
    paths = {name: os.path.join(folder, record[name]) for name in names if record.get(name) is not None}
    return {**record, **paths}


def _document(
    arguments: List[str],
    progress: bool,
    cwd: Optional[Path],
    partial: Optional[Type[Any]] = None,
) -> Dict[str, Any]:
    """The JSON document that the program prints. A failure is the error of its exit code, with the document in it
    where the program printed one all the same."""
    folder = None if cwd is None else os.fspath(cwd)
    code, output, error = call([*arguments, "--format", "json"], progress=progress, cwd=folder)
    if code != 0:
        record = partial.of(json.loads(output)) if partial is not None and output.strip() else None
        raise PipelineError.of(error or f"the program ended with {code}", code, record)
    document: Dict[str, Any] = json.loads(output)
    return document
