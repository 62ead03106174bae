//! The client against a real Pushgateway.

mod access;
mod keys;
mod mistakes;
mod tls;

use pushgateway::{Access, Gateway};

/// Makes a client of an address with no credentials but those of its URL.
fn client(url: &str) -> Gateway {
    Gateway::new(&Access::new(url.parse().expect("the test gives a URL")))
        .expect("no file is involved")
}
