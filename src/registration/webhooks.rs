//! The two webhook configurations, as the rules require them.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhook, MutatingWebhookConfiguration, RuleWithOperations, ServiceReference, ValidatingWebhook,
    ValidatingWebhookConfiguration, WebhookClientConfig,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement, ObjectMeta};

use super::places::Places;
use super::{Service, match_conditions};
use crate::keys::{NAMESPACE_NAME_LABEL, TENANT_LABEL};
use crate::kinds::{Kind, Operation, Resource, WebhookEntry};
use crate::policy::{NamespaceClass, RULES};
use crate::settings::Settings;

/// The name of both configurations.
pub const CONFIGURATION_NAME: &str = "tenant-bulkhead";

/// Returns the validating configuration. It has `failurePolicy: Fail`: the API server refuses writes while no replica
/// answers. Only the settings can be changed then.
pub fn validating(service: &Service, places: Places<'_>) -> ValidatingWebhookConfiguration {
    // A selector must not have an empty list.
    let is_needed = |entry: &&WebhookEntry| {
        **entry != WebhookEntry::Credentials || !places.with_trusted_accounts().is_empty()
    };
    let entries = WebhookEntry::ALL.iter().filter(is_needed);
    let webhooks = entries.flat_map(|entry| webhooks(*entry)).map(|(name, entry, writes)| {
        let conditions = match_conditions::for_validating(entry, service, places);
        ValidatingWebhook {
            name: format!("{name}.bulkhead.dev"),
            admission_review_versions: vec!["v1".to_owned()],
            client_config: client(service, &format!("/validate/{}", entry.name())),
            failure_policy: Some(if entry == WebhookEntry::Settings { "Ignore" } else { "Fail" }.to_owned()),
            match_conditions: (writes != Writes::New).then_some(conditions),
            match_policy: Some("Equivalent".to_owned()),
            namespace_selector: selector(entry, service, places),
            rules: Some(match entry {
                WebhookEntry::Shared => vec![every_write()],
                WebhookEntry::Settings => vec![writes_of_config_maps()],
                _ => rules(entry, writes, places.settings),
            }),
            side_effects: "None".to_owned(),
            timeout_seconds: Some(5),
            ..ValidatingWebhook::default()
        }
    });
    ValidatingWebhookConfiguration { metadata: metadata(), webhooks: Some(webhooks.collect()) }
}

/// The writes of an entry that one webhook is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writes {
    All,
    /// New objects. Their webhook has no match conditions.
    New,
    NotNew,
}

/// Returns the webhooks of an entry, with their names.
///
/// New workloads have a webhook of their own. No condition of the entry can be false for them, and a single condition
/// costs the API server more than the rest of the call: it converts the whole pod to a CEL value.
fn webhooks(entry: WebhookEntry) -> Vec<(&'static str, WebhookEntry, Writes)> {
    match entry {
        WebhookEntry::Workloads => {
            vec![(entry.name(), entry, Writes::New), ("workload-changes", entry, Writes::NotNew)]
        }
        _ => vec![(entry.name(), entry, Writes::All)],
    }
}

