"""Questions to OCI registries: asked once, answered completely or failed with a class."""
