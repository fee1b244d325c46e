"""The dataclasses have the fields that the schemas have."""

import dataclasses
import json
import pathlib
import typing
import unittest

from pretrain_finetune import _records as records

SCHEMAS = pathlib.Path(__file__).parents[2] / "schemas"


def schema(document: str, name: "str | None" = None) -> dict:
    whole = json.loads((SCHEMAS / f"{document}.schema.json").read_text(encoding="utf-8"))
    return whole if name is None else whole["$defs"][name]


class Fields(unittest.TestCase):
    def check(self, record: type, of: dict, more: "set[str]" = frozenset()) -> None:
        fields = {field.name: field for field in dataclasses.fields(record)}
        self.assertEqual(set(fields), set(of["properties"]) | more, record.__name__)
        for name in of["required"]:
            self.assertIn(name, fields)

    def test_fields_are_those_of_the_schemas(self) -> None:
        self.check(records.Run, schema("run"))
        self.check(records.Stage, schema("run", "StageRecord"))
        self.check(records.Artifact, schema("run", "OutputRecord"), {"stage", "name"})
        self.check(records.Lock, schema("run", "LockRecord"))
        self.check(records.LockDifference, schema("run", "LockDifference"))
        self.check(records.Plan, schema("plan"))
        self.check(records.PlannedStage, schema("plan", "PlannedStage"))
        self.check(records.Sweep, schema("sweep"))
        self.check(records.Variant, schema("sweep", "VariantRecord"))
        self.check(records.Setting, schema("sweep", "SettingRecord"))
        self.check(records.Summary, schema("sweep", "Summary"))
        self.check(records.Objective, schema("sweep", "SweepObjective"))
        self.check(records.Counts, schema("sweep", "Counts"))

    def test_statuses_are_those_of_the_schemas(self) -> None:
        for literal, document, name in [
            (records.RunStatus, "run", "RunStatus"),
            (records.StageStatus, "run", "StageStatus"),
            (records.PlannedStatus, "plan", "PlannedStatus"),
            (records.VariantStatus, "sweep", "VariantStatus"),
        ]:
            words = [one["const"] for one in schema(document, name)["oneOf"]]
            self.assertEqual(list(typing.get_args(literal)), words)


if __name__ == "__main__":
    unittest.main()
