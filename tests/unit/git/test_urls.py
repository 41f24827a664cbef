import pytest

from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.urls import mask_url, parse_url


@pytest.mark.parametrize(
    ("text", "scheme", "identity"),
    [
        ("https://git.example.com/acme/gitops.git", "https", "git.example.com/acme/gitops"),
        ("https://GIT.example.com:443/acme/gitops/", "https", "git.example.com/acme/gitops"),
        ("https://git.example.com:8443/a.git", "https", "git.example.com:8443/a"),
        ("git@git.example.com:acme/gitops.git", "ssh", "git.example.com/acme/gitops"),
        ("ssh://git@git.example.com:22/acme/gitops", "ssh", "git.example.com/acme/gitops"),
        ("ssh://git@git.example.com:2222/a", "ssh", "git.example.com:2222/a"),
        ("https://[::1]:8443/a", "https", "::1:8443/a"),
    ],
)
def test_spellings_of_one_repository_share_an_identity(text, scheme, identity):
    url = parse_url(text)
    assert (url.scheme, url.identity) == (scheme, identity)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " https://a/b",
        "-uroot@host:path",
        "--upload-pack=touch /tmp/x",
        "ext::sh -c touch% /tmp/x",
        "git://host/path",
        "http://host/path",
        "ftp://host/path",
        "file:///srv/git",
        "/srv/git",
        "relative/path",
        "ssh://-oProxyCommand=touch/path",
        "ssh://-l@host/path",
        "git@host:-path",
        "https://host",
        "https://host/a?b=c",
        "https://host/a#b",
        "https://host:port/a",
        "https:///a",
        "https://host/a\nb",
        "https://host/" + "a" * 5000,
    ],
)
def test_everything_else_is_refused(text):
    with pytest.raises(GitError, match="repository URL"):
        parse_url(text)


def test_http_and_local_folders_need_permission():
    assert parse_url("http://host/a", allow_http=True).text == "http://host/a"
    assert parse_url("/srv/git/a b.git", allow_local=True).text == "file:///srv/git/a b.git"
    assert parse_url("file:///srv/git", allow_local=True).identity == "file:///srv/git"


def test_user_and_password_are_taken_out_of_the_url():
    url = parse_url("https://bot:p%40ss@host:8443/a/b.git")
    assert url.text == "https://host:8443/a/b.git"
    assert (url.username, url.password) == ("bot", "p@ss")
    assert "p%40ss" not in repr(url) + url.shown
    assert "p@ss" not in repr(url) + url.shown


def test_an_ssh_url_keeps_its_user_and_loses_a_password():
    assert parse_url("ssh://git:pw@host/a").text == "ssh://git@host/a"


def test_a_fault_does_not_show_the_password():
    with pytest.raises(GitError) as caught:
        parse_url("https://bot:s3cret@host/a?x")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("fatal: https://u:p@h/a failed", "fatal: https://***@h/a failed"),
        ("https://token@h/a and https://h/b", "https://***@h/a and https://h/b"),
        ("nothing here", "nothing here"),
    ],
)
def test_user_information_is_masked(text, masked):
    assert mask_url(text) == masked
