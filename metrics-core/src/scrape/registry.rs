//! Writes what happened with the registry.

use crate::exposition::{Labels, Text};
use crate::families::{Family, REGISTRY, RegistryRow, RegistrySource};
use crate::registry::{Operations, RegistryMetrics, State, Times};

/// Writes the groups that had events, with the application's labels.
pub(super) fn write(text: &mut Text, registry: &RegistryMetrics, application: &Labels) {
    registry.read(|state| {
        for row in REGISTRY {
            write_row(text, row, state, application);
        }
    });
}

fn write_row(text: &mut Text, row: &RegistryRow, state: &State, application: &Labels) {
    let families = row.families();
    match row.source {
        RegistrySource::Operations { read, .. } => {
            write_operations(text, &families, read(state), application);
        }
        RegistrySource::Times { read, .. } => {
            let times = read(state);
            if times.any() {
                write_times(text, &families, [("", times)], application);
            }
        }
        RegistrySource::Value { read, .. } => {
            if let Some(value) = read(state) {
                begin(text, &families[0]);
                text.count(&families[0].name, application, Labels::none(), value);
            }
        }
        RegistrySource::Directory { read, .. } => {
            if !state.directories.is_empty() {
                begin(text, &families[0]);
            }
            for (interface, directory) in &state.directories {
                let interface = Labels::one("interface", interface);
                text.count(&families[0].name, application, &interface, read(directory));
            }
        }
    }
}

fn begin(text: &mut Text, family: &Family) {
    text.family(&family.name, family.kind, &family.help);
}

fn write_operations(
    text: &mut Text,
    families: &[Family],
    operations: &Operations,
    application: &Labels,
) {
    if operations.times.is_empty() {
        return;
    }
    let counts = operations.counts();
    let (counters, times) = families.split_at(counts.len());
    for (family, count) in counters.iter().zip(counts) {
        begin(text, family);
        text.count(&family.name, application, Labels::none(), count);
    }
    let by_interface = operations
        .times
        .iter()
        .map(|(interface, times)| (interface.as_str(), times));
    write_times(text, times, by_interface, application);
}

fn write_times<'a>(
    text: &mut Text,
    families: &[Family],
    by_interface: impl IntoIterator<Item = (&'a str, &'a Times), IntoIter: Clone>,
    application: &Labels,
) {
    let by_interface = by_interface.into_iter();
    for (place, family) in families.iter().enumerate() {
        begin(text, family);
        for (interface, times) in by_interface.clone() {
            let extra = if family.labels.contains(&"interface") {
                Labels::one("interface", interface)
            } else {
                Labels::default()
            };
            text.gauge(&family.name, application, &extra, times.millis()[place]);
        }
    }
}

#[cfg(test)]
mod tests;
