"""A batch of changes applied to an Application or to a branch."""
