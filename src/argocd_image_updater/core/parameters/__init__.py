"""Putting an image into the parameters of an Application's source, and reading it back.

One module for each way: Helm parameters, Kustomize image overrides, plugin variables. ``dispatch``
chooses the way, ``placement`` the source, ``ownership`` tells which entries are ours.
"""
