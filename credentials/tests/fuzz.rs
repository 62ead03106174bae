//! Damaged files of certificates, keys and passwords: each is used or refused with its name, and no text of an error shows what it holds.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use credentials::{
    Authorities, ClientTls, Identity, Secret, SecretSource, ServerTls, certificates,
};
use test_servers::{Authority, Folder, fuzz};

/// What is in the files, and where damaged forms of it are put.
struct Files {
    cert: Vec<u8>,
    key: Vec<u8>,
    authority: Vec<u8>,
    folder: Folder,
    whole: Identity,
    ca_file: PathBuf,
}

impl Files {
    fn new(authority: &Authority) -> Self {
        let issued = authority.issue("web.example", &["127.0.0.1"]);
        let read = |path: &Path| fs::read(path).expect("it was issued");
        Self {
            cert: read(&issued.cert),
            key: read(&issued.key),
            authority: read(&authority.file()),
            folder: Folder::new("fuzz-"),
            whole: Identity {
                cert_file: issued.cert,
                key_file: issued.key,
            },
            ca_file: authority.file(),
        }
    }

    /// Writes a damaged file.
    fn put(&self, data: &[u8]) -> PathBuf {
        let path = self.folder.path().join("damaged");
        fs::write(&path, data).expect("the folder is writable");
        path
    }
}

/// An error names the file, and shows nothing of it.
fn is_discreet(error: &dyn Error, data: &[u8]) {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    assert!(text.contains("damaged"), "{text}");
    for line in data
        .split(|byte| *byte == b'\n')
        .filter(|line| line.len() > 20)
    {
        let shown = text.as_bytes().windows(line.len()).any(|part| part == line);
        assert!(!shown || line.starts_with(b"-----"), "{text}");
    }
}

#[test]
fn certificates_and_keys() {
    let authority = Authority::new();
    let files = Files::new(&authority);
    let documents: [&[u8]; 3] = [&files.cert, &files.key, &files.authority];
    fuzz("certificates and keys", &documents, |data| {
        let path = files.put(data);
        if let Err(error) = certificates(&path) {
            is_discreet(&error, data);
        }
        let with_cert = Identity {
            cert_file: path.clone(),
            ..files.whole.clone()
        };
        let with_key = Identity {
            key_file: path.clone(),
            ..files.whole.clone()
        };
        for identity in [with_cert, with_key] {
            let server = ServerTls::new(identity.clone(), None, &["h2"]);
            let trusted = Authorities::File(files.ca_file.clone());
            let client = ClientTls::new(trusted, Some(identity), &["h2"]);
            for error in [server.err(), client.err()].into_iter().flatten() {
                is_discreet(&error, data);
            }
        }
        let asking = ServerTls::new(files.whole.clone(), Some(path.clone()), &["h2"]);
        let trusting = ClientTls::new(Authorities::File(path), None, &["h2"]);
        for error in [asking.err(), trusting.err()].into_iter().flatten() {
            is_discreet(&error, data);
        }
    });
}

#[test]
fn passwords() {
    const SOURCE: SecretSource = SecretSource {
        variable: "FUZZ_PASS",
        option: "--pass-file",
    };
    let folder = Folder::new("fuzz-");
    let path = folder.path().join("damaged");
    fuzz(
        "passwords",
        &[b"correct horse\n", b"\xff\xfe", b"\r\n"],
        |data| {
            fs::write(&path, data).unwrap();
            match Secret::file(&path) {
                Ok(secret) => {
                    let text = secret.read_now().unwrap();
                    assert!(!text.ends_with(['\r', '\n']));
                    assert!(data.starts_with(text.as_bytes()));
                    assert_eq!(format!("{secret:?}"), "Secret(..)");
                }
                Err(error) => {
                    let is_secret = |text: &str| !text.trim_end_matches(['\r', '\n']).is_empty();
                    assert!(
                        !std::str::from_utf8(data).is_ok_and(is_secret),
                        "text is read"
                    );
                    is_discreet(&error, data);
                }
            }
            if let Err(error) = SOURCE.find_in(|_| None, Some(&path)) {
                is_discreet(&error, data);
            }
        },
    );
}
