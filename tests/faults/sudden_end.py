"""Kills a Python program from inside at a named moment, without a word in the program itself.

The text is laid out as ``sitecustomize.py`` on PYTHONPATH; DIE_AT names an audit event and a
pattern for its arguments, or ``sql`` and the beginning of a statement.
"""

SITE = """
import os, re, signal, sqlite3, sys

event, _, pattern = os.environ["DIE_AT"].partition(" ")

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def watch(name, arguments):
    if name == event and re.search(pattern, " ".join(map(str, arguments))):
        die()

if event == "sql":
    connect = sqlite3.connect

    def traced(*words, **options):
        connection = connect(*words, **options)
        connection.set_trace_callback(lambda text: die() if text.startswith(pattern) else None)
        return connection

    sqlite3.connect = traced
else:
    sys.addaudithook(watch)
"""


def dying(folder, moment):
    """Return the environment of a program that dies at that moment."""
    place = folder / "sudden-end"
    place.mkdir()
    (place / "sitecustomize.py").write_text(SITE)
    return {"PYTHONPATH": str(place), "DIE_AT": moment}
