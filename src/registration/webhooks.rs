//! The two webhook configurations, as the rules require them.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MutatingWebhook, MutatingWebhookConfiguration, RuleWithOperations, ServiceReference, ValidatingWebhook,
    ValidatingWebhookConfiguration, WebhookClientConfig,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement, ObjectMeta};

use super::{Service, match_conditions};
use crate::keys::{NAMESPACE_NAME_LABEL, TENANT_LABEL};
use crate::kinds::{Kind, Operation, Resource, WebhookEntry};
use crate::policy::{NamespaceClass, RULES};
use crate::settings::Settings;

/// The name of both configurations.
pub const CONFIGURATION_NAME: &str = "tenant-bulkhead";

/// Returns the validating configuration. It has `failurePolicy: Fail`: the API server refuses writes while no replica
/// answers.
pub fn validating(service: &Service, settings: &Settings) -> ValidatingWebhookConfiguration {
    let webhooks = WebhookEntry::ALL.iter().map(|entry| ValidatingWebhook {
        name: format!("{}.bulkhead.dev", entry.name()),
        admission_review_versions: vec!["v1".to_owned()],
        client_config: client(service, &format!("/validate/{}", entry.name())),
        failure_policy: Some("Fail".to_owned()),
        match_conditions: Some(match_conditions::for_validating(*entry, settings)),
        match_policy: Some("Equivalent".to_owned()),
        namespace_selector: selector(*entry, settings),
        rules: Some(rules(judged_resources(*entry)).chain(template_rules(*entry, settings)).collect()),
        side_effects: "None".to_owned(),
        timeout_seconds: Some(5),
        ..ValidatingWebhook::default()
    });
    ValidatingWebhookConfiguration { metadata: metadata(), webhooks: Some(webhooks.collect()) }
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
        rules: Some(rules(Resource::of_objects(Kind::Namespace).into_iter()).collect()),
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
                NamespaceClass::SharedService
                | NamespaceClass::MeshRoot
                | NamespaceClass::TrustedAccounts => entry == WebhookEntry::Shared,
                NamespaceClass::ClusterScoped | NamespaceClass::Tenant => {
                    Some(entry) == resource.kind.entry()
                }
            })
        })
    })
}

/// Returns one rule for all resources with the same group, version and operations, because a rule applies all its
/// operations to all its resources.
fn rules(resources: impl Iterator<Item = Resource>) -> impl Iterator<Item = RuleWithOperations> {
    let mut grouped: BTreeMap<(&str, &str, &[Operation]), Vec<String>> = BTreeMap::new();
    for resource in resources {
        let group = (resource.group, resource.version, resource.operations);
        grouped.entry(group).or_default().push(resource.path());
    }
    grouped
        .into_iter()
        .map(|((group, version, operations), resources)| rule(group, version, operations, resources, None))
}

/// Returns a rule for each kind in the setting `podTemplates`. Without a scope it would match a cluster-scoped kind, to
/// which no selector of namespaces applies.
fn template_rules(entry: WebhookEntry, settings: &Settings) -> impl Iterator<Item = RuleWithOperations> {
    let kinds = settings.template_kinds.iter().filter(move |_| Some(entry) == Kind::PodTemplate.entry());
    kinds.map(|kind| {
        let operations = [Operation::Create, Operation::Update];
        rule(&kind.group, "*", &operations, vec![kind.resource.clone()], Some("Namespaced"))
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

/// Selects the namespaces of tenants, or those of shared services and the mesh's root. The entry for namespaces has
/// no selector: the API server would compare it with the new labels, and would not send an update that removes the
/// label.
fn selector(entry: WebhookEntry, settings: &Settings) -> Option<LabelSelector> {
    let requirement = match entry {
        WebhookEntry::Namespaces | WebhookEntry::Cluster => return None,
        WebhookEntry::Shared => LabelSelectorRequirement {
            key: NAMESPACE_NAME_LABEL.to_owned(),
            operator: "In".to_owned(),
            values: Some(namespaces_selected_by_name(settings).into_iter().map(str::to_owned).collect()),
        },
        _ => LabelSelectorRequirement {
            key: TENANT_LABEL.to_owned(),
            operator: "Exists".to_owned(),
            values: None,
        },
    };
    Some(LabelSelector { match_expressions: Some(vec![requirement]), ..LabelSelector::default() })
}

/// Returns the platform namespaces in which a rule judges objects.
fn namespaces_selected_by_name(settings: &Settings) -> BTreeSet<&str> {
    let trusted = settings.trusted_accounts().map(|(namespace, _)| namespace);
    let shared = settings.shared_namespaces.iter().map(String::as_str);
    shared.chain(settings.fully_trusted_namespaces()).chain(trusted).collect()
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
