//! Registers and discovers Dubbo services in Dubbo's own formats on ZooKeeper.
//!
//! A provider hands a [`Registration`] to a [`Registry`] and holds an [`Announcement`]; a consumer hands it a
//! [`Reference`] and holds a [`Subscription`], the live list of [`ProviderEntry`] values. What the registry does is reported to an
//! [`Observer`]; what only an instance itself can tell is asked through a [`MetadataSource`]. [`MemoryRegistry`] does the
//! same within one process.
//!
//! ```
//! use dubbo_registry::{MemoryRegistry, Reference, Registration, Registry, ServiceInfo};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), dubbo_registry::Error> {
//! let registry = MemoryRegistry::new();
//! let service = ServiceInfo { interface: "greet.GreetService".into(), ..ServiceInfo::default() };
//! let provider = Registration::new("my-app", "10.0.0.1", 20000, vec![service])?;
//! let announcement = registry.register(provider);
//! announcement.done().await?;
//! let mut subscription = registry.subscribe(Reference::new("greet.GreetService")?);
//! assert_eq!(subscription.available().await?[0].address(), "10.0.0.1:20000");
//! announcement.withdraw().await?;
//! # Ok(())
//! # }
//! ```

mod announcement;
mod error;
mod instance;
mod malformed;
mod memory;
mod metadata;
mod name;
mod observer;
mod provider;
mod reference;
mod register_mode;
mod registration;
mod registry;
mod rules;
mod scrape_target;
mod subscription;
mod supervise;
mod zookeeper;

pub use announcement::Announcement;
pub use error::Error;
pub use malformed::Malformed;
pub use memory::MemoryRegistry;
pub use metadata::{MetadataError, MetadataInfo, MetadataRequest, MetadataSource, ServiceMetadata};
pub use observer::{Notification, Observer, SessionEvent};
pub use provider::{DEFAULT_WARMUP, DEFAULT_WEIGHT, ProviderEntry};
pub use reference::Reference;
pub use register_mode::RegisterMode;
pub use registration::{Registration, ServiceInfo};
pub use registry::Registry;
pub use rules::{Call, MethodSettings, Router, Rules, Settings};
pub use scrape_target::ScrapeTarget;
pub use subscription::Subscription;
pub use supervise::supervise;
pub use zookeeper::{Auth, NodeAccess, UnknownNodeAccess, ZooKeeperConfig, ZooKeeperRegistry};
