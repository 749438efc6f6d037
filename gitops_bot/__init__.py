"""What a pull request would do to a cluster that Flux manages, told before the merge.

The rooms, in the order in which a pull request travels through them:

``cli``        what a person types; ``service`` puts the parts together and starts the ticks, ``errands`` are the
               commands that end; ``policies`` turn settings into what the rules decide by
``github``     which pull requests are open, and what GitHub says about people
``queue``      what is to be done next, one piece of work per pull request at a time
``git``        fetch, merge and read trees
``cluster``    which Kustomizations this cluster has, and what they are fed from
``rules``      decide: whom it touches, where each change comes from, what is dangerous, who may act
``flux``       hand a render or a diff to the ``runner``, the second program, which holds flux in its cage
``store``      what must last
``views``      say it: Slack blocks, GitHub markdown, terminal text, one HTML file
``slack``      post, update, listen
``llm``        ask a model for an opinion
``journeys``   the stories: nothing but the order in which all of this happens
``web``        health, metrics and pages to read
``sandbox``    a whole world on one machine, for the demo and the tests

``models`` holds the words that travel between the rooms, ``errors`` what can go wrong,
``config`` the settings, ``telemetry`` logs and counters.
"""

__version__ = "0.1.0"
