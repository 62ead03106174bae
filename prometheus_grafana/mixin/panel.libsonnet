// How panels are made and placed.
{
  datasource: { type: 'prometheus', uid: '${datasource}' },
  // The variables that a link keeps.
  variables:: error 'variables are those of the dashboard',

  local target(expr, legend, extra={}) = {
    datasource: $.datasource,
    expr: expr,
    legendFormat: legend,
  } + extra,

  // Panels name their targets A, B, C…
  local base(type, title, description, unit, targets, w, h) = {
    type: type,
    title: title,
    description: description,
    datasource: $.datasource,
    gridPos: { w: w, h: h },
    targets: std.mapWithIndex(function(i, one) one { refId: std.char(std.codepoint('A') + i) }, targets),
    fieldConfig: { defaults: { unit: unit }, overrides: [] },
  },

  stat(title, description, unit, expr, thresholds=[[null, 'green']], empty='0', w=4)::
    base('stat', title, description, unit, [target(expr, title, { instant: true, range: false })], w, 4) + {
      fieldConfig+: { defaults+: {
        noValue: empty,
        thresholds: { mode: 'absolute', steps: [{ value: step[0], color: step[1] } for step in thresholds] },
      } },
      options: {
        colorMode: 'value',
        graphMode: 'none',
        justifyMode: 'auto',
        orientation: 'auto',
        reduceOptions: { calcs: ['lastNotNull'], fields: '', values: false },
        textMode: 'value',
      },
    },

  // Kinds of errors have the same colour everywhere.
  local errorColors = {
    business: 'blue',
    cancelled: 'purple',
    limit: 'orange',
    timeout: 'yellow',
    unavailable: 'red',
    unknown: 'dark-red',
    network: 'super-light-red',
    codec: 'dark-purple',
  },
  errorTypes:: [
    { matcher: { id: 'byName', options: type }, properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: errorColors[type] } }] }
    for type in std.objectFields(errorColors)
  ],

  graph(title, description, unit, pairs, w=12, stack=false, exemplar=false, steps=null, overrides=[], legend='bottom')::
    base('timeseries', title, description, unit, [target(pair[0], pair[1], { range: true } + if exemplar then { exemplar: true } else {}) for pair in pairs], w, 8) + {
      fieldConfig+: { defaults+: {
        min: 0,
        custom: { lineWidth: 1, fillOpacity: if stack then 40 else 0, showPoints: 'never', stacking: { mode: if stack then 'normal' else 'none', group: 'A' } } +
                if steps == null then {} else { thresholdsStyle: { mode: 'dashed' } },
      } + if steps == null then {} else {
        thresholds: { mode: 'absolute', steps: [{ value: step[0], color: step[1] } for step in steps] },
      }, overrides: overrides },
      options: {
        legend: { displayMode: 'list', placement: legend, showLegend: true, calcs: [] },
        tooltip: { mode: 'multi', sort: 'desc' },
      },
    },

  // Columns of short words.
  narrow(names):: [{ matcher: { id: 'byName', options: name }, properties: [{ id: 'custom.width', value: 104 }] } for name in names],

  // Severities of alerts, in their colours.
  severities(column):: {
    matcher: { id: 'byName', options: column },
    properties: [
      { id: 'custom.cellOptions', value: { type: 'color-text' } },
      { id: 'custom.width', value: 90 },
      { id: 'mappings', value: [{ type: 'value', options: { critical: { color: 'red', index: 0 }, warning: { color: 'orange', index: 1 } } }] },
    ],
  },

  // A line for each series, in colours by value: steps are [from, colour], and texts are what values are called.
  timeline(title, description, pairs, steps, texts={}, w=12)::
    base('state-timeline', title, description, 'short', [target(pair[0], pair[1], { range: true }) for pair in pairs], w, 8) + {
      fieldConfig+: { defaults+: {
        custom: { fillOpacity: 70, lineWidth: 0 },
        mappings: if texts == {} then [] else [{
          type: 'value',
          options: { [value]: { text: texts[value], index: std.parseInt(value) } for value in std.objectFields(texts) },
        }],
        thresholds: { mode: 'absolute', steps: [{ value: step[0], color: step[1] } for step in steps] },
        color: { mode: 'thresholds' },
      } },
      options: {
        alignValue: 'left',
        legend: { displayMode: 'list', placement: 'bottom', showLegend: false },
        mergeValues: true,
        // A hundred lines would be too thin to be read.
        perPage: 20,
        rowHeight: 0.8,
        showValue: 'auto',
        tooltip: { mode: 'single', sort: 'none' },
      },
    },

  heatmap(title, description, exprs, w=12)::
    base('heatmap', title, description, 's', [target(expr, '{{le}}', { format: 'heatmap', range: true, exemplar: true }) for expr in exprs], w, 8) + {
      options: {
        calculate: false,
        cellGap: 1,
        color: { mode: 'scheme', scheme: 'Oranges', steps: 64, exponent: 0.5, fill: 'dark-orange', reverse: false },
        exemplars: { color: 'rgba(255,0,255,0.7)' },
        filterValues: { le: 1e-9 },
        legend: { show: true },
        rowsFrame: { layout: 'auto' },
        tooltip: { mode: 'single', yHistogram: false },
        yAxis: { axisPlacement: 'left', reverse: false, unit: 's' },
      },
    },

  // Each value is [expression, name, unit]; rows are joined by their labels. `labels` are columns as well, [label, name], in their order; values
  // stand before them, or behind them with `last`. `sort` is a column, largest first unless `ascending`; `links` are labels whose values choose the variable of that
  // name. What is neither among the labels nor the values, and what is `hidden`, is not shown.
  table(title, description, values, labels, w=12, h=8, sort=null, ascending=false, links={}, hidden=[], last=false, overrides=[])::
    local original(i) = if std.length(values) == 1 then 'Value' else 'Value #' + std.char(std.codepoint('A') + i);
    local named = { [label[0]]: label[1] for label in labels };
    local order = [label[0] for label in labels];
    local numbers = std.mapWithIndex(function(i, value) original(i), values);
    base('table', title, description, values[0][2], [
      target(value[0], value[1], { instant: true, range: false, format: 'table' })
      for value in values
    ], w, h) + {
      fieldConfig+: {
        // Many columns are narrower than Grafana's 150 pixels, so that none is out of sight.
        defaults+: { custom: { minWidth: 70 } },
        overrides: [
          {
            matcher: { id: 'byName', options: value[1] },
            properties: [{ id: 'unit', value: value[2] }, { id: 'custom.width', value: 96 }],
          }
          for value in values
        ] + [
          {
            matcher: { id: 'byName', options: named[label] },
            properties: [{ id: 'links', value: [{ title: 'Only ${__value.text}', url: '/d/dubbo?${__url_time_range}&' + std.join('&', ['${%s:queryparam}' % one for one in $.variables if one != links[label]]) + '&var-%s=${__value.raw}' % links[label] }] }],
          }
          for label in std.objectFields(links)
        ] + overrides,
      },
      options: { showHeader: true, cellHeight: 'sm', footer: { show: false, reducer: ['sum'], countRows: false, fields: '' } } +
               if sort == null then {} else { sortBy: [{ displayName: sort, desc: !ascending }] },
      transformations: [
        { id: 'merge', options: {} },
        { id: 'organize', options: {
          excludeByName: { [name]: true for name in ['Time'] + hidden },
          indexByName: std.foldl(
            function(places, name) places { [name]: std.length(places) }, if last then order + numbers else numbers + order, {}
          ),
          renameByName: named { [numbers[i]]: values[i][1] for i in std.range(0, std.length(values) - 1) },
        } },
      ],
    },

  // place(ROWS): each row is [title, panels] or [title, panels, true], which is folded; panels fill lines of 24 columns from left to right.
  place(rows)::
    local flow(state, one) =
      local fits = state.x + one.gridPos.w <= 24;
      local x = if fits then state.x else 0;
      local y = if fits then state.y else state.y + state.h;
      {
        x: x + one.gridPos.w,
        y: y,
        h: if fits then std.max(state.h, one.gridPos.h) else one.gridPos.h,
        panels: state.panels + [one { gridPos+: { x: x, y: y } }],
      };
    local add(state, row) =
      local title = { type: 'row', title: row[0], collapsed: false, panels: [], gridPos: { x: 0, y: state.y, w: 24, h: 1 } };
      local done = std.foldl(flow, row[1], { x: 0, y: state.y + 1, h: 0, panels: [] });
      local numbered(first) = std.mapWithIndex(function(i, one) one { id: first + i }, done.panels);
      local folded = std.length(row) > 2 && row[2];
      {
        y: done.y + done.h,
        next: state.next + 1 + std.length(done.panels),
        panels: state.panels + [title { id: state.next } + (if folded then { collapsed: true, panels: numbered(state.next + 1) } else {})] +
                if folded then [] else numbered(state.next + 1),
      };
    std.foldl(add, rows, { y: 0, next: 1, panels: [] }).panels,
}
