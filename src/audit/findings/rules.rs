//! The list of all rules of findings.

use super::calls::FindingContext;
use super::finding::Findings;
use super::rule::FindingRule;
use super::{canvas, grants, keys, parameters, policies, shared_uses, shares, trails, uses};

/// All rules, those of the worst findings first.
pub const FINDING_RULES: &[&FindingRule] = &[
    &keys::PENDING_DELETION,
    &keys::DELETED,
    &policies::PUBLIC,
    &keys::DISABLED,
    &keys::SEQUENCE_TO_DELETE,
    &parameters::LOCKOUT_BYPASSED,
    &grants::EXTERNAL,
    &uses::NEW_ACCOUNT,
    &trails::STOPPED,
    &trails::EXCLUDES_KMS,
    &shares::UNTRUSTED,
    &shares::WIDE_POLICY,
    &shares::USED_AFTER_END,
    &shared_uses::CHANGED_BY_OTHERS,
    &policies::CASE,
    &policies::MISSING,
    &policies::VIA_SERVICE,
    &policies::WIDE,
    &canvas::KEY_MISMATCH,
    &keys::DEAD_KEY,
    &keys::ROTATION_OFF,
    &parameters::SHORTEST_WINDOW,
    &grants::STALE,
    &grants::ORPHANED,
    &grants::USED_AFTER_END,
    &grants::QUOTA_NEAR,
    &shared_uses::FOREIGN_RUNS,
    &shared_uses::UNEXPLAINED,
    &shared_uses::REFUSED_BY_KMS,
    &shared_uses::STORE_MISFIT,
    &shares::PERMISSION_CHANGED,
    &shares::PROMOTION_FAILED,
    &uses::ADMIN_WHO_USES,
    &uses::NEW_REGION,
    &policies::NOT_USED,
    &policies::WITHOUT_EFFECT,
    &grants::WIDE,
    &grants::UNCONSTRAINED,
    &shares::NOT_DISCOVERABLE,
    &shares::INVITATION_OPEN,
    &shares::NEVER_USED,
    &shares::EXTERNAL_BY_DEFAULT,
    &uses::NEW_PRINCIPAL,
    &uses::NEW_ADDRESS,
    &keys::REFUSED,
    &policies::RETIRE_GRANT,
    &shares::NEVER_PROMOTED,
    &keys::ROTATION_ON,
];

/// The rule with this id.
pub fn finding_rule(id: &str) -> Option<&'static FindingRule> {
    FINDING_RULES.iter().copied().find(|rule| rule.id == id)
}

/// What all rules find, the worst first.
pub fn find(context: FindingContext<'_>) -> Findings {
    Findings::of(FINDING_RULES, context)
}
