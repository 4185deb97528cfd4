"""What ``/tool`` hands out."""

from __future__ import annotations

import io
import json
import zipfile

import pytest

from idp.bridge import pack
from tests.support.house import House


@pytest.mark.parametrize("name", ["bridge.pyz", "bridge.py"])
def test_the_tool_is_one_file_under_both_its_names(house: House, name: str) -> None:
    answer = house.browser().get(f"/tool/{name}")

    assert answer.status_code == 200
    assert answer.data == pack.program()
    assert answer.headers["Content-Disposition"] == f"attachment; filename={name}"


def test_the_extension_is_made_for_this_provider_alone(house: House) -> None:
    answer = house.browser().get("/tool/extension.zip")

    with zipfile.ZipFile(io.BytesIO(answer.data)) as packed:
        manifest = json.loads(packed.read("manifest.json"))
        assert sorted(packed.namelist()) == ["background.js", "content.js", "manifest.json"]
    issuer = house.base.config.server.issuer
    assert manifest["content_scripts"][0]["matches"] == [f"{issuer.rpartition(':')[0]}/*"]
