"""GitHub on loopback, for the demo and the tests. It shares no code with the bot.

Start it on the running event loop::

    github = GitHubStandIn(folder)
    token = github.create_user("alice")
    github.create_repository("acme", "fleet")            # an empty bare git repository, private
    github.grant("acme", "fleet", "alice", "write")
    await github.start()
    github.api_url       # REST, as on a GitHub Enterprise Server; GraphQL beside it under /api/graphql
    github.html_url      # pages: {html_url}/acme/fleet/pull/1
    github.git_url       # git clone {git_url}/acme/fleet.git, any user name, a token as password
    github.repository_folder("acme", "fleet")            # pushes by path are noticed too
    github.protect("acme", "fleet", "main", BranchRule(required_approving_review_count=1))
    app = github.create_app("gitops", "acme", public_key_pem); github.install_app(app, "acme")
    github.counters("alice"), github.requests            # what was asked, and what it cost
    await github.stop()

Pull requests are made as on GitHub: push a branch, ``POST /repos/acme/fleet/pulls``. Commits belong to
the account whose login stands before the @ of their e-mail. Rate limits hold (primary and secondary);
``create_user(..., unlimited=True)`` gives a token that nobody slows, ``_control/limits`` switches the secondary ones.

The control API, all JSON, under ``{origin}/_control/``; nothing of it is counted:

========================  ============================================================================
GET counters              per token and login: requests, not_modified (304), cost, git
GET requests              every request, oldest first; ``?method= ?login= ?path= ?kind=api|git``
POST, GET, DELETE faults  faults.Fault: ``{"kind": "reset", "method": "POST", "path": "*/comments",
                          "when": "after"}`` is "written, then the connection broke"
POST limits               ``secondary``; ``login``/``token`` with ``limit``, ``remaining``, ``reset_in``
GET, POST settings        ``app_approvals_count``, ``force_push_repoints_reviews``, ``mergeable_seconds``
GET, POST users           ``login``, ``bot``, ``name``; the answer has a token
POST tokens               another token: ``login``, ``read_only``, ``scopes``, ``limit``; ``tokens/expire``
POST repositories         ``owner``, ``name``, ``private``, ``default_branch``
POST grants               ``repository`` (owner/name), ``login``, ``permission``
POST rules                ``repository``, ``branch``, fields of BranchRule, or ``off``
POST pulls                ``repository``, ``number``, ``draft``, ``locked``
POST reset                forget requests, counters and faults
========================  ============================================================================

Every answer of the API is written to ``exchanges.jsonl`` in the folder.

Where it differs from GitHub: nobody has to accept an invitation, forks are there at once, rebase
merges are switched off, a push to a protected branch is not refused, code owners are people (no
teams), and there are no issues, only pull requests.
"""

from gitops_bot.sandbox.github.records import BranchRule
from gitops_bot.sandbox.github.standin import GitHubStandIn

__all__ = ["BranchRule", "GitHubStandIn"]
