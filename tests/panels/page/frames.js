// Prometheus' answers as frames of Grafana, as its data source for Prometheus makes them.
import { FieldType, toDataFrame } from '@grafana/data';

const number = (text) => (text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text));

/** Returns the name of a series: its legend with the labels' values, or the labels themselves. */
export function legend(format, labels) {
  if (format) {
    return format.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => labels[label] ?? '');
  }
  return JSON.stringify(labels);
}

function series(target, result) {
  const { __name__, ...labels } = result.metric;
  const values = result.values ?? [result.value];
  return toDataFrame({
    refId: target.refId,
    name: legend(target.legendFormat, labels),
    fields: [
      { name: 'Time', type: FieldType.time, values: values.map(([time]) => time * 1000), config: {} },
      {
        name: 'Value',
        type: FieldType.number,
        values: values.map(([, value]) => number(value)),
        labels,
        config: { displayNameFromDS: legend(target.legendFormat, labels) },
      },
    ],
  });
}

function table(target, results, several) {
  const names = [...new Set(results.flatMap((one) => Object.keys(one.metric)))].sort();
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: results.map((one) => one.value[0] * 1000), config: {} },
      ...names.map((name) => ({
        name,
        type: FieldType.string,
        values: results.map((one) => one.metric[name] ?? ''),
        config: { filterable: true },
      })),
      {
        name: several ? `Value #${target.refId}` : 'Value',
        type: FieldType.number,
        values: results.map((one) => number(one.value[1])),
        config: {},
      },
    ],
  });
}

/** Makes the frames of a panel of its targets' answers. */
export function frames(panel, answers) {
  return panel.targets.flatMap((target) => {
    const results = answers[target.refId] ?? [];
    if (target.format === 'table') {
      return results.length === 0 ? [] : [table(target, results, panel.targets.length > 1)];
    }
    const all = results.map((result) => series(target, result));
    if (target.format === 'heatmap') {
      all.sort((one, other) => number(one.name) - number(other.name));
    }
    return all;
  });
}
