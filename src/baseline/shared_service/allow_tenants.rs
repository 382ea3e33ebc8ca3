use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Body, Object, ServiceSite, network};
use crate::api::SharedPort;
use crate::kinds::Kind;
use crate::snapshot::Tenant;

/// Allows each tenant the requests that are its own, and denies all others. In front of HTTP ports in an ambient mesh,
/// the waypoint decides about requests, and the pods accept only its account.
pub(super) const fn object<'w>() -> Object<ServiceSite<'w>> {
    Object { kind: Kind::AuthorizationPolicy, name: "tenants", body: Body::Always(body) }
}

fn body(site: ServiceSite<'_>) -> Value {
    let mut rules = Vec::new();
    if let Some(waypoint) = site.waypoint() {
        let account = network::principal(site.settings(), &site.service.namespace, &waypoint);
        let ports: Vec<String> = site.service.ports.iter().map(|port| port.port.to_string()).collect();
        rules.push(json!({
            "from": [{ "source": { "principals": [account] } }],
            "to": [{ "operation": { "ports": ports } }],
        }));
    }
    let direct: Vec<&SharedPort> = site.direct_ports().collect();
    rules.extend(rules_of_tenants(site, &direct, |port| port.port));
    json!({ "spec": { "action": "ALLOW", "rules": rules, "selector": site.selector() } })
}

/// Returns the rules of all tenants for these ports. `number` returns a port as the proxy sees it that decides.
pub(super) fn rules_of_tenants(
    site: ServiceSite<'_>,
    ports: &[&SharedPort],
    number: fn(&SharedPort) -> u16,
) -> Vec<Value> {
    let tenants = site.snapshot.tenants_reaching(site.service);
    tenants.flat_map(|tenant| rules(site, tenant, ports, number)).collect()
}

/// Returns the rules of one tenant. Ports with the same headers share a rule, because each rule repeats all
/// accounts of the tenant.
fn rules(
    site: ServiceSite<'_>,
    tenant: &Tenant,
    ports: &[&SharedPort],
    number: fn(&SharedPort) -> u16,
) -> Vec<Value> {
    let trusted = site.snapshot.ready_namespaces_of(&tenant.name);
    let accounts: Vec<String> =
        trusted.map(|namespace| network::principal(&site.snapshot.settings, namespace, "*")).collect();
    if accounts.is_empty() {
        // Without a principal the rule would match every caller.
        return Vec::new();
    }
    let named = |text: &String| text.replace("{tenant}", &tenant.name);
    let mut operations: BTreeMap<&BTreeMap<String, String>, Vec<Value>> = BTreeMap::new();
    for port in ports {
        let mut operation = Map::from_iter([("ports".to_owned(), json!([number(port).to_string()]))]);
        if !port.methods.is_empty() {
            operation.insert("methods".to_owned(), json!(port.methods));
        }
        if !port.paths.is_empty() {
            operation.insert("paths".to_owned(), port.paths.iter().map(named).collect());
        }
        operations.entry(&port.headers).or_default().push(json!({ "operation": operation }));
    }
    let rule = |(headers, operations): (&BTreeMap<String, String>, Vec<Value>)| {
        let mut rule = json!({ "from": [{ "source": { "principals": accounts } }], "to": operations });
        let headers = headers.iter().map(
            |(header, value)| json!({ "key": format!("request.headers[{header}]"), "values": [named(value)] }),
        );
        let headers: Vec<Value> = headers.collect();
        if let (false, Value::Object(rule)) = (headers.is_empty(), &mut rule) {
            rule.insert("when".to_owned(), headers.into());
        }
        rule
    };
    operations.into_iter().map(rule).collect()
}
