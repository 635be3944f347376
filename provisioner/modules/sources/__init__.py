"""Modules that come from elsewhere: a bundle of manifests or a Helm chart that the catalogue names by its digest.

`archives`, `documents`, `shapes` and `charts` read within bounds, `dressing` makes the objects the platform's own, `admitting`
and `replacing` say what may not be (what is others' by `belonging`, `granting`, `intercepting` and `sharing`), and `rendering`
joins them with `values`; all pure but `helm`, which runs the program of that name, and `shelf`, which knows the catalogue.
"""
