//! Policies in a tenant's namespace beside its baseline, through the real API server: those that open or silence
//! something are refused by every verb, and those of usual charts are admitted.

use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};
use support::cluster::{jsonpath, new_namespace, new_tenant, shared, wait_for_default_account};
use support::objects::{
    self, authorization_policy, changed, network_policy as network, object, peer_authentication as mtls,
    sidecar, telemetry, with_entry as with,
};
use support::refusal::{expect_admitted, expect_refused, expect_warned, refused, violations, warnings};
use support::wait::until;
use support::weakening::{Refused, open_mesh, open_networks, pods};

const WAYS: [&[&str]; 3] = [
    &["create", "--dry-run=server", "-f", "-"],
    &["apply", "--server-side", "-f", "-"],
    &["apply", "-f", "-"],
];

fn all_refused(kubectl: &Kubectl, ways: &[&[&str]], objects: &[Refused]) {
    for (object, expected) in objects {
        for way in ways {
            refused(kubectl, way, &object.to_string(), expected);
        }
    }
}

#[test]
fn network_policy_that_opens_a_namespace_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "wk-open");
    let name = new_namespace(&member, "wk-open");
    all_refused(&member, &WAYS[..2], &open_networks(&name, "wk-open"));
    all_refused(&it.cluster.admin().unwrap(), &WAYS[2..], &open_networks(&name, "wk-open"));
    let objects = member.ok(&["get", "networkpolicy", "beside", "-n", &name, "--ignore-not-found"]).unwrap();
    assert_eq!(objects, "");
}

#[test]
fn mesh_policy_that_opens_or_silences_a_namespace_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "wk-mesh");
    let name = new_namespace(&member, "wk-mesh");
    all_refused(&member, &WAYS[..2], &open_mesh(&name));
    all_refused(&it.cluster.admin().unwrap(), &WAYS[2..], &open_mesh(&name));
}

/// A policy of Cilium and a set of addresses of Calico, in groups that the default settings reserve.
#[test]
fn policy_of_a_network_plugin_is_refused_to_tenants() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let member = new_tenant(&it, "wk-plugin");
    let name = new_namespace(&member, "wk-plugin");
    for (group, version, kind, resource) in [
        ("cilium.io", "v2", "CiliumNetworkPolicy", "ciliumnetworkpolicies"),
        ("crd.projectcalico.org", "v1", "NetworkSet", "networksets"),
    ] {
        let resource = format!("{resource}.{group}");
        admin.apply(&objects::schemaless_crd(group, version, kind).to_string()).unwrap();
        let crd = format!("crd/{resource}");
        admin.ok(&["wait", "--for=condition=Established", &crd, "--timeout=30s"]).unwrap();
        let spec = json!({ "nets": ["10.0.0.7/32"] });
        let policy = |kept: &str| {
            changed(object(&format!("{group}/{version}"), kind, &name, "own", &spec), |policy| {
                policy["metadata"]["finalizers"] = json!([kept]);
            })
        };
        let policy = policy("example.com/kept").to_string();
        let expected = [("BH905", "kind")];
        for way in WAYS {
            refused(&member, way, &policy, &expected);
        }
        admin.apply(&policy).unwrap();
        // Cilium also reads a list beside `spec`, and Calico labels and annotations.
        let of_object = [&resource, "own", "-n", &name];
        for change in [
            json!({ "spec": { "nets": ["0.0.0.0/0"] } }),
            json!({ "specs": [{ "endpointSelector": {} }] }),
            json!({ "metadata": { "labels": { "pcns.kubernetes.io/metadata.name": "tenant-other" } } }),
            json!({ "metadata": { "annotations": { "projectcalico.org/metadata": "{}" } } }),
        ] {
            let change = change.to_string();
            let said = member.run(&[&["patch"], &of_object[..], &["--type=merge", "-p", &change]].concat());
            expect_refused(&said.unwrap(), &expected);
        }
        // The namespace can be deleted: each user may delete the object, and remove its finalizer then.
        member.ok(&[&["delete", "--wait=false"], &of_object[..]].concat()).unwrap();
        let release = json!({ "metadata": { "finalizers": null } }).to_string();
        member.ok(&[&["patch"], &of_object[..], &["--type=merge", "-p", &release]].concat()).unwrap();
        admin.ok(&["delete", "crd", &resource]).unwrap();
    }
}

