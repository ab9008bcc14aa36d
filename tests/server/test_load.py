"""The benchmark of the API, short and slow: what it counts has to come out even."""

from __future__ import annotations

import pytest

pytest.importorskip("flask", reason="the extra server is not installed")
pytest.importorskip("jsonschema_rs", reason="the extra test is not installed")

from benchmarks.api import QUESTIONS, measure


@pytest.mark.timeout(180)
def test_the_api_answers_while_frames_pass_and_each_is_an_event() -> None:
    figures = measure(2.0, 100.0)
    assert figures.scripts == []
    assert figures.frames >= 200
    assert figures.events == figures.frames
    assert len(figures.latencies) == len(QUESTIONS)
    assert "frames a second" in figures.table()
