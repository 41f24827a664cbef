"""The folder store of stand-alone mode: resources read from YAML files."""
