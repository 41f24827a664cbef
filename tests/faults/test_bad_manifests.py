"""Manifests that are broken or refused: each is named, the others go on."""

import pytest

from stages.standalone import (
    application,
    git_write_back,
    images,
    live,
    reference,
    resource,
    source,
)

pytestmark = pytest.mark.lab("docker-registry", "git", "git-http-backend", "nginx", "fcgiwrap")


@pytest.fixture
def shop(stage):
    """One sound Application that is behind."""
    stage.push("1.0.0", "1.1.0")
    stage.repository(files=stage.values("sound"))
    stage.helm("sound")
    return stage


def still_works(done):
    assert done.reason("sound") == "Updated", done.out


def problem(done, words):
    """Return the one problem whose message holds the words."""
    found = [one for one in done.report["problems"] if words in one["message"]]
    assert len(found) == 1, done.report["problems"]
    return found[0]


def test_faults_of_single_files_and_objects_are_named_and_the_others_go_on(shop):
    shop.write("broken.yaml", "a: 1\nb: [1, 2\nc: 3\n")
    text = (shop.manifests / "imageupdater-updater.yaml").read_text()
    shop.write("zz-second.yaml", text)
    shop.write(
        "typo.yaml",
        "apiVersion: argocd-image-updater.argoproj.io/v1alpha1\nkind: ImageUpdater\n"
        "metadata: {name: typo, namespace: argocd}\nspec:\n  applicationRef: []\n"
        "  applicationRefs:\n  - namePattern: nothing-*\n    imagess: []\n"
        f"    images: [{{alias: web, imageName: '{shop.image()}:1.x'}}]\n",
    )
    shop.write("binary.yaml", "a: \x01\n")
    done = shop.run()
    assert done.code == 2
    still_works(done)
    broken = problem(done, "broken.yaml:")
    assert "broken.yaml:3: " in broken["message"]
    assert broken["reason"] == "SettingsInvalid"
    twice = problem(done, "stands twice")
    assert "imageupdater-updater.yaml:1" in twice["message"]
    assert "zz-second.yaml:1" in twice["message"]
    assert problem(done, "binary.yaml:")
    warnings = "\n".join(done.report["warnings"])
    assert "applicationRef is ignored; did you mean applicationRefs?" in warnings
    assert "imagess is ignored; did you mean images?" in warnings


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("registries:\n- name: x\n  prefix: y\n  api_url: https://y\n  credentails: z\n",
         "did you mean 'credentials'?"),
        ("registries: [\n", "registries.conf"),
        ("registries:\n- name: x\n  prefix: y\n", "api_url"),
    ],
)  # fmt: skip
def test_a_registries_file_that_is_wrong_stops_the_program(shop, text, words):
    shop.write("registries.conf", text)
    done = shop.run()
    assert (done.code, done.out) == (1, "")
    assert words in done.err
    assert "registries.conf" in done.err
    assert shop.log() == ["Begin"]


# Case → (name of the image with constraint, further fields, reason, words of the message).
IMAGES = {
    "constraint": (":>=foo", {}, "ConstraintInvalid", "foo"),
    "latest": (":latest", {}, "ConstraintInvalid", "latest"),
    "followed": ("", {"commonUpdateSettings": {"updateStrategy": "digest"}}, "ConstraintMissing",
                 "needs the tag to follow"),
    "pattern": (":1.x", {"commonUpdateSettings": {"allowTags": "^1"}}, "AllowTagsInvalid", "^1"),
    "strange": (":1.x", {"manifestTargets": {"plugin": {"name": "A"}}}, "TargetMismatch", ""),
    "secret": (":1.x", {"commonUpdateSettings": {"pullSecret": "pullsecret:other/s"}},
               "SecretRefused", "other"),
    "platform": (":1.x", {"commonUpdateSettings": {
        "updateStrategy": "newest-build", "platforms": ["linux/s390x"]}},
        "PlatformUnmatched", ""),
    "unmatched": (":~7", {}, "ConstraintUnmatched", "~7"),
}  # fmt: skip


def test_settings_that_cannot_work_end_their_image_only(shop):
    """Each resource holds one bad image; a live sound one stands beside it in the first."""
    names = tuple(IMAGES)
    for name in names:
        status = live("Helm", f"{shop.image()}:1.0.0")
        shop.add(application(name, source(shop.url(), "sound"), status=status))
        constraint, fields, _, _ = IMAGES[name]
        listed = images(web=(f"{shop.image()}{constraint}", fields))
        shop.add(resource(f"r-{name}", [reference(name, listed)], **git_write_back("")))
    shop.add(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "s", "namespace": "other"},
            "stringData": {".dockerconfigjson": "{}"},
        }
    )
    done = shop.run()
    assert done.code == 2
    still_works(done)
    for name, (_, _, reason, words) in IMAGES.items():
        image = done.image(name)
        assert image["reason"] == reason, image
        assert words in image["message"]
    assert shop.log() == ["build: automatic update of sound", "Begin"]


def test_an_unknown_strategy_is_told_and_semver_is_used(shop):
    """As it always was: the image goes on with the default."""
    shop.helm("sound", image=f"{shop.image()}:1.x", commonUpdateSettings={"updateStrategy": "best"})
    done = shop.run()
    assert done.code == 0
    still_works(done)
    assert "best" in "".join(done.image("sound")["warnings"])


def test_nothing_to_do_is_no_fault(stage):
    done = stage.run()
    assert (done.code, done.report["images"]) == (0, [])
