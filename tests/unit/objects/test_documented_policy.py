"""The policy in docs/operations.md lets do what the store calls, and nothing else."""

from __future__ import annotations

import json
import re

from support.documents import PROJECT

from portazgo.kit.objects import s3

PAGE = PROJECT / "docs" / "operations.md"


def test_the_documented_policy_allows_exactly_what_is_called() -> None:
    (policy,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    statements = json.loads(policy)["Statement"]
    actions = [one["Action"] if isinstance(one["Action"], list) else [one["Action"]] for one in statements]
    allowed = {name for some in actions for name in some if name.startswith("s3:")}
    called = {f"s3:{name}" for name in re.findall(r'self\._told\("(\w+)"', (PROJECT / str(s3.__file__)).read_text())}
    # A multipart upload that fails is given up by the transfer manager.
    assert allowed == called | {"s3:AbortMultipartUpload"}
    assert all(one["Resource"].startswith("arn:aws:") and one["Resource"] != "*" for one in statements)
