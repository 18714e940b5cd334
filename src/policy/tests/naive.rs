//! A second evaluator of whole policies, written the slow, obvious way on the texts of a document,
//! and every small world.
//!
//! It knows everything about a caller, so it has no third value. What a record leaves open, it
//! tries in every way: the verdict on the record is decided exactly when all of these agree. Only
//! where two statements are open, it may stay open although they agree.

use std::collections::BTreeSet;

use super::*;

const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/R/S";
const USER: &str = "arn:aws:iam::111122223333:user/U";

/// A caller of whom everything is known.
#[derive(Debug, Clone, Default)]
struct Caller {
    /// ARN of the role or user; empty: a service or the root user.
    arn: &'static str,
    account: &'static str,
    session: &'static str,
    id: &'static str,
    service: &'static str,
    is_root: bool,
    has_boundary: bool,
    /// `aws:PrincipalTag/Team`, which no record shows.
    team: &'static str,
}

/// How a statement is about a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Not,
    Directly,
    Account,
}

impl Caller {
    /// The caller with both values of each member that no record shows.
    fn in_every_way(self) -> Vec<Self> {
        let may_have_boundary = !self.arn.is_empty();
        let boundaries = if may_have_boundary { vec![false, true] } else { vec![false] };
        let ways = boundaries.into_iter().flat_map(|has_boundary| {
            (if self.service.is_empty() { ["red", "blue"] } else { [""; 2] }).map(|team| Self {
                has_boundary,
                team,
                ..self.clone()
            })
        });
        ways.collect()
    }

    fn is_called(&self, name: &str) -> How {
        let of_account = |account: &str| match () {
            () if self.account != account => How::Not,
            () if self.is_root => How::Directly,
            () => How::Account,
        };
        if let Some(account) = name.strip_prefix("arn:aws:iam::").and_then(|rest| rest.strip_suffix(":root"))
        {
            return of_account(account);
        }
        if name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_digit()) {
            return of_account(name);
        }
        let session = match self.arn.rsplit('/').next() {
            Some(role) if !self.session.is_empty() => {
                format!("arn:aws:sts::{}:assumed-role/{role}/{}", self.account, self.session)
            }
            _ => String::new(),
        };
        let is_one = name == "*"
            || !self.arn.is_empty() && name == self.arn
            || !session.is_empty() && name == session
            || !self.id.is_empty() && name == self.id
            || !self.service.is_empty() && name == self.service;
        if is_one { How::Directly } else { How::Not }
    }
}

/// The texts of a member that has one or several.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(items) => items.iter().flat_map(texts).collect(),
        Value::Object(members) => members.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

/// Whether a pattern whose only wildcard is at its end matches, in any case.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    match pattern.strip_suffix('*') {
        Some(start) => text.starts_with(start),
        None => pattern == text,
    }
}

fn applies(statement: &Value, caller: &Caller, action: &str) -> How {
    let is_meant = |member: &str| {
        let action = format!("kms:{action}");
        statement.get(member).map(|patterns| texts(patterns).iter().any(|pattern| matches(pattern, &action)))
    };
    let concerns_action = is_meant("Action").or(is_meant("NotAction").map(|is_meant| !is_meant));
    let is_key = |text: &String| text == "*" || text == KEY;
    let concerns_key = statement.get("Resource").is_some_and(|texts_of| texts(texts_of).iter().any(is_key));
    if concerns_action != Some(true) || !concerns_key {
        return How::Not;
    }
    let is_allow = statement["Effect"] == "Allow";
    // KMS ignores both in a key policy.
    if is_allow && (action == "RetireGrant" || action == "ScheduleKeyDeletion" && is_foreign(caller)) {
        return How::Not;
    }
    for (key, value) in [("aws:RequestedRegion", "us-west-2"), ("aws:PrincipalTag/Team", caller.team)] {
        let wanted = &statement["Condition"]["StringEquals"][key];
        if !wanted.is_null() && wanted != value {
            return How::Not;
        }
    }
    let how = match statement.get("NotPrincipal") {
        None => {
            let all: Vec<How> =
                texts(&statement["Principal"]).iter().map(|name| caller.is_called(name)).collect();
            let best = [How::Directly, How::Account].into_iter().find(|how| all.contains(how));
            best.unwrap_or(How::Not)
        }
        Some(listed) => {
            let listed = texts(listed);
            let has = |name: &str| listed.iter().any(|one| one == name);
            let account = format!("arn:aws:iam::{}:root", caller.account);
            let role = caller.arn.rsplit('/').next().unwrap_or_default();
            let session = format!("arn:aws:sts::{}:assumed-role/{role}/{}", caller.account, caller.session);
            let is_left_out = match () {
                () if !caller.session.is_empty() => has(&account) && has(caller.arn) && has(&session),
                () if !caller.arn.is_empty() => has(&account) && has(caller.arn),
                () if caller.is_root => has(&account),
                () => has(caller.service),
            };
            if is_left_out && !caller.has_boundary { How::Not } else { How::Directly }
        }
    };
    // Whoever denies an account denies all in it.
    if how == How::Account && !is_allow { How::Directly } else { how }
}

