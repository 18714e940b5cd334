//! Counts as text for people.

/// A number with separators: `1,234,567`.
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with what it counts: `1 input`, `2 inputs`.
///
/// ```
/// # use keytrail::model::counted;
/// assert_eq!(["input", "KMS event"].map(|noun| counted(1, noun)), ["1 input", "1 KMS event"]);
/// assert_eq!(counted(0, "file"), "0 files");
/// assert_eq!(counted(1200, "KMS event"), "1,200 KMS events");
/// ```
pub fn counted(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", number(n), if n == 1 { "" } else { "s" })
}
