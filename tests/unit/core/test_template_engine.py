"""Templates of others: they see their data and nothing else, and cannot take the process along."""

import pytest

from argocd_image_updater.core.decisions import Change
from argocd_image_updater.core.reference import ImageTag
from argocd_image_updater.core.template_engine import (
    COMMIT_MESSAGE,
    TEMPLATE_CHARACTERS,
    TemplateFault,
    parse_template,
)
from argocd_image_updater.core.templates import branch_name, commit_message

CHANGES = [
    Change("web", "ghcr.io/acme/web", "acme/web", ImageTag("1", ""), ImageTag("2", ""), {"k": "v"})
]
GROWING = (
    '{{$x := "aaaaaaaaaa"}}' + '{{$x = printf "%s%s%s%s%s%s%s%s" $x $x $x $x $x $x $x $x}}' * 12
)


def rendered(template):
    return commit_message("shop", CHANGES, template=template)


@pytest.mark.parametrize(
    "template",
    [
        "{{.AppName.upper}}",
        "{{.AppChanges.clear}}",
        "{{.AppChanges.append 1}}",
        "{{.__class__}}",
        "{{.AppName.__class__}}",
        "{{(index .AppChanges 0).Labels.data}}X{{(index .AppChanges 0).__go_format__}}",
        "{{.Image}}",
        "{{call .AppName}}",
        '{{index .AppName "__class__"}}',
    ],
)
def test_a_template_reads_its_fields_and_nothing_else(template):
    with pytest.raises(TemplateFault) as failed:
        rendered(template)
    assert failed.value.stage == "execute"


def test_a_label_that_is_missing_is_no_fault():
    assert rendered("{{range .AppChanges}}{{.Labels.data}} {{.Labels.k}}{{end}}") == "<no value> v"


@pytest.mark.parametrize(
    "template",
    [
        "{{range 1000000000}}x{{end}}",
        "{{range 1000000000}}{{end}}",
        '{{define "a"}}{{template "a" .}}{{end}}{{template "a" .}}',
        '{{printf "%1000000000d" 1}}',
        '{{printf "%*d" 1000000000 1}}',
        '{{printf "%.1000000000f" 1.0}}',
        '{{$x := printf "%1000d" 1}}{{printf "' + "%[1]s" * 1000 + '" $x}}',
        GROWING,
        GROWING.replace('printf "%s%s%s%s%s%s%s%s"', "print"),
        GROWING.replace('printf "%s%s%s%s%s%s%s%s"', "println"),
        GROWING.replace('printf "%s%s%s%s%s%s%s%s"', "html"),
        GROWING.replace('printf "%s%s%s%s%s%s%s%s"', "urlquery"),
        GROWING.replace('printf "%s%s%s%s%s%s%s%s"', "js"),
    ],
)
def test_a_template_that_would_never_end_or_fill_the_memory_is_stopped(template):
    with pytest.raises(TemplateFault) as failed:
        rendered(template)
    assert failed.value.stage == "execute"
    assert len(str(failed.value)) < 400


def test_a_template_beyond_its_size_is_not_even_parsed():
    with pytest.raises(TemplateFault) as failed:
        parse_template("x" * (TEMPLATE_CHARACTERS + 1), "message", COMMIT_MESSAGE)
    assert failed.value.stage == "parse"


def test_a_fault_is_told_with_its_line_and_column():
    with pytest.raises(TemplateFault, match=r"branch name.*2:"):
        branch_name(
            "a-{{ .AppName }}\n{{ .Nope }}",
            namespace="argocd",
            application="shop",
            target_key="deadbeef",
            changes=CHANGES,
        )


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{print 1 2}}", "1 2"),
        ('{{print "a" 2 3 "b"}}', "a2 3b"),
        ('{{println "a" 2}}', "a 2\n"),
        ("{{html `<a href='x'>\"&`}}", "&lt;a href=&#39;x&#39;&gt;&#34;&amp;"),
        ("{{js `a<b>\\'\"&=\n`}}", "a\\u003Cb\\u003E\\\\\\'\\\"\\u0026\\u003D\\u000A"),
        ("{{urlquery `a b/c?ä`}}", "a+b%2Fc%3F%C3%A4"),
        ('{{printf "%5.1f|%-4d|%q" 1.25 7 "x"}}', '  1.2|7   |"x"'),
        ('{{printf "%+v" (index .AppChanges 0)}}',
         "{Image:acme/web OldTag:1 NewTag:2 Labels:map[k:v]}"),
        ('{{printf "%q" .AppChanges}}', '[{"acme/web" "1" "2" map["k":"v"]}]'),
    ],
)  # fmt: skip
def test_what_is_printed_is_what_go_prints(template, text):
    assert rendered(template) == text
