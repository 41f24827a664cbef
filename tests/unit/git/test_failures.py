import pytest

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.core.reasons import Reason
from argocd_image_updater.git.failures import is_damage, is_redirect, remote_error, sentence
from argocd_image_updater.git.process import GitOutput
from argocd_image_updater.git.push import PushVerdict, read_answer


@pytest.mark.parametrize(
    ("stderr", "kind"),
    [
        ("fatal: Authentication failed for 'https://h/a/'", FailureKind.DENIED),
        ("fatal: could not read Username for 'https://h': terminal prompts disabled",
         FailureKind.DENIED),
        ("git@h: Permission denied (publickey).", FailureKind.DENIED),
        ("error: The requested URL returned error: 403", FailureKind.DENIED),
        ("remote: Permission to a/b.git denied to bot.", FailureKind.DENIED),
        ("fatal: repository 'https://h/a/' not found", FailureKind.NOT_FOUND),
        ("ERROR: Repository not found.", FailureKind.NOT_FOUND),
        ("fatal: '/x' does not appear to be a git repository", FailureKind.NOT_FOUND),
        ("fatal: unable to access 'https://h/': Could not resolve host: h", FailureKind.TRANSIENT),
        ("fatal: unable to access 'https://h/': The requested URL returned error: 503",
         FailureKind.TRANSIENT),
        ("fatal: the remote end hung up unexpectedly", FailureKind.TRANSIENT),
        ("error: RPC failed; curl 56 GnuTLS recv error (-110)", FailureKind.TRANSIENT),
        ("error: The requested URL returned error: 429", FailureKind.RATE_LIMITED),
        ("server certificate verification failed. CAfile: none", FailureKind.CONFIG),
        ("Host key verification failed.", FailureKind.CONFIG),
        ("fatal: transport 'ext' not allowed", FailureKind.CONFIG),
        ("fatal: unable to access 'https://h/': The requested URL returned error: 301",
         FailureKind.CONFIG),
        ("something nobody has seen yet", FailureKind.TRANSIENT),
    ],
)  # fmt: skip
def test_the_words_of_git_tell_what_to_do(stderr, kind):
    error = remote_error(stderr, where="https://h/a")
    assert error.kind is kind
    assert str(error).startswith("https://h/a: ")
    assert stderr.split()[-1] in str(error)


def test_the_words_of_the_server_come_first():
    text = "Enumerating\nremote: \nremote: GH006: Protected branch\nerror: failed to push\n"
    assert sentence(text) == "GH006: Protected branch error: failed to push"


def test_damage_and_redirection_are_told_apart():
    assert is_damage("fatal: bad object 0123")
    assert not is_damage("fatal: could not read Username")
    assert is_redirect("The requested URL returned error: 302")
    assert not is_redirect("The requested URL returned error: 403")


@pytest.mark.parametrize(
    ("report", "stderr", "verdict"),
    [
        ("!\ta:b\t[rejected] (stale info)\n", "", PushVerdict.MOVED),
        ("!\ta:b\t[rejected] (fetch first)\n", "", PushVerdict.MOVED),
        ("!\ta:b\t[remote rejected] (failed to update ref)\n", "", PushVerdict.MOVED),
        ("!\ta:b\t[remote rejected] (cannot lock ref 'b': is at 1 but expected 2)\n", "",
         PushVerdict.MOVED),
        ("!\ta:b\t[remote rejected] (pre-receive hook declined)\n", "remote: no\n",
         PushVerdict.REFUSED),
        ("!\ta:b\t[remote rejected] (protected branch hook declined)\n", "",
         PushVerdict.REFUSED),
        ("", "fatal: The requested URL returned error: 403", PushVerdict.REFUSED),
        ("", "fatal: the remote end hung up unexpectedly", PushVerdict.UNKNOWN),
        ("", "fatal: The requested URL returned error: 500", PushVerdict.UNKNOWN),
    ],
)  # fmt: skip
def test_the_report_of_a_push_gives_the_verdict(report, stderr, verdict):
    output = GitOutput(1, f"To h\n{report}".encode(), stderr)
    answer = read_answer(output, where="https://h/a", branch="refs/heads/b")
    assert answer.verdict is verdict
    if verdict is PushVerdict.REFUSED and report:
        assert answer.error.reason is Reason.PUSH_REJECTED
