"""``python -m pretrain_finetune …`` is ``pipeline …``."""

import os
import sys

from ._program import executable


def main() -> None:
    program = executable()
    os.execv(program, [program, *sys.argv[1:]])


if __name__ == "__main__":
    main()
