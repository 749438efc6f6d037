"""The repository that the clusters are built from: a sample, or somebody's own.

``repository/`` is the sample, plain files as one would find them on GitHub; ``sample`` knows what
clusters need besides (values that are not in git) and what was changed in them by hand; ``checkout``
is git; ``syncs`` finds what `flux bootstrap` left in a tree; ``gaps`` tells what a sandbox cannot
reproduce of a tree; ``seed`` lets Flux apply it.
"""
