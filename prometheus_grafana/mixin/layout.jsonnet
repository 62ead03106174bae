// A picture of the dashboard: its panels at their places on the grid, as an SVG file.
local dashboard = (import 'mixin.libsonnet').grafanaDashboards['dubbo.json'];
// The panels of folded rows are drawn as if they were open.
local panels = std.flatMap(function(panel) [panel] + if panel.type == 'row' then panel.panels else [], dashboard.panels);
local width = 36;
local height = 11;
local escape(text) = std.strReplace(std.strReplace(text, '&', '&amp;'), '<', '&lt;');

local draw(panel) =
  local place = panel.gridPos;
  local row = panel.type == 'row';
  local box = {
    x: place.x * width + 2,
    y: place.y * height + 1,
    w: place.w * width - 4,
    h: place.h * height - 2,
    fill: if row then 'none' else '#f4f5f8',
    stroke: if row then 'none' else '#c9ccd6',
    weight: if row then 'bold' else 'normal',
    kind: if row then '' else { stat: 'figure', timeseries: 'graph', heatmap: 'heatmap', table: 'table', 'state-timeline': 'states over time' }[panel.type],
    title: escape(panel.title),
    tx: place.x * width + 10,
    ty: place.y * height + (if row then 10 else 18),
    ky: place.y * height + 33,
  };
  |||
    <rect x="%(x)d" y="%(y)d" width="%(w)d" height="%(h)d" rx="3" fill="%(fill)s" stroke="%(stroke)s"/>
    <text x="%(tx)d" y="%(ty)d" font-weight="%(weight)s">%(title)s</text>
    <text x="%(tx)d" y="%(ky)d" fill="#8a8f9c" font-size="10">%(kind)s</text>
  ||| % box;

local last = panels[std.length(panels) - 1].gridPos;
|||
  <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" fill="#22252b">
  <rect width="100%%" height="100%%" fill="white"/>
||| % [24 * width, (last.y + last.h) * height] + std.join('', [draw(panel) for panel in panels]) + '</svg>'
