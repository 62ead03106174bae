// The sections of docs/runbook.md, in their order, which is that of the panels of its dashboard: runbook.json, so that this folder needs nothing
// beside it.
[
  { title: std.split(part, '\n')[0], text: std.join('\n', std.split(part, '\n')[1:]) }
  for part in std.split(std.strReplace('\n' + importstr '../../docs/runbook.md', '\n### ', '\u0001'), '\u0001')[1:]
]
