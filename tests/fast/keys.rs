//! The table of keys, and `docs/keys.md`, which is derived from it.

use bulkhead::keys::{Map, Objects, Pattern, Row, TABLE, Values, Writer};
use bulkhead::kinds::Kind;
use bulkhead::policy::rules::Rule;
use support::snapshot_files::compare_part;

#[test]
fn page_of_keys_matches_the_table() {
    for (name, rows) in
        ["namespace keys", "pod keys", "service keys", "route keys", "other keys"].iter().zip(TABLE)
    {
        let columns = "| key | map | who writes it | allowed values | effect | rule | documentation |";
        let rows: String = rows.iter().map(line).collect();
        compare_part(name, &format!("{columns}\n|---|---|---|---|---|---|---|\n{rows}"));
    }
}

/// A rule that a row names judges the kinds on which the key matters.
#[test]
fn rules_judge_the_objects_of_their_keys() {
    for row in TABLE.into_iter().flatten() {
        let Some(code) = row.rule else { continue };
        let rule = Rule::find(code).unwrap_or_else(|| panic!("{code}"));
        let is_judged = |kind: &Kind| kind.entry().is_none() || rule.judges(*kind);
        // Bindings have annotations that reach pods, and no containers, about which BH304 is.
        let mut kinds =
            Kind::ALL.iter().filter(|kind| row.objects.contain(**kind) && **kind != Kind::Binding);
        assert!(kinds.all(is_judged), "{code}: {}", row.pattern.text());
    }
}

/// A key that no user may write has no allowed value, and a key that only some may write has a rule.
#[test]
fn writers_and_values_agree() {
    for row in TABLE.into_iter().flatten() {
        let text = row.pattern.text();
        match row.writer {
            Writer::Nobody | Writer::Injector => assert_eq!(row.values, Values::None, "{text}"),
            Writer::Anyone => assert_ne!(row.values, Values::None, "{text}"),
            Writer::ApiServer
            | Writer::Bulkhead
            | Writer::Istiod
            | Writer::Platform
            | Writer::TenantOwner => {}
        }
        let is_free = row.values == Values::Any || row.writer == Writer::ApiServer;
        assert!(row.rule.is_some() || is_free, "{text}");
        assert!(!row.effect.is_empty() && !row.documentation.is_empty(), "{text}");
    }
}

fn line(row: &Row) -> String {
    let key = match row.pattern {
        Pattern::Key(key) => format!("`{key}`"),
        Pattern::Domain(domain) => format!("other keys of `{domain}` and its subdomains"),
    };
    let maps = match row.maps {
        [Map::Labels] => "label",
        [Map::Annotations] => "annotation",
        _ => "both",
    };
    let objects = match row.objects {
        Objects::Namespaces | Objects::Pods => String::new(),
        Objects::Managed => " of the baseline's kinds".to_owned(),
        Objects::Of(kinds) => {
            format!(" of {}", kinds.concat().iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", "))
        }
    };
    let writer = match row.writer {
        Writer::Anyone => "anyone",
        Writer::ApiServer => "the API server",
        Writer::Bulkhead => "Bulkhead",
        Writer::Injector => "Istio's injector",
        Writer::Istiod => "istiod",
        Writer::Nobody => "no user",
        Writer::Platform => "the platform",
        Writer::TenantOwner => "the platform, owners of the tenant",
    };
    let documentation = row.documentation.strip_prefix("https://").unwrap_or(row.documentation);
    let site = documentation.split('/').next().unwrap();
    format!(
        "| {key} | {maps}{objects} | {writer} | {} | {} | {} | [{site}]({}) |\n",
        values(row.values),
        row.effect,
        row.rule.unwrap_or("none"),
        row.documentation
    )
}

fn values(values: Values) -> String {
    let text = match values {
        Values::Any => "any",
        Values::None => "none",
        Values::Only([""]) => "empty",
        Values::Only(values) => {
            return values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
        }
        Values::Baseline => "the label that Bulkhead sets",
        Values::NamespaceName => "the name of the namespace",
        Values::OwnTenant => "a tenant that has the user as an owner",
        Values::SameTenant => "the value of `bulkhead.dev/tenant`",
        Values::NamespaceRevision => "the mesh revision of the settings or of the namespace",
        Values::Name => "letters, digits, `-` and `.`",
        Values::Revision => "the setting `mesh.revision`, or `default`",
        Values::Bool => "`true`, `false`",
        Values::Duration => "a duration such as `45s`",
        Values::Number => "a number from 0 to 65535",
        Values::Quantity => "a quantity such as `500m` or `1Gi`",
        Values::LogLevels => "log levels such as `default:info,xds:debug`",
        Values::Ports => "ports separated by commas, or `*`",
        Values::MeshPorts => "ports of the proxy: `15020`, `15021`, `15090`",
        Values::StatsPatterns => "letters, digits and the signs of patterns",
        Values::StatsTags => "letters, digits and `_.-,`",
        Values::StatsBuckets => "prefixes with lists of numbers",
        Values::AppArmorProfile => "`runtime/default`, or a profile of the node as `localhost/PROFILE`",
        Values::Waypoint => "the setting `mesh.waypoints`",
        Values::OwnNamespaces => "`.`, `~`, or the tenant's own namespaces",
        Values::OtherThanController => "any but those of Kubernetes' controllers",
        Values::MeshNetwork => "`default/istio-cni` with istio-cni and Multus",
        Values::ProxyConfig => "the fields that BH303 lists",
    };
    text.to_owned()
}
