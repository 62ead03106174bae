//! HTTP/2 frames, made by hand, for what no client library would send (RFC 9113).

/// The preface, and the settings that must follow it.
pub(crate) fn opening() -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(Kind::Settings, 0, 0, &[]));
    bytes
}

/// The kinds of frames that are needed here.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum Kind {
    Data = 0,
    Headers = 1,
    Reset = 3,
    Settings = 4,
    Ping = 6,
    Continuation = 9,
}

/// Ends the headers.
pub(crate) const END_HEADERS: u8 = 4;

/// Returns one frame.
pub(crate) fn frame(kind: Kind, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a frame is short");
    let mut bytes = length.to_be_bytes()[1..].to_vec();
    bytes.extend([kind as u8, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Returns the header block of a call of the greeting method.
pub(crate) fn call() -> Vec<u8> {
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":authority", "localhost"),
        (":path", "/greet.GreetService/Greet"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ];
    fields
        .into_iter()
        .flat_map(|(name, value)| field(name, value))
        .collect()
}

/// Returns one header field, as a literal that no table remembers (RFC 7541, section 6.2.2).
pub(crate) fn field(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        bytes.extend(length(text.len()));
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// Returns a length, with seven bits in its first byte (RFC 7541, section 5.1).
fn length(mut length: usize) -> Vec<u8> {
    const MOST: usize = 127;
    if length < MOST {
        return vec![length as u8];
    }
    let mut bytes = vec![MOST as u8];
    length -= MOST;
    while length >= 128 {
        bytes.push((length % 128) as u8 | 128);
        length /= 128;
    }
    bytes.push(length as u8);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_written_as_in_the_rfc() {
        assert_eq!(length(10), [10]);
        // The example of section C.1.2 with seven instead of five bits: 1337 - 127 = 1210 = 9 * 128 + 58.
        assert_eq!(length(1337), [127, 128 + 58, 9]);
    }

    #[test]
    fn a_frame_begins_with_its_length() {
        assert_eq!(
            frame(Kind::Reset, 0, 5, &[0, 0, 0, 8]),
            [0, 0, 4, 3, 0, 0, 0, 0, 5, 0, 0, 0, 8]
        );
    }
}
