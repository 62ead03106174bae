//! How a call ended.

/// The number of distinct codes that are counted: success, the wire codes 1 to 17, and everything else.
pub(crate) const CODES: usize = 19;
const OTHER: u8 = 18;

/// How one call ended: the number on the wire, and what kind of result that is.
///
/// Codes 0 to 16 are gRPC's, 17 is Dubbo's business error; every other number is kept as one "other" code, so that
/// a peer that invents codes cannot make series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Outcome(u8);

impl Outcome {
    /// The call succeeded (code 0).
    pub const SUCCESS: Self = Self(0);
    /// The call was cancelled: by its caller, or because its future or its stream was dropped (code 1).
    pub const CANCELLED: Self = Self(1);
    /// The call failed for an unknown reason (code 2).
    pub const UNKNOWN: Self = Self(2);
    /// The deadline passed before the call ended (code 4).
    pub const TIMEOUT: Self = Self(4);
    /// A limit refused the call (code 8).
    pub const LIMIT: Self = Self(8);
    /// The handler panicked (code 13).
    pub const INTERNAL: Self = Self(13);
    /// No provider could take the call (code 14).
    pub const UNAVAILABLE: Self = Self(14);
    /// The business code of the provider said no (code 17 of Dubbo).
    pub const BUSINESS: Self = Self(17);

    /// Returns the outcome for a number on the wire.
    pub const fn from_code(code: i64) -> Self {
        if code >= 0 && code < OTHER as i64 {
            Self(code as u8)
        } else {
            Self(OTHER)
        }
    }

    /// Returns the outcome of a plain HTTP response, by gRPC's mapping of HTTP statuses
    /// (<https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>), with 2xx as success.
    pub fn from_http_status(status: http::StatusCode) -> Self {
        match status.as_u16() {
            200..=299 => Self::SUCCESS,
            400 => Self::INTERNAL,
            401 => Self(16),
            403 => Self(7),
            404 => Self(12),
            429 | 502..=504 => Self::UNAVAILABLE,
            _ => Self::UNKNOWN,
        }
    }

    /// Returns the number on the wire, or none for a number that is neither gRPC's nor Dubbo's.
    pub const fn code(self) -> Option<u8> {
        if self.0 == OTHER { None } else { Some(self.0) }
    }

    /// Returns what kind of result this is.
    pub const fn kind(self) -> OutcomeKind {
        match self.0 {
            0 => OutcomeKind::Success,
            17 => OutcomeKind::Business,
            4 => OutcomeKind::Timeout,
            8 => OutcomeKind::Limit,
            7 | 14 => OutcomeKind::Unavailable,
            1 => OutcomeKind::Cancelled,
            _ => OutcomeKind::Unknown,
        }
    }

    /// Returns the name of the code, as gRPC's specification writes it: `NOT_FOUND`. Dubbo's 17 is `BUSINESS`, every other number `OTHER`.
    ///
    /// <https://grpc.github.io/grpc/core/md_doc_statuscodes.html>
    pub const fn name(self) -> &'static str {
        const NAMES: [&str; CODES] = [
            "OK",
            "CANCELLED",
            "UNKNOWN",
            "INVALID_ARGUMENT",
            "DEADLINE_EXCEEDED",
            "NOT_FOUND",
            "ALREADY_EXISTS",
            "PERMISSION_DENIED",
            "RESOURCE_EXHAUSTED",
            "FAILED_PRECONDITION",
            "ABORTED",
            "OUT_OF_RANGE",
            "UNIMPLEMENTED",
            "INTERNAL",
            "UNAVAILABLE",
            "DATA_LOSS",
            "UNAUTHENTICATED",
            "BUSINESS",
            "OTHER",
        ];
        NAMES[self.index()]
    }

    /// Returns whose fault a failure with this code is, or none for a success.
    ///
    /// The provider's are the codes that no caller can cause by what it asks for: 2, 4, 8, 13, 14, 15, and numbers that are neither
    /// gRPC's nor Dubbo's. A business error (17) is an answer of a handler that works.
    pub const fn fault(self) -> Option<Fault> {
        match self.0 {
            0 => None,
            2 | 4 | 8 | 13 | 14 | 15 | OTHER => Some(Fault::Provider),
            _ => Some(Fault::Caller),
        }
    }

    /// Returns every outcome, success first.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..=OTHER).map(Self)
    }

    pub(crate) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Whose fault a failed call is: what the caller asked for, or the provider and the way to it.
///
/// Budgets of a service count the provider's only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The caller's: it asked for what is not there or not allowed, it went away, or the business refused it.
    Caller,
    /// The provider's.
    Provider,
}

impl Fault {
    /// Returns the value of the label `fault`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Provider => "provider",
        }
    }
}

