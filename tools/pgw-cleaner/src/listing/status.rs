//! When the gateway was started, by its own clock: `GET /api/v1/status`.

use std::time::{Duration, SystemTime};

use http::StatusCode;
use pushgateway::Gateway;
use serde::Deserialize;

use super::ListingError;

/// The longest answer that is read; a gateway's own has some kilobytes.
const LONGEST: usize = 1024 * 1024;

#[derive(Deserialize)]
struct Status {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    start_time: String,
}

/// Returns when the gateway was started, in time since 1970: zero where it does not tell (before 1.1), and `now` where what it tells
/// cannot be read, so that nothing is judged as old.
pub(super) async fn started(
    gateway: &Gateway,
    deadline: Duration,
    now: Duration,
) -> Result<Duration, ListingError> {
    let asked = gateway.get("/api/v1/status", "application/json", deadline);
    let mut answer = match asked.await {
        Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => return Ok(Duration::ZERO),
        answer => answer?,
    };
    let mut text = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        text.extend_from_slice(&chunk);
        if text.len() > LONGEST {
            break;
        }
    }
    Ok(parse(&text).unwrap_or_else(|| {
        tracing::warn!(
            "/api/v1/status of the Pushgateway does not tell when it was started: no group counts as silent"
        );
        now
    }))
}

fn parse(text: &[u8]) -> Option<Duration> {
    let Status {
        data: Data { start_time },
    } = serde_json::from_slice(text).ok()?;
    since_1970(&start_time)
}

/// Reads a time as Go writes it: RFC 3339 in the gateway's own time zone.
fn since_1970(text: &str) -> Option<Duration> {
    let parse = |text: &str| {
        let time = humantime::parse_rfc3339(text).ok()?;
        time.duration_since(SystemTime::UNIX_EPOCH).ok()
    };
    if text.ends_with('Z') {
        return parse(text);
    }
    let (local, zone) = text.split_at_checked(text.len().checked_sub("+00:00".len())?)?;
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let ahead =
        Duration::from_secs((hours.parse::<u64>().ok()? * 60 + minutes.parse::<u64>().ok()?) * 60);
    let local = parse(&format!("{local}Z"))?;
    match zone.as_bytes().first()? {
        b'+' => local.checked_sub(ahead),
        b'-' => local.checked_add(ahead),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_is_read_in_every_time_zone() {
        for text in [
            "2023-11-14T22:13:20.5Z",
            "2023-11-14T22:13:20.500000001Z",
            "2023-11-14T23:13:20.5+01:00",
            "2023-11-15T03:43:20.5+05:30",
            "2023-11-14T14:13:20.5-08:00",
        ] {
            let answer = format!(
                r#"{{"status":"success","data":{{"build_information":{{}},"flags":{{}},"start_time":"{text}"}}}}"#
            );
            let started = parse(answer.as_bytes()).unwrap();
            assert_eq!(started.as_millis(), 1_700_000_000_500, "{text}");
        }
    }

    #[test]
    fn what_tells_no_start_is_refused() {
        for text in [
            "",
            "[]",
            r#"{"status":"success","data":[]}"#,
            r#"{"data":{"start_time":"yesterday"}}"#,
            r#"{"data":{"start_time":""}}"#,
            r#"{"data":{"start_time":"2023-11-14T22:13:20ü01:00"}}"#,
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }
}