fn is_foreign(caller: &Caller) -> bool {
    !caller.account.is_empty() && caller.account != "111122223333"
}

fn naive(statements: &[&Value], caller: &Caller, action: &str) -> &'static str {
    let found: Vec<(bool, How)> = statements
        .iter()
        .map(|statement| (statement["Effect"] == "Allow", applies(statement, caller, action)))
        .collect();
    match () {
        () if found.contains(&(false, How::Directly)) => "denies",
        () if found.contains(&(true, How::Directly)) => "allows",
        () if found.contains(&(true, How::Account)) => "by account",
        () => "not",
    }
}

/// Records of callers, each with all that it may stand for.
fn callers() -> Vec<(Principal<'static>, Vec<Caller>)> {
    let of_role = |arn, session| Caller {
        arn,
        account: "111122223333",
        session,
        id: "AROAEXAMPLE",
        ..Caller::default()
    };
    let without_session = Principal { session_name: None, ..role() };
    let mut without_path = role();
    without_path.name = "arn:aws:iam::111122223333:role/R".into();
    let elsewhere =
        Caller { arn: "arn:aws:iam::444455556666:role/F", account: "444455556666", ..Caller::default() };
    let user_known = Caller { arn: USER, account: "111122223333", ..Caller::default() };
    let root_known = Caller { account: "111122223333", is_root: true, ..Caller::default() };
    let service_known = Caller { service: "sagemaker.amazonaws.com", ..Caller::default() };
    let list = vec![
        (role(), vec![of_role(ROLE, "S")]),
        (without_session, vec![of_role(ROLE, "S"), of_role(ROLE, "T")]),
        (without_path, vec![of_role(ROLE, "S"), of_role("arn:aws:iam::111122223333:role/R", "S")]),
        (user(), vec![user_known]),
        (root(), vec![root_known]),
        (foreign(), vec![Caller { session: "X", ..elsewhere }]),
        (service(), vec![service_known]),
    ];
    let list = list.into_iter().map(|(mut caller, known)| {
        // The record of this role shows its session, of which no statement knows.
        if caller.account_id.as_deref() == Some("444455556666") {
            caller.session_name = Some("X".into());
        }
        (caller, known.into_iter().flat_map(Caller::in_every_way).collect())
    });
    list.collect()
}

