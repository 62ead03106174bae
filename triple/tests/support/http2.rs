//! HTTP/2 frames, made and read by hand, for what no client library would send (RFC 9113).

/// What an HTTP/2 client begins with.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Flags of frames.
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// A frame as a peer has sent it.
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

/// Takes the whole frames from what a client has sent.
pub(crate) fn take(bytes: &mut Vec<u8>) -> Vec<Frame> {
    if bytes.starts_with(PREFACE) {
        bytes.drain(..PREFACE.len());
    } else if PREFACE.starts_with(bytes) {
        return Vec::new();
    }
    let mut frames = Vec::new();
    while let [a, b, c, kind, flags, d, e, f, g, rest @ ..] = &bytes[..] {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let Some(payload) = rest.get(..length) else {
            break;
        };
        frames.push(Frame {
            kind: *kind,
            flags: *flags,
            stream: u32::from_be_bytes([*d, *e, *f, *g]),
            payload: payload.to_vec(),
        });
        bytes.drain(..9 + length);
    }
    frames
}

/// A literal field without indexing: RFC 7541, section 6.2.2.
pub(crate) fn field(name: &str, value: &[u8]) -> Vec<u8> {
    let mut field = vec![0];
    for text in [name.as_bytes(), value] {
        let mut length = text.len();
        if length < 127 {
            field.push(length as u8);
        } else {
            field.push(127);
            length -= 127;
            while length >= 128 {
                field.push(length as u8 | 128);
                length >>= 7;
            }
            field.push(length as u8);
        }
        field.extend(text);
    }
    field
}

/// A frame: RFC 9113, section 4.1.
pub(crate) fn frame(bytes: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    bytes.extend(&(payload.len() as u32).to_be_bytes()[1..]);
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
}
