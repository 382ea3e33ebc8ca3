//! What somebody writes in a tenant's namespace beside its baseline: what opens or silences something is refused
//! through the real API server, by whatever verb, and what honest charts ship is not.

pub(crate) mod objects;

use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};

use crate::baseline::refused;
use crate::cluster::{can_hold_pods, namespace, shared, tenant, until};
use objects::{mtls, network, object, open_mesh, open_networks, sidecar, telemetry, with};

const WAYS: [&[&str]; 3] = [
    &["create", "--dry-run=server", "-f", "-"],
    &["apply", "--server-side", "-f", "-"],
    &["apply", "-f", "-"],
];

fn all_refused(kubectl: &Kubectl, ways: &[&[&str]], objects: &[(Value, &'static str)]) {
    for (object, says) in objects {
        for way in ways {
            refused(kubectl, way, &object.to_string(), says);
        }
    }
}

#[test]
fn what_opens_the_network_beside_the_baseline_is_refused() {
    let it = shared();
    let member = tenant(&it, "wk-open");
    let name = namespace(&member, "wk-open");
    all_refused(&member, &WAYS[..2], &open_networks(&name));
    all_refused(&it.cluster.admin().unwrap(), &WAYS[2..], &open_networks(&name));
    let objects = member.ok(&["get", "networkpolicy", "beside", "-n", &name, "--ignore-not-found"]).unwrap();
    assert_eq!(objects, "");
}

#[test]
fn what_opens_or_silences_the_mesh_beside_the_baseline_is_refused() {
    let it = shared();
    let member = tenant(&it, "wk-mesh");
    let name = namespace(&member, "wk-mesh");
    all_refused(&member, &WAYS[..2], &open_mesh(&name));
    all_refused(&it.cluster.admin().unwrap(), &WAYS[2..], &open_mesh(&name));
}

#[test]
fn what_was_honest_is_not_opened_by_an_update() {
    let it = shared();
    let member = tenant(&it, "wk-edit");
    let name = namespace(&member, "wk-edit");
    let web = json!({ "matchLabels": { "app": "web" } });
    let own = json!({ "ingress": [{ "from": [{ "podSelector": {} }] }] });
    member.apply(&network(&name, "own", &own).to_string()).unwrap();
    member.apply(&sidecar(&name, "own", &json!({})).to_string()).unwrap();
    member
        .apply(&mtls(&name, "own", &json!({ "selector": web, "mtls": { "mode": "STRICT" } })).to_string())
        .unwrap();
    for (what, kind, patch, says) in [
        ("networkpolicy", "merge", r#"{"spec":{"ingress":[{}]}}"#, "BH501"),
        ("networkpolicy", "strategic", r#"{"spec":{"ingress":[{"from":null}]}}"#, "BH501"),
        ("networkpolicy", "json", r#"[{"op":"remove","path":"/spec/ingress/0/from"}]"#, "BH501"),
        ("networkpolicy", "json", r#"[{"op":"add","path":"/spec/egress","value":[{}]}]"#, "BH501"),
        ("sidecars.networking.istio.io", "merge", r#"{"spec":{"workloadSelector":null}}"#, "BH204"),
        ("sidecars.networking.istio.io", "json", r#"[{"op":"remove","path":"/spec/egress"}]"#, "BH608"),
        ("sidecars.networking.istio.io", "merge", r#"{"metadata":{"labels":{"istio.io/rev":"x"}}}"#, "BH704"),
        (
            "peerauthentications.security.istio.io",
            "merge",
            r#"{"spec":{"portLevelMtls":{"8080":{"mode":"DISABLE"}}}}"#,
            "BH701",
        ),
    ] {
        refused(&member, &["patch", what, "own", "-n", &name, "--type", kind, "-p", patch], "", says);
    }
    let open = network(&name, "own", &json!({ "ingress": [{}] }));
    refused(&member, &["replace", "-f", "-"], &open.to_string(), "BH501");
    // What it takes beside is its own affair, and so is that it goes.
    member.ok(&["annotate", "networkpolicy", "own", "-n", &name, "example.com/note=1"]).unwrap();
    member.ok(&["delete", "networkpolicy", "own", "-n", &name]).unwrap();
}

#[test]
fn what_a_tenant_closes_or_keeps_to_itself_is_admitted() {
    let it = shared();
    let member = tenant(&it, "wk-own");
    let name = namespace(&member, "wk-own");
    let own = json!({ "namespaceSelector": { "matchLabels": { "bulkhead.dev/tenant": "wk-own" } } });
    let named = json!({ "namespaceSelector": { "matchExpressions": [
        { "key": "kubernetes.io/metadata.name", "operator": "In", "values": [name] },
        { "key": "team", "operator": "NotIn", "values": ["other"] },
    ] }, "podSelector": {} });
    let dns =
        json!({ "namespaceSelector": { "matchLabels": { "kubernetes.io/metadata.name": "kube-system" } } });
    let dns_port = json!([{ "port": 53, "protocol": "UDP" }]);
    let web = json!({ "matchLabels": { "app": "web" } });
    let allow = json!({ "action": "ALLOW", "rules": [{}] });
    let allowing = object("security.istio.io/v1", "AuthorizationPolicy", &name, "everything", &allow);
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
        network(
            &name,
            "server",
            &json!({ "egress": [{ "to": [{ "ipBlock": { "cidr": "192.0.2.10/32" } }], "ports": [{ "port": 6443 }] }] }),
        ),
        mtls(&name, "everything", &json!({ "mtls": { "mode": "STRICT" } })),
        sidecar(&name, "web", &json!({ "egress": [{ "hosts": ["./*", "istio-system/*"] }] })),
        telemetry(&name, "web", &more),
        object("v1", "ResourceQuota", &name, "fewer", &json!({ "hard": { "pods": "20" } })),
        // What the baseline denies no policy allows; the packets show it.
        allowing.clone(),
        with(allowing, "annotations", "istio.io/dry-run", "true"),
    ] {
        let said = member.feed(&["apply", "--server-side", "-f", "-"], &object.to_string()).unwrap();
        assert!(said.success && !said.stderr.contains("BH"), "{object}: {said:?}");
    }
}

#[test]
fn the_baselines_names_trials_and_shares_are_not_to_be_had() {
    let it = shared();
    let member = tenant(&it, "wk-names");
    let name = namespace(&member, "wk-names");
    let admin = it.cluster.admin().unwrap();
    // What the baseline has no object of yet, but will once something is granted.
    let early =
        network(&name, "bulkhead-callback-1", &json!({ "ingress": [{ "from": [{ "podSelector": {} }] }] }));
    let policy = ["authorizationpolicies.security.istio.io", "deny-cross-tenant", "-n", &name];
    let quota = ["resourcequota", "tenant-quota", "-n", &name];
    let limits = ["limitrange", "tenant-limits", "-n", &name];
    for kubectl in [&member, &admin] {
        refused(
            kubectl,
            &["create", "-f", "-"],
            &early.to_string(),
            "BH202 metadata.name: the name of an object",
        );
        for (what, patch) in [
            (policy, r#"{"metadata":{"annotations":{"istio.io/dry-run":"true"}}}"#),
            (quota, r#"{"spec":{"hard":{"pods":"100k"}}}"#),
            (quota, r#"{"spec":{"hard":{"pods":null}}}"#),
            (limits, r#"{"spec":{"limits":[{"type":"Container","default":{"memory":"8Mi"}}]}}"#),
        ] {
            refused(kubectl, &[&["patch"], &what[..], &["--type=merge", "-p", patch]].concat(), "", "BH202");
        }
        let counted = r#"{"status":{"hard":{"pods":"100k"}}}"#;
        let patch =
            [&["patch"], &quota[..], &["--subresource=status", "--type=merge", "-p", counted]].concat();
        refused(kubectl, &patch, "", "BH202 status: ");
        for what in [quota, limits] {
            refused(kubectl, &[&["delete"], &what[..]].concat(), "", "BH201");
        }
    }
}

/// What istiod pushes to every proxy, and the network to every node, has an end in each namespace.
#[test]
fn what_others_pay_for_is_counted() {
    let it = shared();
    let member = tenant(&it, "wk-count");
    let name = namespace(&member, "wk-count");
    let path = "jsonpath={.spec.hard}";
    let hard = member.ok(&["get", "resourcequota", "tenant-quota", "-n", &name, "-o", path]).unwrap();
    let hard: Value = serde_json::from_str(&hard).unwrap();
    for counted in ["networkpolicies.networking.k8s.io", "serviceentries.networking.istio.io", "configmaps"] {
        assert!(hard[format!("count/{counted}")].is_string(), "{hard}");
    }
    let few = r#"{"spec":{"quotaEach":{"count/sidecars.networking.istio.io":"1"}}}"#;
    it.cluster.admin().unwrap().ok(&["patch", "tenant", "wk-count", "--type=merge", "-p", few]).unwrap();
    let more = sidecar(&name, "more", &json!({})).to_string();
    until(|| {
        let said = member.feed(&["create", "--dry-run=server", "-f", "-"], &more).unwrap();
        !said.success && said.stderr.contains("exceeded quota: tenant-quota")
    });
}

/// The GitOps tool's account may do everything in the cluster, and is nobody's: a tenant's Git is not a way round.
#[test]
fn a_deputy_that_may_do_everything_weakens_nothing() {
    let it = shared();
    let member = tenant(&it, "wk-deputy");
    let name = namespace(&member, "wk-deputy");
    let account = "system:serviceaccount:argocd:argocd-application-controller";
    let deputy = it.cluster.powerful(account, "wk-deputies").unwrap();
    let deny = ["networkpolicy", "default-deny-all", "-n", &name];
    refused(&deputy, &[&["delete"], &deny[..]].concat(), "", "BH201");
    let patch = |patch| [&["patch"], &deny[..], &["--type=merge", "-p", patch]].concat();
    refused(&deputy, &patch(r#"{"spec":{"podSelector":{"matchLabels":{"app":"none"}}}}"#), "", "BH202");
    for note in [
        "argocd.argoproj.io/sync-options=Prune=false",
        "argocd.argoproj.io/compare-options=IgnoreExtraneous",
        "kustomize.toolkit.fluxcd.io/reconcile=disabled",
        "helm.sh/resource-policy=keep",
    ] {
        refused(&deputy, &[&["annotate"], &deny[..], &[note]].concat(), "", "BH202");
    }
    refused(&deputy, &[&["label"], &deny[..], &["app.kubernetes.io/instance=shop"]].concat(), "", "BH202");
    let objects = [open_networks(&name), open_mesh(&name)].concat();
    for (object, says) in objects.into_iter().step_by(5) {
        let says = says.split(' ').next().unwrap();
        refused(&deputy, &["apply", "--server-side", "-f", "-"], &object.to_string(), says);
    }
}

/// It would take out of the proxies what the baseline put in.
#[test]
fn what_rewrites_proxies_is_the_platforms() {
    let it = shared();
    let member = tenant(&it, "wk-extend");
    let name = namespace(&member, "wk-extend");
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
                refused(kubectl, way, &object.to_string(), "BH907 kind: ");
            }
        }
        let said = admin.feed(&["apply", "-f", "-"], &object.to_string()).unwrap();
        assert!(said.success, "{said:?}");
    }
    // What the platform wrote stays as it is, and may go.
    let filter = ["envoyfilters.networking.istio.io", "beside", "-n", &name];
    let said = member.run(&[&["label"], &filter[..], &["team=web"]].concat()).unwrap();
    assert!(said.success, "{said:?}");
    let more = r#"{"spec":{"priority":5}}"#;
    refused(&member, &[&["patch"], &filter[..], &["--type=merge", "-p", more]].concat(), "", "BH907 kind: ");
    member.ok(&[&["delete"], &filter[..]].concat()).unwrap();
}

/// Seen while a tenant is observed, and admitted with a warning; once it is there it may stay as it is, and go.
#[test]
fn what_was_open_before_is_warned_of() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let name = "legacy-wk-before";
    admin.ok(&["create", "namespace", name]).unwrap();
    can_hold_pods(&admin, name);
    let open = |policy: &str| network(name, policy, &json!({ "ingress": [{ "ports": [{ "port": 80 }] }] }));
    admin.apply(&open("old").to_string()).unwrap();
    let spec = |enforcement: &str| {
        json!({
            "apiVersion": "bulkhead.dev/v1alpha1", "kind": "Tenant", "metadata": { "name": "wk-before" },
            "spec": {
                "enforcement": enforcement, "owners": [{ "kind": "Group", "name": "wk-before-developers" }],
            },
        })
    };
    admin.apply(&spec("Observe").to_string()).unwrap();
    until(|| admin.run(&["label", "namespace", name, "bulkhead.dev/tenant=wk-before"]).unwrap().success);
    let member = it.cluster.powerful("wk-before-alice", "wk-before-developers").unwrap();
    until(|| {
        let said = member.feed(&["create", "--dry-run=server", "-f", "-"], &open("new").to_string()).unwrap();
        said.success && said.stderr.contains("Warning: BH501 spec.ingress[0]: ")
    });
}

#[test]
fn what_was_open_when_its_tenant_came_stays_until_it_is_aimed_anew() {
    let it = shared();
    let admin = it.cluster.admin().unwrap();
    let name = "legacy-wk-ratchet";
    admin.ok(&["create", "namespace", name]).unwrap();
    can_hold_pods(&admin, name);
    let open = network(name, "old", &json!({ "ingress": [{ "ports": [{ "port": 80 }] }] }));
    admin.apply(&open.to_string()).unwrap();
    let member = tenant(&it, "wk-ratchet");
    admin
        .ok(&["label", "namespace", name, "bulkhead.dev/tenant=wk-ratchet", "istio-injection=enabled"])
        .unwrap();
    let patch = |patch: &str| {
        member.run(&["patch", "networkpolicy", "old", "-n", name, "--type=merge", "-p", patch]).unwrap()
    };
    until(|| {
        let said = patch(r#"{"spec":{"ingress":[{"ports":[{"port":81}]}]}}"#);
        !said.success && said.stderr.contains("BH501")
    });
    let said = patch(r#"{"metadata":{"labels":{"team":"ours"}}}"#);
    assert!(said.success && said.stderr.contains("Warning: BH501"), "{said:?}");
    assert!(patch(r#"{"spec":{"ingress":[{"from":[{"podSelector":{}}]}]}}"#).success);
}

/// What charts ship for an application with a database, where the platform's metrics scrape it.
#[test]
fn a_charts_policies_are_admitted_where_their_callers_are_granted() {
    let it = shared();
    let member = tenant(&it, "wk-chart");
    let name = namespace(&member, "wk-chart");
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
    refused(&member, &["apply", "-f", "-"], &scrape.to_string(), "BH502");
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
        // The grant may be a moment old; who asks is looked up once.
        let said = member.feed(&["apply", "-f", "-"], &object.to_string()).unwrap();
        assert!(said.success && !said.stderr.contains("BH"), "{object}: {said:?}");
    }
}
