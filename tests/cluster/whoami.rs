//! `bulkhead whoami`, with the kubeconfig of an owner, and of users who own nothing.

use bulkhead_harness::kubectl::Kubectl;
use serde_json::{Value, json};
use support::cluster::{new_namespace, new_owner, shared};
use support::command::bulkhead_of;
use support::objects;
use support::wait::until;

#[test]
fn owner_learns_what_they_have() {
    let it = shared();
    let owner = new_owner(&it, "ow-who");
    let namespace = new_namespace(&owner, "ow-who");
    let admin = it.cluster.admin().unwrap();
    let patch = json!({ "spec": {
        "contact": "ow-who@example.com", "namespaces": { "limit": 4 }, "grants": { "reach": { "hosts": ["api.example.net"] } },
    } });
    admin.ok(&["patch", "tenant", "ow-who", "--type=merge", "-p", &patch.to_string()]).unwrap();
    let shown = |user: &Kubectl, arguments: &[&str]| -> Value {
        let (code, said) = bulkhead_of(user, &[&["whoami", "-o", "json"], arguments].concat());
        assert_eq!(code, 0, "{said:?}");
        serde_json::from_str(&said.stdout).unwrap()
    };
    until(|| {
        let tenant = shown(&owner, &[])["tenants"][0].clone();
        tenant["namespaces"][0]["quotas"]["tenant-quota"]["pods"]["hard"] == "500"
            && tenant["grants"]["reach"]["hosts"] == json!(["api.example.net"])
    });
    let all = shown(&owner, &[]);
    assert_eq!(all["user"], "ow-who-owner");
    assert_eq!(all["tenants"].as_array().unwrap().len(), 1, "{all}");
    let tenant = &all["tenants"][0];
    assert_eq!(tenant["name"], "ow-who");
    assert_eq!(tenant["ownedAs"], json!([{ "kind": "Group", "name": "ow-who-owners" }]));
    assert_eq!(tenant["namespaceLimit"], 4);
    assert_eq!(tenant["namespaces"].as_array().unwrap().len(), 1, "{tenant}");
    let own = &tenant["namespaces"][0];
    assert_eq!((&own["name"], &own["ready"]), (&json!(namespace), &json!(true)));
    assert_eq!(own["quotas"]["tenant-quota"]["pods"]["used"], "0");
    assert_eq!(shown(&owner, &["ow-who"])["tenants"], all["tenants"]);
    let (_, said) = bulkhead_of(&owner, &["whoami"]);
    for part in
        ["tenant ow-who, owned as Group ow-who-owners", "namespaces: 1 of 4", &format!("{namespace}: ready")]
    {
        assert!(said.stdout.contains(part), "{said:?}");
    }
    assert!(said.stderr.is_empty(), "{said:?}");

    // Owners of several tenants, and of none; a reader who owns none of all tenants.
    let second = json!({ "owners": [{ "kind": "User", "name": "ow-who-owner" }] });
    admin.apply(&objects::tenant("ow-also", &second).to_string()).unwrap();
    until(|| shown(&owner, &[])["tenants"].as_array().unwrap().len() == 2);
    let (_, said) = bulkhead_of(&owner, &["whoami"]);
    assert!(said.stderr.contains("several tenants"), "{said:?}");
    let both = shown(&owner, &[]);
    assert_eq!(both["tenants"][0]["namespaces"], json!([]), "{both}");
    // One that cannot be read does not hide the others.
    let vast = json!({ "namespaces": { "limit": 5_000_000_000_u64 } });
    admin.apply(&objects::tenant("ow-vast", &vast).to_string()).unwrap();
    let (_, said) = bulkhead_of(&admin, &["whoami"]);
    assert!(said.stderr.contains("the Tenant ow-vast is left out"), "{said:?}");
    admin.ok(&["delete", "tenant", "ow-vast"]).unwrap();
    for (user, of) in
        [(it.cluster.user("ow-who-none", &["ow-who-nobodies"]).unwrap(), "ow-who-none"), (admin, "admin")]
    {
        let (code, said) = bulkhead_of(&user, &["whoami"]);
        assert_eq!(code, 0, "{said:?}");
        assert!(said.stderr.contains(&format!("`{of}` owns no tenant")), "{said:?}");
        assert_eq!(shown(&user, &[])["tenants"], json!([]));
    }
    let stranger = it.cluster.user("ow-who-none", &["ow-who-nobodies"]).unwrap();
    let (code, said) = bulkhead_of(&stranger, &["whoami", "ow-who"]);
    assert!(code == 2 && !said.stderr.contains("ow-who@"), "{said:?}");

    // kubectl shows the Tenant by its name alone.
    owner.ok(&["get", "tenant", "ow-who"]).unwrap();
    let listed =
        owner.ok(&["get", "tenants", "--field-selector", "metadata.name=ow-who", "-o", "name"]).unwrap();
    assert_eq!(listed.trim(), "tenant.bulkhead.dev/ow-who");
    for others in [&["get", "tenants"][..], &["get", "tenant", "ow-none"]] {
        let said = owner.run(others).unwrap();
        assert!(!said.success && said.stderr.contains("is forbidden: User"), "{said:?}");
    }
}
