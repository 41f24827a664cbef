"""``test``: what its flags mean, and how a result is shown to people and machines."""

import pytest

from argocd_image_updater.cli.look_up_options import read_look_up_options
from argocd_image_updater.cli.render.look_up import (
    chosen_reference,
    look_up_document,
    look_up_hint,
    render_look_up,
)
from argocd_image_updater.cli.render.terminal import Terminal
from argocd_image_updater.controller.looking_up import LookUp
from argocd_image_updater.core.choice import Choice, NoChoice
from argocd_image_updater.core.decisions import TagVerdict
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.core.settings import NewestBy, Strategy
from argocd_image_updater.core.strategy import Candidate
from argocd_image_updater.errors import ConfigError
from argocd_image_updater.registry.endpoint import Endpoint
from argocd_image_updater.registry.endpoint_loading import load_table

ENDPOINT = Endpoint("GitHub", "ghcr.io", "https://ghcr.io")
DIGEST = "sha256:" + "ab" * 32
VERDICTS = (
    TagVerdict("2.0.0", "constraint", "outside '^1'"),
    TagVerdict("1.7.2", "chosen"),
    TagVerdict("latest", "notAVersion"),
)


def options(image="ghcr.io/acme/web", environ=None, **given):
    given = {name.replace("_", "-"): value for name, value in given.items()}
    return read_look_up_options(image, given=given, environ=environ or {})


def choice(tag="1.7.2", digest=""):
    candidate = Candidate(tag, digest=digest)
    return Choice(candidate, ("2.0.0", tag), frozenset((tag,)), {tag: candidate}, {}, verdicts)


def verdicts():
    return VERDICTS


def test_without_flags_the_highest_release_of_any_kind_is_looked_for():
    found = options()
    assert found.settings.strategy is Strategy.SEMVER
    assert found.settings.reference.tag is None
    assert (found.settings.allow_tags, found.settings.ignore_tags) == ("", ())
    assert (found.limit_per_s, found.asked.credentials, found.asked.registries_conf_path) == (
        None,
        "",
        "",
    )
    assert (found.asked.log_level, found.asked.log_format, found.asked.output) == (
        "debug",
        "text",
        "table",
    )
    assert found.asked.default_platform.startswith("linux/")
    assert found.asked.warnings == ()


def test_the_constraint_is_that_of_the_flag_and_not_the_tag_of_the_image():
    found = options("ghcr.io/acme/web:1.0.0")
    assert found.settings.reference.tag is None
    assert found.asked.image.tag.name == "1.0.0"
    found = options("ghcr.io/acme/web:1.0.0", semver_constraint="^1")
    assert found.settings.reference.tag.name == "^1"


def test_what_stands_before_an_equals_sign_is_an_alias_only_where_it_looks_like_one():
    assert options("web=nginx").asked.image.alias == "web"
    found = options("nginx:>=1.0").asked.image
    assert (found.alias, found.full_name) == ("", "nginx")


def test_no_variable_of_the_environment_has_a_say():
    environ = {"IMAGE_UPDATER_LOGLEVEL": "error", "IMAGE_UPDATER_PLATFORM": "linux/s390x"}
    found = options(environ=environ)
    assert found.asked.log_level == "debug"
    assert found.asked.default_platform != "linux/s390x"
    assert found.asked.environment is environ


def test_ignored_tags_keep_their_commas_and_platforms_are_cut_at_them():
    found = options(
        ignore_tags=("a,b", "*-rc"), platforms=("linux/amd64, linux/arm64", "linux/arm/v7")
    )
    assert found.settings.ignore_tags == ("a,b", "*-rc")
    assert found.settings.platforms == ("linux/amd64", "linux/arm64", "linux/arm/v7")
    assert options(platforms=("*",)).settings.platforms == ("*",)


@pytest.mark.parametrize(
    ("given", "warning"),
    [
        ({"update_strategy": "newest"}, "unknown strategy 'newest', using semver"),
        ({"update_strategy": "latest"}, "has been renamed"),
        ({"allow_tags": "1.*"}, "allows no tag"),
        ({"allow_tags": "regexp:("}, "does not compile"),
        ({"ignore_tags": ("[",)}, 'the pattern "[" of --ignore-tags cannot be read'),
        ({"platforms": ("plan9/amd64",)}, "images for plan9 are unusual"),
        (
            {"update_strategy": "newest-build", "semver_constraint": "^1"},
            "newest-build ignores --semver-constraint",
        ),
    ],
)
def test_what_may_not_be_meant_is_a_warning(given, warning):
    [text] = options(**given).asked.warnings
    assert warning in text


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"platforms": ("linux",)}, 'platform "linux" is not of the form'),
        ({"platforms": ("linux/amd64,linux/",)}, 'platform "linux/" is not of the form'),
        ({"update_strategy": "digest"}, "needs the tag to follow"),
        ({"credentials": "vault:x"}, "--credentials: the reference has an unknown kind"),
        ({"credentials": "secret:a/b"}, "must have the form secret:namespace/name#field"),
        ({"registries_conf_path": "/nowhere/r.conf"}, "there is no file '/nowhere/r.conf'"),
        ({"registries_conf_path": "a\0b"}, "there is no file"),
        ({"image": ""}, "names no image"),
        ({"image": "web="}, "names no image"),
    ],
)
def test_what_cannot_be_used_is_an_error(given, error):
    with pytest.raises(ConfigError, match=error) as caught:
        options(given.pop("image", "nginx"), **given)
    assert caught.value.hint


