"""Signed commits: keys of gpg and SSH, both object formats, and keys that cannot sign."""

import asyncio
import os
import tempfile
from pathlib import Path

import pytest

from argocd_image_updater.core.facts import FailureKind
from argocd_image_updater.errors import ConfigError
from argocd_image_updater.git.failures import GitError
from argocd_image_updater.git.openpgp import OpenPgpSigner, gnupg_home
from argocd_image_updater.git.signers import check_signing, open_checked_signer, open_signer
from argocd_image_updater.git.signing import SigningPrograms, private_folder
from argocd_image_updater.git.signing_key import SigningKey, SigningMethod
from argocd_image_updater.git.ssh_signing import SshSigner
from integration.git.scenes import batch, local_key, planned, statuses
from servers.git_server import bare_repository, commit_files, git, log, write_hook
from stages.signing import PASSPHRASE, SIGNER, GnuPG, SshKey, agents_of

pytestmark = pytest.mark.lab("git", "gpg", "ssh")


@pytest.fixture
def gnupg():
    home = GnuPG()
    yield home
    home.close()


@pytest.fixture
def folder():
    """A folder for copies with a short path."""
    with tempfile.TemporaryDirectory(prefix="k-") as path:
        yield Path(path)


def leftovers(folder):
    return [str(path) for path in folder.rglob("*")]


def temporary_homes():
    return set(Path(tempfile.gettempdir()).glob("gnupg-*"))


@pytest.fixture
def openpgp(gnupg):
    gnupg.make()
    return SigningKey(SigningMethod.OPENPGP, SIGNER), gnupg


@pytest.fixture
def ssh(tmp_path):
    key = SshKey(tmp_path)
    return SigningKey(SigningMethod.SSH, str(key.private)), key


@pytest.fixture(params=["openpgp", "ssh"])
def pair(request):
    """A signing key, and what verifies with it."""
    return request.getfixturevalue(request.param)


def variables(verifier=None):
    """Return what the program has in its environment; a GnuPG home where gpg verifies."""
    home = {"GNUPGHOME": str(verifier.home)} if isinstance(verifier, GnuPG) else {}
    return {"PATH": os.environ["PATH"], **home}


def key_file(folder, text, *, mode=0o600):
    path = folder / "signing.key"
    path.write_text(text)
    path.chmod(mode)
    return SigningKey(SigningMethod.OPENPGP, str(path))


@pytest.mark.parametrize("object_format", ["sha1", "sha256"])
async def test_every_commit_of_a_push_is_signed(tmp_path, make_engine, pair, object_format):
    key, verifier = pair
    bare = tmp_path / "r.git"
    git(
        "init",
        "--quiet",
        "--bare",
        "--initial-branch=main",
        f"--object-format={object_format}",
        bare,
    )
    commit_files(bare, {"a": b"1", "b": b"1"})
    signer = open_signer(key, tmp_path / "keys", variables(verifier))
    engine = make_engine(signer=signer)
    result = await engine.push(
        batch(local_key(bare), planned("a", b"1", b"2"), planned("b", b"1", b"2"))
    )
    await signer.close()
    assert statuses(result) == ["pushed", "pushed"]
    newest, second, _ = log(bare, pattern="%H")
    assert (result.tip, result.results[0].commit) == (newest, second)
    for commit in (newest, second):
        assert SIGNER in verifier.verify(bare, commit)
    header = "gpgsig " if object_format == "sha1" else "gpgsig-sha256 "
    assert header in git("-C", bare, "cat-file", "commit", newest).decode()
    git("-C", bare, "fsck", "--strict")


async def test_commits_that_are_pushed_again_after_a_rival_are_signed_again(
    tmp_path, make_engine, pair
):
    key, verifier = pair
    bare = bare_repository(tmp_path / "r.git", {"a": b"1", "b": b"1"})
    rivals = iter(range(2))

    async def rival(_seconds):
        pass

    def move():
        if (number := next(rivals, None)) is not None:
            commit_files(bare, {"other": str(number).encode()})

    signer = open_signer(key, tmp_path / "keys", variables(verifier))
    engine = make_engine(signer=signer, sleep=rival, check_turn=move)
    result = await engine.push(
        batch(local_key(bare), planned("a", b"1", b"2"), planned("b", b"1", b"2"))
    )
    await signer.close()
    assert (statuses(result), result.attempts) == (["pushed", "pushed"], 3)
    commits = log(bare, pattern="%H")
    assert len(commits) == 5
    for commit in commits[:2]:
        verifier.verify(bare, commit)


