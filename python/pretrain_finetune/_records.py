"""The documents that the program prints, as typed dataclasses. Their fields are those of ``schemas/*.schema.json``."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Literal, Mapping, Optional, Protocol, Tuple, TypeVar

RunStatus = Literal["done", "failed", "interrupted"]
StageStatus = Literal["executed", "cached", "failed", "skipped"]
PlannedStatus = Literal["cached", "run", "may-run"]
VariantStatus = Literal["done", "failed", "unfinished"]


@dataclass(frozen=True)
class Artifact:
    """One artifact in the store."""

    #: The stage that made it.
    stage: str
    #: Its name among the artifacts of that stage.
    name: str
    #: BLAKE3 of its bytes, in hexadecimal.
    digest: str
    #: Its size.
    bytes: int
    #: Where it lies. The file is shared: read it, and copy it before you change it.
    path: str

    def load(self, **options: Any) -> Any:
        """As :func:`pretrain_finetune.load`."""
        from ._load import load

        return load(self, **options)


@dataclass(frozen=True)
class Stage:
    """How one stage ended."""

    name: str
    kind: str
    status: StageStatus
    #: None where a failure upstream left it unknown.
    key: Optional[str]
    #: Wall time of the execution that made the result, cached or not.
    seconds: float
    outputs: Dict[str, Artifact]
    #: Undefined ones are None.
    metrics: Dict[str, Any]
    error: Optional[str] = None
    #: The page of the error, if its kind has one: ``pipeline help error NAME`` prints it.
    error_name: Optional[str] = None

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Stage:
        return cls(
            name=record["name"],
            kind=record["kind"],
            status=record["status"],
            key=record["key"],
            seconds=record["seconds"],
            outputs=_artifacts(record["name"], record["outputs"]),
            metrics=dict(record["metrics"]),
            error=record.get("error"),
            error_name=record.get("error_name"),
        )


@dataclass(frozen=True)
class LockDifference:
    """In what one stage differs from the lock."""

    stage: str
    artifacts: List[str]
    message: str


@dataclass(frozen=True)
class Lock:
    """How a run compares with the recipe's lock."""

    drift: List[LockDifference]
    notes: List[LockDifference]

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Lock:
        def differences(name: str) -> List[LockDifference]:
            return [LockDifference(**difference) for difference in record[name]]

        return cls(drift=differences("drift"), notes=differences("notes"))


@dataclass(frozen=True)
class Run:
    """How a run ended, stage by stage. ``run["test"]`` is the stage ``test``."""

    run: str
    recipe: str
    status: RunStatus
    stages: List[Stage]
    lock: Optional[Lock] = None

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Run:
        lock = record.get("lock")
        return cls(
            run=record["run"],
            recipe=record["recipe"],
            status=record["status"],
            stages=[Stage.of(stage) for stage in record["stages"]],
            lock=None if lock is None else Lock.of(lock),
        )

    def __getitem__(self, stage: str) -> Stage:
        return _named(self.stages, stage)

    def _repr_html_(self) -> str:
        rows = [
            (stage.name, stage.kind, stage.status, f"{stage.seconds:.1f}", _shown(stage.metrics))
            for stage in self.stages
        ]
        return _table(
            f"{self.recipe}: {self.status}", ("stage", "kind", "status", "seconds", "metrics"), rows
        )


@dataclass(frozen=True)
class PlannedStage:
    """What a run would do with one stage."""

    name: str
    kind: str
    status: PlannedStatus
    reasons: List[str]


@dataclass(frozen=True)
class Plan:
    """What a run would do. ``plan["test"]`` is the stage ``test``."""

    recipe: str
    stages: List[PlannedStage]

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Plan:
        return cls(
            recipe=record["recipe"],
            stages=[PlannedStage(**stage) for stage in record["stages"]],
        )

    @property
    def is_up_to_date(self) -> bool:
        """Whether nothing would run."""
        return all(stage.status == "cached" for stage in self.stages)

    def __getitem__(self, stage: str) -> PlannedStage:
        return _named(self.stages, stage)

    def _repr_html_(self) -> str:
        rows = [
            (stage.name, stage.kind, stage.status, "; ".join(stage.reasons)) for stage in self.stages
        ]
        return _table(self.recipe, ("stage", "kind", "plan", "why"), rows)


@dataclass(frozen=True)
class StageOutputs:
    """What the store holds of one stage. ``stage["metrics"]`` is the artifact ``metrics``."""

    name: str
    kind: str
    outputs: Dict[str, Artifact]

    def __getitem__(self, artifact: str) -> Artifact:
        return self.outputs[artifact]


@dataclass(frozen=True)
class Outputs:
    """What the store holds of a recipe. ``outputs["test"]["metrics"]`` is an artifact."""

    recipe: str
    stages: List[StageOutputs]

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Outputs:
        stages = [
            StageOutputs(
                name=stage["name"],
                kind=stage["kind"],
                outputs=_artifacts(stage["name"], stage["outputs"]),
            )
            for stage in record["stages"]
        ]
        return cls(recipe=record["recipe"], stages=stages)

    def __getitem__(self, stage: str) -> StageOutputs:
        return _named(self.stages, stage)


