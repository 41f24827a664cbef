"""What was written before is remembered, within bounds."""

from dataclasses import replace

from argocd_image_updater.core.application import Application, ObjectKey, SourceRef
from argocd_image_updater.core.application_patch import ValueChange
from argocd_image_updater.core.application_places import Place
from argocd_image_updater.core.settings import ApplicationType
from argocd_image_updater.writers.write_memory import MOST_VALUES, WriteMemory


def change(value, name="image.tag"):
    return ValueChange(Place(SourceRef(), ApplicationType.HELM, name), "0", value)


def application(name="web", uid="u1"):
    return Application(ObjectKey("argocd", name), uid=uid)


def test_the_same_value_again_is_a_revert_and_another_one_is_not():
    memory = WriteMemory()
    assert memory.reverted(application(), [change("1")]) == ()
    memory.remember(application(), [change("1")])
    assert memory.reverted(application(), [change("1"), change("2")]) == (change("1"),)
    memory.remember(application(), [change("2")])
    assert memory.reverted(application(), [change("1")]) == ()


def test_an_application_that_was_made_anew_is_another_one():
    memory = WriteMemory()
    memory.remember(application(), [change("1")])
    assert memory.warn_once(application())
    anew = replace(application(), uid="u2")
    assert memory.reverted(anew, [change("1")]) == ()
    assert memory.warn_once(anew)
    assert not memory.warn_once(anew)


def test_what_was_written_longest_ago_is_forgotten():
    memory = WriteMemory(most_applications=2)
    for name in ("a", "b", "a", "c"):
        memory.remember(application(name), [change("1")])
    known = [name for name in "abc" if memory.values(application(name))]
    assert known == ["a", "c"]
    memory.remember(application("a"), [change("1", f"p{n}") for n in range(MOST_VALUES + 5)])
    assert len(memory.values(application("a"))) == MOST_VALUES
