// What Grafana's libraries know, and what of a dashboard they do not.
import {
  getValueFormats,
  standardEditorsRegistry,
  standardFieldConfigEditorRegistry,
  standardTransformers,
  standardTransformersRegistry,
  fieldMatchers,
} from '@grafana/data';

// The editors of the field options are in Grafana's core; what they do to a value is no more than to keep it.
const OPTIONS = ['unit', 'min', 'max', 'decimals', 'displayName', 'noValue', 'thresholds', 'mappings', 'color', 'links'];
const CUSTOM = [
  'drawStyle', 'lineInterpolation', 'lineWidth', 'fillOpacity', 'gradientMode', 'showPoints', 'pointSize', 'stacking', 'axisPlacement', 'scaleDistribution',
  'thresholdsStyle', 'spanNulls', 'align', 'cellOptions', 'width', 'minWidth', 'hideFrom',
];

// The types of panels that are drawn here.
const TYPES = ['stat', 'table', 'timeseries', 'state-timeline', 'heatmap'];

export function register() {
  const option = (path, isCustom) => ({
    id: isCustom ? `custom.${path}` : path,
    path,
    name: path,
    isCustom,
    process: (value) => value,
    shouldApply: () => true,
  });
  standardEditorsRegistry.setInit(() => []);
  standardFieldConfigEditorRegistry.setInit(() => [...OPTIONS.map((path) => option(path, false)), ...CUSTOM.map((path) => option(path, true))]);
  // Some are there under two names.
  const once = [...new Map(Object.values(standardTransformers).map((one) => [one.id, one])).values()];
  standardTransformersRegistry.setInit(() =>
    once.map((transformation) => ({
      id: transformation.id,
      name: transformation.name,
      transformation: () => Promise.resolve(transformation),
      editor: () => null,
      imageDark: '',
      imageLight: '',
    }))
  );
}

/** Returns what a panel has that Grafana does not know: units, transformations, matchers, properties. */
export function unknown(panel) {
  const units = new Set(getValueFormats().flatMap((group) => group.submenu.map((unit) => unit.value)));
  const transformations = new Set(Object.values(standardTransformers).map((one) => one.id));
  const { defaults, overrides } = panel.fieldConfig;
  const properties = overrides.flatMap((override) => override.properties);
  const used = [defaults.unit, ...properties.filter((one) => one.id === 'unit').map((one) => one.value)];
  const path = (name) => (name.startsWith('custom.') ? CUSTOM.includes(name.slice(7)) : OPTIONS.includes(name));
  const said = (kind, name) => `${panel.title}: Grafana knows no ${kind} ${name}`;
  return [
    ...(TYPES.includes(panel.type) ? [] : [`${panel.title}: no panel of type ${panel.type} is drawn here`]),
    ...used.filter((unit) => unit !== undefined && !units.has(unit)).map((unit) => said('unit', unit)),
    ...(panel.transformations ?? []).filter((one) => !transformations.has(one.id)).map((one) => said('transformation', one.id)),
    ...overrides.filter((override) => !fieldMatchers.getIfExists(override.matcher.id)).map((override) => said('matcher', override.matcher.id)),
    ...properties.filter((one) => !path(one.id)).map((one) => said('property', one.id)),
    ...Object.keys(defaults).filter((name) => name !== 'custom' && !path(name)).map((name) => said('property', name)),
    ...Object.keys(defaults.custom ?? {}).filter((name) => !path(`custom.${name}`)).map((name) => said('property', `custom.${name}`)),
  ];
}
