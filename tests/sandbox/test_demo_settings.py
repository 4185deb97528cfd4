"""The demo's settings fit its sandbox."""

from __future__ import annotations

from pathlib import Path

from idp import config, demo
from idp.sandbox import numbers


def test_the_sim_of_every_carrier_can_be_chosen_in_the_demo(tmp_path: Path) -> None:
    options = demo.Options(tmp_path, 8000, None, fresh=False, check=False)
    settings = tmp_path / "config.toml"
    settings.write_text(demo._to_toml(demo._defaults(options)))

    loaded = config.load(settings, {})

    assert set(loaded.sim.carriers) == set(numbers.CARRIERS)
    assert config.Config().sim.carriers == ("viettel", "vinaphone", "mobifone")
