//! What an instance offers to a consumer.

use std::sync::Arc;

use crate::{MetadataInfo, ProviderEntry, Reference, instance::Instance, provider::weight};

/// Makes a provider of an instance whose metadata is known; nothing when it offers something else.
pub(super) fn described(
    reference: &Reference,
    application: &str,
    instance: &Instance,
    info: &MetadataInfo,
) -> Option<ProviderEntry> {
    let service = info.find(reference)?;
    let mut params = instance.params.clone();
    params.extend(service.params.clone());
    Some(ProviderEntry {
        host: instance.host.clone(),
        port: instance.port,
        application: application.to_owned(),
        interface: service.name.clone(),
        group: service.group.clone(),
        version: service.version.clone(),
        weight: weight(&params),
        listed: true,
        params: Arc::new(params),
    })
}

/// Makes a provider of an instance that can't tell what it offers.
pub(super) fn taken_as_it_is(
    reference: &Reference,
    application: &str,
    instance: &Instance,
) -> ProviderEntry {
    ProviderEntry {
        host: instance.host.clone(),
        port: instance.port,
        application: application.to_owned(),
        interface: reference.interface().to_owned(),
        group: reference.service_group().to_owned(),
        version: reference.service_version().to_owned(),
        weight: weight(&instance.params),
        listed: true,
        params: Arc::new(instance.params.clone()),
    }
}
