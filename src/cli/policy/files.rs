//! Policies that the user names as files.

use std::path::Path;

use crate::cli::error::CliError;
use crate::cli::plan;
use keytrail::model::{Arn, error_chain};
use keytrail::policy::{AWS_RAM, GivenPolicy, PastedPolicy, PolicyTarget};
use keytrail::report::printable;

/// Reads `[KEY=]FILE` arguments of `--policy`.
pub(super) fn given_policies(arguments: &[String]) -> Result<Vec<GivenPolicy>, CliError> {
    let given: Vec<GivenPolicy> =
        arguments.iter().map(|text| given_policy(text)).collect::<Result<_, _>>()?;
    // The policy that AWS RAM manages stands beside another.
    let is_for_all = |one: &&GivenPolicy| {
        one.target == PolicyTarget::EveryKey && one.pasted.name.as_deref() != Some(AWS_RAM)
    };
    let mut for_all = given.iter().filter(is_for_all).map(|one| one.file.as_str());
    if let (Some(first), Some(second)) = (for_all.next(), for_all.next()) {
        return Err(CliError::Usage(format!(
            "--policy {first} and {second} do not say which keys they are for; write --policy KEY=FILE"
        )));
    }
    Ok(given)
}

fn given_policy(argument: &str) -> Result<GivenPolicy, CliError> {
    let (key, path) = match argument.split_once('=') {
        Some((key, path)) if is_key(key) => (Some(key.to_owned()), path),
        _ => (None, argument),
    };
    let (file, text) = plan::read(Path::new(path))?;
    let pasted = PastedPolicy::parse(&text).map_err(|error| {
        CliError::Usage(format!("--policy {file} is not a key policy: {}", error_chain(&error)))
    })?;
    let key = key.or_else(|| named_key(&pasted)).or_else(|| id_in_name(path));
    Ok(GivenPolicy { file, target: key.map_or(PolicyTarget::EveryKey, PolicyTarget::Key), pasted })
}

/// Whether what stands before `=` names a key.
fn is_key(text: &str) -> bool {
    Arn::parse(text).is_some_and(|arn| arn.service == "kms" && arn.resource.starts_with("key/"))
        || !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The only key that all statements name as their Resource.
fn named_key(pasted: &PastedPolicy) -> Option<String> {
    let statements = &pasted.policy.statements;
    let resources = statements.iter().filter_map(|statement| statement.resources.as_ref());
    let mut arns = resources.flat_map(|resources| &resources.patterns).filter(|text| {
        Arn::parse(text).is_some_and(|arn| arn.service == "kms" && arn.resource.starts_with("key/"))
            && !text.contains(['*', '?'])
    });
    let first = arns.next()?;
    arns.all(|other| other == first).then(|| first.clone())
}

/// The id of a key in the name of a file.
fn id_in_name(path: &str) -> Option<String> {
    let name = Path::new(path).file_stem()?.to_str()?;
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_id = |text: &&str| match text.strip_prefix("mrk-") {
        Some(rest) => rest.len() == 32 && is_hex(rest),
        None => {
            let parts: Vec<&str> = text.split('-').collect();
            parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12]) && parts.into_iter().all(is_hex)
        }
    };
    let is_part_of_id = |character: char| character.is_ascii_alphanumeric() || character == '-';
    name.split(|character| !is_part_of_id(character)).find(is_id).map(str::to_owned)
}

/// Nothing names a key that is asked for; `place`: the input, or a report.
pub(super) fn no_such_key(key: &str, place: &str) -> CliError {
    CliError::Usage(format!("--key {}: no record of the {place} names this key", printable(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_may_hold_the_id_of_a_key() {
        let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
        for (name, found) in [
            (format!("policies/{id}.json"), Some(id)),
            (format!("key_{id}_default.json"), Some(id)),
            (
                "mrk-1234abcd12ab34cd56ef1234567890ab.txt".to_owned(),
                Some("mrk-1234abcd12ab34cd56ef1234567890ab"),
            ),
            ("policy.json".to_owned(), None),
            (format!("x{id}.json"), None),
        ] {
            assert_eq!(id_in_name(&name).as_deref(), found, "{name}");
        }
    }

    #[test]
    fn what_stands_before_an_equals_sign_may_be_part_of_a_path() {
        assert!(is_key("1234abcd-12ab-34cd-56ef-1234567890ab"));
        assert!(is_key("arn:aws:kms:us-west-2:111122223333:key/1234"));
        assert!(!is_key("day/x"));
        assert!(!is_key(""));
    }
}
