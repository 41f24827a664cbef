"""Which ServiceAccounts an Application's pods run as, and what they pull with."""

import pytest

from argocd_image_updater.core.application import Application, Destination, ObjectKey
from argocd_image_updater.core.service_accounts import (
    ANNOTATION,
    MAX_PULL_SECRETS,
    decode_service_account,
    service_accounts_of,
)
from argocd_image_updater.errors import ConfigError

KEY = ObjectKey("shop", "default")


def names(text=None):
    annotations = {} if text is None else {ANNOTATION: text}
    application = Application(
        ObjectKey("argocd", "one"),
        destination=Destination(name="in-cluster", namespace="shop"),
        annotations=annotations,
    )
    found = service_accounts_of(application)
    assert {key.namespace for key in found} == {"shop"}
    return [key.name for key in found]


def test_it_is_the_default_one_unless_an_annotation_names_others():
    assert names() == names("") == names(" , ") == ["default"]
    assert names("web") == ["web"]
    assert names(" web, db-1.x ,web") == ["web", "db-1.x"]


@pytest.mark.parametrize("text", ["../secrets/x", "other/web", "Web", "a b", "-a", "a" * 254])
def test_what_no_service_account_can_be_called_is_refused(text):
    with pytest.raises(ConfigError, match="not the name of a ServiceAccount"):
        names(text)


def test_only_so_many_may_be_named():
    with pytest.raises(ConfigError, match="more than 10"):
        names(",".join(f"a{number}" for number in range(11)))


def test_pull_secrets_are_kept_in_order_and_once():
    listed = [{"name": "b"}, {"name": "a"}, {"name": "b"}]
    document = {"imagePullSecrets": listed, "secrets": [{"name": "token"}]}
    assert decode_service_account(document, KEY).pull_secrets == ("b", "a")


@pytest.mark.parametrize("listed", [None, {}, "a", [None, "a", {}, {"name": 1}, {"name": "../x"}]])
def test_entries_of_another_shape_are_passed_over(listed):
    assert decode_service_account({"imagePullSecrets": listed}, KEY).pull_secrets == ()


def test_only_so_many_pull_secrets_are_looked_at():
    listed = [{"name": f"s{number}"} for number in range(100)]
    found = decode_service_account({"imagePullSecrets": listed}, KEY)
    assert len(found.pull_secrets) == MAX_PULL_SECRETS
