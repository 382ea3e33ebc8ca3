//! Hosts in the mesh's kinds: generated names, judged as routes of a tenant, beside a plain statement of the names to
//! which istiod and a proxy apply each of them.

use std::collections::BTreeSet;

use bulkhead::kinds::Kind;
use bulkhead::snapshot::User;
use serde_json::{Value, json};
use support::host_names::HostNames;
use support::judging::is_admitted_by;
use support::objects::object;
use support::random::Random;

use crate::examples::snapshot;

const SNAPSHOT: &str = "granted-hosts";
/// Services that exist, as NAME.NAMESPACE.
const SERVICES: &[&str] = &[
    "web.tenant-acme",
    "svc.tenant-acme",
    "web.tenant-acme-new",
    "web.tenant-beta",
    "log-collector.tenant-beta",
    "web.tenant-shop",
    "kubernetes.tenant-shop",
    "log-collector.shared-services",
    "metrics.shared-services",
    "kubernetes.default",
    "web.default",
    "kube-dns.kube-system",
    "istiod.istio-system",
];
const OUTSIDE: &[&str] = &[
    "example.com",
    "shop.example.com",
    "www.shop.example.com",
    "other.example.com",
    "api.example.net",
    "v2.api.example.net",
    "eu.objects.example.net",
    "objects.example.net",
];

/// A tenant, its first namespace, and the existing names that it serves and that it may only call.
struct Owned {
    namespace: &'static str,
    served: &'static [&'static str],
    called: &'static [&'static str],
}

const OWNED: &[Owned] = &[
    Owned {
        namespace: "tenant-acme",
        served: &["web.tenant-acme", "svc.tenant-acme", "web.tenant-acme-new"],
        called: &["log-collector.shared-services", "kubernetes.default", "kube-dns.kube-system"],
    },
    Owned {
        namespace: "tenant-shop",
        served: &["web.tenant-shop", "kubernetes.tenant-shop", "shop.example.com", "www.shop.example.com"],
        called: &["kubernetes.default", "kube-dns.kube-system", "api.example.net", "eu.objects.example.net"],
    },
];

impl Owned {
    /// The existing names that an object of this kind may name. A gateway serves a route's hosts to all callers.
    fn names(&self, kind: Kind, is_destination: bool) -> impl Iterator<Item = &'static str> {
        let called = if kind == Kind::HttpRoute && !is_destination { &[] } else { self.called };
        self.served.iter().chain(called).copied()
    }
}

/// True if the name `host`, perhaps with a `*` in front, covers `name`: the matching of istiod and of Envoy's domains.
fn covers(host: &str, name: &str) -> bool {
    host == name || host.strip_prefix('*').is_some_and(|end| name.ends_with(end))
}

/// The names, apart from the full one, to which a proxy answers for a Service with this full name.
fn aliases(full: &str) -> Vec<String> {
    let Some(short) = full.find(".svc.").filter(|_| full.ends_with(".svc.cluster.local")) else {
        return vec![format!("{full}.")];
    };
    let short = &full[..short];
    vec![format!("{full}."), short.to_owned(), format!("{short}.svc")]
}

/// The existing names that an object of this kind applies to, if it names `host`.
fn touched(kind: Kind, namespace: &str, host: &str) -> BTreeSet<&'static str> {
    let is_literal = matches!(kind, Kind::ServiceEntry | Kind::HttpRoute);
    let has_namespace = host.contains('.') || host == "*" || is_literal;
    let full = if has_namespace { host.to_owned() } else { format!("{host}.{namespace}.svc.cluster.local") };
    // A proxy answers to the name of a route or of an entry, and to the aliases that istiod makes of it.
    let domains: Vec<String> =
        aliases(&full).into_iter().chain([full.clone()]).map(|domain| domain.to_lowercase()).collect();
    let is_touched = |service: &str| {
        let existing = format!("{service}.svc.cluster.local");
        let mut known = aliases(&existing);
        // In the Service's own namespace, a proxy also answers to its short name.
        known.extend(service.split('.').next().filter(|_| is_literal).map(ToOwned::to_owned));
        known.push(existing);
        known.iter().any(|known| domains.iter().any(|domain| covers(domain, known)))
    };
    let services = SERVICES.iter().filter(|service| is_touched(service));
    let outside = OUTSIDE.iter().filter(|name| domains.iter().any(|domain| covers(domain, name)));
    services.chain(outside).copied().collect()
}

