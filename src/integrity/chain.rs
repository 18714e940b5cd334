//! Judges digests: each by its signature, and by what its neighbours in the chain say of it.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::keys::PublicKeys;
use super::name::{ChainKey, Found};
use super::signatures::Signatures;
use crate::model::{Digest, IntegrityReason, IntegrityStatus, RecordedPlace, bytes_from_hex};

/// A digest of the input, judged.
#[derive(Debug)]
pub(super) struct JudgedDigest {
    /// Its URI.
    pub(super) archive: Arc<str>,
    pub(super) digest: Digest,
    pub(super) chain: ChainKey,
    pub(super) status: IntegrityStatus,
    pub(super) reason: Option<IntegrityReason>,
    /// The digest that names it.
    pub(super) named_by: Option<usize>,
    /// Where its public key comes from.
    pub(super) key_source: Option<Arc<str>>,
}

/// Signatures that are tried of one digest. Honest digests have one or two.
const SIGNATURES: usize = 64;
/// Digests at one place that are compared with the hash that the next one has for it.
const COPIES: usize = 256;

/// Judges digests, each with its URI. They are returned chain by chain, in the order of their
/// times.
pub(super) fn judge(
    found: Vec<(Arc<str>, Digest)>,
    keys: &PublicKeys,
    signatures: &Signatures,
) -> Vec<JudgedDigest> {
    let mut digests: Vec<JudgedDigest> = found
        .into_iter()
        .map(|(archive, digest)| JudgedDigest {
            archive,
            chain: ChainKey::of(&digest.place, digest.account_id.as_deref()),
            digest,
            status: IntegrityStatus::Unverifiable,
            reason: None,
            named_by: None,
            key_source: None,
        })
        .collect();
    digests.sort_by(|a, b| {
        let order = |judged: &JudgedDigest| (judged.digest.end, judged.digest.start);
        (&a.chain, order(a), &a.digest.place, &a.archive).cmp(&(
            &b.chain,
            order(b),
            &b.digest.place,
            &b.archive,
        ))
    });
    let neighbours = Neighbours::of(&digests);
    for at in 0..digests.len() {
        let claims = neighbours.claims(&digests, at);
        let verdict = signature(&digests[at], &claims, keys, signatures);
        let judged = &mut digests[at];
        judged.named_by = neighbours.after(&judged.digest.place).first().copied();
        judged.key_source = keys.get(&judged.digest.fingerprint).map(|key| key.source.clone());
        (judged.status, judged.reason) = verdict;
    }
    compare_hashes(&mut digests, &neighbours);
    note_joints(&mut digests, &neighbours);
    digests
}

/// Which digests are at a place, and which name it as that of the one before them.
struct Neighbours {
    at: HashMap<RecordedPlace, Vec<usize>>,
    after: HashMap<RecordedPlace, Vec<usize>>,
}

impl Neighbours {
    fn of(digests: &[JudgedDigest]) -> Self {
        let (mut at, mut after) = (HashMap::<_, Vec<usize>>::new(), HashMap::<_, Vec<usize>>::new());
        for (n, judged) in digests.iter().enumerate() {
            at.entry(judged.digest.place.clone()).or_default().push(n);
            if let Some(place) = previous_place(&judged.digest) {
                after.entry(place.clone()).or_default().push(n);
            }
        }
        Self { at, after }
    }

    fn at(&self, place: &RecordedPlace) -> &[usize] {
        self.at.get(place).map_or(&[], Vec::as_slice)
    }

    /// The digests that name the one at `place`.
    fn after(&self, place: &RecordedPlace) -> &[usize] {
        self.after.get(place).map_or(&[], Vec::as_slice)
    }

    /// The signatures that later digests give for this one.
    fn claims<'d>(&self, digests: &'d [JudgedDigest], n: usize) -> BTreeSet<&'d str> {
        let after = self.after(&digests[n].digest.place).iter().take(COPIES);
        let claims =
            after.filter_map(|next| Some(digests[*next].digest.previous.as_ref()?.signature.as_str()));
        claims.take(SIGNATURES).collect()
    }
}

fn previous_place(digest: &Digest) -> Option<&RecordedPlace> {
    digest.previous.as_ref()?.place.as_ref()
}

/// What CloudTrail signs.
pub(super) fn signed_text(digest: &Digest) -> String {
    let RecordedPlace { bucket, object } = &digest.place;
    let before = digest.previous.as_ref().map_or("null", |previous| previous.signature.as_str());
    format!("{}\n{bucket}/{object}\n{}\n{before}", digest.end_text, digest.sha256)
}

