//! "Did you mean": the name that is most like one that does not exist.

/// The name that is most like `name`: at most every third character differs. Upper and lower case
/// are the same.
pub(super) fn most_similar<'n>(name: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let limit = name.chars().count() / 3;
    let distances = names.into_iter().map(|other| (distance(name, other), other));
    distances
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// The Levenshtein distance: how many characters have to be inserted, removed or replaced.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.to_lowercase().chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_if_it_is_near() {
        let names = ["KEYTRAIL_REGION", "KEYTRAIL_RULES", "KEYTRAIL_FAIL_ON"];
        assert_eq!(most_similar("KEYTRAIL_REGIONS", names), Some("KEYTRAIL_REGION"));
        assert_eq!(most_similar("keytrail_failon", names), Some("KEYTRAIL_FAIL_ON"));
        assert_eq!(most_similar("KEYTRAIL_QWERTYUIOP", names), None);
        assert_eq!((distance("", "abc"), distance("kitten", "sitting"), distance("a", "A")), (3, 3, 0));
    }
}
