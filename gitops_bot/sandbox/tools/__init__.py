"""The foreign programs that a real cluster is made of, in pinned versions.

``catalogue`` says which, ``cache`` where they lie, ``on_path``, ``download`` and ``go_build`` are
the three ways to get one, ``bring`` tries them in this order, ``commands`` is what a person types.
"""
