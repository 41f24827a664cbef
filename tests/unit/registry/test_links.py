"""The next page of a list."""

import pytest

from argocd_image_updater.registry.links import ForeignLinkError, next_page, next_target

LIST = "https://reg.test/v2/team/app/tags/list"


def page(link, *, list_url=LIST):
    return next_page([link], page_url=f"{list_url}?n=1000", list_url=list_url)


@pytest.mark.parametrize(
    ("lines", "target"),
    [
        ([], ""),
        ([""], ""),
        (["</a>"], "/a"),
        (["/a"], "/a"),
        (['</a>; rel="next"'], "/a"),
        (["</a>; rel=next"], "/a"),
        (['</a>; title="x"; REL="Next"'], "/a"),
        (['</a>; rel="prev"'], ""),
        (['</a>; rel="prev", </b>; rel="next"'], "/b"),
        (['</a>; rel="prev"', '</b>; rel="next"'], "/b"),
        (['</a,b>; rel="next"'], "/a,b"),
        (["</a>, </b>"], ""),
        (['</a>; rel="first next"'], "/a"),
    ],
)
def test_the_link_to_the_next_page_is_found(lines, target):
    assert next_target(lines) == target


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("</v2/team/app/tags/list?last=b>", f"{LIST}?last=b"),
        ("<?last=b>", f"{LIST}?last=b"),
        ("<list?last=b>", f"{LIST}?last=b"),
        ("<https://reg.test/v2/team/app/tags/list?last=b%3D>", f"{LIST}?last=b%3D"),
        ("<http://reg.test/v2/team/app/tags/list?last=b>", f"{LIST}?last=b"),
        ("<http://REG.test:80/v2/team/app/tags/list?last=b>", f"{LIST}?last=b"),
        ("<https://reg.test:443/v2/team/app/tags/list?last=b#x>", f"{LIST}?last=b"),
        ("</opaque/page/2>", "https://reg.test/opaque/page/2"),
    ],
)
def test_the_next_page_stays_on_the_registry_and_its_scheme(link, url):
    assert page(link) == url


def test_a_forgotten_path_prefix_is_put_back():
    home = "https://reg.test/art/docker/v2/team/app/tags/list"
    assert page("</v2/team/app/tags/list?last=b>", list_url=home) == f"{home}?last=b"


@pytest.mark.parametrize(
    "link",
    [
        "<https://other.test/v2/team/app/tags/list>",
        "<https://reg.test.evil/v2/>",
        "<https://reg.test:8443/v2/>",
        "<https://user@reg.test/v2/>",
        "<//other.test/v2/>",
        "<ftp://reg.test/v2/>",
        "<https://[x/v2/>",
        "<https://reg.test:port/v2/>",
    ],
)
def test_another_host_is_refused(link):
    with pytest.raises(ForeignLinkError):
        page(link)
