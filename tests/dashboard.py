"""The Grafana dashboard that is delivered, taken apart."""

import json
from pathlib import Path

FILE = Path(__file__).parents[1] / "deploy" / "grafana" / "argocd-image-updater.json"


def load_dashboard():
    return json.loads(FILE.read_text())


def panels(dashboard):
    """Return the panels that show something, in order."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def expressions(dashboard):
    """Return every query, in order."""
    return [target["expr"] for panel in panels(dashboard) for target in panel["targets"]]
