"""From flags and environment to options: precedence, unreadable variables, refusals."""

from pathlib import Path

import pytest

from argocd_image_updater.cli.options import read_options, resolve
from argocd_image_updater.cli.places import default_state_dir, platform_of
from argocd_image_updater.errors import ConfigError

SECOND = 10**9


def options(command="run", environ=None, **given):
    given = {name.replace("_", "-"): value for name, value in given.items()}
    given.setdefault("manifests", ("deploy",))
    return read_options(command, given=given, environ={"HOME": "/home/u"} | (environ or {}))


def test_the_flag_beats_the_variable_and_the_variable_the_default():
    assert options().downgrade == "whenExcluded"
    assert options(environ={"IMAGE_UPDATER_DOWNGRADE": "never"}).downgrade == "never"
    both = options(environ={"IMAGE_UPDATER_DOWNGRADE": "never"}, downgrade="allow")
    assert both.downgrade == "allow"


def test_an_empty_variable_counts_as_not_set():
    assert options(environ={"GIT_COMMIT_USER": ""}).git.user == "argocd-image-updater"


@pytest.mark.parametrize(
    ("name", "text", "used"),
    [
        ("MAX_CONCURRENT_APPS", "101", "10"),
        ("MAX_CONCURRENT_APPS", "0x5", "10"),
        ("IMAGE_UPDATER_INTERVAL", "5", "2m0s"),
        ("GIT_COMMIT_SIGN_OFF", "yes", "false"),
        ("WEBHOOK_PORT", "70000", "8082"),
    ],
)
def test_an_unreadable_variable_is_ignored_with_a_warning(name, text, used):
    [warning] = options(environ={name: text}).warnings
    assert warning.startswith(f"environment variable {name} is ignored, {used} is used")


def test_variables_of_other_commands_give_no_warning():
    assert (
        options("plan", environ={"WEBHOOK_PORT": "no", "IMAGE_UPDATER_INTERVAL": "x"}).warnings
        == ()
    )


def test_a_secret_in_a_variable_never_reaches_a_warning():
    settings, warnings = resolve("run", given={}, environ={"QUAY_WEBHOOK_SECRET": "s3cr3t"})
    assert settings["quay-webhook-secret"].value == "s3cr3t"
    assert warnings == ()


def test_a_wrong_word_in_a_variable_is_an_error_that_names_the_variable():
    with pytest.raises(ConfigError, match='IMAGE_UPDATER_LOGFORMAT: "JSON" must be one of'):
        options(environ={"IMAGE_UPDATER_LOGFORMAT": "JSON"})


def test_the_log_level_is_read_in_any_case():
    assert options(environ={"IMAGE_UPDATER_LOGLEVEL": "DEBUG"}).log_level == "debug"


def test_once_or_an_interval_of_zero_means_one_cycle():
    assert options(once=True).once
    assert options(interval=0).once
    assert not options(interval=300 * SECOND).once


def test_a_short_interval_warns_and_a_negative_one_is_refused():
    assert "short" in options(interval=5 * SECOND).warnings[0]
    with pytest.raises(ConfigError, match="pause for ever"):
        options(interval=-SECOND)


def test_plan_and_explain_do_one_dry_cycle_quietly():
    for command in ("plan", "explain"):
        result = options(command)
        assert (result.once, result.dry_run, result.log_level) == (True, True, "warn")


def test_commits_are_signed_with_a_key_and_made_by_the_api_on_request():
    assert options().git.signing is None
    assert options(git_commit_signing_method="ssh").git.signing is None
    signing = options(git_commit_signing_key="0xABC").git.signing
    assert (signing.method, signing.key, signing.file) == ("openpgp", "0xABC", None)
    environ = {"GIT_COMMIT_SIGNING_KEY": "/key", "GIT_COMMIT_SIGNING_METHOD": "ssh"}
    signing = options(environ=environ).git.signing
    assert (signing.method, signing.file) == ("ssh", Path("/key"))
    assert options(environ={"GIT_COMMIT_METHOD": "api"}).git.commits_by_api
    assert not options(git_commit_method="").git.commits_by_api


@pytest.mark.parametrize("key", ["-o", "a\nb", "a\0"])
def test_a_signing_key_that_could_be_an_option_is_refused(key):
    with pytest.raises(ConfigError, match="signing key"):
        options(git_commit_signing_key=key)


def test_other_signing_methods_end_the_start():
    with pytest.raises(ConfigError, match="GIT_COMMIT_SIGNING_METHOD"):
        options(environ={"GIT_COMMIT_SIGNING_METHOD": "x509"})


def test_flags_of_the_cluster_mode_are_named_as_without_effect():
    result = options(metrics_bind_address=":8443", leader_election=False)
    [warning] = result.warnings
    assert "--metrics-bind-address, --leader-election" in warning


def test_a_number_of_applications_at_once_is_accepted_and_said_to_have_no_effect():
    [warning] = options(max_concurrent_apps=3).warnings
    assert "--max-concurrent-apps" in warning


