//! The two accounts' records of one cross-account call, told by a single record.

use super::dedup::is_certain;
use crate::base::keyed_hash;
use crate::model::KmsEvent;

/// Which of the two accounts' records of a call a record is; with a keyed hash of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SharedCall {
    /// That of the caller's account. It names the keys, and so all that the other one does.
    Callers(u128),
    /// That of the key's account, which may name no more of the caller than its account.
    Owners(u128),
}

impl SharedCall {
    /// `None`: the record stands alone, as far as it says.
    pub fn of(event: &KmsEvent<'_>) -> Option<Self> {
        let shared = event.shared_event_id.as_deref()?;
        let caller =
            event.principal.account_id.as_deref().filter(|_| event.principal.kind != "AWSService")?;
        let call = keyed_hash(&(shared, &*event.name, caller, event.request_id.as_deref()));
        if !event.is_callers_copy() {
            return event.recipient_account_id.as_ref().map(|_| Self::Owners(call));
        }
        let names_keys =
            is_certain(&event.key) && (event.name != "ReEncrypt" || event.destination_key_arn.is_some());
        names_keys.then_some(Self::Callers(call))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::KeyOrigin;

    #[test]
    fn records_pair_by_call_caller_and_request() {
        let mut callers = KmsEvent::example();
        callers.shared_event_id = Some("s".into());
        callers.key.origin = KeyOrigin::Resources;
        callers.recipient_account_id = callers.principal.account_id.clone();
        let mut owners = callers.clone();
        owners.recipient_account_id = Some("444455556666".into());
        owners.principal.name = "111122223333:AROAEXAMPLE".into();
        let Some(SharedCall::Callers(call)) = SharedCall::of(&callers) else { panic!("{callers:?}") };
        assert_eq!(SharedCall::of(&owners), Some(SharedCall::Owners(call)));
        owners.request_id = Some("another".into());
        assert_ne!(SharedCall::of(&owners), Some(SharedCall::Owners(call)));
        callers.name = "ReEncrypt".into(); // its second key is not named
        assert_eq!(SharedCall::of(&callers), None);
        owners.shared_event_id = None;
        assert_eq!(SharedCall::of(&owners), None);
    }
}
