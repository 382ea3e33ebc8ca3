//! The admission plugin NodeRestriction. No API tells the plugins of an API server, so the check acts as a node: a dry run
//! registers a node with a label that only this plugin refuses.

use axum::http::Request;
use serde_json::json;

use super::{Check, Inspection, Problem, Severity, Unread};
use crate::keys::NODE_RESTRICTION_PREFIX;

pub(super) const CHECK: Check = Check {
    name: "node-restriction",
    severity: Severity::Error,
    expects: "The admission plugin NodeRestriction is on: it refuses a dry run in which a node sets a label that is reserved \
              for administrators. Rules trust each node with the pods that run on it alone.",
    run: |inspection| Box::pin(run(inspection)),
};

const NODE: &str = "bulkhead-doctor";

fn label() -> String {
    format!("{NODE_RESTRICTION_PREFIX}{NODE}")
}

async fn run(inspection: &Inspection) -> Result<Vec<Problem>, Unread> {
    let node = json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": { "name": NODE, "labels": { label(): "true" } },
    });
    let request = Request::post("/api/v1/nodes?dryRun=All")
        .header("Content-Type", "application/json")
        .header("Impersonate-User", format!("system:node:{NODE}"))
        .header("Impersonate-Group", "system:nodes")
        .body(node.to_string().into_bytes());
    let request = request.map_err(|error| Unread::new(error.to_string(), "report it"))?;
    let answer = match inspection.client().request_text(request).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) => Err(status.message.clone()),
        Err(error) => return Err(Unread::request("failed to send a dry run as a node", &error)),
    };
    judge(answer)
}

/// Judges the answer to the dry run: the message of a refusal, if it was refused.
fn judge(answer: Result<(), String>) -> Result<Vec<Problem>, Unread> {
    let Err(message) = answer else {
        return Ok(vec![Problem::error(
            "",
            "NodeRestriction is off: each node can change the pods, labels and tokens of all others",
            "start every API server with `--enable-admission-plugins=NodeRestriction` and `--authorization-mode=Node,RBAC`",
        )]);
    };
    if ["is not allowed to set the following labels", "is not allowed to modify node"]
        .iter()
        .any(|refusal| message.contains(refusal))
    {
        return Ok(Vec::new());
    }
    if message.contains(&format!("User \"system:node:{NODE}\" cannot create resource \"nodes\"")) {
        let note = "the API server allows no node to register, so its plugin NodeRestriction could not be tested: nodes \
                    have other accounts, or there are none";
        return Ok(vec![Problem::info("", note)]);
    }
    Err(Unread::new(
        format!("a dry run as a node was refused for another reason: {message}"),
        "run the command as an administrator of the cluster, who may impersonate users and groups",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusal_by_the_plugin_alone_is_expected() {
        let severity = |answer: Result<(), &str>| {
            let found = judge(answer.map_err(str::to_owned));
            found.map_or(Some(Severity::Unchecked), |found| found.first().map(|found| found.severity))
        };
        assert_eq!(severity(Ok(())), Some(Severity::Error));
        let plugin = "nodes \"bulkhead-doctor\" is forbidden: node \"bulkhead-doctor\" is not allowed to set the following \
                      labels: node-restriction.kubernetes.io/bulkhead-doctor";
        assert_eq!(severity(Err(plugin)), None);
        let rbac = "nodes is forbidden: User \"system:node:bulkhead-doctor\" cannot create resource \"nodes\" in API group";
        assert_eq!(severity(Err(rbac)), Some(Severity::Info));
        let own = "users \"system:node:bulkhead-doctor\" is forbidden: User \"jane\" cannot impersonate resource \"users\"";
        assert_eq!(severity(Err(own)), Some(Severity::Unchecked));
    }
}
