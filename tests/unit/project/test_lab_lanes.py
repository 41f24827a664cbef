"""Builds side by side: what waits for what, and what is said meanwhile."""

import threading
from dataclasses import dataclass

import pytest

import lab_lanes
from lab_toolchain import LabError


@dataclass(frozen=True)
class Part:
    name: str
    module: str
    version: str = "v1"


ONE = (Part("a", "one"), Part("b", "one"))
OTHER = (Part("c", "other"),)


def test_parts_of_one_module_go_one_after_the_other_and_modules_side_by_side():
    both_run = threading.Barrier(2, timeout=30)
    built = []

    def build(part):
        if part.name in {"a", "c"}:
            both_run.wait()
        built.append(part.name)

    lab_lanes.build_all([*ONE, *OTHER], build)

    assert sorted(built) == ["a", "b", "c"]
    assert built.index("a") < built.index("b")


def test_a_fault_ends_its_lane_and_no_other():
    built = []

    def build(part):
        if part.name == "a":
            raise LabError("a is broken")
        built.append(part.name)

    with pytest.raises(LabError, match=r"^a is broken$"):
        lab_lanes.build_all([*ONE, *OTHER], build)
    assert built == ["c"]


def test_what_takes_long_is_named_meanwhile(monkeypatch, capsys):
    monkeypatch.setattr(lab_lanes, "TELL_EVERY_S", 0.01)
    told = threading.Event()
    say = print

    def watch_words(*words, **options):
        say(*words, **options)
        if "still building c" in words[0]:
            told.set()

    monkeypatch.setattr("builtins.print", watch_words)
    lab_lanes.build_all(OTHER, lambda _: told.wait(30))
    assert "lab: building c v1 (minutes)" in capsys.readouterr().out
    assert told.is_set()
