use serde_json::{Map, Value, json};

use super::{Body, Kind, Object, Served, peers};
use crate::api::SharedPort;
use crate::world::Tenant;

/// Each tenant may ask for what is its own, and nobody for anything else.
pub(super) const fn object<'w>() -> Object<Served<'w>> {
    Object { kind: Kind::AuthorizationPolicy, name: "tenants", body: Body::Always(body) }
}

fn body(served: Served<'_>) -> Value {
    let tenants = served.world.reaching(served.service);
    let rules = tenants.flat_map(|tenant| {
        let trusted = served.world.trusted_of(&tenant.name);
        let accounts: Vec<String> =
            trusted.map(|namespace| peers::principal(&served.world.settings, namespace, "*")).collect();
        // Without a principal the rule would be for everybody.
        let ports = served.service.ports.iter().filter(|_| !accounts.is_empty());
        ports.map(|port| rule(tenant, &accounts, port)).collect::<Vec<_>>()
    });
    let rules: Vec<Value> = rules.collect();
    json!({ "spec": { "action": "ALLOW", "rules": rules, "selector": served.selector() } })
}

/// What `accounts` of `tenant` may ask for on the port.
fn rule(tenant: &Tenant, accounts: &[String], port: &SharedPort) -> Value {
    let named = |text: &String| text.replace("{tenant}", &tenant.name);
    let mut operation = Map::from_iter([("ports".to_owned(), json!([port.port.to_string()]))]);
    if !port.methods.is_empty() {
        operation.insert("methods".to_owned(), json!(port.methods));
    }
    if !port.paths.is_empty() {
        let paths: Vec<String> = port.paths.iter().map(named).collect();
        operation.insert("paths".to_owned(), json!(paths));
    }
    let mut rule = json!({
        "from": [{ "source": { "principals": accounts } }],
        "to": [{ "operation": operation }],
    });
    let headers = port.headers.iter().map(
        |(header, value)| json!({ "key": format!("request.headers[{header}]"), "values": [named(value)] }),
    );
    if let (false, Value::Object(rule)) = (port.headers.is_empty(), &mut rule) {
        rule.insert("when".to_owned(), headers.collect());
    }
    rule
}
