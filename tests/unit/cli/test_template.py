"""``template``: the example, the built-in message, and files that cannot be used."""

import pytest

from argocd_image_updater.cli.main import main

OLD = "sha256:01d09d19c2139a46aebfb577780d123d7396e97201bc7ead210a2ebff8239dee"
NEW = "sha256:7aa7a5359173d05b63cfd682e3c38487f3cb4f7f1d60659fe59fab1505977d4c"
BUILT_IN = (
    "build: automatic update of example-app\n\n"
    "updates image example/example tag '1.0.0' to '1.0.1'\n"
    f"updates image example/updater tag '{OLD}' to '{NEW}'\n\n"
)


@pytest.fixture
def template(tmp_path, capsys):
    """Return a function that tries a template and returns exit code, output and errors."""

    def run(*texts):
        paths = []
        for number, text in enumerate(texts):
            path = tmp_path / f"{number}.template"
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
            paths.append(str(path))
        code = main(["template", *paths], environ={"HOME": "/nowhere"})
        return code, *capsys.readouterr()

    return run


def test_without_a_path_or_with_several_the_built_in_message_is_shown(template):
    assert template() == (0, BUILT_IN, "")
    assert template("{{.AppName}}", "x") == (0, BUILT_IN, "")
    assert template("") == (0, BUILT_IN, "")


def test_a_template_is_rendered_for_the_example_with_one_line_end_more(template):
    text = "{{.AppName}}:{{range .AppChanges}} {{.Image}} {{.OldTag}}>{{.NewTag}}{{end}}"
    out = f"example-app: example/example 1.0.0>1.0.1 example/updater {OLD}>{NEW}\n"
    assert template(text) == (0, out, "")


def test_a_template_that_fails_while_it_runs_gives_the_fallback_and_a_log_line(template):
    code, out, err = template("{{.Nobody}}")
    assert (code, out) == (0, "build: update of application example-app\n")
    assert "level=error" in err
    assert "Nobody" in err


@pytest.mark.parametrize("text", ["{{", "{{.AppName", "{{end}}", b"\xff", "a" * (2 << 20)])
def test_a_file_that_cannot_be_used_ends_with_one(template, text):
    code, out, err = template(text)
    assert (code, out) == (1, "")
    assert err.startswith("Error: ")


def test_a_file_that_is_not_there_ends_with_one(capsys, tmp_path):
    for path in (str(tmp_path / "none"), str(tmp_path), ""):
        assert main(["template", path], environ={}) == 1
        out, err = capsys.readouterr()
        assert out == ""
        assert "Error: " in err
