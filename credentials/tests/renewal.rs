//! Certificates that are replaced while they are in use: a pair that fits counts from the next connection on, and whatever is there meanwhile
//! changes nothing.
#![allow(clippy::unwrap_used)]
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use credentials::{Identity, ServerTls};
use test_servers::{Authority, Folder};

fn identity(folder: &Path) -> Identity {
    Identity {
        cert_file: folder.join("tls.crt"),
        key_file: folder.join("tls.key"),
    }
}

/// Puts a certificate of this authority, its key, and the authority into a folder.
fn issue(authority: &Authority, folder: &Path) {
    let issued = authority.issue("web.example", &["127.0.0.1"]);
    fs::create_dir_all(folder).unwrap();
    fs::copy(issued.cert, folder.join("tls.crt")).unwrap();
    fs::copy(issued.key, folder.join("tls.key")).unwrap();
    fs::copy(authority.file(), folder.join("ca.crt")).unwrap();
}

fn tls(folder: &Path) -> ServerTls {
    ServerTls::new(identity(folder), Some(folder.join("ca.crt")), &["h2"]).unwrap()
}

/// Kubernetes mounts a secret as links through `..data`, which it swaps for all files at once.
#[tokio::test]
async fn a_swapped_link_renews_certificate_key_and_authority() {
    let folder = Folder::new("renewal-");
    let mount = folder.path();
    issue(&Authority::new(), &mount.join("..first"));
    symlink("..first", mount.join("..data")).unwrap();
    for name in ["tls.crt", "tls.key", "ca.crt"] {
        symlink(Path::new("..data").join(name), mount.join(name)).unwrap();
    }
    let tls = tls(mount);
    let first = tls.config().await;
    assert!(Arc::ptr_eq(&first, &tls.config().await), "nothing changed");

    issue(&Authority::new(), &mount.join("..second"));
    symlink("..second", mount.join("..data_tmp")).unwrap();
    fs::rename(mount.join("..data_tmp"), mount.join("..data")).unwrap();
    fs::remove_dir_all(mount.join("..first")).unwrap();
    let second = tls.config().await;
    assert!(!Arc::ptr_eq(&first, &second), "the new files count");
    assert!(Arc::ptr_eq(&second, &tls.config().await));
}

#[tokio::test]
async fn files_that_do_not_fit_change_nothing_until_they_do() {
    let folder = Folder::new("renewal-");
    let (used, other) = (folder.path().join("used"), folder.path().join("other"));
    let authority = Authority::new();
    issue(&authority, &used);
    issue(&authority, &other);
    let tls = tls(&used);
    let first = tls.config().await;
    let (cert, key) = (used.join("tls.crt"), used.join("tls.key"));
    let (old_cert, old_key) = (fs::read(&cert).unwrap(), fs::read(&key).unwrap());
    let (new_cert, new_key) = (
        fs::read(other.join("tls.crt")).unwrap(),
        fs::read(other.join("tls.key")).unwrap(),
    );
    for (what, cert_bytes, key_bytes) in [
        ("a key of another certificate", &old_cert[..], &new_key[..]),
        ("a certificate of another key", &new_cert, &old_key),
        (
            "half a certificate",
            &new_cert[..new_cert.len() / 2],
            &new_key,
        ),
        ("half a key", &new_cert, &new_key[..new_key.len() / 2]),
        ("no certificate yet", b"", &new_key),
        ("no key yet", &new_cert, b""),
        ("the key in place of the certificate", &new_key, &new_key),
    ] {
        fs::write(&cert, cert_bytes).unwrap();
        fs::write(&key, key_bytes).unwrap();
        assert!(Arc::ptr_eq(&first, &tls.config().await), "{what}");
    }
    fs::remove_file(&key).unwrap();
    assert!(Arc::ptr_eq(&first, &tls.config().await), "no key");
    fs::write(&key, new_key).unwrap();
    fs::write(&cert, new_cert).unwrap();
    let second = tls.config().await;
    assert!(!Arc::ptr_eq(&first, &second), "a pair that fits counts");

    // Without its authority, a port would let every client in, or none.
    for wrong in [&b""[..], b"-----BEGIN CERTIFICATE-----\n"] {
        fs::write(used.join("ca.crt"), wrong).unwrap();
        assert!(Arc::ptr_eq(&second, &tls.config().await));
    }
    fs::copy(Authority::new().file(), used.join("ca.crt")).unwrap();
    assert!(!Arc::ptr_eq(&second, &tls.config().await));
}
