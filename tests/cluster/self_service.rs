//! Tenants that users create for themselves, through the real API server: with only the rights that this needs, and with
//! every right.

use bulkhead_harness::kubectl::Kubectl;
use bulkhead_harness::program::Installation;
use serde_json::{Value, json};
use support::cluster::shared;
use support::objects::{self, changed, labelled_namespace};
use support::refusal::{expect_admitted, refused};
use support::wait::until;

const DRY_RUN: &[&str] = &["create", "--dry-run=server", "-f", "-"];
const FOREIGN: &[(&str, &str)] = &[("BH901", "metadata")];

/// A Tenant with one owner.
fn tenant_of(name: &str, owner: &Value) -> Value {
    objects::tenant(name, &json!({ "owners": [owner] }))
}

fn user(name: &str) -> Value {
    json!({ "kind": "User", "name": name })
}

/// kubectl as a user of the group who may create Tenants and nothing else.
fn creator(admin: &Kubectl, name: &str, group: &str) -> Kubectl {
    let said = admin
        .run(&[
            "create",
            "clusterrole",
            "self-creator",
            "--verb=create,get,patch",
            "--resource=tenants.bulkhead.dev",
        ])
        .unwrap();
    assert!(said.success || said.stderr.contains("already exists"), "{said:?}");
    admin
        .ok(&["create", "clusterrolebinding", name, "--clusterrole=self-creator", &format!("--user={name}")])
        .unwrap();
    shared().cluster.user(name, &[group]).unwrap()
}

/// kubectl as a user of the listed group to whom RBAC allows everything.
fn with_every_right(it: &Installation, name: &str) -> Kubectl {
    it.cluster.powerful(name, "self-powerful").unwrap();
    it.cluster.user(name, &["employees", "self-powerful"]).unwrap()
}

#[test]
fn tenant_that_a_user_creates_has_the_user_alone_as_owner_and_nothing_else() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let plain = creator(&admin, "self-dave", "employees");
    let powerful = with_every_right(&it, "self-erin");
    for (kubectl, name) in [(&plain, "self-dave"), (&powerful, "self-erin")] {
        let own = tenant_of("self-own", &user(name));
        let with =
            |field: &str, value: Value| changed(own.clone(), |own| own["spec"][field] = value).to_string();
        let owners = |owners: Value| with("owners", owners);
        let account = json!({ "kind": "ServiceAccount", "namespace": "argocd", "name": "argocd-application-controller" });
        let group = |name: &str| json!({ "kind": "Group", "name": name });
        for (object, path) in [
            (owners(json!([])), "spec.owners"),
            (owners(json!([group("employees")])), "spec.owners[0]"),
            (owners(json!([user(name), group("system:serviceaccounts:argocd")])), "spec.owners[1]"),
            (owners(json!([user("self-frank")])), "spec.owners[0]"),
            (owners(json!([user(name), account])), "spec.owners[1]"),
            (with("enforcement", json!("Observe")), "spec.enforcement"),
            (with("acknowledgedFindings", json!("whatever")), "spec.acknowledgedFindings"),
            (with("contact", json!("call me")), "spec.contact"),
            (with("namespaces", json!({ "limit": 100_000 })), "spec.namespaces"),
            (with("namespaceQuota", json!({ "services.loadbalancers": "1000" })), "spec.namespaceQuota"),
            (with("limits", json!({ "max": { "cpu": "1000" } })), "spec.limits"),
            (with("authorization", json!("Open")), "spec.authorization"),
            (
                with("grants", json!({ "callers": [{ "namespace": "atk", "serviceAccount": "scraper" }] })),
                "spec.grants",
            ),
            (
                changed(own.clone(), |own| own["metadata"]["finalizers"] = json!(["example.com/kept"]))
                    .to_string(),
                "metadata.finalizers",
            ),
            (
                changed(own.clone(), |own| {
                    own["metadata"]["ownerReferences"] =
                        json!([{ "apiVersion": "v1", "kind": "Namespace", "name": "none", "uid": "none" }]);
                })
                .to_string(),
                "metadata.ownerReferences",
            ),
        ] {
            refused(kubectl, DRY_RUN, &object, &[("BH901", path)]);
        }
        expect_admitted(&kubectl.feed(DRY_RUN, &own.to_string()).unwrap());
    }

    // The platform may create the namespace under its tenant's name first: it is given to no other user.
    admin
        .apply(
            &labelled_namespace("tenant-self-early", &json!({ "bulkhead.dev/tenant": "self-early" }))
                .to_string(),
        )
        .unwrap();
    let early = tenant_of("self-early", &user("self-dave")).to_string();
    until(|| !plain.feed(DRY_RUN, &early).unwrap().success);
    refused(&plain, DRY_RUN, &early, &[("BH901", "metadata.name")]);

    // One Tenant a user: the names of the others stay free. Applying it again changes nothing, and is admitted.
    let own = tenant_of("self-own", &user("self-dave")).to_string();
    plain.apply(&own).unwrap();
    plain.apply(&own).unwrap();
    plain.feed(&["apply", "--server-side", "-f", "-"], &own).unwrap();
    let another = tenant_of("self-another", &user("self-dave")).to_string();
    until(|| !plain.feed(DRY_RUN, &another).unwrap().success);
    refused(&plain, DRY_RUN, &another, &[("BH901", "metadata.name")]);
}

/// One manifest must neither make a GitOps tool a member of a tenant, nor anybody else.
#[test]
fn tenant_from_a_user_outside_the_listed_groups_is_refused() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let plain = creator(&admin, "self-mallory", "self-outsiders");
    let powerful = it.cluster.powerful("self-trudy", "strangers").unwrap();
    for (kubectl, name) in [(&plain, "self-mallory"), (&powerful, "self-trudy")] {
        refused(kubectl, DRY_RUN, &tenant_of("self-taken", &user(name)).to_string(), FOREIGN);
    }

    let account = "system:serviceaccount:self-argocd:controller";
    // Even a service account in a listed group, or with a name and no namespace.
    let argo = with_every_right(&it, account);
    let owner = json!({ "kind": "ServiceAccount", "namespace": "self-argocd", "name": "controller" });
    for owner in [owner, user(account)] {
        refused(&argo, DRY_RUN, &tenant_of("self-argo", &owner).to_string(), FOREIGN);
    }
    let component = with_every_right(&it, "system:self-component");
    refused(
        &component,
        DRY_RUN,
        &tenant_of("self-node", &user("system:self-component")).to_string(),
        FOREIGN,
    );
    // The tool still creates namespaces, and the platform creates the same Tenant.
    argo.ok(&["create", "namespace", "self-argo-free", "--dry-run=server"]).unwrap();
    expect_admitted(&admin.feed(DRY_RUN, &tenant_of("self-argo", &user(account)).to_string()).unwrap());
}
