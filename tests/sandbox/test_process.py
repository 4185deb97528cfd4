"""The sandbox as its own process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx2 as httpx
import pytest

from tests.support.ports import free_base


def test_it_serves_and_stops_on_sigterm(tmp_path: Path) -> None:
    base = free_base()
    portals = tmp_path / "portals.json"
    clients = [
        {"client_id": "a", "client_secret": "b", "name": "Cổng A", "port": base + 201},
        {"client_id": "c", "client_secret": "d", "name": "Cổng B", "port": base + 202},
    ]
    portals.write_text(json.dumps(clients), "utf-8")
    arguments = ["--port-base", str(base), "--issuer", f"http://localhost:{base}"]
    arguments += ["--data", str(tmp_path / "data"), "--portals", str(portals)]
    command = [sys.executable, "-m", "idp.sandbox", *arguments]
    with (
        subprocess.Popen(command, stderr=subprocess.PIPE) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{base + 100}", trust_env=False) as http,
    ):
        try:
            for _ in range(400):
                try:
                    assert http.get("/health").status_code == 200
                    break
                except httpx.TransportError:
                    time.sleep(0.1)
            index = http.get("/").text
            assert "Cổng A" in index
            assert http.get("/static/sandbox.css").status_code == 200
            assert "Đăng nhập" in http.get(f"http://127.0.0.1:{base + 202}/").text
            unreachable = http.get(f"http://127.0.0.1:{base + 201}/login")
            assert "provider_unreachable" in unreachable.text
            assert http.get("/portal-events").json()[0]["portal"] == "Cổng A"
            http.post("/faults", json={"system": "sms", "mode": "down", "seconds": 60})
            with pytest.raises(httpx.TransportError):
                http.post("/sms/v1/messages", json={})
        finally:
            process.send_signal(signal.SIGTERM)
            _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert errors == b""