/// An object that is fine apart from `host`, which it names as a host, or as a destination.
fn naming(kind: Kind, namespace: &str, host: &str, is_destination: bool) -> Value {
    let port = json!([{ "number": 80, "name": "http", "protocol": "HTTP" }]);
    let (served, reached) = if is_destination { ("web", host) } else { (host, "web") };
    let spec = match kind {
        Kind::VirtualService => json!({
            "hosts": [served], "exportTo": ["."], "http": [{ "route": [{ "destination": { "host": reached } }] }],
        }),
        Kind::DestinationRule => json!({ "host": host }),
        Kind::HttpRoute if is_destination => {
            let backend = json!({ "group": "networking.istio.io", "kind": "Hostname", "name": host });
            json!({ "rules": [{ "backendRefs": [backend] }] })
        }
        Kind::HttpRoute => json!({ "hostnames": [host] }),
        _ => json!({ "hosts": [host], "exportTo": ["."], "ports": port, "resolution": "DNS" }),
    };
    object(&kind.api_version(), kind.name(), namespace, "a", &spec)
}

fn is_admitted(object: &Value) -> bool {
    // A member of each tenant in `OWNED`.
    let user = User { name: "erin", groups: vec!["acme-developers", "shop-developers"] };
    is_admitted_by(&["BH601", "BH602"], snapshot(SNAPSHOT), &user, object)
}

/// The names that the generated ones are made of.
const NAMES: HostNames = HostNames {
    services: SERVICES,
    outside: OUTSIDE,
    labels: &[
        "web",
        "web",
        "svc",
        "log-collector",
        "kubernetes",
        "tenant-acme",
        "tenant-acme",
        "tenant-shop",
        "tenant-beta",
        "shared-services",
        "default",
        "cluster",
        "local",
        "example",
        "com",
        "net",
        "api",
        "shop",
        "x",
        "*",
        "*b",
        "*-acme",
        "WEB",
        "10",
        "",
    ],
};

const KINDS: &[(Kind, bool)] = &[
    (Kind::VirtualService, false),
    (Kind::VirtualService, true),
    (Kind::DestinationRule, false),
    (Kind::ServiceEntry, false),
    (Kind::HttpRoute, false),
    (Kind::HttpRoute, true),
];

#[test]
fn admitted_host_applies_to_no_name_of_others() {
    let mut random = Random::new(16);
    let (mut admitted, mut wrong) = (0, BTreeSet::new());
    for _ in 0..10_000 {
        let host = NAMES.generate(&mut random);
        for owned in OWNED {
            for (kind, is_destination) in KINDS {
                if !is_admitted(&naming(*kind, owned.namespace, &host, *is_destination)) {
                    continue;
                }
                admitted += 1;
                let mut others = touched(*kind, owned.namespace, &host);
                others.retain(|name| !owned.names(*kind, *is_destination).any(|known| known == *name));
                if !others.is_empty() {
                    wrong.insert(format!("{} in {}: {host} is {others:?}", kind.name(), owned.namespace));
                }
            }
        }
    }
    assert_eq!(wrong, BTreeSet::new());
    assert!(admitted > 5_000, "{admitted}");
}

#[test]
fn own_and_granted_hosts_are_admitted_in_every_form() {
    for owned in OWNED {
        for (kind, is_destination) in KINDS {
            let in_full = |name: &str| {
                if SERVICES.contains(&name) { format!("{name}.svc.cluster.local") } else { name.to_owned() }
            };
            let full: Vec<String> = owned.names(*kind, *is_destination).map(in_full).collect();
            let short = (!matches!(kind, Kind::ServiceEntry | Kind::HttpRoute)).then(|| "web".to_owned());
            let forms = full.iter().flat_map(|name| aliases(name)).chain(full.clone()).chain(short);
            for host in forms {
                let object = naming(*kind, owned.namespace, &host, *is_destination);
                assert!(is_admitted(&object), "{object}");
            }
        }
    }
}
