"""The words that travel between the rooms: frozen dataclasses, no behaviour beyond naming.

*Kustomization*, *source*, *inventory* and *revision* as Flux uses them; *head*, *base*,
*review* and *check* as GitHub uses them. Times are aware datetimes in UTC; commit and tree
ids are 40 lower-case hexadecimal digits; paths are relative to the root of a repository,
with ``/`` and without a leading ``./``.
"""