/// Every statement of a small vocabulary.
fn statements() -> Vec<Value> {
    let principals = [
        ("Principal", json!("*")),
        ("Principal", json!({"AWS": ROOT})),
        ("Principal", json!({"AWS": "444455556666"})),
        ("Principal", json!({"AWS": [ROLE, USER]})),
        ("Principal", json!({"AWS": SESSION})),
        ("Principal", json!({"AWS": "AROAEXAMPLE"})),
        ("Principal", json!({"Service": "sagemaker.amazonaws.com"})),
        ("Principal", json!({"AWS": "arn:aws:iam::111122223333:role/team/*"})),
        ("NotPrincipal", json!({"AWS": [ROOT, ROLE, SESSION, USER], "Service": "sagemaker.amazonaws.com"})),
    ];
    let actions =
        [("Action", json!("kms:*")), ("Action", json!(["kms:desc*"])), ("NotAction", json!("KMS:decrypt"))];
    let equals = |key: &str, value: &str| json!({"StringEquals": {key: value}});
    let conditions =
        [Value::Null, equals("aws:RequestedRegion", "eu-west-1"), equals("aws:PrincipalTag/Team", "red")];
    let mut all = Vec::new();
    for effect in ["Allow", "Deny"] {
        for (member, principal) in &principals {
            // KMS no longer accepts it: the verdict on it is open.
            if (effect, *member) == ("Allow", "NotPrincipal") {
                continue;
            }
            for (verb, action) in &actions {
                for condition in &conditions {
                    let mut statement = json!({"Effect": effect, "Resource": "*"});
                    statement[*member] = principal.clone();
                    statement[*verb] = action.clone();
                    if !condition.is_null() {
                        statement["Condition"] = condition.clone();
                    }
                    all.push(statement);
                }
            }
        }
    }
    all
}

fn check(statements: &[&Value], parsed: &Policy, callers: &[(KmsEvent<'static>, Vec<Caller>)]) {
    for (event, known) in callers {
        let found = match parsed.judge(&Request::of(event)[0]).verdict {
            Verdict::Allows => Some("allows"),
            Verdict::Denies => Some("denies"),
            Verdict::ByAccount => Some("by account"),
            Verdict::NotByThisPolicy => Some("not"),
            Verdict::Undecidable(_) => None,
        };
        let of = |statements: &[&Value]| -> BTreeSet<&str> {
            known.iter().map(|one| naive(statements, one, &event.name)).collect()
        };
        let expected = of(statements);
        // What two statements leave open may be the same thing: it is not looked for.
        let is_open = |statement: &&&Value| of(&[**statement]).len() > 1;
        let refuses = found == Some("not") && expected.iter().all(|one| ["denies", "not"].contains(one));
        if (found.is_none() || refuses) && statements.iter().filter(is_open).count() > 1 {
            continue;
        }
        let expected = match expected.len() {
            1 => expected.first().copied(),
            // That the policy does not allow it is decided, whether it denies it or not.
            _ if expected == BTreeSet::from(["denies", "not"]) => Some("not"),
            _ => None,
        };
        assert_eq!(found, expected, "{statements:#?} {:#?} {}", event.principal, event.name);
    }
}

#[test]
fn whole_policies_mean_what_a_slow_evaluator_says() {
    let all = statements();
    let parsed = policy(Value::from(all.clone()));
    let calls: Vec<(KmsEvent<'static>, Vec<Caller>)> = ["Decrypt", "ScheduleKeyDeletion"]
        .into_iter()
        .flat_map(|api| callers().into_iter().map(move |(caller, known)| (call(api, caller), known)))
        .collect();
    for (first, n) in all.iter().zip(0..) {
        for (second, m) in all.iter().zip(0..=n) {
            let statements = vec![parsed.statements[n].clone(), parsed.statements[m].clone()];
            check(&[first, second], &Policy { statements, ..Policy::default() }, &calls);
        }
    }
}

/// Statements that lack a member, or are about another key, have no effect.
#[test]
fn single_statements_without_effect_are_seen_by_both() {
    let calls: Vec<_> = ["Decrypt", "RetireGrant"]
        .into_iter()
        .flat_map(|api| callers().into_iter().map(move |(caller, known)| (call(api, caller), known)))
        .collect();
    for resource in
        [json!(KEY), json!("*"), json!("arn:aws:kms:us-west-2:111122223333:key/other"), Value::Null]
    {
        for mut statement in statements() {
            match &resource {
                Value::Null => drop(statement.as_object_mut().unwrap().remove("Resource")),
                resource => statement["Resource"] = resource.clone(),
            }
            check(&[&statement], &policy(json!([statement])), &calls);
        }
    }
}
