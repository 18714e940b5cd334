//! What a share or a policy allows, and when: asked again for each call.

use super::super::names;
use super::uses::kind_of_use;

/// A share may be used for so long after its end.
pub const GRACE: i64 = 15 * 60 * 1000;

/// From when, until when; without either, from ever or for ever.
pub type Period = (Option<i64>, Option<i64>);

#[derive(Clone, Debug)]
pub enum Rights {
    /// Nobody knows.
    Any,
    Actions(Vec<String>),
    Reads,
    Deploys,
}

const READS: [&str; 7] = [
    "DescribePipeline",
    "DescribePipelineDefinitionForExecution",
    "DescribePipelineExecution",
    "ListPipelineExecutions",
    "ListPipelineExecutionSteps",
    "ListPipelineParametersForExecution",
    "Search",
];
const RUNS: [&str; 3] = ["StartPipelineExecution", "StopPipelineExecution", "RetryPipelineExecution"];

fn actions(names: &[&str]) -> Rights {
    Rights::Actions(names.iter().map(|name| format!("sagemaker:{name}")).collect())
}

/// What a permission allows, by its name.
pub fn of_permission(permission: &str) -> Rights {
    match permission.strip_prefix("arn:aws:ram::aws:permission/").unwrap_or(permission) {
        "AWSRAMDefaultPermissionSageMakerPipeline" => actions(&READS),
        "AWSRAMPermissionSageMakerPipelineAllowExecution" => actions(&[&READS[..], &RUNS].concat()),
        "AWSRAMDefaultPermissionSageMakerModelPackageGroup" => Rights::Reads,
        "AWSRAMPermissionSageMakerModelPackageGroupAllowDeploy" => Rights::Deploys,
        _ => Rights::Any,
    }
}

impl Rights {
    fn permit(&self, call: &str) -> bool {
        let kind = kind_of_use(call);
        match self {
            Self::Any => true,
            Self::Reads => ["look", "read"].contains(&kind),
            Self::Deploys => ["look", "read", "deploy"].contains(&kind),
            Self::Actions(list) => list.iter().any(|pattern| {
                let expression = regex::escape(pattern).replace("\\*", ".*").replace("\\?", ".");
                let single = call.strip_prefix("Batch").unwrap_or(call);
                [call, single]
                    .iter()
                    .any(|name| names::matches(&format!("(?i)^{expression}$"), &format!("sagemaker:{name}")))
            }),
        }
    }
}

fn is_in((from, until): &Period, time: i64) -> bool {
    from.is_none_or(|from| from <= time) && until.is_none_or(|until| time <= until + GRACE)
}

/// When something was shared, and what was allowed then.
#[derive(Clone, Debug, Default)]
pub struct InForce {
    /// All of these must hold: one of the periods of each.
    pub all_of: Vec<Vec<Period>>,
    pub rights: Vec<(Period, Rights)>,
}

impl InForce {
    pub fn is(&self, time: i64) -> bool {
        self.all_of.iter().all(|periods| periods.iter().any(|period| is_in(period, time)))
    }

    pub fn permits(&self, call: &str, time: i64) -> bool {
        let mut rights = self.rights.iter();
        self.is(time) && rights.any(|(period, rights)| is_in(period, time) && rights.permit(call))
    }

    /// Times at which something begins.
    fn beginnings(&self) -> impl Iterator<Item = i64> {
        let periods = self.all_of.iter().flatten().chain(self.rights.iter().map(|(period, _)| period));
        periods.map(|(from, _)| from.unwrap_or(i64::MIN))
    }

    /// Whether a call comes after an end, and would have been allowed if there had been none.
    pub fn is_late(&self, call: &str, time: i64) -> bool {
        !self.is(time)
            && self.beginnings().any(|begin| begin < time && self.is(begin))
            && self.beginnings().any(|begin| self.permits(call, begin))
    }
}
