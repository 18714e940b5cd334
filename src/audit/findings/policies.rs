//! Findings about key policies: the one in force at the end of the input.

use std::collections::{BTreeMap, BTreeSet};

use super::calls::{Calls, short};
use super::draft::Draft;
use super::rule::{FindingRule, FindingSeverity};
use crate::aggregate::RecordRef;
use crate::audit::policies::{PolicyLine, PolicyStatus};
use crate::model::Arn;
use crate::policy::{
    Condition, Effect, ElementTrait, Origin, PermissionKind, PermissionSet, Principals, Statement,
};

const KEY_POLICIES: &str = "https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html";
const OVERVIEW: &str = "https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-overview.html";
const RETIRING: &str = "https://docs.aws.amazon.com/kms/latest/developerguide/grant-delete.html";
const PRINCIPAL: &str =
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html";
const CANVAS: &str = "https://docs.aws.amazon.com/sagemaker/latest/dg/canvas-kms.html";
const FEATURE_STORE: &str = "https://docs.aws.amazon.com/sagemaker/latest/dg/feature-store-security.html";
const LEFT_OUT: &str =
    "IAM policies, service control policies and policies of keys that no record and no file shows.";

/// Reasons that a finding has.
const REASONS: usize = 5;

/// Condition keys that say who may call, or through what.
const LIMITS: [&str; 12] = [
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "kms:calleraccount",
];

/// The lines about policies that are in force at the end.
fn lines<'s>(seen: &'s Calls<'_>) -> impl Iterator<Item = &'s PolicyLine<'s>> {
    seen.context.policies.iter().filter(|line| line.version.until.is_none())
}

/// Key, place of the statement, and principal.
type PartOf<'s> = (&'s str, Option<usize>, Option<&'s str>);

/// The lines of one status by key, statement and principal: one finding for each.
fn by_part<'s>(
    seen: &'s Calls<'_>,
    is_wanted: impl Fn(&PolicyLine<'_>) -> bool,
) -> Vec<Vec<&'s PolicyLine<'s>>> {
    let mut parts: BTreeMap<PartOf<'_>, Vec<&PolicyLine<'_>>> = BTreeMap::new();
    for line in lines(seen).filter(|line| is_wanted(line)) {
        let place = line.statement.map(|(place, _)| place);
        parts.entry((line.key, place, line.principal.as_deref())).or_default().push(line);
    }
    parts.into_values().collect()
}

/// A finding about what these lines have in common.
fn draft(seen: &Calls<'_>, part: &[&PolicyLine<'_>], detail: String) -> Option<Draft> {
    let first = part.first()?;
    let mut draft = Draft::new(Some(first.key), first.principal.as_deref());
    // A Sid survives a change of the policy; a place may not.
    draft.subject = first.statement.map(|(place, statement)| statement.name(place - 1));
    draft.detail = detail;
    let set = match (&first.version.origin, first.version.from) {
        (Origin::Record { event_id, .. }, Some(time)) => draft.named(seen, time, event_id.as_deref()),
        _ => draft,
    };
    Some(part.iter().fold(set, |draft, line| match (line.records.times, &line.records.event_id) {
        (Some((first_time, _)), Some(id)) => match place_of(seen, line.key, id) {
            Some(record) => draft.record(record),
            None => draft.named(seen, first_time, Some(id)),
        },
        _ => draft,
    }))
}

/// Where the record with this id is, if it is the first or the last one of its kind.
fn place_of<'s>(seen: &'s Calls<'_>, key: &str, event_id: &str) -> Option<&'s RecordRef> {
    let rows = seen.keys.get(key)?.rows.iter();
    let mut ends = rows.flat_map(|row| [&row.span.first, &row.span.last]);
    ends.find(|record| record.event_id.as_deref() == Some(event_id))
}

