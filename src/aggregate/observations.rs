//! Properties of the selected events that limit what the numbers prove.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::selected::Selected;
use crate::model::{KeyOrigin, Outcome, Strength, is_masked};

/// Declares each property once: its field, and how an event shows it.
macro_rules! observations {
    ($( $(#[$meta:meta])* $field:ident: $has:expr; )*) => {
        /// How many of the selected events have each property. Unit: events.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[non_exhaustive]
        pub struct Observations {
            $( $(#[$meta])* pub $field: u64, )*
            /// Calls of which the input has only the key owner's copy, which may not name the
            /// caller's role.
            pub owner_copy_only: u64,
            /// Events that were replaced by a correction which is only in archives of other
            /// accounts.
            pub foreign_corrections: u64,
            /// With `--trust verified`, corrections in archives that digests do not verify.
            pub disbelieved_corrections: u64,
            /// Likewise, events that would otherwise have been compared with copies of the other
            /// account of their call.
            pub disbelieved_copies: u64,
            /// Likewise, records of which something would otherwise have been learned.
            pub disbelieved_facts: u64,
        }

        /// The properties of one event: a bit each, in the order of the declaration.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct ObservationFlags(u16);

        impl ObservationFlags {
            /// The properties of `selected`.
            pub fn new(selected: &Selected<'_>) -> Self {
                const HAS: &[fn(&Selected<'_>) -> bool] = &[ $( $has, )* ];
                let bits = HAS.iter().rev().fold(0, |bits, has| bits << 1 | u16::from(has(selected)));
                Self(bits)
            }
        }

        impl AddAssign for Observations {
            fn add_assign(&mut self, other: Self) {
                $( self.$field += other.$field; )*
                self.owner_copy_only += other.owner_copy_only;
                self.foreign_corrections += other.foreign_corrections;
                self.disbelieved_corrections += other.disbelieved_corrections;
                self.disbelieved_copies += other.disbelieved_copies;
                self.disbelieved_facts += other.disbelieved_facts;
            }
        }

        impl AddAssign<ObservationFlags> for Observations {
            fn add_assign(&mut self, flags: ObservationFlags) {
                let mut bits = flags.0;
                $(
                    self.$field += u64::from(bits & 1);
                    bits >>= 1;
                )*
                debug_assert_eq!(bits, 0);
            }
        }
    };
}

observations! {
    /// Events without `eventID`: copies of them cannot be recognised.
    without_event_id: |s| s.event.event_id.is_none();
    /// Events whose key account or region was completed from the record.
    assumed_key: |s| s.event.key.origin == KeyOrigin::Assumed;
    /// Events that name no key.
    without_key: |s| s.event.key.origin == KeyOrigin::None;
    /// Events that do not say who called: the principal is `unknown`, or masked.
    unknown_caller: |s| s.event.principal.name == "unknown" || is_masked(&s.event.principal.name);
    /// Events whose encryption context names a bucket but no object.
    bucket_only: |s| s.event.s3_bucket.is_some() && s.event.s3_object_key.is_none();
    /// Events whose evidence is equally strong for more than one workload.
    ambiguous: |s| s.evidence.workload.is_ambiguous();
    /// Events whose workload rests on names or paths alone (strong or medium rules).
    by_name: |s| matches!(s.evidence.strength, Strength::Strong | Strength::Medium);
    /// Events that were refused.
    denied: |s| s.event.outcome == Outcome::Denied;
    /// Events from which CloudTrail left out parameters or other members as too large, or that
    /// hide them.
    omitted: |s| s.event.omitted_fields.is_some();
    /// Events of CloudTrail's own log delivery.
    log_delivery: |s| s.event.log_delivery;
    /// Events of S3 acting for its caller.
    through_s3: |s| !is_by_service(s) && is_invoked_by_s3(s);
    /// Events of AWS services acting under their own identity.
    by_service: is_by_service;
}

fn is_by_service(selected: &Selected<'_>) -> bool {
    selected.event.principal.kind == "AWSService"
}

fn is_invoked_by_s3(selected: &Selected<'_>) -> bool {
    let invoked_by = selected.event.principal.invoked_by.as_deref();
    matches!(invoked_by, Some("s3.amazonaws.com" | "s3.amazonaws.com.cn"))
}
