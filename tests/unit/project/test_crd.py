"""The definition of the resource is made from the table that judges resources in folders."""

import yaml

import crd
from argocd_image_updater.core.resource_schema import SPEC
from argocd_image_updater.core.schema import Block, ListOf


def blocks(shape, path="spec"):
    """Yield every block of the table with its path."""
    if isinstance(shape, ListOf):
        yield from blocks(shape.item, f"{path}[]")
    elif isinstance(shape, Block):
        yield path, shape
        for name, field in shape.fields.items():
            yield from blocks(field, f"{path}.{name}")


def test_the_file_is_current():
    assert crd.FILE.read_text() == crd.text(), "run tools/crd.py"


def test_every_rule_of_the_table_is_told_to_the_api_server():
    for path, block in blocks(SPEC):
        assert all(rule.cel or rule.one_of for rule in block.rules), path


def test_the_columns_that_people_know_are_there():
    document = yaml.safe_load(crd.FILE.read_text())
    (version,) = document["spec"]["versions"]
    names = [column["name"] for column in version["additionalPrinterColumns"]]
    assert names == ["Apps", "Images", "Last Checked", "Ready"]
    assert version["subresources"] == {"status": {}}


def test_the_spec_is_not_required_and_unknown_fields_are_not_preserved():
    text = crd.FILE.read_text()
    (version,) = yaml.safe_load(text)["spec"]["versions"]
    assert "required" not in version["schema"]["openAPIV3Schema"]
    assert "preserve-unknown-fields" not in text