/// The names of permissions of these lines.
fn permissions(part: &[&PolicyLine<'_>]) -> String {
    let names: Vec<&str> = part.iter().filter_map(|line| line.permission.as_deref()).collect();
    if names.is_empty() { "all of its permissions".to_owned() } else { names.join(", ") }
}

/// What these lines about permissions that were not used stand for.
fn unused(part: &[&PolicyLine<'_>]) -> String {
    let item = |line: &&PolicyLine<'_>| {
        let name = line.permission.as_deref()?;
        Some(match line.detail.as_deref() {
            // A pattern of which some permissions were used: "3 of its 5 permissions."
            Some(some) => format!("{} that {name} gives", some.trim_end_matches('.').replace("its ", "the ")),
            None if name.contains(['*', '?']) || name.contains(' ') => format!("anything that {name} gives"),
            None => name.to_owned(),
        })
    };
    let items: Vec<String> = part.iter().filter_map(item).collect();
    if items.is_empty() { "any of its permissions".to_owned() } else { items.join(", ") }
}

/// One statement of each key that the rule is about, and its lines.
fn statements<'s>(
    seen: &'s Calls<'_>,
    is_wanted: impl Fn(&PolicyLine<'_>, &Statement) -> bool,
) -> Vec<(&'s Statement, &'s PolicyLine<'s>)> {
    let mut found: BTreeMap<(&str, usize), (&Statement, &PolicyLine<'_>)> = BTreeMap::new();
    for line in lines(seen) {
        if let Some((place, statement)) = line.statement
            && is_wanted(line, statement)
        {
            found.entry((line.key, place)).or_insert((statement, line));
        }
    }
    found.into_values().collect()
}

/// Operators that hold only for some values of a key, and not where the key is absent. Those that
/// end in `IfExists`, negations, `Null` and `ForAllValues:` also hold for callers that nobody
/// thought of.
const LIMITING: [&str; 7] =
    ["arnequals", "arnlike", "bool", "ipaddress", "stringequals", "stringequalsignorecase", "stringlike"];

/// Negations of them: a `Deny` with one shuts out all whose value is another, or who have none.
const EXCLUDING: [&str; 6] = [
    "arnnotequals",
    "arnnotlike",
    "notipaddress",
    "stringnotequals",
    "stringnotequalsignorecase",
    "stringnotlike",
];

/// Whether a condition asks who calls or through what, with one of these operators.
fn asks_who(condition: &Condition, operator: &str, operators: &[&str]) -> bool {
    let is_everything =
        |value: &String| value.bytes().all(|b| b == b'*') || value == "0.0.0.0/0" || value == "::/0";
    LIMITS.contains(&&*condition.key().to_ascii_lowercase())
        && operators.contains(&operator)
        && !condition.values().iter().any(is_everything)
}

/// Whether a condition says who may call or through what.
fn limits_callers(condition: &Condition) -> bool {
    let operator = condition.operator().to_ascii_lowercase();
    let operator = operator.strip_prefix("foranyvalue:").unwrap_or(&operator);
    asks_who(condition, operator, &LIMITING)
}

/// Whether a condition of a `Deny` leaves out only those whom it names.
fn excludes_others(condition: &Condition) -> bool {
    let operator = condition.operator().to_ascii_lowercase();
    // A caller without the key is denied, too.
    let operator = operator.strip_suffix("ifexists").unwrap_or(&operator);
    asks_who(condition, operator, &EXCLUDING)
}

/// Whether a statement is about everybody, or all but some.
fn is_about_everybody(statement: &Statement) -> bool {
    let elements = statement.principals.elements();
    let names_everybody = elements.iter().any(|element| element.nature() == ElementTrait::Everybody);
    names_everybody == matches!(statement.principals, Principals::Listed(_))
}

/// Whether a statement names everybody, and no condition says who or through what.
fn is_public(statement: &Statement) -> bool {
    statement.effect == Effect::Allow
        && is_about_everybody(statement)
        // A key policy cannot let anybody retire a grant.
        && statement.permissions().iter().any(|permission| permission.name != "RetireGrant")
        && !statement.conditions.iter().any(limits_callers)
}

/// What a public statement gives everybody beside the statements that deny.
enum Given {
    /// Nothing: others deny it to all but some.
    Nothing,
    /// Perhaps nothing: this statement may deny it to all but some.
    Perhaps(String),
    Something,
}

fn given(statement: &Statement, policy: &[Statement]) -> Given {
    let (mut left, mut maybe_left) = (statement.permissions(), statement.permissions());
    let mut by = None;
    for (n, deny) in policy.iter().enumerate() {
        let is_every_key = deny
            .resources
            .as_ref()
            .is_some_and(|of| !of.is_negated && of.patterns.iter().any(|pattern| pattern == "*"));
        if deny.effect != Effect::Deny || !is_about_everybody(deny) {
            continue;
        }
        let shuts_out = |set: PermissionSet| set.complement().union(deny.permissions()).complement();
        let (who, others): (Vec<&Condition>, Vec<&Condition>) =
            deny.conditions.iter().partition(|condition| excludes_others(condition));
        let leaves_some = matches!(deny.principals, Principals::AllBut(_)) || !who.is_empty();
        if others.is_empty() && is_every_key {
            left = shuts_out(left);
        } else if leaves_some {
            by.get_or_insert_with(|| deny.name(n));
        } else {
            continue;
        }
        maybe_left = shuts_out(maybe_left);
    }
    let is_something = |set: PermissionSet| set.iter().any(|permission| permission.name != "RetireGrant");
    match by {
        _ if !is_something(left) => Given::Nothing,
        Some(by) if !is_something(maybe_left) => Given::Perhaps(by),
        _ => Given::Something,
    }
}

pub(super) const PUBLIC: FindingRule = FindingRule {
    id: "policy-public",
    severity: FindingSeverity::Critical,
    title: "Key policy that is for everybody",
    about: "A statement allows every principal in every account, and no condition says who may call: only what the \
        caller's own account allows is between them and the key. Where another statement denies it to all but some, \
        it is not for everybody; where that depends on further conditions, the finding is undecidable.",
    source: KEY_POLICIES,
    controls: "FSBP KMS.5, NIST AC-3, AC-6, PCI 7.2.1",
    cannot_know: LEFT_OUT,
    false_positives: "A key of test data.",
    remediation: "Name the principals, or add a condition on kms:CallerAccount or aws:PrincipalOrgID.",
    is_negative: false,
    find: |seen| {
        let found = statements(seen, |_, statement| is_public(statement)).into_iter();
        let draft = |(statement, line): (&Statement, &PolicyLine<'_>)| {
            let policy = line.version.policy.as_ref().map_or(&[][..], |policy| &policy.statements);
            let undecidable = match given(statement, policy) {
                Given::Nothing => return None,
                Given::Something => None,
                Given::Perhaps(by) => Some(format!(
                    "{by:?} may deny it to all but some: that depends on its conditions, or on its Resource."
                )),
            };
            let place = line.statement.map_or(1, |(place, _)| place);
            let detail = format!("{:?} allows everybody.", statement.name(place - 1));
            let mut draft = draft(seen, &[line], detail)?;
            draft.principal = None;
            draft.undecidable = undecidable;
            Some(draft)
        };
        found.filter_map(draft).collect()
    },
};

/// The account of the line's principal, if the key does not belong to it.
fn foreign_account<'s>(line: &'s PolicyLine<'_>) -> Option<&'s str> {
    let (_, statement) = line.statement?;
    let mut elements = statement.principals.elements().iter();
    let element = elements.find(|element| Some(element.text.as_str()) == line.principal.as_deref())?;
    let owner = Arn::parse(line.key)?.account;
    element.account().filter(|account| *account != owner)
}

pub(super) const WIDE: FindingRule = FindingRule {
    id: "policy-wide",
    severity: FindingSeverity::Medium,
    title: "Key policy that gives one principal use and administration",
    about: "A statement lets a principal other than the key's own account both use the key and change who may use \
        it (kms:*, or NotAction). To a principal of another account, it gives each use that works across accounts.",
    source: KEY_POLICIES,
    controls: "FSBP KMS.1, NIST AC-5, AC-6, PCI 7.2.2",
    cannot_know: LEFT_OUT,
    false_positives: "A key of one team that does both.",
    remediation: "Give administrators and users statements of their own; keytrail policy suggest writes one.",
    is_negative: false,
    find: |seen| {
        let is_wide = |line: &PolicyLine<'_>| {
            let Some((_, statement)) = line.statement else { return false };
            let set = statement.permissions();
            let owner = Arn::parse(line.key).map(|arn| arn.account);
            let element = statement
                .principals
                .elements()
                .iter()
                .find(|element| Some(element.text.as_str()) == line.principal.as_deref());
            let is_own_account = element.is_some_and(|element| {
                matches!(element.nature(), ElementTrait::Account(account) if owner.is_none_or(|owner| owner == account))
            });
            statement.effect == Effect::Allow
                && !is_own_account
                && !is_public(statement)
                && set.contains("PutKeyPolicy")
                && set.iter().any(|one| one.kind == PermissionKind::Use)
                && line.status != PolicyStatus::NoEffect
        };
        let draft = |part: Vec<&PolicyLine<'_>>| {
            let name = part.first()?.principal.as_deref().map_or("Everybody but some", short);
            let detail = match foreign_account(part.first()?) {
                None => format!("{name} may use the key and change its policy."),
                Some(account) => {
                    format!(
                        "{name} of account {account} may use the key in every way that works across accounts."
                    )
                }
            };
            draft(seen, &part, detail)
        };
        by_part(seen, is_wide).into_iter().filter_map(draft).collect()
    },
};

