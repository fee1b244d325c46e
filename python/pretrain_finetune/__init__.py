"""Run pretrain → finetune recipes from Python.

Every function starts the program ``pipeline`` that is installed with this package and returns the JSON document that it
prints as a typed dataclass. A failure is a :class:`PipelineError` whose text is the program's own.

>>> import pretrain_finetune as pf
>>> run = pf.run("finetune", set={"vars.stays": 200})      # doctest: +SKIP
>>> run["test"].metrics["auroc"]                           # doctest: +SKIP
0.81
"""

from ._errors import (
    AuditError,
    OutOfDateError,
    PipelineError,
    ProgramFault,
    RecipeError,
    StageError,
    StoreError,
)
from ._load import load
from ._program import executable, version
from ._records import (
    Artifact,
    Counts,
    Lock,
    LockDifference,
    Objective,
    Outputs,
    Plan,
    PlannedStage,
    Prediction,
    Report,
    Run,
    Setting,
    Stage,
    StageOutputs,
    Summary,
    Sweep,
    Variant,
)
from ._commands import outputs, plan, predict, report, run, sweep

__all__ = [
    "Artifact",
    "AuditError",
    "Counts",
    "Lock",
    "LockDifference",
    "Objective",
    "OutOfDateError",
    "Outputs",
    "PipelineError",
    "Plan",
    "PlannedStage",
    "Prediction",
    "ProgramFault",
    "RecipeError",
    "Report",
    "Run",
    "Setting",
    "Stage",
    "StageError",
    "StageOutputs",
    "StoreError",
    "Summary",
    "Sweep",
    "Variant",
    "executable",
    "load",
    "outputs",
    "plan",
    "predict",
    "report",
    "run",
    "sweep",
    "version",
]

__version__ = version()
