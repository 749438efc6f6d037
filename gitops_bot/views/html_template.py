"""The page of html_report.py: a template for Jinja2 and its style. No script, no address but the pull request's."""

STYLE = """
:root { color-scheme: light dark; --ground: #f6f7f9; --sheet: #fff; --ink: #1c2330; --faint: #5d6778; --line: #dde2ea;
  --link: #1f5fc4; --blue: #1f5fc4; --red: #b3261e; --green: #17713d; --amber: #8a5a00;
  --red-ground: #fdecea; --green-ground: #e6f5ec; --note-ground: #f0f2f6; --amber-ground: #fff5dc; }
@media (prefers-color-scheme: dark) { :root { --ground: #12161d; --sheet: #1a202a; --ink: #e4e9f1; --faint: #98a3b5;
  --line: #2d3644; --link: #82b1ff; --blue: #82b1ff; --red: #ff9a92; --green: #7fd6a0; --amber: #f0c569;
  --red-ground: #3a1f20; --green-ground: #16301f; --note-ground: #222a36; --amber-ground: #352c14; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 64rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: .5rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
a { color: var(--link); }
code, pre, .mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; font-size: .87em; }
.faint { color: var(--faint); }
.sheet { background: var(--sheet); border: 1px solid var(--line); border-radius: .6rem;
  padding: 1rem; margin: .8rem 0; }
.verdict { border-left: .35rem solid var(--blue); }
.verdict.no_effect { border-color: var(--green); }
.verdict.destroys, .verdict.blocked { border-color: var(--red); }
.verdict.incomplete, .verdict.held { border-color: var(--amber); }
.said { font-size: 1.2rem; font-weight: 600; margin: 0; }
.verdict p { margin: .2rem 0; }
.counts { display: grid; grid-template-columns: repeat(auto-fit, minmax(7.5rem, 1fr)); gap: .6rem;
  margin: .8rem 0; padding: 0; }
.counts li { list-style: none; background: var(--sheet); border: 1px solid var(--line); border-radius: .6rem;
  padding: .5rem .8rem; color: var(--faint); }
.counts b { display: block; font-size: 1.5rem; line-height: 1.2; color: var(--ink); }
.counts .bad b { color: var(--red); }
.places { padding: 0; margin: 0; }
.places li { list-style: none; padding: .3rem 0; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
.places li:first-child { border-top: 0; }
details.row { background: var(--sheet); border: 1px solid var(--line); border-radius: .6rem; margin: .8rem 0; }
details.row > summary { padding: .7rem 1rem; cursor: pointer; overflow-wrap: anywhere; }
details.row > .inside { padding: 0 1rem 1rem; scroll-margin-top: 4rem; }
.inside > p { margin: .2rem 0; overflow-wrap: anywhere; }
.name { font-weight: 600; }
.finding { border-left: .3rem solid var(--blue); background: var(--note-ground); padding: .5rem .8rem; margin: .5rem 0;
  border-radius: .3rem; overflow-wrap: anywhere; }
.finding.critical { border-color: var(--red); background: var(--red-ground); }
.finding.warning { border-color: var(--amber); background: var(--amber-ground); }
.finding pre { margin: .4rem 0 0; white-space: pre-wrap; }
.object { margin: .9rem 0; border: 1px solid var(--line); border-radius: .4rem; overflow: hidden; }
.object > .title { padding: .4rem .7rem; background: var(--note-ground); overflow-wrap: anywhere; }
.object.delete > .title, .object.recreate > .title { background: var(--red-ground); }
.object.create > .title { background: var(--green-ground); }
.diff pre { margin: 0; padding: .3rem 0; }
.diff span { display: block; padding: 0 .7rem 0 3.2em; text-indent: -2.4em; white-space: pre-wrap;
  overflow-wrap: anywhere; }
.removed { background: var(--red-ground); color: var(--red); }
.added { background: var(--green-ground); color: var(--green); }
.diff .field { font-weight: 600; padding: .25rem .7rem 0 3.2em; text-indent: -1.2em; }
.same { color: var(--faint); }
.note { color: var(--faint); font-style: italic; }
.unified { border-top: 1px solid var(--line); }
.unified > summary { cursor: pointer; color: var(--faint); padding: .3rem .7rem; font-size: .87em; }
.other > summary { cursor: pointer; color: var(--faint); margin-top: .8rem; }
.opinion { border-style: dashed; }
.opinion .finding { background: none; }
footer { color: var(--faint); margin: 2rem 0; font-size: .87em; overflow-wrap: anywhere; }
"""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<title>{{ page.name }}: {{ page.said }}</title>
<style>{{ style }}</style>
</head>
<body>
<main>
<p class="faint">{% if page.link %}<a href="{{ page.link }}" rel="noopener noreferrer">{{ page.name }}</a>
{%- else %}{{ page.name }}{% endif %} by {{ page.author }}</p>
<h1>{{ page.title }}</h1>
<p class="faint"><code>{{ page.head }}</code> onto <code>{{ page.branch }}</code> <code>{{ page.base }}</code>,
{{ page.as_of }}</p>
<div class="sheet verdict {{ page.style }}">
<p class="said">{{ page.sign }} {{ page.said }}{{ page.where }}.</p>
{%- for sentence in page.sentences %}
<p>{{ sentence }}</p>
{%- endfor %}
</div>
{%- if page.risks.told %}
<section class="risks">
<h2>{{ page.risks.title }}</h2>
{%- for risk in page.risks.told %}
{{- show_finding(risk) }}
{%- endfor %}
</section>
{%- endif %}
<ul class="counts">
{%- for count in page.counts %}
<li{% if count.bad %} class="bad"{% endif %}><b>{{ count.number }}</b>{{ count.words }}</li>
{%- endfor %}
</ul>
{%- if page.opinion %}
<details class="row opinion">
<summary><span class="name">{{ page.opinion.title }}</span>
{%- if page.opinion.counted %} <span class="faint">{{ page.opinion.counted }}</span>{% endif %}</summary>
<div class="inside">
<p>{{ page.opinion.summary }}</p>
{%- for finding in page.opinion.findings %}
<div class="finding {{ finding.severity }}">{{ finding.sign }} <span class="mono">{{ finding.place }}</span>
<br>{{ finding.message }}{% if finding.suggestion %}<br>→ {{ finding.suggestion }}{% endif %}</div>
{%- endfor %}
<p class="faint">{{ page.opinion.worth }}</p>
</div>
</details>
{%- endif %}
{%- for cluster in page.clusters %}
<section>
<h2>{{ cluster.sign }} Cluster <code>{{ cluster.name }}</code>{% if cluster.said %}: {{ cluster.said }}{% endif %}</h2>
{%- for finding in cluster.findings %}{{ show_finding(finding) }}{% endfor %}
{%- if cluster.rows | length > 1 %}
<div class="sheet"><ul class="places">
{%- for row in cluster.rows %}
<li>{{ row.sign }} <a href="#{{ row.id }}">{{ row.name }}</a> <span class="faint">{{ row.said }}</span></li>
{%- endfor %}
</ul></div>
{%- endif %}
{%- if cluster.left_out %}
<details class="other"><summary>Not looked at, though this repository may feed it</summary>
<ul>{% for one in cluster.left_out %}<li>{{ one }}</li>{% endfor %}</ul>
</details>
{%- endif %}
{%- for row in cluster.rows %}
<details class="row"{% if row.open %} open{% endif %}>
<summary>{{ row.sign }} <span class="name">{{ row.name }}</span> <span class="faint">{{ row.said }}</span></summary>
<div class="inside" id="{{ row.id }}">
{%- if row.same_as %}<p>The same changes as in {{ row.same_as }}.</p>{% endif %}
<p class="faint">{{ row.path }}{% if row.reason %}, looked at because: {{ row.reason }}{% endif %}</p>
{%- for note in row.notes %}<p>{{ note }}</p>{% endfor %}
{%- if row.hidden %}<p class="faint">{{ row.hidden }}.</p>{% endif %}
{%- for finding in row.findings %}{{ show_finding(finding) }}{% endfor %}
{%- for object in row.own %}{{ show_object(object) }}{% endfor %}
{%- if row.foreign %}
<details class="other"><summary>{{ row.foreign_words }}</summary>
{%- for object in row.foreign %}{{ show_object(object) }}{% endfor %}
</details>
{%- endif %}
</div>
</details>
{%- endfor %}
</section>
{%- endfor %}
<footer>Made by gitops-bot from what the API server said to a dry run. Digest <code>{{ page.digest }}</code></footer>
</main>
</body>
</html>
"""

# Parts that occur in several places: macros.
PARTS = """
{% macro show_finding(finding) %}
<div class="finding {{ finding.severity }}">{{ finding.sign }} {{ finding.message }}
{%- if finding.where %}<br><span class="faint">in {{ finding.where }}</span>{% endif %}
{%- if finding.advice %}<br>→ {{ finding.advice }}{% endif %}
{%- if finding.rules %}<pre>{{ finding.rules }}</pre>{% endif %}
{%- if finding.detail %}<pre>{{ finding.detail }}</pre>{% endif %}</div>
{%- endmacro %}
{% macro show_lines(lines) -%}
<div class="diff"><pre>
{%- for line in lines %}<span class="{{ line.style }}">{{ line.text }}</span>{% endfor -%}
</pre></div>
{%- endmacro %}
{% macro show_object(object) %}
<div class="object {{ object.operation }}"><div class="title mono">{{ object.title }}
{%- for words, address in object.links %} <a href="{{ address }}" rel="noopener noreferrer">{{ words }}</a>
{%- endfor %}</div>
{%- if object.lines %}{{ show_lines(object.lines) }}{% endif %}
{%- if object.unified %}<details class="unified"><summary>Before and after, in its place</summary>
{{- show_lines(object.unified) }}</details>{% endif %}</div>
{%- endmacro %}
"""
