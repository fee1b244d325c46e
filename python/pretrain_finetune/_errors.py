"""Failures of the program, one class for each of its exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Dict, Optional, Type

if TYPE_CHECKING:
    from ._records import Run, Sweep


class PipelineError(Exception):
    """The program ended badly. ``str(error)`` is what it wrote, hints included.

    ``exit_code`` is the program's. ``record`` is the run (or sweep) as far as it came, where there was one: its stages
    say which of them failed.
    """

    _by_code: ClassVar[Dict[int, Type[PipelineError]]] = {}
    code: ClassVar[Optional[int]] = None

    def __init_subclass__(cls) -> None:
        if cls.code is not None:
            PipelineError._by_code[cls.code] = cls

    def __init__(
        self, message: str, exit_code: int, record: Run | Sweep | None = None
    ) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.record = record

    @classmethod
    def of(
        cls, message: str, exit_code: int, record: Run | Sweep | None = None
    ) -> PipelineError:
        """The error of the class that belongs to an exit code."""
        return cls._by_code.get(exit_code, PipelineError)(message, exit_code, record)


class RecipeError(PipelineError):
    """The arguments or a recipe are wrong; nothing ran. Exit code 2."""

    code = 2


class StageError(PipelineError):
    """A stage failed. Exit code 3."""

    code = 3


class AuditError(PipelineError):
    """A weight import failed its audit, or a checkpoint was refused. Exit code 4."""

    code = 4


class OutOfDateError(PipelineError):
    """Something would have to run, or is not what the lock says. Exit code 5."""

    code = 5


class StoreError(PipelineError):
    """The store does not hold what it says. Exit code 6."""

    code = 6


class ProgramFault(PipelineError):
    """The program has a fault: it panicked, and wrote a report. Exit code 70."""

    code = 70
