"""``validate``: every fault with its place, and an exit code that a CI job can branch on."""

import logging

import pytest
import trustme

from argocd_image_updater.cli.main import main

RESOURCE = """\
apiVersion: argocd-image-updater.argoproj.io/v1alpha1
kind: ImageUpdater
metadata: {{name: shop, namespace: argocd}}
spec:
  applicationRefs:
  - namePattern: shop
    images:
    - {{alias: web, imageName: "{image}"{more}}}
---
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: shop, namespace: argocd}}
spec:
  project: default
  source:
    {{repoURL: "https://git.example.com/a.git", path: shop, helm: {{parameters: []}}}}
"""
FAULTY = """\
registries:
- {name: A, api_url: 'https://a.test', prefix: a.test, credental: 'env:X', limit: many}
- {api_url: 'https://b.test', prefix: b.test}
- {name: C, api_url: c.test, prefix: 'https://c.test', default: true, credsexpire: 60}
- {name: D, api_url: 'https://d.test', prefix: a.test, default: true, credentials: 'u:s3cret'}
- {name: E, api_url: 'https://e.test', prefix: e.test, ca_data: none}
"""
FAULTY_EXTRA = """\
registries:
- {prefix: x.test, timeout: 1d}
- {prefix: x.test, maxConcurrency: 0, proxi: direct}
defaults: {timeout: 1}
"""


@pytest.fixture(autouse=True)
def log_as_before():
    """The program sends the log to a stream that goes with the test."""
    root, own = logging.getLogger(), logging.getLogger("argocd_image_updater")
    handlers, levels = root.handlers[:], (root.level, own.level)
    yield
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    own.setLevel(levels[1])


@pytest.fixture
def validate(tmp_path, capsys):
    """Run the command on a folder; return code, faults and notes without the folder, verdict."""

    def run(*words, code, **files):
        for name, text in files.items():
            (tmp_path / name.replace("__", ".")).write_text(text)
        assert main(["validate", *words], environ={}) == code
        out, err = capsys.readouterr()
        assert err == ""
        *lines, verdict = out.replace(f"{tmp_path}/", "").splitlines()
        kinds = {"fault": [], "note": []}
        for line in lines:
            kind, _, text = line.partition(": ")
            kinds[kind].append(text)
        return kinds["fault"], kinds["note"], verdict

    return run


def test_every_fault_of_the_registries_is_told_with_file_line_and_entry(validate, tmp_path):
    faults, notes, verdict = validate(
        "--manifests",
        str(tmp_path),
        code=1,
        registries__conf=FAULTY,
    )
    for beginning in (
        "registries.conf:2: entry 1 (A): unknown key 'credental'; did you mean 'credentials'?",
        "registries.conf:2: entry 1 (A): key 'limit'",
        "registries.conf:3: entry 2: key 'name' is missing or empty",
        "registries.conf:5: entry 'D' (prefix 'a.test') is marked as default, and so is 'C'",
        "registries.conf:6: entry 'E': ca_data",
        "registries.conf:4: C: prefix 'https://c.test' can never match",
        "registries.conf:4: C: credsexpire has no unit",
        "registries.conf:4: C: api_url 'c.test' is not an http or https URL",
        "registries.conf:5: D: prefix 'a.test' replaces that of line 2",
        "registries.conf:5: D: credentials: the reference has an unknown kind",
    ):
        assert [one for one in faults if one.startswith(beginning)], (beginning, faults)
    assert (len(faults), notes) == (10, [])
    assert not [one for one in faults if "s3cret" in one]
    assert verdict == "10 faults: correct what is named above"


def test_every_fault_of_the_further_settings_is_told(validate, tmp_path):
    faults, _, _ = validate(
        "--manifests", str(tmp_path), code=1, registries__extra__conf=FAULTY_EXTRA
    )
    for beginning in (
        "registries.extra.conf:2: entry 1 (x.test): key 'timeout'",
        "registries.extra.conf:3: entry 2 (x.test): key 'maxConcurrency'",
        "registries.extra.conf:3: entry 2 (x.test): unknown key 'proxi'; did you mean 'proxy'?",
        "registries.extra.conf:4: defaults: key 'timeout'",
        "registries.extra.conf:3: entry 'x.test' has the same prefix as line 2",
    ):
        assert [one for one in faults if one.startswith(beginning)], (beginning, faults)
    assert len(faults) == 5


def test_text_that_is_no_yaml_is_one_fault(validate, tmp_path):
    faults, _, verdict = validate(
        "--manifests", str(tmp_path), code=1, registries__conf="registries:\n- {name: A\n"
    )
    assert len(faults) == 1
    assert faults[0].startswith("registries.conf:3: is not YAML")
    assert verdict.startswith("1 fault: ")


@pytest.mark.parametrize(
    ("image", "more", "fault"),
    [
        ("reg.test/Team/App", "", "is not a repository name"),
        ("reg.test/app", ", commonUpdateSettings: {pullSecret: nonsense}", "pullSecret"),
        ("reg.test/app", ", commonUpdateSettings: {updatStrategy: semver}", "updatStrategy"),
    ],
)
def test_a_fault_of_an_image_is_told_with_file_and_line(validate, tmp_path, *, image, more, fault):
    faults, _, _ = validate(
        "--manifests", str(tmp_path), code=1, all__yaml=RESOURCE.format(image=image, more=more)
    )
    assert len(faults) == 1, faults
    assert "all.yaml:1" in faults[0]
    assert fault in faults[0]


def test_what_is_right_is_counted(validate, tmp_path):
    text = (
        "registries:\n"
        "- {name: A, api_url: 'https://a.test', prefix: a.test, tagsortmode: latest-first}\n"
    )
    faults, notes, verdict = validate(
        "--manifests",
        str(tmp_path),
        code=0,
        registries__conf=text,
        template__yaml="a: {{ .Values.a }}: {\n",
        all__yaml=RESOURCE.format(image="a.test/app:1.x", more=""),
    )
    assert faults == []
    sorting, template = notes
    assert sorting.startswith("registries.conf:2: A: tagsortmode")
    assert template.endswith("looks like a template and is ignored")
    assert verdict == "no fault in 2 registries, 1 ImageUpdater, 1 image"


def test_files_that_are_named_are_read_without_manifests(validate, tmp_path):
    root = trustme.CA().cert_pem.bytes().decode()
    (tmp_path / "root.pem").write_text(root)
    text = (
        "registries:\n"
        f"- {{name: A, api_url: 'https://a.test', prefix: a.test, ca_file: {tmp_path}/root.pem}}\n"
    )
    words = ("--registries-conf-path", f"{tmp_path}/registries.conf")
    assert validate(*words, code=0, registries__conf=text)[0] == []
    faults, _, _ = validate(*words, code=1, registries__extra__conf="registries: [{prefix: a/b}]\n")
    assert len(faults) == 1
    assert faults[0].startswith("registries.extra.conf:1: entry 'a/b' is for a prefix")
    (tmp_path / "root.pem").unlink()
    faults, _, _ = validate(*words, code=1)
    assert faults[0].startswith("registries.conf:2: entry 'A': ")


def test_a_file_that_is_not_there_is_an_error(capsys, tmp_path):
    for words in (["--registries-conf-path", f"{tmp_path}/x"], ["--manifests", f"{tmp_path}/x"]):
        assert main(["validate", *words], environ={}) == 1
        assert capsys.readouterr().err.startswith("Error: ")