#[test]
fn update_that_opens_a_policy_is_refused() {
    let it = shared();
    let member = new_tenant(&it, "wk-edit");
    let name = new_namespace(&member, "wk-edit");
    let web = json!({ "matchLabels": { "app": "web" } });
    let own = json!({ "ingress": [{ "from": [{ "podSelector": {} }] }] });
    member.apply(&network(&name, "own", &own).to_string()).unwrap();
    member.apply(&sidecar(&name, "own", &json!({})).to_string()).unwrap();
    member
        .apply(&mtls(&name, "own", &json!({ "selector": web, "mtls": { "mode": "STRICT" } })).to_string())
        .unwrap();
    let ingress = ("BH501", "spec.ingress[0]");
    let sidecars = "sidecars.networking.istio.io";
    for (resource, kind, patch, expected) in [
        ("networkpolicy", "merge", r#"{"spec":{"ingress":[{}]}}"#, ingress),
        ("networkpolicy", "strategic", r#"{"spec":{"ingress":[{"from":null}]}}"#, ingress),
        ("networkpolicy", "json", r#"[{"op":"remove","path":"/spec/ingress/0/from"}]"#, ingress),
        (
            "networkpolicy",
            "json",
            r#"[{"op":"add","path":"/spec/egress","value":[{}]}]"#,
            ("BH501", "spec.egress[0]"),
        ),
        (sidecars, "merge", r#"{"spec":{"workloadSelector":null}}"#, ("BH204", "spec")),
        (sidecars, "json", r#"[{"op":"remove","path":"/spec/egress"}]"#, ("BH608", "spec")),
        (
            sidecars,
            "merge",
            r#"{"metadata":{"labels":{"istio.io/rev":"x"}}}"#,
            ("BH704", "metadata.labels[istio.io/rev]"),
        ),
        (
            "peerauthentications.security.istio.io",
            "merge",
            r#"{"spec":{"portLevelMtls":{"8080":{"mode":"DISABLE"}}}}"#,
            ("BH701", "spec.portLevelMtls[8080].mode"),
        ),
    ] {
        let patch = ["patch", resource, "own", "-n", &name, "--type", kind, "-p", patch];
        refused(&member, &patch, "", &[expected]);
    }
    let open = network(&name, "own", &json!({ "ingress": [{}] }));
    expect_refused(&member.replace(&open.to_string()).unwrap(), &[ingress]);
    // Other changes, and the deletion, are up to the tenant.
    member.ok(&["annotate", "networkpolicy", "own", "-n", &name, "example.com/note=1"]).unwrap();
    member.ok(&["delete", "networkpolicy", "own", "-n", &name]).unwrap();
}

#[test]
fn policy_that_stays_within_the_tenant_is_admitted() {
    let it = shared();
    let member = new_tenant(&it, "wk-own");
    let name = new_namespace(&member, "wk-own");
    let own = json!({ "namespaceSelector": { "matchLabels": { "bulkhead.dev/tenant": "wk-own" } } });
    let named = json!({ "namespaceSelector": { "matchExpressions": [
        { "key": "kubernetes.io/metadata.name", "operator": "In", "values": [name] },
        { "key": "team", "operator": "NotIn", "values": ["other"] },
    ] }, "podSelector": {} });
    let dns = pods("kube-system", &json!({ "k8s-app": "kube-dns" }));
    let dns_port = json!([{ "port": 53, "protocol": "UDP" }]);
    let istiod = pods("istio-system", &json!({ "app": "istiod" }));
    let web = json!({ "matchLabels": { "app": "web" } });
    let allow = json!({ "action": "ALLOW", "rules": [{}] });
    let allowing = authorization_policy(&name, "everything", &allow);
    let more = json!({ "selector": web, "accessLogging": [{ "providers": [{ "name": "envoy" }, { "name": "more" }] }] });
    for object in [
        network(
            &name,
            "closed",
            &json!({ "ingress": [], "egress": [], "policyTypes": ["Ingress", "Egress"] }),
        ),
        network(
            &name,
            "among",
            &json!({ "ingress": [{ "from": [own, named] }], "egress": [{ "to": [own] }] }),
        ),
        network(&name, "names", &json!({ "egress": [{ "to": [dns], "ports": dns_port }] })),
        network(&name, "mesh", &json!({ "egress": [{ "to": [istiod], "ports": [{ "port": 15012 }] }] })),
        network(
            &name,
            "server",
            &json!({ "egress": [{ "to": [{ "ipBlock": { "cidr": "192.0.2.10/32" } }], "ports": [{ "port": 6443 }] }] }),
        ),
        mtls(&name, "everything", &json!({ "mtls": { "mode": "STRICT" } })),
        sidecar(&name, "web", &json!({ "egress": [{ "hosts": ["./*", "istio-system/*"] }] })),
        telemetry(&name, "web", &more),
        object("v1", "ResourceQuota", &name, "fewer", &json!({ "hard": { "pods": "20" } })),
        // An `ALLOW` policy opens nothing that the baseline denies, as the packets show.
        allowing.clone(),
        with(allowing, "annotations", "istio.io/dry-run", "true"),
    ] {
        let said = member.feed(&["apply", "--server-side", "-f", "-"], &object.to_string()).unwrap();
        expect_admitted(&said);
    }
}

#[test]
fn baseline_names_dry_runs_and_quota_changes_are_refused() {
    let it = shared();
    let member = new_tenant(&it, "wk-names");
    let name = new_namespace(&member, "wk-names");
    let admin = it.cluster.admin().unwrap();
    // The baseline has an object of this name only after a grant.
    let early =
        network(&name, "bulkhead-callback-1", &json!({ "ingress": [{ "from": [{ "podSelector": {} }] }] }));
    let policy = ["authorizationpolicies.security.istio.io", "deny-cross-tenant", "-n", &name];
    let quota = ["resourcequota", "tenant-quota", "-n", &name];
    let limits = ["limitrange", "tenant-limits", "-n", &name];
    for kubectl in [&member, &admin] {
        refused(kubectl, &["create", "-f", "-"], &early.to_string(), &[("BH202", "metadata.name")]);
        for (object, patch, path) in [
            (
                policy,
                r#"{"metadata":{"annotations":{"istio.io/dry-run":"true"}}}"#,
                "metadata.annotations[istio.io/dry-run]",
            ),
            (quota, r#"{"spec":{"hard":{"pods":"100k"}}}"#, "spec.hard.pods"),
            (quota, r#"{"spec":{"hard":{"pods":null}}}"#, "spec.hard.pods"),
            (
                limits,
                r#"{"spec":{"limits":[{"type":"Container","default":{"memory":"8Mi"}}]}}"#,
                "spec.limits",
            ),
        ] {
            let patch = [&["patch"], &object[..], &["--type=merge", "-p", patch]].concat();
            refused(kubectl, &patch, "", &[("BH202", path)]);
        }
        let counted = r#"{"status":{"hard":{"pods":"100k"}}}"#;
        let patch =
            [&["patch"], &quota[..], &["--subresource=status", "--type=merge", "-p", counted]].concat();
        refused(kubectl, &patch, "", &[("BH202", "status")]);
        for object in [quota, limits] {
            refused(kubectl, &[&["delete"], &object[..]].concat(), "", &[("BH201", "metadata.name")]);
        }
    }
}

/// istiod sends these objects to every proxy, or the network to every node.
#[test]
fn objects_that_cost_the_whole_cluster_are_limited() {
    let it = shared();
    let member = new_tenant(&it, "wk-count");
    let name = new_namespace(&member, "wk-count");
    let hard = jsonpath(&member, &["resourcequota", "tenant-quota", "-n", &name], "{.spec.hard}");
    let hard: Value = serde_json::from_str(&hard).unwrap();
    for counted in ["networkpolicies.networking.k8s.io", "serviceentries.networking.istio.io", "configmaps"] {
        assert!(hard[format!("count/{counted}")].is_string(), "{hard}");
    }
    let few = r#"{"spec":{"namespaceQuota":{"count/sidecars.networking.istio.io":"1"}}}"#;
    it.cluster.admin().unwrap().ok(&["patch", "tenant", "wk-count", "--type=merge", "-p", few]).unwrap();
    let more = sidecar(&name, "more", &json!({})).to_string();
    until(|| {
        let said = member.feed(&["create", "--dry-run=server", "-f", "-"], &more).unwrap();
        !said.success && said.stderr.contains("exceeded quota: tenant-quota")
    });
}

/// The account of a GitOps tool has every right in the cluster and is no tenant's: a tenant cannot bypass a rule by Git.
#[test]
fn gitops_account_with_every_right_cannot_weaken_a_baseline() {
    let it = shared();
    let member = new_tenant(&it, "wk-deputy");
    let name = new_namespace(&member, "wk-deputy");
    let account = "system:serviceaccount:argocd:argocd-application-controller";
    let deputy = it.cluster.powerful(account, "wk-deputies").unwrap();
    let deny = ["networkpolicy", "default-deny-all", "-n", &name];
    refused(&deputy, &[&["delete"], &deny[..]].concat(), "", &[("BH201", "metadata.name")]);
    let none = r#"{"spec":{"podSelector":{"matchLabels":{"app":"none"}}}}"#;
    let patch = [&["patch"], &deny[..], &["--type=merge", "-p", none]].concat();
    refused(&deputy, &patch, "", &[("BH202", "spec.podSelector.matchLabels")]);
    for (key, value) in [
        ("argocd.argoproj.io/sync-options", "Prune=false"),
        ("argocd.argoproj.io/compare-options", "IgnoreExtraneous"),
        ("kustomize.toolkit.fluxcd.io/reconcile", "disabled"),
        ("helm.sh/resource-policy", "keep"),
    ] {
        let entry = format!("{key}={value}");
        let annotate = [&["annotate"], &deny[..], &[&entry]].concat();
        refused(&deputy, &annotate, "", &[("BH202", &format!("metadata.annotations[{key}]"))]);
    }
    let label = [&["label"], &deny[..], &["app.kubernetes.io/instance=shop"]].concat();
    refused(&deputy, &label, "", &[("BH202", "metadata.labels[app.kubernetes.io/instance]")]);
    let objects = [open_networks(&name, "wk-deputy"), open_mesh(&name)].concat();
    for (object, expected) in objects.into_iter().step_by(5) {
        refused(&deputy, &["apply", "--server-side", "-f", "-"], &object.to_string(), &expected);
    }
}

/// Extensions could remove the baseline's filters from the proxies.
#[test]
fn proxy_extension_is_refused_to_tenants_and_deployers() {
    let it = shared();
    let member = new_tenant(&it, "wk-extend");
    let name = new_namespace(&member, "wk-extend");
    let admin = it.cluster.admin().unwrap();
    let deputy = it.cluster.powerful("wk-extend-argo", "wk-deputies").unwrap();
    let removes = json!({ "configPatches": [{
        "applyTo": "NETWORK_FILTER",
        "match": {
            "context": "SIDECAR_INBOUND",
            "listener": { "filterChain": { "filter": { "name": "envoy.filters.network.rbac" } } },
        },
        "patch": { "operation": "REMOVE" },
    }] });
    let plugin = json!({ "url": "oci://registry.example.com/listener:1" });
    let extension = json!({ "wasm": plugin });
    let proxy = json!({ "environmentVariables": { "ISTIO_META_DNS_CAPTURE": "false" } });
    let objects = [
        object("networking.istio.io/v1alpha3", "EnvoyFilter", &name, "beside", &removes),
        object("extensions.istio.io/v1alpha1", "WasmPlugin", &name, "beside", &plugin),
        object("extensions.istio.io/v1alpha1", "TrafficExtension", &name, "beside", &extension),
        object("networking.istio.io/v1beta1", "ProxyConfig", &name, "beside", &proxy),
    ];
    for object in &objects {
        for kubectl in [&member, &deputy] {
            for way in WAYS {
                refused(kubectl, way, &object.to_string(), &[("BH907", "kind")]);
            }
        }
        let said = admin.feed(&["apply", "-f", "-"], &object.to_string()).unwrap();
        assert!(said.success, "{said:?}");
    }
    // A tenant may label and delete an extension of the platform, but not change it.
    let filter = ["envoyfilters.networking.istio.io", "beside", "-n", &name];
    let said = member.run(&[&["label"], &filter[..], &["team=web"]].concat()).unwrap();
    assert!(said.success, "{said:?}");
    let more = r#"{"spec":{"priority":5}}"#;
    let patch = [&["patch"], &filter[..], &["--type=merge", "-p", more]].concat();
    refused(&member, &patch, "", &[("BH907", "kind")]);
    member.ok(&[&["delete"], &filter[..]].concat()).unwrap();
}

#[test]
fn open_policy_of_an_observed_tenant_is_a_warning() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let name = "legacy-wk-before";
    admin.ok(&["create", "namespace", name]).unwrap();
    wait_for_default_account(&admin, name);
    let open = |policy: &str| network(name, policy, &json!({ "ingress": [{ "ports": [{ "port": 80 }] }] }));
    admin.apply(&open("old").to_string()).unwrap();
    let owners = json!([{ "kind": "Group", "name": "wk-before-developers" }]);
    let observed = objects::tenant("wk-before", &json!({ "enforcement": "Observe", "owners": owners }));
    admin.apply(&observed.to_string()).unwrap();
    until(|| admin.run(&["label", "namespace", name, "bulkhead.dev/tenant=wk-before"]).unwrap().success);
    let member = it.cluster.powerful("wk-before-alice", "wk-before-developers").unwrap();
    until(|| {
        let said = member.feed(&["create", "--dry-run=server", "-f", "-"], &open("new").to_string()).unwrap();
        said.success && warnings(&said.stderr) == [("BH501", "spec.ingress[0]")]
    });
}

#[test]
fn older_open_policy_is_a_warning_until_its_spec_changes() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let name = "legacy-wk-ratchet";
    admin.ok(&["create", "namespace", name]).unwrap();
    wait_for_default_account(&admin, name);
    let open = network(name, "old", &json!({ "ingress": [{ "ports": [{ "port": 80 }] }] }));
    admin.apply(&open.to_string()).unwrap();
    let member = new_tenant(&it, "wk-ratchet");
    admin
        .ok(&["label", "namespace", name, "bulkhead.dev/tenant=wk-ratchet", "istio-injection=enabled"])
        .unwrap();
    let patch = |patch: &str| {
        member.run(&["patch", "networkpolicy", "old", "-n", name, "--type=merge", "-p", patch]).unwrap()
    };
    until(|| {
        let said = patch(r#"{"spec":{"ingress":[{"ports":[{"port":81}]}]}}"#);
        !said.success && violations(&said.stderr) == [("BH501", "spec.ingress[0]")]
    });
    let said = patch(r#"{"metadata":{"labels":{"team":"ours"}}}"#);
    expect_warned(&said, &[("BH501", "spec.ingress[0]")]);
    assert!(patch(r#"{"spec":{"ingress":[{"from":[{"podSelector":{}}]}]}}"#).success);
}

/// Policies as charts have them for an application with a database and with metrics.
#[test]
fn policies_of_a_chart_are_admitted_once_their_callers_are_granted() {
    let it = shared();
    let member = new_tenant(&it, "wk-chart");
    let name = new_namespace(&member, "wk-chart");
    let admin = it.cluster.admin().unwrap();
    let app =
        json!({ "matchLabels": { "app.kubernetes.io/name": "shop", "app.kubernetes.io/instance": "shop" } });
    let monitoring = json!({ "matchLabels": { "kubernetes.io/metadata.name": "monitoring" } });
    let scrape = network(
        &name,
        "scrape",
        &json!({ "ingress": [{
        "from": [{ "namespaceSelector": monitoring, "podSelector": { "matchLabels": { "app": "prometheus" } } }],
        "ports": [{ "port": "http-metrics" }],
    }] }),
    );
    let peer = ("BH502", "spec.ingress[0].from[0].namespaceSelector");
    refused(&member, &["apply", "-f", "-"], &scrape.to_string(), &[peer]);
    let grant =
        r#"{"spec":{"grants":{"callers":[{"namespace":"monitoring","serviceAccount":"prometheus"}]}}}"#;
    admin.ok(&["patch", "tenant", "wk-chart", "--type", "merge", "-p", grant]).unwrap();
    let database = network(
        &name,
        "database",
        &json!({
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{ "from": [{ "podSelector": app }], "ports": [{ "port": 5432, "protocol": "TCP" }] }],
            "egress": [
                { "to": [{ "podSelector": app }] },
                {
                    "to": [{
                        "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "kube-system" } },
                        "podSelector": { "matchLabels": { "k8s-app": "kube-dns" } },
                    }],
                    "ports": [{ "port": 53, "protocol": "UDP" }, { "port": 53, "protocol": "TCP" }],
                },
            ],
        }),
    );
    for object in [database, scrape] {
        // The webhook looks a new grant up once.
        let said = member.feed(&["apply", "-f", "-"], &object.to_string()).unwrap();
        expect_admitted(&said);
    }
}
