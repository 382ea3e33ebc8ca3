use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Body, Object, ServiceSite, network};
use crate::kinds::Kind;
use crate::snapshot::Tenant;

/// Allows each tenant the requests that are its own, and denies all others.
pub(super) const fn object<'w>() -> Object<ServiceSite<'w>> {
    Object { kind: Kind::AuthorizationPolicy, name: "tenants", body: Body::Always(body) }
}

fn body(site: ServiceSite<'_>) -> Value {
    let tenants = site.snapshot.tenants_reaching(site.service);
    let rules: Vec<Value> = tenants.flat_map(|tenant| rules(site, tenant)).collect();
    json!({ "spec": { "action": "ALLOW", "rules": rules, "selector": site.selector() } })
}

/// Returns the rules of one tenant. Ports with the same headers share a rule, because each rule repeats all
/// accounts of the tenant.
fn rules(site: ServiceSite<'_>, tenant: &Tenant) -> Vec<Value> {
    let trusted = site.snapshot.ready_namespaces_of(&tenant.name);
    let accounts: Vec<String> =
        trusted.map(|namespace| network::principal(&site.snapshot.settings, namespace, "*")).collect();
    if accounts.is_empty() {
        // Without a principal the rule would match every caller.
        return Vec::new();
    }
    let named = |text: &String| text.replace("{tenant}", &tenant.name);
    let mut operations: BTreeMap<&BTreeMap<String, String>, Vec<Value>> = BTreeMap::new();
    for port in &site.service.ports {
        let mut operation = Map::from_iter([("ports".to_owned(), json!([port.port.to_string()]))]);
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
