//! What usage takes in memory.

use super::{Common, Group, GroupStats, Usage};

/// Bytes of a text and of what the allocator adds.
fn text(text: Option<&str>) -> usize {
    text.map_or(0, |text| text.len() + 16)
}

impl Group {
    fn bytes(&self) -> usize {
        let always = [&self.principal, &self.principal_type, &self.workload, &self.event_name, &self.region];
        let optional = [
            &self.key_arn,
            &self.key_id,
            &self.key_account_id,
            &self.key_region,
            &self.principal_account_id,
            &self.error_code,
            &self.recipient_account_id,
            &self.invoked_by,
            &self.denied_action,
            &self.denied_by,
        ];
        let always: usize = always.into_iter().map(|t| text(Some(t))).sum();
        always + optional.into_iter().map(|t| text(t.as_deref())).sum::<usize>()
    }
}

impl GroupStats {
    fn bytes(&self) -> usize {
        let counters = [&self.sessions, &self.source_ips, &self.users, &self.resources];
        let counters: usize = counters.into_iter().map(super::DistinctCounter::bytes).sum();
        let common = |common: &Common| text(common.text());
        let ids = text(self.first_event_id.as_deref()) + text(self.last_event_id.as_deref());
        counters + ids + common(&self.service) + common(&self.resource)
    }
}

impl Usage {
    /// About the bytes it takes. This looks at every group.
    pub fn bytes(&self) -> usize {
        let groups: usize = self.groups.groups.iter().map(|(_, group)| group.bytes()).sum();
        let stats: usize = self.stats.iter().flatten().map(GroupStats::bytes).sum();
        let tables = self.groups.groups.capacity() * size_of::<(u64, Group)>()
            + self.groups.numbers.capacity() * (size_of::<usize>() + 1)
            + self.stats.capacity() * size_of::<Option<GroupStats>>()
            + self.daily.capacity() * (size_of::<((i32, usize), u64)>() + 1);
        groups + stats + tables
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::{Groups, Selected, UsageSample};
    use crate::model::{Evidence, KmsEvent, Served, Strength, Workload, WorkloadSet};

    /// What `docs/security.md` says of a group: some 1,300 bytes with one session and one address.
    #[test]
    fn a_group_takes_as_much_memory_as_documented() {
        const GROUPS: usize = 1000;
        let mut usage = Usage::default();
        for n in 0..GROUPS {
            let mut event = KmsEvent::example();
            event.principal.name = format!("arn:aws:iam::111122223333:role/service-role/Role-{n:05}").into();
            event.principal.session_name = Some("session".into());
            event.source_ip = Some("203.0.113.7".into());
            event.event_id = Some("11111115-00eb-00ce-0e00-ea000fb0fba0".into());
            event.key.arn =
                Some("arn:aws:kms:us-west-2:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab".into());
            event.key.id = Some("1234abcd-12ab-34cd-56ef-1234567890ab".into());
            event.key.account_id = Some("111122223333".into());
            event.key.region = Some("us-west-2".into());
            event.recipient_account_id = Some("111122223333".into());
            let evidence = Evidence {
                workload: WorkloadSet::single(Workload::Canvas),
                strength: Strength::Strong,
                rules: String::new(),
            };
            let served = Served::default();
            let selected = Selected {
                event: &event,
                evidence: &evidence,
                archive: "a",
                offset: 0,
                served: &served,
                integrity: None,
            };
            let mut groups = Groups::default();
            let group = groups.intern(&selected);
            let number = usage.merge_groups(groups)[0];
            usage.add(number, &UsageSample::new(&selected, group), |_| event.event_id.as_deref());
        }
        let each = usage.bytes() / GROUPS;
        assert!((1200..1400).contains(&each), "{each}");
    }
}
