"""The defences, each with the change that takes it away and the tests that must notice.

T-numbers name threats; SECURITY.md says what each of them is.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Defence:
    """One defence. ``text`` stands exactly once in ``file``; ``instead`` takes its place."""

    threat: str
    name: str
    file: str
    text: str
    instead: str
    tests: tuple[str, ...]


_REDACTION = "tests/unit/test_redaction.py"
_CLOSURE = "tests/unit/test_closure.py"
_OUTCOME = "tests/unit/test_flux_outcome.py"
_PROCESS = "tests/faults/test_flux_process.py"
_GIT = "tests/contract/test_git_door.py"
_HOSTILE = "tests/real/test_hostile_trees.py"

DEFENCES = (
    Defence(
        "T1",
        "flux builds in memory",
        "gitops_bot/flux/command.py",
        '        "--in-memory-build",\n',
        "",
        (f"{_OUTCOME}::test_arguments",),
    ),
    Defence(
        "T1",
        "flux's environment is made from nothing",
        "gitops_bot/flux/process.py",
        "        env=dict(environment),",
        "        env={**os.environ, **environment},",
        (f"{_PROCESS}::test_it_has_no_environment_but_its_own_and_can_gain_nothing",),
    ),
    Defence(
        "T1",
        "the kernel lets flux see its own folders only",
        "gitops_bot/flux/landlock.py",
        "        if _libc.syscall(_RESTRICT_SELF, ruleset, 0):\n            os._exit(126)",
        "        pass",
        (f"{_PROCESS}::test_outside_of_its_folders_there_is_nothing",),
    ),
    Defence(
        "T2",
        "addresses are refused before flux starts",
        "gitops_bot/rules/closure.py",
        "        path = None if address else resolve(folder, reference)\n",
        '        path = resolve(folder, "x") if address else resolve(folder, reference)\n',
        (f"{_CLOSURE}::test_references_out_of_the_tree_are_refused_wherever_they_stand",),
    ),
    Defence(
        "T2",
        "a dead proxy",
        "gitops_bot/flux/run_folder.py",
        '            "HTTP_PROXY": _DEAD_PROXY,\n',
        "",
        (f"{_HOSTILE}::test_the_dead_proxy_keeps_flux_from_other_addresses",),
    ),
    Defence(
        "T2",
        "no git on flux's PATH",
        "gitops_bot/flux/run_folder.py",
        '            "PATH": str(self.root / "bin"),\n',
        '            "PATH": "/usr/bin:/bin",\n',
        (
            f"{_HOSTILE}::test_flux_finds_no_git",
            f"{_OUTCOME}::test_the_environment_is_made_from_nothing_and_the_folder_goes",
        ),
    ),
    Defence(
        "T3",
        "symbolic links are refused",
        "gitops_bot/rules/closure.py",
        '        link = self._index.link(path) if path else ""\n',
        '        link = ""\n',
        (f"{_CLOSURE}::test_links_and_files_that_are_too_large_are_refused",),
    ),
    Defence(
        "T4",
        "aliases are counted before flux expands them",
        "gitops_bot/rules/closure.py",
        '        bomb = self._index.bomb(path) if parsed else ""\n',
        '        bomb = ""\n',
        (f"{_CLOSURE}::test_bombs_are_refused_in_any_file_that_kustomize_parses",),
    ),
    Defence(
        "T4",
        "flux's memory is limited",
        "gitops_bot/flux/process.py",
        "        (resource.RLIMIT_AS, limits.memory_bytes),\n",
        "",
        (f"{_PROCESS}::test_memory_is_limited",),
    ),
    Defence(
        "T4",
        "flux's output is read up to a limit",
        "gitops_bot/flux/process.py",
        "        room = self.most - len(self.content)\n",
        "        room = len(chunk)\n",
        (f"{_PROCESS}::test_a_gigabyte_of_output_is_not_read",),
    ),
    Defence(
        "T4",
        "whatever flux leaves behind is killed",
        "gitops_bot/flux/process.py",
        "            os.killpg(process.pid, signal.SIGKILL)\n        process.wait()\n",
        "            process.kill()\n        process.wait()\n",
        (f"{_PROCESS}::test_a_grandchild_that_holds_the_output_open_dies_too",),
    ),
    Defence(
        "T5",
        "what a repository carries is checked when it arrives",
        "gitops_bot/git/environment.py",
        '    "transfer.fsckObjects": "true",\n',
        "",
        (f"{_GIT}::test_objects_that_could_harm_a_disk_are_refused_at_the_door",),
    ),
    Defence(
        "T6",
        "git follows no redirect",
        "gitops_bot/git/environment.py",
        '    "http.followRedirects": "false",\n',
        '    "http.followRedirects": "true",\n',
        (f"{_GIT}::test_redirects_are_not_followed",),
    ),
    Defence(
        "T7",
        "odd names do not reach flux",
        "gitops_bot/flux/trees.py",
        "    if _CONTROL_CHARACTERS & set(path):\n",
        "    if False:\n",
        (f"{_OUTCOME}::test_odd_names_are_not_written",),
    ),
    Defence(
        "T8",
        "values of Secrets are found in every form",
        "gitops_bot/rules/redaction.py",
        "        text = without_tokens(self._without_values(text), self._hidden)\n",
        "        text = without_tokens(text, self._hidden)\n",
        (f"{_REDACTION}::test_a_secret_is_found_in_each_form",),
    ),
    Defence(
        "T8",
        "what YAML makes of a value is found too",
        "gitops_bot/rules/secret_forms.py",
        "*readings(one_line)}",
        "}",
        (f"{_REDACTION}::test_what_yaml_makes_of_a_value_is_found",),
    ),
    Defence(
        "T8",
        "references that cut a secret are refused",
        "gitops_bot/rules/secret_references.py",
        '        if match["length"] or not _HARMLESS.match(rest):\n',
        "        if False:\n",
        (f"{_REDACTION}::test_a_reference_that_cuts_a_secret_is_found",),
    ),
    Defence(
        "T8",
        "placeholders depend on a key",
        "gitops_bot/rules/redaction.py",
        "        return hmac.digest(self._key, value, hashlib.sha256).hex()[:8]\n",
        "        return hashlib.sha256(value).hexdigest()[:8]\n",
        (f"{_REDACTION}::test_equal_values_look_equal_and_nobody_else_can_make_the_placeholder",),
    ),
    Defence(
        "T9",
        "Secrets are hidden by rule",
        "gitops_bot/rules/redaction.py",
        '        if found["kind"] == "Secret":\n',
        "        if False:\n",
        (f"{_REDACTION}::test_a_secret_in_a_diff_shows_names_and_labels_only",),
    ),
    Defence(
        "T9",
        "the last applied configuration is hidden",
        "gitops_bot/rules/redaction.py",
        "        if LAST_APPLIED in text:\n",
        "        if False:\n",
        (f"{_REDACTION}::test_the_last_applied_configuration_is_hidden_everywhere",),
    ),
    Defence(
        "T9",
        "what the API server echoes is hidden",
        "gitops_bot/rules/redaction.py",
        "_ABOUT_SECRET.sub(lambda found: _ECHO.sub(_without_echo, found[0]), text)",
        "text",
        (f"{_REDACTION}::test_what_the_api_server_says_of_a_secret_is_hidden",),
    ),
    Defence(
        "T10",
        "what SOPS encrypted is hidden by rule",
        "gitops_bot/rules/redaction.py",
        '        if is_encrypted(body) or self._was_encrypted(found["kind"], found["name"]):\n',
        "        if False:\n",
        (f"{_REDACTION}::test_an_object_that_sops_encrypted_shows_its_structure_only",),
    ),
    Defence(
        "T12",
        "no comment in a public repository",
        "gitops_bot/rules/decisions.py",
        "            not now.repository_is_private and not policy.publishing.allow_public,\n",
        "            False,\n",
        ("tests/journeys/test_clicks_on_held.py::test_no_diff_as_a_comment_in_a_public_repository",),
    ),
    Defence(
        "T13",
        "Slack parses nothing of others",
        "gitops_bot/views/text.py",
        'text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")\n',
        "text\n",
        ("tests/unit/test_slack_message.py::test_any_report_fits_and_foreign_text_is_never_parsed",),
    ),
    Defence(
        "T13",
        "Slack shows no previews of what others link to",
        "gitops_bot/slack/door.py",
        '"unfurl_links": False, "unfurl_media": False}',
        '"unfurl_links": True, "unfurl_media": False}',
        ("tests/contract/test_slack_door.py::test_nothing_makes_links_or_mentions_of_text",),
    ),
    Defence(
        "T14",
        "no text ends a fence",
        "gitops_bot/views/text.py",
        '    return max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))\n',
        "    return 3\n",
        ("tests/unit/test_view_text.py::test_nothing_ends_a_fence",),
    ),
    Defence(
        "T15",
        "hidden characters are shown",
        "gitops_bot/rules/cleaning.py",
        "    return _UNSEEN.sub(_show, text)\n",
        "    return text\n",
        ("tests/unit/test_cleaning.py", "tests/unit/test_slack_message.py"),
    ),
    Defence(
        "T16",
        "what has no room is counted",
        "gitops_bot/views/slack_message.py",
        '        missing = f"Not shown here: {middle.missing}. " if middle.missing else ""\n',
        '        missing = ""\n',
        ("tests/unit/test_slack_message.py::test_what_is_left_out_is_counted_and_in_the_file",),
    ),
    Defence(
        "T17",
        "only the commit that was shown is approved",
        "gitops_bot/rules/decisions.py",
        "            now.head_sha != shown,\n",
        "            False,\n",
        ("tests/unit/test_decisions.py",),
    ),
    Defence(
        "T19",
        "nobody approves their own pull request",
        "gitops_bot/rules/decisions.py",
        "            is_author and action in _NOT_THE_AUTHOR,\n",
        "            False,\n",
        ("tests/unit/test_decisions.py",),
    ),
    Defence(
        "T20",
        "a fork is held",
        "gitops_bot/rules/trust.py",
        "    if pull_request.from_fork:\n",
        "    if False:\n",
        ("tests/unit/test_trust.py",),
    ),
    Defence(
        "T20",
        "trust is for one commit",
        "gitops_bot/rules/trust.py",
        "    if pull_request.head_sha in released:\n",
        "    if released:\n",
        ("tests/unit/test_trust.py::test_a_release_is_for_one_commit",),
    ),
    Defence(
        "T21",
        "a click that comes twice is carried out once",
        "gitops_bot/store/store.py",
        "        return new is not None\n",
        "        return True\n",
        ("tests/contract/test_store.py::test_a_replayed_click_is_known_and_a_finished_one_does_not_wait",),
    ),
    Defence(
        "T22",
        "what lies in the changes keeps the gate shut",
        "gitops_bot/rules/gate.py",
        "        *about_changes(report, rule),\n",
        "",
        ("tests/unit/test_gate.py::test_no_answer_of_a_model_clears_what_has_an_objection",),
    ),
    Defence(
        "T22",
        "a score clears nothing that has an objection",
        "gitops_bot/rules/gate.py",
        "    cleared = score is not None and not reasons\n",
        "    cleared = score is not None and score >= rule.threshold\n",
        ("tests/unit/test_gate.py::test_no_answer_of_a_model_clears_what_has_an_objection",),
    ),
    Defence(
        "T22",
        "a model that saw a part clears nothing",
        "gitops_bot/rules/gate.py",
        "    if unseen := about_prompt(prompt):\n",
        "    if unseen := ():\n",
        ("tests/unit/test_gate.py::test_what_the_model_was_not_shown_keeps_it_from_being_asked_and_from_counting",),
    ),
    Defence(
        "T22",
        "what a person does while the model thinks counts",
        "gitops_bot/journeys/clear_by_gate.py",
        "            found[rule.name] = gate.objections_of_facts(report, rule, facts, cleared_before=before)\n",
        "            found[rule.name] = ()\n",
        ("tests/journeys/test_gate.py::test_a_hold_that_is_pressed_while_the_model_thinks_wins",),
    ),
    Defence(
        "T26",
        "every log line is filtered",
        "gitops_bot/telemetry.py",
        "    return {key: _clean(value) for key, value in event.items()}\n",
        "    return event\n",
        ("tests/unit/test_telemetry.py::test_no_way_to_standard_error_shows_a_token",),
    ),
    Defence(
        "T30",
        "an old flux is refused",
        "gitops_bot/flux/program.py",
        '        if program.read(2) == b"#!":\n',
        "        if not program:\n",
        ("tests/real/test_flux_runner.py::test_an_older_flux_and_a_script_are_refused",),
    ),
)
