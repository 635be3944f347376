"""A small Gardener: what the garden's API does beyond storing.

Admission (defaults, rules, changes) decides what a Shoot may say; life moves it through Create, Reconcile and Delete
with one heap of due steps; kubeconfig mints credentials for its endpoint; seeding lays out the empty garden.
"""
