//! Links in the documents lead somewhere.

use std::fs;
use std::path::PathBuf;

use regex::Regex;
use testkit::{root, sorted};

use super::read;

/// All documents, with their path in the repository.
fn documents() -> Vec<(PathBuf, String)> {
    let mut names = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].map(PathBuf::from).to_vec();
    for path in sorted(&root().join("docs")) {
        names.push(path.strip_prefix(root()).unwrap().to_owned());
    }
    names.retain(|name| name.extension().is_some_and(|e| e == "md"));
    names.into_iter().map(|name| (name.clone(), read(name.to_str().unwrap()))).collect()
}

#[test]
fn links_lead_somewhere() {
    let link = Regex::new(r"\]\(([^)\s]+)\)").unwrap();
    let mut followed = 0;
    for (name, text) in documents() {
        for found in link.captures_iter(&text) {
            let target = &found[1];
            if target.starts_with("https://") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() { name.clone() } else { name.parent().unwrap().join(file) };
            let full = root().join(&path);
            assert!(full.exists(), "{}: {target} does not exist", name.display());
            if !anchor.is_empty() {
                let headings = fs::read_to_string(&full).unwrap();
                let headings: Vec<String> =
                    headings.lines().filter(|line| line.starts_with('#')).map(slug).collect();
                assert!(
                    headings.iter().any(|heading| heading == anchor),
                    "{}: no heading for {target}",
                    name.display()
                );
            }
            followed += 1;
        }
    }
    assert!(followed > 10, "links were found");
}

/// A heading's anchor, as GitHub makes it.
fn slug(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() })
        .collect()
}