/// What kind of result an [`Outcome`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutcomeKind {
    /// Success: code 0.
    Success,
    /// The business said no: code 17.
    Business,
    /// The deadline passed: code 4.
    Timeout,
    /// A limit refused the call: code 8.
    Limit,
    /// No provider could or would take the call: codes 14 and 7.
    Unavailable,
    /// The caller went away: code 1, or a dropped call.
    Cancelled,
    /// Everything else.
    Unknown,
}

impl OutcomeKind {
    /// Every kind, success first.
    pub const ALL: [Self; 7] = [
        Self::Success,
        Self::Business,
        Self::Timeout,
        Self::Limit,
        Self::Unavailable,
        Self::Cancelled,
        Self::Unknown,
    ];

    /// Returns the value of the label `error_type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Business => "business",
            Self::Timeout => "timeout",
            Self::Limit => "limit",
            Self::Unavailable => "unavailable",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }
}

/// Counts per kind of result, as read at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcomes([u64; 7]);

impl Outcomes {
    /// Adds `count` calls of one kind.
    pub(crate) fn add(&mut self, kind: OutcomeKind, count: u64) {
        self.0[kind as usize] += count;
    }

    /// Returns the number of calls of one kind.
    pub fn of(&self, kind: OutcomeKind) -> u64 {
        self.0[kind as usize]
    }

    /// Returns the number of calls that ended.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Returns the number of calls that ended in any other way than success.
    pub fn failed(&self) -> u64 {
        self.total() - self.of(OutcomeKind::Success)
    }

    /// Returns what was added since an earlier reading of the same counters.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        Self(std::array::from_fn(|kind| {
            self.0[kind].saturating_sub(earlier.0[kind])
        }))
    }

    /// Adds another reading.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wire_code_has_the_kind_that_dubbo_gives_it() {
        let kinds = [
            (0, OutcomeKind::Success),
            (1, OutcomeKind::Cancelled),
            (2, OutcomeKind::Unknown),
            (4, OutcomeKind::Timeout),
            (7, OutcomeKind::Unavailable),
        ];
        let more = [
            (8, OutcomeKind::Limit),
            (13, OutcomeKind::Unknown),
            (14, OutcomeKind::Unavailable),
            (17, OutcomeKind::Business),
            (16, OutcomeKind::Unknown),
        ];
        for (code, kind) in kinds.into_iter().chain(more) {
            assert_eq!(Outcome::from_code(code).kind(), kind, "code {code}");
            assert_eq!(
                Outcome::from_code(code).code(),
                u8::try_from(code).ok(),
                "code {code}"
            );
        }
    }

    /// The table of `docs/metrics.md`: codes, names, and whose fault.
    #[test]
    fn only_six_codes_and_unknown_numbers_are_the_providers_fault() {
        let provider = [
            (2, "UNKNOWN"),
            (4, "DEADLINE_EXCEEDED"),
            (8, "RESOURCE_EXHAUSTED"),
            (13, "INTERNAL"),
            (14, "UNAVAILABLE"),
            (15, "DATA_LOSS"),
            (99, "OTHER"),
        ];
        let caller = [
            (1, "CANCELLED"),
            (3, "INVALID_ARGUMENT"),
            (5, "NOT_FOUND"),
            (6, "ALREADY_EXISTS"),
            (7, "PERMISSION_DENIED"),
            (9, "FAILED_PRECONDITION"),
            (10, "ABORTED"),
            (11, "OUT_OF_RANGE"),
            (12, "UNIMPLEMENTED"),
            (16, "UNAUTHENTICATED"),
            (17, "BUSINESS"),
        ];
        for (codes, fault) in [
            (&provider[..], Fault::Provider),
            (&caller[..], Fault::Caller),
        ] {
            for (code, name) in codes {
                let outcome = Outcome::from_code(*code);
                assert_eq!(
                    (outcome.name(), outcome.fault()),
                    (*name, Some(fault)),
                    "code {code}"
                );
            }
        }
        assert_eq!(provider.len() + caller.len() + 1, CODES, "every code");
        assert_eq!(
            (Outcome::SUCCESS.name(), Outcome::SUCCESS.fault()),
            ("OK", None)
        );
    }

    #[test]
    fn invented_codes_share_one_place() {
        for code in [-1, 18, 99, i64::MAX, i64::MIN] {
            assert_eq!(Outcome::from_code(code), Outcome(OTHER), "code {code}");
            assert_eq!(Outcome::from_code(code).code(), None, "code {code}");
            assert_eq!(
                Outcome::from_code(code).kind(),
                OutcomeKind::Unknown,
                "code {code}"
            );
        }
    }

    #[test]
    fn http_statuses_follow_grpc_mapping() {
        for (status, code) in [
            (200, 0),
            (204, 0),
            (400, 13),
            (401, 16),
            (403, 7),
            (404, 12),
            (429, 14),
            (503, 14),
            (500, 2),
        ] {
            let status = http::StatusCode::from_u16(status).unwrap();
            assert_eq!(
                Outcome::from_http_status(status),
                Outcome::from_code(code),
                "status {status}"
            );
        }
    }
}
