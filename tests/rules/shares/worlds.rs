//! Small worlds against a naive reading.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{CONSUMER, OTHER, OWNER, REGION, analyze, call, failed, pipeline, share_arn, text, with};

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// What happens in a world, in the order of time: no two things within one second.
#[derive(Debug, Clone)]
enum Step {
    Create { share: usize, resource: usize, principal: &'static str },
    Associate { share: usize, resource: Option<usize>, principal: Option<&'static str> },
    Disassociate { share: usize, resource: Option<usize>, principal: Option<&'static str> },
    Delete { share: usize },
    Accept { share: usize, account: &'static str },
    Use { resource: usize, account: &'static str, is_refused: bool },
}

fn world(dice: &mut Dice) -> Vec<(i64, Step)> {
    let mut second = 0;
    (0..4 + dice.below(14))
        .map(|_| {
            second += 1 + dice.below(1200) as i64;
            let (share, resource) = (dice.below(2), dice.below(2));
            let account = dice.one(&[CONSUMER, OTHER]);
            let step = match dice.below(8) {
                0 => Step::Create { share, resource, principal: account },
                1 => {
                    let principal = (dice.below(2) == 0).then_some(account);
                    let resource = (principal.is_none() || dice.below(2) == 0).then_some(resource);
                    Step::Associate { share, resource, principal }
                }
                2 => {
                    let principal = (dice.below(2) == 0).then_some(account);
                    Step::Disassociate { share, resource: principal.is_none().then_some(resource), principal }
                }
                3 => Step::Delete { share },
                4 => Step::Accept { share, account },
                _ => Step::Use { resource, account, is_refused: dice.below(4) == 0 },
            };
            (second, step)
        })
        .collect()
}

fn record(n: usize, second: i64, step: &Step) -> Value {
    let resources = |resource: &Option<usize>| resource.map(|n| vec![pipeline(n)]);
    let principals = |principal: &Option<&str>| principal.map(|account| vec![account.to_owned()]);
    match step {
        Step::Create { share, resource, principal } => call(
            n,
            second,
            OWNER,
            "ram",
            "CreateResourceShare",
            json!({"name": "s", "resourceArns": [pipeline(*resource)], "principals": [principal]}),
            json!({"resourceShare": {"resourceShareArn": share_arn(*share), "owningAccountId": OWNER}}),
        ),
        Step::Associate { share, resource, principal }
        | Step::Disassociate { share, resource, principal } => {
            let name = match step {
                Step::Associate { .. } => "AssociateResourceShare",
                _ => "DisassociateResourceShare",
            };
            let request = json!({
                "resourceShareArn": share_arn(*share),
                "resourceArns": resources(resource), "principals": principals(principal),
            });
            call(n, second, OWNER, "ram", name, request, json!({}))
        }
        Step::Delete { share } => {
            let request = json!({"resourceShareArn": share_arn(*share)});
            call(n, second, OWNER, "ram", "DeleteResourceShare", request, json!({"returnValue": true}))
        }
        Step::Accept { share, account } => call(
            n,
            second,
            account,
            "ram",
            "AcceptResourceShareInvitation",
            json!({"resourceShareInvitationArn": format!("arn:aws:ram:{REGION}:{OWNER}:resource-share-invitation/i")}),
            json!({"resourceShareInvitation": {
                "resourceShareArn": share_arn(*share), "senderAccountId": OWNER, "receiverAccountId": account,
            }}),
        ),
        Step::Use { resource, account, is_refused } => {
            let request = json!({"pipelineName": pipeline(*resource)});
            let made = call(n, second, account, "sagemaker", "DescribePipeline", request, Value::Null);
            if *is_refused { failed(made, "AccessDenied") } else { made }
        }
    }
}

/// A resource and a consumer of a share: whether it ended, was accepted, is used; how often used,
/// refused, used too late.
type Expected = BTreeMap<(usize, String, String), (String, i64, i64, i64)>;

/// What a person would say who reads the steps.
fn naive(steps: &[(i64, Step)]) -> Expected {
    let mut expected = Expected::new();
    for share in 0..2 {
        let touches = |step: &Step, of: usize| match step {
            Step::Create { share, .. }
            | Step::Associate { share, .. }
            | Step::Disassociate { share, .. }
            | Step::Delete { share }
            | Step::Accept { share, .. } => *share == of,
            Step::Use { .. } => false,
        };
        if !steps.iter().any(|(_, step)| touches(step, share)) {
            continue;
        }
        // All times in which something is in the share. Known only from its end: since ever.
        let span = |is_put: &dyn Fn(&Step) -> bool, is_taken: &dyn Fn(&Step) -> bool, is_named: bool| {
            let (mut from, mut until, mut is_known, mut past) = (None, None, is_named, Vec::new());
            for (second, step) in steps.iter().filter(|(_, step)| touches(step, share)) {
                if is_put(step) {
                    if until.is_some() {
                        past.push((from, until));
                        (from, until) = (Some(*second), None);
                    }
                    from = from.or(Some(*second));
                    is_known = true;
                }
                if is_taken(step) {
                    until = until.or(Some(*second));
                    is_known = true;
                }
            }
            past.push((from, until));
            is_known.then_some(past)
        };
        let created = steps.iter().find(|(_, s)| matches!(s, Step::Create { share: n, .. } if *n == share));
        let created = created.map(|(second, _)| *second);
        let deleted = steps.iter().find(|(_, s)| matches!(s, Step::Delete { share: n } if *n == share));
        let deleted = deleted.map(|(second, _)| *second);
        let empty = if created.is_some() { "none" } else { "unknown" };
        let mut resources = Vec::new();
        for n in 0..2 {
            let put = |step: &Step| match step {
                Step::Create { resource, .. } => *resource == n,
                Step::Associate { resource, .. } => *resource == Some(n),
                _ => false,
            };
            let taken =
                |step: &Step| matches!(step, Step::Disassociate { resource, .. } if *resource == Some(n));
            resources.extend(span(&put, &taken, false).map(|span| (pipeline(n), Some(n), span)));
        }
        if resources.is_empty() {
            resources.push((empty.to_owned(), None, vec![(None, None)]));
        }
        let mut principals = Vec::new();
        for account in [CONSUMER, OTHER] {
            let put = |step: &Step| match step {
                Step::Create { principal, .. } => *principal == account,
                Step::Associate { principal, .. } => *principal == Some(account),
                _ => false,
            };
            let taken = |step: &Step| matches!(step, Step::Disassociate { principal, .. } if *principal == Some(account));
            let is_answered = steps.iter().any(
                |(_, s)| matches!(s, Step::Accept { share: n, account: of } if *n == share && *of == account),
            );
            principals.extend(span(&put, &taken, is_answered).map(|span| (account, is_answered, span)));
        }
        if principals.is_empty() {
            principals.push((empty, false, vec![(None, None)]));
        }
        for (name, n, of_resource) in &resources {
            for (account, is_answered, of_principal) in &principals {
                let (last_of_resource, last_of_principal) =
                    (of_resource[of_resource.len() - 1], of_principal[of_principal.len() - 1]);
                let begin =
                    last_of_resource.0.max(last_of_principal.0).is_none().then_some(created).flatten();
                let whole = vec![(begin, deleted)];
                let is_in_force = |second: i64| {
                    let is_in = |(from, until): &(Option<i64>, Option<i64>)| {
                        from.is_none_or(|from| from <= second)
                            && until.is_none_or(|until| second <= until + 15 * 60)
                    };
                    [of_resource, of_principal, &whole].iter().all(|periods| periods.iter().any(is_in))
                };
                let until = [deleted, last_of_resource.1, last_of_principal.1].into_iter().flatten().min();
                let (mut uses, mut refused, mut late) = (0, 0, 0);
                for (second, step) in steps {
                    let Step::Use { resource, account: by, is_refused } = step else { continue };
                    // Somebody who is not known may be anybody.
                    let is_by = by == account || *account == "unknown";
                    if Some(*resource) != *n || !is_by {
                        continue;
                    }
                    match (is_refused, is_in_force(*second)) {
                        (true, is_in_force) => refused += i64::from(is_in_force),
                        (false, true) => uses += 1,
                        (false, false) => late += i64::from((0..*second).any(is_in_force)),
                    }
                }
                let state = match () {
                    () if until.is_some() => "ended",
                    () if uses > 0 => "effective",
                    () if *is_answered => "accepted",
                    () => "requested",
                };
                let row = (state.to_owned(), uses, refused, late);
                expected.insert((share, name.clone(), (*account).to_owned()), row);
            }
        }
    }
    expected
}

#[test]
fn shares_are_what_a_naive_reading_gives() {
    let mut dice = Dice(16);
    for _ in 0..60 {
        let steps = world(&mut dice);
        let mut records: Vec<Value> =
            steps.iter().enumerate().map(|(n, (second, step))| record(n, *second, step)).collect();
        // Some are delivered twice; some have a copy in the other account.
        for n in 0..records.len() {
            match dice.below(4) {
                0 => records.push(records[n].clone()),
                1 => {
                    records[n]["sharedEventID"] = json!(format!("shared{n}"));
                    let copy = json!({"eventID": format!("copy{n}"), "recipientAccountId": OWNER});
                    records.push(with(records[n].clone(), copy));
                }
                _ => {}
            }
        }
        for n in (1..records.len()).rev() {
            records.swap(n, dice.below(n + 1));
        }
        let number = |row: &Value, name: &str| row[name].as_i64().unwrap();
        let found: Expected = analyze(&records)
            .shares()
            .iter()
            .map(|row| {
                let share = usize::from(text(row, "share_arn") == share_arn(1));
                let name = (share, text(row, "resource_arn").to_owned(), text(row, "consumer").to_owned());
                let counts = ["use_count", "refused_count", "late_use_count"].map(|name| number(row, name));
                (name, (text(row, "state").to_owned(), counts[0], counts[1], counts[2]))
            })
            .collect();
        assert_eq!(found, naive(&steps), "{steps:#?}");
    }
}
