//! Words in every case, for searches with vector instructions.

/// A word in every spelling of upper and lower case.
pub(super) fn any_case(word: &str) -> impl Iterator<Item = Vec<u8>> {
    let letters = word.as_bytes();
    (0u32..1 << letters.len()).map(move |upper| {
        let spell = |(n, letter): (usize, &u8)| {
            if upper >> n & 1 == 1 { letter.to_ascii_uppercase() } else { *letter }
        };
        letters.iter().enumerate().map(spell).collect()
    })
}
