"""A Slack workspace that runs on loopback, for the demo and the tests. It shares no code with the bot.

Start it on the running event loop::

    slack = SlackStandIn(folder)
    channel = slack.create_channel("deployments")
    alice = slack.create_user("alice", real_name="Alice Archer")
    slack.install(manifest)                          # scopes, events, commands of an app manifest; else a default
    await slack.start()
    slack.api_url, slack.bot_token, slack.app_token  # for slack-sdk: AsyncWebClient(base_url=...)
    slack.inbox_url                                  # the page for people
    await slack.stop()

Press a button as somebody (the answer tells whether the app acknowledged, how fast, and what that
person saw)::

    POST {click_url} {"user": alice, "channel": channel, "ts": "...", "action_id": "approve",
                      "wait_for_answer": 5}
    -> {"ok": true, "acknowledged": true, "milliseconds": 12.5, "ephemeral": [...], "views": [...]}

The rest of the control API, all JSON, under ``{origin}/_control/``:

==================  ==========================================================================
POST submit         submit a dialog: view_id, values {block_id: {action_id: value}}
POST view-click     press something in a dialog: view_id, action_id
POST close          close a dialog: view_id
POST say, command   type a message (user, channel, text, thread_ts) or a slash command
GET messages        every message with metadata, ephemeral ones with their person
GET calls           every call of the Web API, with arguments, status and error
GET views           open dialogs; GET warnings: clicks that nobody acknowledged
GET, POST sockets   the sockets; disconnect, drop, half_open, drop_next, duplicate_next, delay
*  faults           switch faults on (faults.Fault), list them, DELETE them
GET, POST settings  rate_limits, scopes, events, commands, enterprise_id, archived, deleted, …
POST channels,users make more of them
==================  ==========================================================================

Rate limits are enforced unless ``settings`` says ``{"rate_limits": false}``. What Slack would
refuse is refused by Slack's name for it. Every answer is written to ``exchanges.jsonl``.
"""

from gitops_bot.sandbox.slack.standin import SlackStandIn

__all__ = ["SlackStandIn"]