def test_a_rate_limit_of_zero_is_none_and_a_missing_one_that_of_the_registry():
    table = load_table(None, ca_directories=())

    def limit(**given):
        found = options("nginx", **given)
        wanted = LookUp(found.settings, table, "linux/amd64", limit_per_s=found.limit_per_s)
        return wanted.endpoint.limit_per_s

    assert (limit(), limit(rate_limit=0), limit(rate_limit=3)) == (10, 0, 3)


def test_given_credentials_take_the_place_of_those_of_the_registry():
    conf = (
        "registries:\n- {name: own, prefix: own.example, api_url: 'https://own.example', "
        "credentials: 'env:A'}\n"
    )
    table = load_table(conf, ca_directories=())
    settings = options("own.example/web").settings
    assert LookUp(settings, table, "linux/amd64").endpoint.credentials == "env:A"
    given = LookUp(settings, table, "linux/amd64", credentials="env:B").endpoint
    assert (given.credentials, given.name) == ("env:B", "own")


def test_the_page_names_image_registry_strategy_constraint_and_every_tag():
    page = render_look_up(
        options(semver_constraint="^1").settings,
        choice(),
        Terminal(),
        endpoint=ENDPOINT,
        all_tags=False,
    )
    assert page.splitlines() == [
        "Image       ghcr.io/acme/web",
        "Registry    https://ghcr.io",
        "Strategy    semver",
        "Constraint  ^1",
        "",
        "Tags (3 listed, 1 allowed)",
        "  2.0.0   dropped by the constraint: outside '^1'",
        "  1.7.2   chosen",
        "  latest  not a version",
    ]


def test_where_no_tag_is_known_there_is_no_page():
    refusal = NoChoice(Reason.REGISTRY_ERROR, "no answer")
    settings = options().settings
    assert render_look_up(settings, refusal, Terminal(), endpoint=ENDPOINT, all_tags=True) == ""


def test_the_result_is_a_reference_that_a_runtime_takes():
    settings = options("web=ghcr.io/acme/web:1.0", semver_constraint="^1").settings
    assert chosen_reference(settings, choice()) == "ghcr.io/acme/web:1.7.2"
    assert chosen_reference(settings, choice("7", DIGEST)) == f"ghcr.io/acme/web:7@{DIGEST}"
    assert chosen_reference(options("redis").settings, choice("7")) == "redis:7"


def test_the_document_holds_the_result_or_why_there_is_none():
    settings = options(semver_constraint="^1").settings
    document = look_up_document(settings, choice(), endpoint=ENDPOINT, warnings=("look",))
    assert document["reference"] == "ghcr.io/acme/web:1.7.2"
    assert document["chosen"] == {"tag": "1.7.2", "digest": ""}
    assert [item["tag"] for item in document["tags"]] == ["2.0.0", "1.7.2", "latest"]
    assert (document["reason"], document["warnings"]) == (None, ["look"])
    refusal = NoChoice(Reason.REGISTRY_ERROR, "https://u:p@ghcr.io: no answer")
    document = look_up_document(settings, refusal, endpoint=ENDPOINT, warnings=())
    assert (document["reference"], document["chosen"], document["tags"]) == (None, None, [])
    assert document["reason"] == "RegistryError"
    assert "u:p" not in document["message"]


def test_hints_speak_of_this_command():
    assert "cycle" not in look_up_hint(Reason.REGISTRY_ERROR)
    assert "cycle" not in look_up_hint(Reason.METADATA_INCOMPLETE)
    assert "--semver-constraint" in look_up_hint(Reason.CONSTRAINT_INVALID)
    assert look_up_hint(Reason.AUTH_FAILED) == "check the credentials of the registry"


def test_a_minimum_age_is_asked_for_like_in_a_resource():
    found = options(minimum_age="1d12h", minimum_age_from="created").settings
    assert (found.minimum_age_ns, found.minimum_age_from.value) == (36 * 3_600 * 10**9, "created")
    assert options().settings.minimum_age_ns == 0
    assert options(newest_by="pushed").settings.newest_by is NewestBy.PUSHED
    with pytest.raises(ConfigError, match='--newest-by: "x" must be created or pushed'):
        options(newest_by="x")
    with pytest.raises(ConfigError, match='--minimum-age: "soon" must be an age such as 3d'):
        options(minimum_age="soon")
    with pytest.raises(ConfigError, match='--minimum-age-from: "x" must be seen or created'):
        options(minimum_age_from="x")
