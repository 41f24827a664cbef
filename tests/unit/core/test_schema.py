from argocd_image_updater.core.schema import (
    FAULT_LIMIT,
    Block,
    Flag,
    ListOf,
    Report,
    Text,
    check,
)

SHAPE = Block(
    {"names": ListOf(Text(), max_items=2), "inner": Block({"flag": Flag()}), "mode": Text()},
    defaults={"mode": "off"},
)


def run(value):
    report = Report()
    return check(SHAPE, value, "spec", report=report), report


def test_nulls_and_unknown_fields_are_dropped_and_defaults_filled_in():
    cleaned, report = run({"names": None, "inner": {"flag": True}, "mods": 1})
    assert cleaned == {"inner": {"flag": True}, "mode": "off"}
    assert report.faults == []
    assert report.warnings == ["unknown field spec.mods is ignored; did you mean mode?"]


def test_a_field_that_resembles_nothing_gets_no_hint():
    _, report = run({"zzzzzz": 1})
    assert report.warnings == ["unknown field spec.zzzzzz is ignored"]


def test_faults_name_the_field_and_what_would_be_right():
    _, report = run({"names": ["a", 1, "c"], "inner": {"flag": "yes"}})
    assert [(fault.path, fault.fatal) for fault in report.faults] == [
        ("spec.names", False),
        ("spec.names[1]", True),
        ("spec.inner.flag", True),
    ]
    assert "write it in quotes" in report.faults[1].message
    assert "true or false" in report.faults[2].message


def test_the_number_of_faults_is_bounded_but_a_fatal_one_is_never_lost():
    report = Report()
    for index in range(FAULT_LIMIT * 2):
        report.fault(f"f{index}", "text")
    report.fault("last", "fatal", fatal=True)
    assert len(report.faults) == FAULT_LIMIT + 1
    assert report.is_fatal