/// The line is about RetireGrant.
fn is_retire(line: &PolicyLine<'_>) -> bool {
    line.permission.as_deref() == Some("RetireGrant")
}

pub(super) const WITHOUT_EFFECT: FindingRule = FindingRule {
    id: "policy-without-effect",
    severity: FindingSeverity::Low,
    title: "Part of a key policy that has no effect",
    about: "KMS accepts it, and it allows nobody anything: a statement without Resource or Action, a principal that \
        is nobody or was deleted, a permission that no key policy can give, or none to another account; a \
        condition on what requests for the permission never have.",
    source: OVERVIEW,
    controls: "NIST AC-6, PCI 7.2.4",
    cannot_know: "What it was meant to allow.",
    false_positives: "None: it has no effect.",
    remediation: "Remove it, or write what was meant.",
    is_negative: false,
    find: |seen| {
        let parts = by_part(seen, |line| line.status == PolicyStatus::NoEffect && !is_retire(line));
        let draft = |part: Vec<&PolicyLine<'_>>| {
            let why: BTreeSet<&str> = part.iter().filter_map(|line| line.detail.as_deref()).collect();
            let why: Vec<&str> = why.into_iter().take(REASONS).collect();
            let detail = format!("{}: {}", permissions(&part), why.join(" "));
            draft(seen, &part, detail)
        };
        parts.into_iter().filter_map(draft).collect()
    },
};