async def test_a_preview_needs_no_signature(tmp_path, make_engine):
    bare = bare_repository(tmp_path / "r.git", {"a": b"1"})
    key = SigningKey(SigningMethod.SSH, str(tmp_path / "missing"))
    engine = make_engine(signer=open_signer(key, tmp_path / "keys", variables()))
    assert statuses(await engine.preview(batch(local_key(bare), planned("a", b"1", b"2")))) == [
        "planned"
    ]


async def test_nothing_is_pushed_when_the_key_is_gone(tmp_path, make_engine, ssh):
    key, pair = ssh
    bare = bare_repository(tmp_path / "r.git", {"a": b"1", "b": b"1"})
    signer = open_signer(key, tmp_path / "keys", variables())
    engine = make_engine(signer=signer)
    pair.private.unlink()
    result = await engine.push(batch(local_key(bare), planned("a", b"1", b"2")))
    assert statuses(result) == ["failed"]
    assert "cannot be read" in str(result.results[0].error)
    assert result.results[0].error.reason == "WriteFailed"
    assert len(log(bare)) == 1


async def test_a_key_that_others_can_read_is_used_through_a_private_copy(tmp_path, ssh):
    key, pair = ssh
    pair.private.write_bytes(pair.private.read_bytes().rstrip(b"\n").replace(b"\n", b"\r\n"))
    pair.private.chmod(0o644)
    signer = await open_checked_signer(key, tmp_path / "keys", variables())
    assert list((tmp_path / "keys" / "signing").iterdir()) == []
    await signer.close()
    assert not (tmp_path / "keys" / "signing").exists()


async def test_an_exchanged_ssh_key_counts_from_the_next_commit_on(tmp_path, ssh):
    key, pair = ssh
    (tmp_path / "new").mkdir()
    signer = open_signer(key, tmp_path / "keys", variables())
    before = await signer.sign(b"text")
    SshKey(tmp_path / "new").private.replace(pair.private)
    assert await signer.sign(b"text") != before


async def test_a_file_with_an_openpgp_key_is_imported_into_a_home_of_its_own(
    tmp_path, gnupg, folder
):
    key = key_file(tmp_path, gnupg.make(), mode=0o640)
    signer = await open_checked_signer(key, folder, variables())
    (home,) = (folder / "signing").glob("gnupg-*")
    assert home.stat().st_mode & 0o777 == 0o700
    assert len(agents_of(home)) == 1
    key_file(tmp_path, gnupg.make("Other <other@example.com>"), mode=0o640)
    signature = await signer.sign(b"text")
    (tmp_path / "text").write_bytes(b"text")
    (tmp_path / "text.asc").write_text(signature)
    told = gnupg.run(
        "gpg", "--status-fd=1", "--verify", str(tmp_path / "text.asc"), str(tmp_path / "text")
    )
    assert b"GOODSIG" in told
    assert b"other@example.com" in told
    await signer.close()
    assert agents_of(folder) == []
    assert leftovers(folder) == []


async def test_a_deep_state_folder_does_not_hinder_gpg(tmp_path, gnupg):
    deep = tmp_path / "/".join(["deep"] * 20)
    await check_signing(key_file(tmp_path, gnupg.make()), variables())
    signer = await open_checked_signer(key_file(tmp_path, gnupg.make("B <b@c>")), deep, variables())
    await signer.close()


@pytest.mark.parametrize("was_running", [False, True])
async def test_only_an_agent_that_was_started_here_is_ended(tmp_path, gnupg, was_running):
    gnupg.make()
    if not was_running:
        gnupg.run("gpgconf", "--kill", "gpg-agent")
    signer = await open_checked_signer(
        SigningKey(SigningMethod.OPENPGP, SIGNER), tmp_path, variables(gnupg)
    )
    assert gnupg.has_agent()
    await signer.close()
    assert gnupg.has_agent() is was_running
    assert (gnupg.home / "pubring.kbx").exists()


