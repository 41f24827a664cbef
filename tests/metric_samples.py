"""The text format of Prometheus, read into a table; a sample's time is not looked at."""

from prometheus_client.parser import text_string_to_metric_families


def read_samples(body):
    """Return {(name, frozenset of its labels): value}."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in read_families(body)
        for sample in family.samples
    }


def read_families(body):
    """Return the families with type, help text and samples."""
    return list(text_string_to_metric_families(body.decode()))