def test_the_sources_of_images_are_unset_named_or_none():
    assert options().credentials.image_sources is None
    environ = {"IMAGE_UPDATER_IMAGE_CREDENTIAL_SOURCES": "env, ext"}
    assert options(environ=environ).credentials.image_sources == {"env", "ext"}
    assert options(environ=environ, image_credential_sources="none").credentials.image_sources == (
        frozenset()
    )
    assert options(image_credential_sources="").credentials.image_sources == frozenset()


def test_an_unknown_source_of_images_is_an_error_that_names_where_it_was_written():
    with pytest.raises(ConfigError, match='--image-credential-sources: "vault" is not a source'):
        options(image_credential_sources="env,vault")
    with pytest.raises(ConfigError, match="variable IMAGE_UPDATER_IMAGE_CREDENTIAL_SOURCES"):
        options(environ={"IMAGE_UPDATER_IMAGE_CREDENTIAL_SOURCES": "ENV"})
    with pytest.raises(ConfigError, match='"none" is not a source'):
        options(image_credential_sources="none,env")


def test_clouds_are_named_or_none():
    assert options().credentials.cloud_identities == frozenset()
    environ = {"IMAGE_UPDATER_CLOUD_IDENTITIES": "aws, azure"}
    assert options(environ=environ).credentials.cloud_identities == {"aws", "azure"}
    assert options(environ=environ, cloud_identities="none").credentials.cloud_identities == (
        frozenset()
    )
    with pytest.raises(ConfigError, match='--cloud-identities: "ibm" is not a cloud'):
        options(cloud_identities="gcp,ibm")
    with pytest.raises(ConfigError, match="variable IMAGE_UPDATER_CLOUD_IDENTITIES"):
        options(environ={"IMAGE_UPDATER_CLOUD_IDENTITIES": "AWS"})


def test_the_logins_of_docker_are_used_with_manifests_unless_somebody_says_otherwise():
    assert not options(manifests=()).credentials.docker_config
    assert options(manifests=("folder",)).credentials.docker_config
    environ = {"IMAGE_UPDATER_DOCKER_CONFIG": "off"}
    assert not options(environ=environ, manifests=("folder",)).credentials.docker_config
    assert options(manifests=(), docker_config="on").credentials.docker_config


def test_shared_namespaces_are_whole_names():
    shared = options(shared_secret_namespaces="registry, team-a").credentials.shared_namespaces
    assert shared == {"registry", "team-a"}
    for text in ("team-*", "Team", "a/b"):
        with pytest.raises(ConfigError, match="not the name of a namespace"):
            options(shared_secret_namespaces=text)


def test_the_time_of_credential_programs_is_bounded():
    assert options().credentials.program_timeout_s == 60
    assert options(credential_program_timeout=SECOND // 2).credentials.program_timeout_s == 0.5
    for wrong in (0, -SECOND, 3601 * SECOND):
        with pytest.raises(ConfigError, match="no time a program can have"):
            options(credential_program_timeout=wrong)


def test_local_repositories_are_allowed_with_manifests_only_or_on_request():
    assert options().git.allow_local
    assert not options(manifests=()).git.allow_local
    assert options(manifests=(), git_allow_local=True).git.allow_local


def test_the_room_for_mirrors_is_given_in_mebibytes():
    assert options().git.cache_bytes == 1 << 30
    assert options(git_cache_size=3).git.cache_bytes == 3 << 20
    assert options(environ={"GIT_CACHE_SIZE": "7"}).git.cache_bytes == 7 << 20


def test_the_registries_file_tells_not_given_from_built_in_only():
    assert options().registries_conf_path is None
    assert options(registries_conf_path="").registries_conf_path == ""
    assert options(registries_conf_path="r.conf").registries_conf_path == "r.conf"


@pytest.mark.parametrize("text", ["linux", "linux/", "a/b/c/d", "/amd64"])
def test_a_platform_of_another_form_is_refused(text):
    with pytest.raises(ConfigError, match="os/arch"):
        options(platform=text)


def test_a_given_platform_is_kept_and_the_default_is_a_linux_or_windows_one():
    assert options(platform="linux/arm/v7").platform == "linux/arm/v7"
    assert options().platform.startswith("linux/")


@pytest.mark.parametrize(
    ("system", "machine", "platform"),
    [
        ("linux", "x86_64", "linux/amd64"),
        ("linux", "aarch64", "linux/arm64"),
        ("linux", "armv7l", "linux/arm/v7"),
        ("darwin", "arm64", "linux/arm64"),
        ("win32", "AMD64", "windows/amd64"),
        ("linux", "mips64", "linux/mips64"),
    ],
)
def test_machine_names_become_platforms(system, machine, platform):
    assert platform_of(system, machine) == platform


def test_the_state_folder_follows_the_cache_conventions():
    name = "argocd-image-updater"
    assert default_state_dir({"XDG_CACHE_HOME": "/c", "HOME": "/h"}) == Path("/c") / name
    assert default_state_dir({"XDG_CACHE_HOME": "c", "HOME": "/h"}) == Path("/h/.cache") / name
    assert str(default_state_dir({"TMPDIR": "/t"})).startswith(f"/t/{name}-")
    assert options(state_dir="/s").state_dir == Path("/s")
