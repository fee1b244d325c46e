"""MEDS-DEV's own command line with our entry among its models: it looks for models in its own folder alone.

    python3 meds_dev.py model ENTRY [SETTING=VALUE…]     as meds-dev-model
    python3 meds_dev.py evaluation [SETTING=VALUE…]      as meds-dev-evaluation
"""

import sys
from pathlib import Path


def main() -> None:
    command = sys.argv.pop(1)
    if command == "evaluation":
        from MEDS_DEV.evaluation.__main__ import main as run
    else:
        from MEDS_DEV.models import MODELS
        from MEDS_DEV.models.__main__ import main as run
        from MEDS_DEV.utils import Metadata
        from omegaconf import OmegaConf

        entry = Path(sys.argv.pop(1))
        model = OmegaConf.to_object(OmegaConf.load(entry / "model.yaml"))
        metadata = Metadata(**model["metadata"])
        requirements = entry / "requirements.txt"
        MODELS[entry.name] = model | {"metadata": metadata, "requirements": requirements, "model_dir": entry}
    run()


if __name__ == "__main__":
    main()
