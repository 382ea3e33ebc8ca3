use bulkhead_harness::program::printed;
use serde_json::json;
use support::BINARY;
use support::objects::{deployment, labelled_namespace};
use support::wait::until;

use super::load::Load;
use super::stage::Stage;

/// The kinds of everything that the controller writes, as docs/install.md lists them.
pub(super) const KINDS: &str = "networkpolicies,authorizationpolicies.security.istio.io,\
    peerauthentications.security.istio.io,sidecars.networking.istio.io,serviceentries.networking.istio.io,\
    envoyfilters.networking.istio.io,telemetries.telemetry.istio.io,resourcequotas,limitranges,rolebindings,\
    clusterroles,clusterrolebindings,prioritylevelconfigurations,flowschemas";

/// An upgrade and the removal, as docs/install.md describes them, while a tenant's pods run and others write to a
/// namespace of no tenant.
#[test]
fn upgrade_and_uninstall_refuse_no_write_outside_of_tenants_and_leave_nothing_in_the_way() {
    let mut stage = Stage::start(&[]);
    let admin = stage.cluster.admin().unwrap();
    admin.apply(&labelled_namespace("foreign", &json!({})).to_string()).unwrap();
    let load = Load::outside_of_tenants(&stage, "foreign");

    // The upgrade, with one replica at a time.
    admin.apply(&printed(&BINARY, &["crds", "rbac"]).unwrap()).unwrap();
    stage.shrink_to_one_replica();
    stage.restart_replicas();
    stage.restart_controllers();
    stage.drift();

    // The removal.
    admin.ok(&["delete", "clusterrole", "bulkhead-controller"]).unwrap();
    let configurations = ["validatingwebhookconfiguration,mutatingwebhookconfiguration", "tenant-bulkhead"];
    admin.ok(&[&["delete", "--ignore-not-found"], &configurations[..]].concat()).unwrap();
    stage.end_controllers();
    let managed = "app.kubernetes.io/managed-by=bulkhead";
    admin.ok(&["delete", "-A", "-l", managed, KINDS]).unwrap();
    admin.ok(&["delete", "namespace", "bulkhead-system", "bulkhead-probe", "--timeout=60s"]).unwrap();
    stage.end_replicas();
    let writes = load.stop();
    support::say(&format!("writes outside of tenants during upgrade and uninstall: {writes}"));
    writes.assert_none_failed();

    // A stranger, whom rules refused before.
    let stranger = stage.cluster.powerful("stranger", "strangers").unwrap();
    stranger.ok(&["label", "namespace", &stage.namespace, "bulkhead.dev/tenant-", "--overwrite"]).unwrap();
    stranger.apply(&deployment(&stage.namespace, "after").to_string()).unwrap();
    let pods = ["get", "pods", "-n", &stage.namespace, "-l", "app=after", "-o", "name"];
    until(|| !stranger.ok(&pods).unwrap().is_empty());
    let crds = ["exemptions.bulkhead.dev", "sharedservices.bulkhead.dev", "tenants.bulkhead.dev"];
    admin.ok(&[&["delete", "crd"], &crds[..]].concat()).unwrap();
    stranger.ok(&["delete", "namespace", &stage.namespace, "--timeout=60s"]).unwrap();
    let left = admin.ok(&["get", "-A", "-l", managed, KINDS, "-o", "name"]).unwrap();
    assert_eq!(left, "");
}
