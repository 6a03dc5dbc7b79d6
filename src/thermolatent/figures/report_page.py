"""The page of the report as a Jinja template: no script, no font, no address outside the file."""

CSS = """
:root { color-scheme: light; --ink: #1d2733; --soft: #5d6b7a; --line: #dde3ea; --tint: #f5f7fa; --accent: #0072b2; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: #fff; font: 16px/1.55 system-ui, "Segoe UI", Roboto, sans-serif; }
main, header > div, footer > div { max-width: 1120px; margin: 0 auto; padding: 0 24px; }
header { background: var(--tint); border-bottom: 1px solid var(--line); padding: 32px 0 20px; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 4px; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; margin: 48px 0 8px; padding-top: 8px; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 28px 0 6px; overflow-wrap: anywhere; }
p { margin: 8px 0; }
.soft { color: var(--soft); }
.answer { font-size: 1.12rem; border-left: 4px solid var(--accent); padding: 4px 0 4px 16px; margin: 18px 0; }
nav { margin-top: 16px; }
nav a { display: inline-block; margin: 0 18px 4px 0; color: var(--accent); text-decoration: none; }
nav a:hover { text-decoration: underline; }
ul { padding-left: 1.2rem; margin: 8px 0; }
li { margin: 4px 0; }
.scroll { overflow-x: auto; -webkit-overflow-scrolling: touch; margin: 10px 0 6px; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; min-width: 100%; }
th, td { padding: 6px 12px; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
th { font-weight: 600; white-space: nowrap; }
thead th { white-space: normal; vertical-align: bottom; background: var(--tint); border-bottom: 2px solid var(--line); }
tbody th, thead th:first-child { text-align: left; position: sticky; left: 0; background: #fff; }
thead th:first-child { background: var(--tint); }
td small, th small { display: block; color: var(--soft); font-weight: 400; white-space: nowrap; }
td.good { font-weight: 700; }
td.doubt, li.doubt { background: #fbf3b5; }
li.doubt { padding: 2px 8px; }
.caption { font-size: .9rem; color: var(--soft); margin: 0 0 20px; }
figure { margin: 24px 0; }
figure img { display: block; width: 100%; min-width: 620px; height: auto; }
figcaption { font-size: .9rem; color: var(--soft); }
details { border: 1px solid var(--line); border-radius: 6px; padding: 8px 16px; margin: 12px 0; }
summary { cursor: pointer; font-weight: 600; }
pre { font-size: .8rem; line-height: 1.45; overflow-x: auto; margin: 12px 0; }
footer { border-top: 1px solid var(--line); margin-top: 48px; padding: 16px 0 40px; color: var(--soft); font-size: .9rem; }
@media (max-width: 600px) {
  body { font-size: 15px; }
  main, header > div, footer > div { padding: 0 14px; }
  h1 { font-size: 1.5rem; }
  th, td { padding: 5px 8px; }
  tbody th { white-space: normal; max-width: 9rem; }
}
@media print {
  body { font-size: 10pt; }
  nav { display: none; }
  header { background: none; padding-top: 0; }
  .scroll { overflow: visible; }
  figure img { min-width: 0; }
  figure, table, .caption { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  th, td { padding: 3px 6px; }
}
"""

PAGE = """
{%- macro show(table) %}
<h3>{{ table.title }}</h3>
<div class="scroll" tabindex="0" role="region" aria-label="{{ table.title }}">
<table>
<thead><tr>{% for cell in table.header %}<th scope="col">{{ cell.text }}{% if cell.detail %}<small>{{ cell.detail }}</small>
{%- endif %}</th>{% endfor %}</tr></thead>
<tbody>
{% for name, cells in table.rows %}<tr><th scope="row">{{ name }}</th>
{%- for cell in cells %}<td{% if cell.mark %} class="{{ cell.mark }}"{% endif %}>{{ cell.text }}
{%- if cell.detail %}<small>{{ cell.detail }}</small>{% endif %}</td>{% endfor %}</tr>
{% endfor %}</tbody>
</table>
</div>
{% if table.caption %}<p class="caption">{{ table.caption }}</p>{% endif %}
{% endmacro -%}
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ study.name }} – thermolatent</title>
<style>{{ css }}</style>
</head>
<body>
<header><div>
<h1>{{ study.name }}</h1>
<p class="soft">{{ study.description }}</p>
<p class="answer">{{ headline }}</p>
<nav aria-label="Sections">
{% for anchor, title in sections %}<a href="#{{ anchor }}">{{ title }}</a>
{% endfor %}</nav>
</div></header>
<main>

<h2 id="answer">Can the predictions be trusted?</h2>
{% if accuracies %}<p>Against reference MD at T = {{ judged }}, {{ seeds }}:</p>
<ul>{% for sentence in accuracies %}<li>{{ sentence }}</li>{% endfor %}</ul>
{% else %}<p>There is no reference MD at the predicted temperatures. What can be judged without it:</p>{% endif %}
<ul>{% for sentence, doubtful in trust %}<li{% if doubtful %} class="doubt"{% endif %}>{{ sentence }}</li>{% endfor %}</ul>
{% if unconverged %}<ul>{% for sentence in unconverged %}<li class="doubt">{{ sentence }}</li>{% endfor %}</ul>{% endif %}

<h2 id="scores">Scores</h2>
<p class="soft">Values are {{ seeds }}; below each {{ spread }}. Bold: at most {{ near_floor }} times the
floor. Shaded: in doubt. Every metric is in <code>validate/scores.csv</code>.</p>
{% for table in scores %}{{ show(table) }}{% endfor %}

<h2 id="populations">Populations of the named states</h2>
{% for table in populations %}{{ show(table) }}{% endfor %}
{% if observables %}
<h2 id="observables">Observables</h2>
{% for table in observables %}{{ show(table) }}{% endfor %}
{% endif %}

<h2 id="figures">Figures</h2>
{% for figure in figures %}<figure id="figure-{{ figure.name }}">
<div class="scroll" tabindex="0" role="region" aria-label="{{ figure.title }}">
<img alt="{{ figure.alt }}" width="{{ figure.width }}" height="{{ figure.height }}" src="data:image/png;base64,{{ figure.data }}">
</div>
<figcaption><strong>{{ figure.title }}.</strong> {{ figure.caption }}</figcaption>
</figure>
{% endfor %}

<h2 id="md">Convergence of the MD</h2>
{{ show(convergence) }}

<h2 id="training">Training</h2>
{{ show(training) }}

<h2 id="study">Study</h2>
<details><summary>Settings, with every default</summary><pre>{{ settings }}</pre></details>

<h2 id="versions">Versions and timings</h2>
{{ show(versions) }}
{{ show(timings) }}
</main>
<footer><div>Written by thermolatent {{ version }} from {{ root }}. This file needs no network.</div></footer>
</body>
</html>
"""
