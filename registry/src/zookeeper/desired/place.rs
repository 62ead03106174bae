//! Our place in a folder, and what follows from an answer about it.

use super::super::node::Operation;

/// What is known of our place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Not looked at in this session.
    Unknown,
    /// We have had it in this session, and lost it so many times.
    Held { losses: u32 },
}

/// What follows from an answer.
#[derive(Debug)]
pub(super) enum Next {
    Perform(Operation),
    /// Read again.
    Again,
    /// Our place was taken or emptied after we had it; by this session, where it is taken.
    Rival {
        losses: u32,
        by: Option<i64>,
        operation: Operation,
    },
    Met,
}

impl Place {
    pub(super) fn held(self) -> Self {
        match self {
            Self::Unknown => Self::Held { losses: 0 },
            held => held,
        }
    }

    /// Takes the place: at once the first time, and as one among rivals when it was lost before.
    pub(super) fn claim(&mut self, by: Option<i64>, operation: Operation) -> Next {
        match self {
            Self::Unknown => Next::Perform(operation),
            Self::Held { losses } => {
                *losses += 1;
                Next::Rival {
                    losses: *losses,
                    by,
                    operation,
                }
            }
        }
    }
}
