// Draws panels of the dashboard with Grafana's own libraries: `show({panels, variables, range, theme})`.
// `problems` says what they do not know. The line of variables, which Grafana keeps in its core, is drawn here.
import React from 'react';
import { flushSync } from 'react-dom';
import { createRoot } from 'react-dom/client';
import { firstValueFrom } from 'rxjs';
import {
  applyFieldOverrides,
  createTheme,
  dateTime,
  formattedValueToString,
  getFieldDisplayValues,
  getValueFormat,
  standardFieldConfigEditorRegistry,
  ThemeContext,
  transformDataFrame,
} from '@grafana/data';
import { BigValue, GlobalStyles, Table, TimeSeries } from '@grafana/ui';
import { Heatmap, StateTimeline } from './drawn.jsx';
import { frames } from './frames.js';
import { register, unknown } from './known.js';

const COLUMN = 50;
const CELL = 38;
const GAP = 8;
// The line of variables above the panels.
const TOP = 42;

register();
window.problems = [];
// By title: the last values as Grafana writes them. What it draws on a canvas is no text of the page.
window.written = {};

const replace = (text) => text;

function Body({ panel, data, range, theme, width, height }) {
  if (panel.type === 'stat') {
    const values = getFieldDisplayValues({
      data,
      fieldConfig: panel.fieldConfig,
      reduceOptions: panel.options.reduceOptions,
      replaceVariables: replace,
      theme,
      timeZone: 'utc',
    });
    const value = values[0]?.display ?? { text: panel.fieldConfig.defaults.noValue, numeric: NaN };
    return (
      <BigValue
        value={{ ...value, title: undefined }}
        width={width}
        height={height}
        theme={theme}
        colorMode={panel.options.colorMode}
        graphMode={panel.options.graphMode}
        textMode={panel.options.textMode}
      />
    );
  }
  if (data.length === 0 || data.every((frame) => frame.length === 0)) {
    return <div className="empty">No data</div>;
  }
  switch (panel.type) {
    case 'table':
      return <Table data={data[0]} width={width} height={height} initialSortBy={panel.options.sortBy ?? []} />;
    case 'timeseries':
      return (
        <TimeSeries
          frames={data}
          timeRange={{ from: dateTime(range[0]), to: dateTime(range[1]), raw: { from: dateTime(range[0]), to: dateTime(range[1]) } }}
          timeZone="utc"
          width={width}
          height={height}
          legend={panel.options.legend}
          theme={theme}
          options={{}}
        />
      );
    case 'state-timeline':
      return <StateTimeline frames={data} range={range} width={width} height={height} />;
    case 'heatmap':
      return <Heatmap frames={data} range={range} width={width} height={height} unit={(value) => formattedValueToString(getValueFormat(panel.options.yAxis.unit)(value))} />;
    default:
      // `unknown` has said so.
      return null;
  }
}

/** Runs a panel's transformations and field options on its answers. */
async function processed(panel, answers, theme) {
  const raw = frames(panel, answers);
  const transformed = panel.transformations ? await firstValueFrom(transformDataFrame(panel.transformations, raw)) : raw;
  // What Grafana's own panel gives its fields when the dashboard says nothing.
  const custom = panel.type === 'timeseries' ? { drawStyle: 'line', lineInterpolation: 'linear', axisPlacement: 'auto', scaleDistribution: { type: 'linear' }, pointSize: 5 } : {};
  const { defaults, overrides } = panel.fieldConfig;
  return applyFieldOverrides({
    data: transformed,
    fieldConfig: {
      defaults: { color: { mode: panel.type === 'timeseries' ? 'palette-classic' : 'thresholds' }, ...defaults, custom: { ...custom, ...defaults.custom } },
      overrides,
    },
    fieldConfigRegistry: standardFieldConfigEditorRegistry,
    replaceVariables: replace,
    theme,
    timeZone: 'utc',
  });
}

class Fence extends React.Component {
  state = { error: null };
  static getDerivedStateFromError(error) {
    return { error };
  }
  componentDidCatch(error) {
    window.problems.push(`${this.props.title}: ${error}`);
  }
  render() {
    return this.state.error ? <div className="empty">{String(this.state.error)}</div> : this.props.children;
  }
}

let root;

window.show = async ({ panels, variables, range, theme: mode }) => {
  window.problems = panels.flatMap(({ panel }) => unknown(panel));
  const theme = createTheme({ colors: { mode } });
  const all = [];
  for (const { panel, answers } of panels) {
    try {
      const data = await processed(panel, answers, theme);
      window.written[panel.title] = data
        .flatMap((frame) => frame.fields)
        .filter((field) => field.type === 'number' && field.values.length > 0)
        .map((field) => formattedValueToString(field.display(field.values[field.values.length - 1])));
      all.push({ panel, data });
    } catch (error) {
      window.problems.push(`${panel.title}: ${error}`);
    }
  }
  root ??= createRoot(document.getElementById('root'));
  const bottom = Math.max(...all.map(({ panel }) => panel.gridPos.y + panel.gridPos.h));
  const style = `
    body { background: ${theme.colors.background.canvas}; margin: 0; }
    #root { position: relative; width: ${24 * COLUMN}px; height: ${TOP + bottom * CELL}px; }
    .variables { position: absolute; display: flex; gap: 8px; padding: 6px 0; font: 12px/26px ${theme.typography.fontFamily}; }
    .variables span { border: 1px solid ${theme.colors.border.medium}; border-radius: 2px; padding: 0 7px; color: ${theme.colors.text.primary};
      background: ${theme.colors.background.primary}; white-space: nowrap; }
    .variables b { font-weight: 500; color: ${theme.colors.text.secondary}; padding-right: 6px; }
    .variables .chosen { border-color: ${theme.colors.primary.border}; background: ${theme.colors.primary.transparent}; }
    .panel { position: absolute; box-sizing: border-box; background: ${theme.colors.background.primary}; border: 1px solid ${theme.colors.border.weak};
      border-radius: 2px; padding: 6px 8px; color: ${theme.colors.text.primary}; overflow: hidden; }
    .panel h2 { font: 500 14px/20px ${theme.typography.fontFamily}; margin: 0 0 4px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
    .empty { color: ${theme.colors.text.secondary}; text-align: center; padding-top: 20px; }
    svg text { fill: ${theme.colors.text.primary}; font: 12px ${theme.typography.fontFamily}; }
    svg text.axis { fill: ${theme.colors.text.secondary}; }
  `;
  const content = (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <style>{style}</style>
      <div className="variables">
        {variables.map(({ label, value }) => (
          <span key={label} className={value === null ? '' : 'chosen'}>
            <b>{label}</b>
            {value ?? 'All'}
          </span>
        ))}
      </div>
      {all.map(({ panel, data }) => {
        const { x, y, w, h } = panel.gridPos;
        const [width, height] = [w * COLUMN - GAP, h * CELL - GAP];
        return (
          <section key={panel.title} className="panel" data-title={panel.title} style={{ left: x * COLUMN, top: TOP + y * CELL, width, height }}>
            <h2>{panel.title}</h2>
            <Fence title={panel.title}>
              <Body panel={panel} data={data} range={range} theme={theme} width={width - 18} height={height - 40} />
            </Fence>
          </section>
        );
      })}
    </ThemeContext.Provider>
  );
  // Whole before what went wrong is told.
  flushSync(() => root.render(content));
  await new Promise((resolve) => setTimeout(resolve, 50));
  await document.fonts.ready;
  return window.problems;
};
