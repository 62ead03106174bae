// Panels that Grafana keeps in its core, drawn here from the frames that its libraries have processed: state timelines and heatmaps.
import React from 'react';

const LEFT = 190;
const BOTTOM = 22;

function Times({ range, width, height, left }) {
  const [from, to] = range;
  const ticks = [0, 1, 2, 3].map((i) => from + ((to - from) * (i + 0.5)) / 4);
  return ticks.map((time) => (
    <text key={time} x={left + ((time - from) / (to - from)) * (width - left)} y={height - 6} textAnchor="middle" className="axis">
      {new Date(time).toISOString().slice(11, 19)}
    </text>
  ));
}

export function StateTimeline({ frames, range, width, height }) {
  const rows = frames.map((frame) => ({ name: frame.fields[1].config.displayNameFromDS, times: frame.fields[0].values, field: frame.fields[1] }));
  const line = Math.min(34, (height - BOTTOM) / Math.max(rows.length, 1));
  const [from, to] = range;
  const x = (time) => LEFT + ((Math.min(time, to) - from) / (to - from)) * (width - LEFT);
  return (
    <svg width={width} height={height}>
      {rows.map(({ name, times, field }, row) => {
        const step = times.length > 1 ? Math.min(...times.slice(1).map((time, i) => time - times[i])) : to - from;
        const states = [];
        times.forEach((time, i) => {
          const shown = field.display(field.values[i]);
          const last = states[states.length - 1];
          if (last && last.text === shown.text && time - last.end <= step * 1.5) {
            last.end = time + step;
          } else {
            states.push({ start: time, end: time + step, text: shown.text, color: shown.color });
          }
        });
        return (
          <g key={name}>
            <text x={0} y={row * line + line / 2 + 4} className="name">{name.length > 30 ? name.slice(0, 29) + '…' : name}</text>
            {states.map((state) => (
              <g key={state.start}>
                <rect x={x(state.start)} y={row * line + 2} width={Math.max(x(state.end) - x(state.start), 1)} height={line - 4} fill={state.color} opacity={0.7} />
                <text x={x(state.start) + 6} y={row * line + line / 2 + 4} className="state">{state.text}</text>
              </g>
            ))}
          </g>
        );
      })}
      <Times range={range} width={width} height={height} left={LEFT} />
    </svg>
  );
}

export function Heatmap({ frames, range, width, height, unit }) {
  const left = 56;
  const [from, to] = range;
  // Buckets hold those below them: what is in each alone is a difference.
  const rows = frames.map((frame, i) => ({
    bound: frame.name,
    times: frame.fields[0].values,
    values: frame.fields[1].values.map((value, at) => value - (i === 0 ? 0 : frames[i - 1].fields[1].values[at] ?? 0)),
  }));
  const most = Math.max(1e-9, ...rows.flatMap((row) => row.values.filter(Number.isFinite)));
  const line = (height - BOTTOM) / Math.max(rows.length, 1);
  return (
    <svg width={width} height={height}>
      {rows.map((row, i) => {
        const y = height - BOTTOM - (i + 1) * line;
        const step = row.times.length > 1 ? row.times[1] - row.times[0] : to - from;
        return (
          <g key={row.bound}>
            {i % 3 === 0 && <text x={0} y={y + line / 2 + 4} className="axis">{row.bound === '+Inf' ? '+Inf' : unit(Number(row.bound))}</text>}
            {row.values.map((value, at) =>
              value > 0 ? (
                <rect
                  key={at}
                  x={left + ((row.times[at] - from) / (to - from)) * (width - left)}
                  y={y}
                  width={Math.max((step / (to - from)) * (width - left) - 1, 1)}
                  height={Math.max(line - 1, 1)}
                  fill="#ff9830"
                  opacity={0.15 + 0.85 * Math.sqrt(value / most)}
                />
              ) : null
            )}
          </g>
        );
      })}
      <Times range={range} width={width} height={height} left={left} />
    </svg>
  );
}