impl Writes {
    /// Returns those of the operations on a resource that are among these writes.
    fn of(self, operations: &'static [Operation], subresource: &str) -> &'static [Operation] {
        let is_new = |operation: &Operation| *operation == Operation::Create && subresource.is_empty();
        let (new, others) = operations.split_at(operations.iter().take_while(|known| is_new(known)).count());
        match self {
            Self::All => operations,
            Self::New => new,
            Self::NotNew => others,
        }
    }
}

/// Returns the mutating configuration, which labels namespaces. It has `failurePolicy: Ignore`. Without an answer,
/// nothing is labelled. That is safe, because the validating webhook refuses a namespace without its tenant label,
/// and the pods of a namespace that Istio does not inject.
pub fn mutating(service: &Service) -> MutatingWebhookConfiguration {
    let labels = MutatingWebhook {
        name: "labels.bulkhead.dev".to_owned(),
        admission_review_versions: vec!["v1".to_owned()],
        client_config: client(service, "/mutate/labels"),
        failure_policy: Some("Ignore".to_owned()),
        match_conditions: Some(match_conditions::for_mutating()),
        match_policy: Some("Equivalent".to_owned()),
        reinvocation_policy: Some("IfNeeded".to_owned()),
        rules: Some(vec![rule(
            Kind::Namespace.group(),
            Kind::Namespace.version(),
            &[Operation::Create, Operation::Update],
            vec![Kind::Namespace.plural().to_owned()],
            None,
        )]),
        side_effects: "None".to_owned(),
        timeout_seconds: Some(2),
        ..MutatingWebhook::default()
    };
    MutatingWebhookConfiguration { metadata: metadata(), webhooks: Some(vec![labels]) }
}

/// Returns the resources whose kinds a rule judges in this entry.
fn judged_resources(entry: WebhookEntry) -> impl Iterator<Item = Resource> {
    Resource::all().filter(move |resource| {
        let mut rules = RULES.iter().filter(|rule| rule.judges(resource.kind));
        rules.any(|rule| {
            rule.scopes().iter().any(|class| match class {
                // There every write is sent.
                NamespaceClass::SharedService | NamespaceClass::MeshRoot | NamespaceClass::Foundation => {
                    false
                }
                NamespaceClass::TrustedAccounts => entry == WebhookEntry::Credentials,
                NamespaceClass::Unowned => entry == WebhookEntry::Unowned,
                NamespaceClass::ClusterScoped | NamespaceClass::Tenant => {
                    Some(entry) == resource.kind.entry()
                }
            })
        })
    })
}

/// Returns a rule for every write to an object in a namespace.
fn every_write() -> RuleWithOperations {
    let operations = [Operation::Create, Operation::Update, Operation::Delete, Operation::Connect];
    rule("*", "*", &operations, vec!["*/*".to_owned()], Some("Namespaced"))
}

fn writes_of_config_maps() -> RuleWithOperations {
    let operations = [Operation::Create, Operation::Update, Operation::Delete];
    rule("", "v1", &operations, vec!["configmaps".to_owned()], Some("Namespaced"))
}

/// Returns one rule for all resources with the same group, version and operations, because a rule applies all its
/// operations to all its resources.
fn rules(entry: WebhookEntry, writes: Writes, settings: &Settings) -> Vec<RuleWithOperations> {
    let mut grouped: BTreeMap<(&str, &str, &[Operation]), Vec<String>> = BTreeMap::new();
    for resource in judged_resources(entry) {
        let operations = writes.of(resource.operations, resource.subresource);
        grouped.entry((resource.group, resource.version, operations)).or_default().push(resource.path());
    }
    grouped.retain(|(_, _, operations), _| !operations.is_empty());
    let judged = grouped
        .into_iter()
        .map(|((group, version, operations), resources)| rule(group, version, operations, resources, None));
    judged.chain(custom_rules(entry, writes, settings)).collect()
}

/// Returns a rule for each kind in the settings `podTemplates`, `platform.reservedKinds` and `audit.reports`. Without a
/// scope it would match a cluster-scoped kind, to which no selector of namespaces applies.
fn custom_rules(
    entry: WebhookEntry,
    writes: Writes,
    settings: &Settings,
) -> impl Iterator<Item = RuleWithOperations> {
    let is_sent = move |(judged_as, _): &(Kind, _)| match judged_as {
        Kind::Unread => entry == WebhookEntry::Policies,
        kind => Some(entry) == kind.entry(),
    };
    let operations = writes.of(&[Operation::Create, Operation::Update], "");
    let reports = settings.report_kind().map(|names| (Kind::Unread, names));
    settings.custom_kinds().chain(reports).filter(is_sent).map(move |(_, [group, _, resource])| {
        rule(group, "*", operations, vec![resource.to_owned()], Some("Namespaced"))
    })
}

fn rule(
    group: &str,
    version: &str,
    operations: &[Operation],
    resources: Vec<String>,
    scope: Option<&str>,
) -> RuleWithOperations {
    RuleWithOperations {
        api_groups: Some(vec![group.to_owned()]),
        api_versions: Some(vec![version.to_owned()]),
        operations: Some(operations.iter().map(|operation| operation.name().to_owned()).collect()),
        resources: Some(resources),
        scope: scope.map(str::to_owned),
    }
}

/// Selects the namespaces of tenants, or the platform's by their names, or all others. No write is sent to two entries,
/// but for a write of the settings by an account that the entry for protected namespaces refuses. The entry for
/// namespaces has no selector: the API server would compare it with the new labels, and would not send an update that
/// removes the label.
fn selector(entry: WebhookEntry, service: &Service, places: Places<'_>) -> Option<LabelSelector> {
    let named = |operator: &str, names: BTreeSet<&str>| LabelSelectorRequirement {
        key: NAMESPACE_NAME_LABEL.to_owned(),
        operator: operator.to_owned(),
        values: Some(names.into_iter().map(str::to_owned).collect()),
    };
    let requirements = match entry {
        WebhookEntry::Namespaces | WebhookEntry::Cluster => return None,
        WebhookEntry::Shared => vec![named("In", places.protected())],
        WebhookEntry::Settings => vec![named("In", BTreeSet::from([service.namespace.as_str()]))],
        WebhookEntry::Credentials => vec![named("In", places.with_trusted_accounts())],
        WebhookEntry::Unowned => vec![
            LabelSelectorRequirement {
                key: TENANT_LABEL.to_owned(),
                operator: "DoesNotExist".to_owned(),
                values: None,
            },
            named("NotIn", places.of_platform()),
        ],
        WebhookEntry::Workloads
        | WebhookEntry::Policies
        | WebhookEntry::Identities
        | WebhookEntry::Services => vec![
            LabelSelectorRequirement {
                key: TENANT_LABEL.to_owned(),
                operator: "Exists".to_owned(),
                values: None,
            },
            named("NotIn", places.protected()),
        ],
    };
    Some(LabelSelector { match_expressions: Some(requirements), ..LabelSelector::default() })
}

fn client(service: &Service, path: &str) -> WebhookClientConfig {
    WebhookClientConfig {
        ca_bundle: service.ca_bundle.clone().map(ByteString),
        service: Some(ServiceReference {
            namespace: service.namespace.clone(),
            name: service.name.clone(),
            path: Some(path.to_owned()),
            port: Some(service.port),
        }),
        url: None,
    }
}

fn metadata() -> ObjectMeta {
    ObjectMeta { name: Some(CONFIGURATION_NAME.to_owned()), ..ObjectMeta::default() }
}
