//! What digests say of the files of an input.

/// Declares an enum whose variants have a name in reports and a sentence for people.
macro_rules! named {
    (
        $(#[$meta:meta])*
        $name:ident { $( $(#[$doc:meta])* $variant:ident = $text:literal: $words:literal ),* $(,)? }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum $name { $( $(#[$doc])* $variant, )* }

        impl $name {
            /// All of them, in the order of the documentation.
            pub const ALL: &[Self] = &[ $( Self::$variant, )* ];

            /// The value in reports.
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text, )* }
            }

            /// The same for people.
            pub fn in_words(self) -> &'static str {
                match self { $( Self::$variant => $words, )* }
            }

            /// All of them as a Markdown table, as in `docs/integrity.md`.
            pub fn markdown(head: &str) -> String {
                let row = |value: &Self| format!("| `{}` | {} |\n", value.as_str(), value.in_words());
                let rows: String = Self::ALL.iter().map(row).collect();
                format!("| {head} | meaning |\n|---|---|\n{rows}")
            }
        }
    };
}

named! {
    /// What is known of a file's integrity: the columns `status` of `integrity.parquet` and
    /// `integrity` of other tables.
    IntegrityStatus {
        /// It is unchanged since CloudTrail wrote it, if the public key is CloudTrail's.
        Valid = "valid": "unchanged since CloudTrail wrote it, by a signature that the public key confirms",
        /// It is not what CloudTrail wrote.
        Invalid = "invalid": "not what CloudTrail wrote",
        /// Nothing contradicts it, and no signature confirms it.
        Unverifiable = "unverifiable": "no signature confirms it",
        /// A digest names it, and it is not in the input.
        Missing = "missing": "named by a digest, and not in the input",
        /// A log file of a time that digests cover, in none of them.
        Unlisted = "unlisted": "of a time that digests cover, and in none of them",
        /// A log file behind the newest digest.
        NotYetCovered = "not_yet_covered": "newer than the newest digest",
        /// No digest covers it.
        NoDigest = "no_digest": "no digest covers it",
    }
}

named! {
    /// Why a file has its status: the column `reason` of `integrity.parquet`.
    IntegrityReason {
        /// A digest that starts a chain: CloudTrail names none before it.
        StartsChain = "starts_chain": "the first digest of its chain",
        /// A digest whose time does not begin where that of the digest before it ends.
        NotJoined = "not_joined": "its time does not begin where that of the digest before it ends",
        /// Its name or folder is not the recorded one. What it holds is what was signed.
        LocationDiffers = "location_differs": "it is not at the place that was recorded",
        /// A digest in another folder below `AWSLogs` than the one that it names itself.
        Moved = "moved": "the digest was moved from its original location",
        /// A file named like a digest that is none, or not one that can be read.
        InvalidFormat = "invalid_format": "it is not a digest file that can be read",
        /// It is damaged: not all of its content can be decompressed.
        Damaged = "damaged": "it is damaged: not all of its content can be decompressed",
        /// Something follows the first gzip member, which is all that CloudTrail writes.
        TrailingData = "trailing_data": "something was appended: bytes follow the end of the compressed stream",
        /// The signature and the file do not fit each other.
        SignatureMismatch = "signature_mismatch": "the signature does not fit the digest",
        /// The digest after it has another hash for it.
        PreviousHashMismatch = "previous_hash_mismatch":
            "its hash and the one that a neighbour in the chain recorded differ",
        /// Its content does not have the hash that the digest lists.
        HashMismatch = "hash_mismatch": "its hash is not the one that the digest lists",
        /// No public keys were given.
        NoKeys = "no_keys": "no public keys were given",
        /// No public key with the digest's fingerprint was given.
        UnknownKey = "unknown_key": "no public key with its fingerprint was given",
        /// The public key was not valid at the end of the digest's hour.
        KeyExpired = "key_expired": "its public key was not valid at that time",
        /// The public key has fewer than 2,048 bits or is no RSA key.
        UnusableKey = "unusable_key": "its public key is no RSA key of 2,048 bits or more",
        /// The signature is of another kind than SHA256withRSA.
        OtherAlgorithm = "other_algorithm": "it is signed in another way than SHA256withRSA",
        /// No signature of it is known: the newest digest of a chain, or the next one is missing.
        NoSignature = "no_signature": "its signature is not in the input",
        /// A log file whose hash is right in a digest that no signature confirms.
        DigestUnverifiable = "digest_unverifiable": "its hash is right, but no signature confirms the digest",
        /// A log file that only invalid digests list or cover.
        DigestInvalid = "digest_invalid": "the digest that covers it is invalid",
        /// A log file of a time whose digest is missing.
        DigestMissing = "digest_missing": "the digest of its time is missing",
        /// A log file of a time in which no trail made digests.
        BetweenChains = "between_chains": "no trail made digests at that time",
        /// A log file before the first digest.
        BeforeFirstDigest = "before_first_digest": "it is older than the first digest",
        /// A log file some hours or more after the last digest.
        AfterLastDigest = "after_last_digest": "digests end before it",
        /// No digest of its account and Region.
        OtherScope = "other_scope": "there are no digests of its account and Region",
        /// Its name is not one that CloudTrail gives, and no digest lists its content.
        OtherName = "other_name": "its name is not CloudTrail's, and no digest lists its content",
        /// It was not hashed, since no digest had been seen when it was read.
        NotHashed = "not_hashed": "it was read before the first digest and not hashed: use --hash",
        /// Its name is derived from those of its neighbours: digests come every hour.
        NameDerived = "name_derived": "its name follows from those of its neighbours",
        /// The digest before the oldest one in the input.
        BeforeInput = "before_input": "it comes before the oldest digest in the input",
    }
}
