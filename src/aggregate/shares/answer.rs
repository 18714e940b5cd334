//! What consumers answer to invitations.

use crate::aggregate::grants::Change;

/// What a consumer answered.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) change: Change,
    pub(super) kind: AnswerKind,
}

impl Answer {
    pub(super) fn is_acceptance(&self) -> bool {
        self.kind == AnswerKind::Accepted
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnswerKind {
    Accepted,
    Rejected,
    Expired,
}