/// What its own bytes and its signature say of a digest.
fn signature(
    judged: &JudgedDigest,
    claims: &BTreeSet<&str>,
    keys: &PublicKeys,
    given: &Signatures,
) -> (IntegrityStatus, Option<IntegrityReason>) {
    use {IntegrityReason as Why, IntegrityStatus as Is};
    let JudgedDigest { archive, digest, .. } = judged;
    if digest.has_more_members {
        return (Is::Invalid, Some(Why::TrailingData));
    }
    if Found::at(archive, &digest.place) == Found::InAnotherFolder {
        return (Is::Invalid, Some(Why::Moved));
    }
    if digest.other_algorithm.is_some() {
        return (Is::Unverifiable, Some(Why::OtherAlgorithm));
    }
    let Some(key) = keys.get(&digest.fingerprint) else {
        return (Is::Unverifiable, Some(if keys.is_empty() { Why::NoKeys } else { Why::UnknownKey }));
    };
    if !key.is_usable() {
        return (Is::Unverifiable, Some(Why::UnusableKey));
    }
    let text = signed_text(digest);
    let confirms = |signature: &str| {
        bytes_from_hex(signature).is_some_and(|signature| key.confirms(text.as_bytes(), &signature))
    };
    let own: Vec<&str> = digest.signature.as_deref().into_iter().chain(given.named(&digest.place)).collect();
    let mut claimed = own.iter().copied().chain(claims.iter().copied());
    // With more claims than are tried, the right one may be among the others.
    let is_refuted = !own.is_empty() || (1..SIGNATURES).contains(&claims.len());
    if claimed.any(confirms) || given.others().any(confirms) {
        // A backfill digest is signed later than the hour that it is of.
        return match judged.chain.is_backfill || key.is_valid_at(digest.end) {
            true => (Is::Valid, None),
            false => (Is::Unverifiable, Some(Why::KeyExpired)),
        };
    }
    match is_refuted {
        true => (Is::Invalid, Some(Why::SignatureMismatch)),
        false => (Is::Unverifiable, Some(Why::NoSignature)),
    }
}

/// Compares each digest with the hash that the next one has for it.
fn compare_hashes(digests: &mut [JudgedDigest], neighbours: &Neighbours) {
    let (is_valid, is_invalid) = (
        |judged: &JudgedDigest| judged.status == IntegrityStatus::Valid,
        |judged: &JudgedDigest| judged.status == IntegrityStatus::Invalid,
    );
    let mut blamed = BTreeSet::new();
    // Two passes: what the first one finds invalid cannot blame another.
    let mut confirmed = BTreeSet::new();
    let recorded = |judged: &JudgedDigest| {
        let previous = judged.digest.previous.as_ref()?;
        Some((previous.place.clone()?, previous.sha256?))
    };
    for judged in digests.iter().filter(|judged| !is_invalid(judged)) {
        let Some((place, hash)) = recorded(judged) else { continue };
        let fitting =
            neighbours.at(&place).iter().take(COPIES).filter(|at| digests[**at].digest.sha256 == hash);
        confirmed.extend(fitting.copied());
    }
    for (n, judged) in digests.iter().enumerate() {
        let Some((place, hash)) = recorded(judged) else { continue };
        let before = || neighbours.at(&place).iter().copied().take(COPIES);
        let fits = before().any(|at| digests[at].digest.sha256 == hash);
        if !fits && before().any(|at| is_valid(&digests[at]) || confirmed.contains(&at)) {
            blamed.insert(n);
        } else if !is_invalid(judged) {
            let differs = |at: &usize| digests[*at].digest.sha256 != hash && !is_valid(&digests[*at]);
            blamed.extend(before().filter(differs).filter(|at| !confirmed.contains(at)));
        }
    }
    for n in blamed {
        if !is_invalid(&digests[n]) {
            digests[n].status = IntegrityStatus::Invalid;
            digests[n].reason = Some(IntegrityReason::PreviousHashMismatch);
        }
    }
}

/// Notes where a chain starts or is not joined, and digests that are not at their place, with those
/// that have no other reason.
fn note_joints(digests: &mut [JudgedDigest], neighbours: &Neighbours) {
    for n in 0..digests.len() {
        let judged = &digests[n];
        let before = previous_place(&judged.digest).map_or(&[][..], |place| neighbours.at(place));
        let joins = before.iter().take(COPIES).any(|at| digests[*at].digest.end == judged.digest.start);
        let reason = if !before.is_empty() && !joins {
            Some(IntegrityReason::NotJoined)
        } else if judged.digest.previous.is_none() {
            Some(IntegrityReason::StartsChain)
        } else if Found::at(&judged.archive, &judged.digest.place) == Found::Elsewhere {
            Some(IntegrityReason::LocationDiffers)
        } else {
            None
        };
        digests[n].reason = digests[n].reason.or(reason);
    }
}