pub(super) const RETIRE_GRANT: FindingRule = FindingRule {
    id: "policy-retire-grant",
    severity: FindingSeverity::Info,
    title: "kms:RetireGrant in a key policy",
    about: "Who may retire a grant, the grant says: its retiring principal, its grantee, and the account that made \
        it. A key policy has no say in it.",
    source: RETIRING,
    controls: "NIST AC-6",
    cannot_know: "What it was meant to allow.",
    false_positives: "None: it has no effect.",
    remediation: "Remove it. To end a grant by a policy, allow kms:RevokeGrant.",
    is_negative: false,
    find: |seen| {
        let parts = by_part(seen, |line| line.status == PolicyStatus::NoEffect && is_retire(line));
        let draft = |part: Vec<&PolicyLine<'_>>| {
            draft(seen, &part, "kms:RetireGrant has no effect in a key policy.".to_owned())
        };
        parts.into_iter().filter_map(draft).collect()
    },
};

pub(super) const CASE: FindingRule = FindingRule {
    id: "policy-case",
    severity: FindingSeverity::Medium,
    title: "Key policy that names a role in another case",
    about: "A caller's ARN differs from the one in the policy only in case. Policies compare names exactly, so the \
        caller is not named. Pages of AWS write AmazonSageMakerCanvasForecastRole, the role is called \
        AmazonSagemakerCanvasForecastRole.",
    source: PRINCIPAL,
    controls: "NIST AC-3, PCI 7.2.1",
    cannot_know: "Whether a role of the other name exists, too.",
    false_positives: "Two roles whose names differ in case cannot exist in one account.",
    remediation: "Write the ARN as aws iam get-role shows it.",
    is_negative: false,
    find: |seen| {
        let parts = by_part(seen, |line| line.status == PolicyStatus::DiffersInCase);
        let draft = |part: Vec<&PolicyLine<'_>>| {
            let detail = part.first()?.detail.clone().unwrap_or_default();
            draft(seen, &part, detail)
        };
        parts.into_iter().filter_map(draft).collect()
    },
};