@dataclass(frozen=True)
class Report:
    """A page that was written. In a notebook it is shown below the cell."""

    path: str
    bytes: int
    #: Stages that are up to date, and shown.
    shown: List[str]
    #: Stages that are not, and said to be so.
    missing: List[str]
    #: Where the model card is, if one was wanted.
    model_card: Optional[str] = None

    def html(self) -> str:
        """The page, which needs nothing else."""
        with open(self.path, encoding="utf-8") as page:
            return page.read()

    def _repr_html_(self) -> str:
        page = html.escape(self.html(), quote=True)
        return (
            f'<iframe srcdoc="{page}" title="report" sandbox="allow-scripts" '
            'style="width: 100%; height: 40rem; border: 1px solid"></iframe>'
        )


@dataclass(frozen=True)
class Prediction:
    """Predictions that were written."""

    path: str
    #: Stays that were predicted.
    stays: int
    #: What was read and left out, as the metrics of a data stage.
    source: Dict[str, Any]

    def load(self, **options: Any) -> Any:
        """As :func:`pretrain_finetune.load`; a .csv file as text."""
        from ._load import load

        return load(self.path, **options)


@dataclass(frozen=True)
class Summary:
    """Mean and standard deviation over variants."""

    mean: float
    #: None for one.
    std: Optional[float]
    n: int


@dataclass(frozen=True)
class Objective:
    """What a sweep optimises."""

    stage: str
    metric: str
    direction: Literal["maximize", "minimize"]
    allow_test: bool


@dataclass(frozen=True)
class Variant:
    """One point of a sweep's space."""

    name: str
    #: The setting that it repeats.
    setting: str
    overrides: Dict[str, Any]
    status: VariantStatus
    objective: Optional[float]
    #: By stage and name.
    metrics: Dict[str, Dict[str, Any]]
    #: Its stages, and what they are called among the stages of the sweep.
    stages: Dict[str, str]
    error: Optional[str] = None


@dataclass(frozen=True)
class Setting:
    """Variants that differ in nothing but what repeats them."""

    name: str
    overrides: Dict[str, Any]
    variants: int
    #: Fewer than `variants` where the objective's stage does not use their seeds.
    results: int
    done: int
    failed: int
    objective: Optional[Summary]
    #: By stage and name.
    metrics: Dict[str, Dict[str, Summary]]

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Setting:
        objective = record["objective"]
        return cls(
            name=record["name"],
            overrides=dict(record["overrides"]),
            variants=record["variants"],
            results=record["results"],
            done=record["done"],
            failed=record["failed"],
            objective=None if objective is None else Summary(**objective),
            metrics={
                stage: {name: Summary(**summary) for name, summary in of_stage.items()}
                for stage, of_stage in record["metrics"].items()
            },
        )


@dataclass(frozen=True)
class Counts:
    """Stages by kind: how many ran, and how many were in the store."""

    executed: Dict[str, int]
    cached: Dict[str, int]


@dataclass(frozen=True)
class Sweep:
    """How a sweep ended. ``settings`` has the best first."""

    run: str
    recipe: str
    status: RunStatus
    stages: List[Stage]
    counts: Counts
    objective: Objective
    variants: List[Variant]
    settings: List[Setting] = field(default_factory=list)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Sweep:
        return cls(
            run=record["run"],
            recipe=record["recipe"],
            status=record["status"],
            stages=[Stage.of(stage) for stage in record["stages"]],
            counts=Counts(**record["counts"]),
            objective=Objective(**record["objective"]),
            variants=[Variant(**variant) for variant in record["variants"]],
            settings=[Setting.of(setting) for setting in record["settings"]],
        )

    def _repr_html_(self) -> str:
        rows = [
            (
                setting.name,
                "" if setting.objective is None else f"{setting.objective.mean:.4f}",
                f"{setting.done} of {setting.variants}",
                _shown(setting.overrides),
            )
            for setting in self.settings
        ]
        columns = ("setting", self.objective.metric, "done", "overrides")
        return _table(f"{self.recipe}: {self.status}", columns, rows)


def _artifacts(stage: str, outputs: Mapping[str, Mapping[str, Any]]) -> Dict[str, Artifact]:
    return {name: Artifact(stage=stage, name=name, **output) for name, output in outputs.items()}


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_N = TypeVar("_N", bound=_Named)


def _named(stages: Iterable[_N], name: str) -> _N:
    for stage in stages:
        if stage.name == name:
            return stage
    names = ", ".join(stage.name for stage in stages)
    raise KeyError(f"there is no stage `{name}`; there are {names}")


def _shown(values: Mapping[str, Any]) -> str:
    def text(value: Any) -> str:
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    return ", ".join(f"{name} = {text(value)}" for name, value in list(values.items())[:6])


def _table(caption: str, columns: Tuple[str, ...], rows: Iterable[Tuple[str, ...]]) -> str:
    def cells(tag: str, texts: Iterable[str]) -> str:
        return "".join(f"<{tag}>{html.escape(str(text))}</{tag}>" for text in texts)

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return (
        f"<table><caption>{html.escape(caption)}</caption>"
        f"<thead><tr>{cells('th', columns)}</tr></thead><tbody>{body}</tbody></table>"
    )
