use serde_json::json;

use super::{Body, ClusterSite, Object};
use crate::kinds::Kind;

pub(in super::super) const NAME: &str = "bulkhead-tenants";

/// Limits the API server's capacity for all tenants together; their requests queue fairly. See
/// <https://kubernetes.io/docs/concepts/cluster-administration/flow-control/>.
pub(super) const fn object<'w>() -> Object<ClusterSite<'w>> {
    Object {
        kind: Kind::PriorityLevelConfiguration,
        name: NAME,
        body: Body::Optional(|site| {
            let queuing = json!({ "handSize": 6, "queueLengthLimit": 50, "queues": 64 });
            let limited = json!({
                "lendablePercent": 50,
                "limitResponse": { "queuing": queuing, "type": "Queue" },
                "nominalConcurrencyShares": 20,
            });
            let spec = json!({ "limited": limited, "type": "Limited" });
            site.snapshot.settings.api_fairness.then(|| json!({ "spec": spec }))
        }),
    }
}