pub(super) const MISSING: FindingRule = FindingRule {
    id: "policy-missing",
    severity: FindingSeverity::Medium,
    title: "Key policy that lacks what a workload needs",
    about: "AWS's page on the workload says that the role needs a permission in the key policy, the role calls with \
        the key, and the policy does not give it.",
    source: CANVAS,
    controls: "NIST AC-3",
    cannot_know: "Whether the workload needs it in this set-up: grants and IAM policies may do.",
    false_positives: "Work that the role does not do.",
    remediation: "Add it to the key policy; keytrail policy suggest writes the statement.",
    is_negative: false,
    find: |seen| {
        let parts = by_part(seen, |line| line.status == PolicyStatus::Missing);
        let draft = |part: Vec<&PolicyLine<'_>>| {
            let name = part.first()?.principal.as_deref().map_or("A role", short);
            let detail = format!("{name} lacks {} in the key policy.", permissions(&part));
            draft(seen, &part, detail)
        };
        parts.into_iter().filter_map(draft).collect()
    },
};

pub(super) const VIA_SERVICE: FindingRule = FindingRule {
    id: "policy-offline-store-via-sagemaker",
    severity: FindingSeverity::Medium,
    title: "Key of an offline store that only calls through SageMaker may use",
    about: "The key's policy asks that calls come through SageMaker (kms:ViaService). Amazon S3 calls for an offline \
        store, so its writes are refused. The condition is right for the key of an online store.",
    source: FEATURE_STORE,
    controls: "NIST AC-3",
    cannot_know: "Whether another statement or a grant allows the calls.",
    false_positives: "A key that an online store uses as well, with a statement of its own for the offline store.",
    remediation: "Write s3.REGION.amazonaws.com instead, or remove the condition.",
    is_negative: false,
    find: |seen| {
        let asks_for_sagemaker = |condition: &Condition| {
            let names_sagemaker = |value: &String| value.starts_with("sagemaker.");
            condition.key().eq_ignore_ascii_case("kms:ViaService")
                && condition.operator().to_ascii_lowercase().starts_with("string")
                && !condition.operator().to_ascii_lowercase().contains("not")
                && !condition.values().is_empty()
                && condition.values().iter().all(names_sagemaker)
        };
        let is_of_offline_store = |key: &str| seen.context.offline_store_keys.contains(key);
        let found = statements(seen, |line, statement| {
            statement.effect == Effect::Allow
                && is_of_offline_store(line.key)
                && statement.conditions.iter().any(asks_for_sagemaker)
        });
        let draft = |(statement, line): (&Statement, &PolicyLine<'_>)| {
            let place = line.statement.map_or(1, |(place, _)| place);
            let name = statement.name(place - 1);
            let mut draft = draft(seen, &[line], format!("{name:?} asks for kms:ViaService of SageMaker."))?;
            draft.principal = None;
            Some(draft)
        };
        found.into_iter().filter_map(draft).collect()
    },
};

pub(super) const NOT_USED: FindingRule = FindingRule {
    id: "policy-not-used",
    severity: FindingSeverity::Low,
    title: "Permissions of a key policy that nobody used",
    about: "A statement of the policy in force allows a principal permissions, and no call in the input used them.",
    source: KEY_POLICIES,
    controls: "FSBP KMS.1, NIST AC-6, PCI 7.2.4, SOC 2 CC6.3, ISO A.5.18",
    cannot_know: "What will be needed: CreateGrant and DescribeKey are rare by nature, and S3 Bucket Keys and cached \
        data keys hide uses.",
    false_positives: "Break-glass roles, administrators.",
    remediation: "Ask the owner; keytrail policy suggest writes a policy without them.",
    is_negative: true,
    find: |seen| {
        let parts = by_part(seen, |line| {
            line.status == PolicyStatus::AllowedNotUsed
                && line.statement.is_some_and(|(_, one)| {
                    one.permissions().iter().any(|one| one.kind == PermissionKind::Use)
                })
        });
        let draft = |part: Vec<&PolicyLine<'_>>| {
            let first = part.first()?;
            let name = first.principal.as_deref().map_or("Those who are not listed", short);
            let detail = format!("{name} did not use {}.", unused(&part));
            let mut draft = draft(seen, &part, detail)?;
            draft.undecidable = seen.narrowed().or_else(|| seen.not_recorded(first.key, None));
            Some(draft)
        };
        parts.into_iter().filter_map(draft).collect()
    },
};
