"""A whole world on one machine, for the demo and for tests.

``tools`` brings the foreign programs, ``processes`` keeps them alive and ends them, ``cluster`` makes
a cluster of them, ``github``, ``slack`` and ``llm`` stand in for what cannot be had locally,
``fleet`` is a sample repository, ``world`` puts it all together, ``tour`` plays a story in it.
The bot runs here as it is shipped, started as a program of its own: nothing here imports its parts.
"""
