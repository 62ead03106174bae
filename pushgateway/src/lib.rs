//! A client of the Prometheus Pushgateway: grouping keys, access, PUT and DELETE.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use pushgateway::{Access, Gateway, GroupingKey};
//!
//! let gateway = Gateway::new(&Access::new("127.0.0.1:9091".parse()?))?;
//! let key = GroupingKey::new("backup").with("instance", "db-1:4711");
//! gateway.put(&key, "last_backup_timestamp_seconds 1.7e9\n").await?;
//! gateway.delete(&key).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Nothing in this crate prints a secret: user information is taken out of URLs when they are read, `Debug` leaves
//! credentials out, and errors name the gateway by its address alone. Feature `clap` adds the command-line options.

mod access;
mod address;
#[cfg(feature = "clap")]
mod args;
mod error;
mod gateway;
mod grouping_key;
mod mistake;
mod proxy;
mod tls;

pub use access::{Access, Credentials, DEFAULT_TIMEOUT, Tls};
pub use address::{Address, AddressError};
#[cfg(feature = "clap")]
pub use args::{ArgsError, GatewayArgs};
pub use credentials::{Identity, Secret};
pub use error::{Error, with_causes};
pub use gateway::{Answer, Gateway};
pub use grouping_key::GroupingKey;
