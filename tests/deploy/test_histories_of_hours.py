"""Histories of hours, in a file of their own: a process plays them while others test."""

from pathlib import Path

from deploy.evaluation import STEP_OF_HOURS, Newer, play


def test_they_fire_what_they_say_by_then_and_nothing_else(tmp_path: Path, newer: Newer) -> None:
    play(STEP_OF_HOURS, tmp_path, newer)