async def test_many_commits_can_be_signed_at_the_same_time(tmp_path, pair):
    key, verifier = pair
    signer = open_signer(key, tmp_path / "keys", variables(verifier))
    signatures = await asyncio.gather(*(signer.sign(b"%d" % number) for number in range(12)))
    await signer.close()
    assert all(text.rstrip().endswith("SIGNATURE-----") for text in signatures)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "empty"),
        ("no key", "no private key that gpg can read"),
        ("two", "2 private keys"),
        ("protected", "gpg says: "),
        ("public", "no private key that gpg can read"),
        ("missing", "cannot be read"),
    ],
)
async def test_a_file_without_one_usable_openpgp_key_ends_the_start(tmp_path, gnupg, content, told):
    path = tmp_path / "signing.key"
    if content == "two":
        path.write_text(gnupg.make() + gnupg.make("Other <other@example.com>"))
    elif content == "protected":
        path.write_text(gnupg.make(passphrase=PASSPHRASE))
    elif content == "public":
        gnupg.make()
        path.write_bytes(gnupg.run("gpg", "--armor", "--export", SIGNER))
    elif content != "missing":
        path.write_text(content)
    with pytest.raises(ConfigError, match=told) as failed:
        await check_signing(SigningKey(SigningMethod.OPENPGP, str(path)), variables())
    assert "PRIVATE KEY BLOCK" not in str(failed.value)


async def test_a_key_that_gpg_does_not_have_ends_the_start_with_its_sentence(tmp_path, gnupg):
    gnupg.make()
    key = SigningKey(SigningMethod.OPENPGP, "nobody@example.com")
    with pytest.raises(ConfigError, match="No secret key"):
        await check_signing(key, variables(gnupg))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["missing", "protected", "no key", "public"])
async def test_an_unusable_ssh_key_ends_the_start_with_the_sentence_of_ssh_keygen(tmp_path, kind):
    pair = SshKey(tmp_path, passphrase=PASSPHRASE if kind == "protected" else "")
    path = pair.private
    if kind == "missing":
        path = tmp_path / "nothing"
    elif kind == "no key":
        path.write_text("no key")
    elif kind == "public":
        path = path.with_suffix(".pub")
    with pytest.raises(ConfigError, match="commits cannot be signed") as failed:
        await check_signing(SigningKey(SigningMethod.SSH, str(path)), variables())
    assert tempfile.gettempdir() not in str(failed.value).replace(str(tmp_path), "")


async def test_a_program_that_is_missing_or_hangs_is_named(tmp_path, ssh):
    key, _ = ssh
    folder = private_folder(tmp_path)
    signer = SshSigner(key.file, SigningPrograms(folder, {"PATH": str(tmp_path)}))
    with pytest.raises(GitError, match="ssh-keygen cannot be started"):
        await signer.sign(b"text")
    before = temporary_homes()
    slow = tmp_path / "gpg"
    slow.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    slow.chmod(0o755)
    programs = SigningPrograms(private_folder(tmp_path), {"PATH": str(tmp_path)}, timeout_s=0.2)
    hanging = OpenPgpSigner(key_file(tmp_path, "some key"), programs)
    with pytest.raises(GitError, match="gpg did not end within") as failed:
        await hanging.sign(b"text")
    assert failed.value.kind is FailureKind.LOCAL
    await hanging.close()
    assert temporary_homes() <= before


async def test_no_agent_of_the_user_signs_in_place_of_the_key(tmp_path, ssh):
    key, pair = ssh
    programs = SigningPrograms(
        private_folder(tmp_path / "keys"), {**variables(), "SSH_AUTH_SOCK": "/nonexistent"}
    )
    ending = await programs.run("env", text=b"")
    assert b"SSH_AUTH_SOCK" not in ending.output
    assert pair.private.exists()
    assert key.file == pair.private


def test_the_home_of_gpg_is_named_or_that_of_the_pod_or_the_users(tmp_path):
    nowhere = tmp_path / "no"
    both = {"GNUPGHOME": "/a", "ARGOCD_GNUPGHOME": "/b", "HOME": "/c"}
    assert gnupg_home(both) == Path("/a")
    del both["GNUPGHOME"]
    assert gnupg_home(both) == Path("/b")
    del both["ARGOCD_GNUPGHOME"]
    assert gnupg_home(both, pod_home=nowhere) == Path("/c/.gnupg")
    assert gnupg_home(both, pod_home=tmp_path) == tmp_path
    assert gnupg_home({}, pod_home=nowhere) == nowhere


async def test_the_server_sees_signed_commits_before_it_takes_them(tmp_path, make_engine, ssh):
    key, pair = ssh
    bare = bare_repository(tmp_path / "r.git", {"a": b"1"})
    write_hook(
        bare,
        "pre-receive",
        f"read old new ref; git -c gpg.ssh.allowedSignersFile={pair.allowed} verify-commit $new",
    )
    unsigned = await make_engine().push(batch(local_key(bare), planned("a", b"1", b"2")))
    assert statuses(unsigned) == ["failed"]
    signer = open_signer(key, tmp_path / "keys", variables())
    signed = await make_engine(signer=signer).push(batch(local_key(bare), planned("a", b"1", b"2")))
    assert statuses(signed) == ["pushed"]
