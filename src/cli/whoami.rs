use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::io::Write;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use k8s_openapi::ClusterResourceScope;
use k8s_openapi::api::authentication::v1::{SelfSubjectReview, UserInfo};
use k8s_openapi::api::authorization::v1::{
    ResourceRule, SelfSubjectRulesReview, SelfSubjectRulesReviewSpec, SubjectRulesReviewStatus,
};
use k8s_openapi::api::core::v1::{Namespace, NamespaceCondition, ResourceQuota};
use kube::api::{ListParams, PostParams};
use kube::core::DeserializeGuard;
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::cluster::Connection;
use super::exit_status::ExitStatus;
use crate::api::{GROUP, Subject, Tenant};
use crate::keys::TENANT_LABEL;
use crate::report::{OwnedNamespace, OwnedTenant, Owner, Usage};
use crate::snapshot::{BASELINE_READY, ready_for};

/// Show the tenants that you own, with their namespaces, grants and quotas.
///
/// Needs no permission but those that Bulkhead gives the owners of an enforced tenant. It asks the API server who you are
/// and what you may read, and reads the Tenants and namespaces that your permissions name.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(super) struct Whoami {
    /// Tenants to show; by default those that your permissions name.
    #[arg(value_name = "TENANT")]
    tenants: Vec<String>,

    /// The output format.
    #[arg(long, short, value_enum, default_value_t = Format::Text)]
    output: Format,

    #[command(flatten)]
    connection: Connection,
}

const EXAMPLES: &str = "\
Examples:
  bulkhead whoami
  kubectl bulkhead whoami -o json";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A paragraph for each tenant.
    Text,
    /// One object.
    Json,
}

/// The objects of a kind that a user may list.
enum Listable {
    All,
    Named(BTreeSet<String>),
}

impl Whoami {
    pub(super) async fn run(&self) -> Result<ExitStatus> {
        let client = self.connection.connect().await?;
        let user = user(&client).await?;
        let rules = rules(&client).await?;
        let (name, groups) = (user.username.unwrap_or_default(), user.groups.unwrap_or_default());
        let mut owner = Owner { user: name, groups, tenants: Vec::new() };
        let listable = match self.tenants.as_slice() {
            [] => Listable::of(&rules, GROUP, "tenants"),
            names => Listable::Named(names.iter().cloned().collect()),
        };
        let tenants = read::<Tenant>(&client, &listable, &ListParams::default()).await?;
        for tenant in tenants {
            let shown = owned(&client, &owner, &rules, tenant).await?;
            owner.tenants.extend(shown);
        }
        let mut out = std::io::stdout().lock();
        match self.output {
            Format::Text => write!(out, "{}", owner.text())?,
            Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&owner)?)?,
        }
        let mut errors = std::io::stderr();
        if owner.tenants.is_empty() {
            writeln!(errors, "{}", owner.advice_without_tenant(&self.tenants))?;
        } else if owner.tenants.len() > 1 {
            writeln!(
                errors,
                "you own several tenants: name each new namespace after its tenant (`tenant-NAME-…`), or set the label \
                 `{TENANT_LABEL}`"
            )?;
        }
        if rules.incomplete {
            writeln!(
                errors,
                "the API server did not list all of your permissions, so tenants or namespaces can be missing here"
            )?;
        }
        Ok(ExitStatus::Clean)
    }
}

async fn user(client: &Client) -> Result<UserInfo> {
    let reviews = Api::<SelfSubjectReview>::all(client.clone());
    let review = reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await;
    let review = review.context("failed to ask the API server who you are")?;
    Ok(review.status.and_then(|status| status.user_info).unwrap_or_default())
}

/// Returns the permissions on the whole cluster, and those in one namespace, without which the API server lists none.
async fn rules(client: &Client) -> Result<SubjectRulesReviewStatus> {
    let spec = SelfSubjectRulesReviewSpec { namespace: Some("default".to_owned()) };
    let review = SelfSubjectRulesReview { spec, ..SelfSubjectRulesReview::default() };
    let reviews = Api::<SelfSubjectRulesReview>::all(client.clone());
    let review = reviews.create(&PostParams::default(), &review).await;
    Ok(review.context("failed to ask the API server for your permissions")?.status.unwrap_or_default())
}

/// Returns the objects that exist among those that the user may list.
async fn read<K>(client: &Client, listable: &Listable, selected: &ListParams) -> Result<Vec<K>>
where
    K: Resource<DynamicType = (), Scope = ClusterResourceScope> + Clone + Debug + DeserializeOwned,
{
    let objects = Api::<DeserializeGuard<K>>::all(client.clone());
    let failed = || format!("failed to read {}", K::plural(&()));
    let mut found = Vec::new();
    match listable {
        Listable::All => found.extend(objects.list(selected).await.with_context(failed)?),
        Listable::Named(names) => {
            for name in names {
                found.extend(objects.get_opt(name).await.with_context(failed)?);
            }
        }
    }
    let mut readable = Vec::new();
    for object in found {
        match object.0 {
            Ok(object) => readable.push(object),
            // An object of others does not keep the user from their own.
            Err(error) => {
                let (kind, name) = (K::kind(&()), error.metadata.name.unwrap_or_default());
                writeln!(std::io::stderr(), "the {kind} {name} is left out: {}", error.error)?;
            }
        }
    }
    Ok(readable)
}

/// Returns the quotas of a namespace; `None` if the user may not read them.
async fn quotas(
    client: &Client,
    namespace: &str,
) -> Result<Option<BTreeMap<String, BTreeMap<String, Usage>>>> {
    let quotas = Api::<ResourceQuota>::namespaced(client.clone(), namespace);
    let quotas = match quotas.list(&ListParams::default()).await {
        Err(kube::Error::Api(status)) if status.code == 403 => return Ok(None),
        quotas => quotas.with_context(|| format!("failed to list the quotas of {namespace}"))?,
    };
    let usage = |quota: ResourceQuota| {
        let name = quota.name_any();
        let status = quota.status.unwrap_or_default();
        let used = status.used.unwrap_or_default();
        let usage = status.hard.unwrap_or_default().into_iter().map(|(resource, hard)| {
            let used = used.get(&resource).map(|used| used.0.clone()).unwrap_or_default();
            (resource, Usage { used, hard: hard.0 })
        });
        (name, usage.collect())
    };
    Ok(Some(quotas.items.into_iter().map(usage).collect()))
}

impl Listable {
    fn of(rules: &SubjectRulesReviewStatus, group: &str, resource: &str) -> Self {
        let has = |list: &[String], wanted: &str| list.iter().any(|known| known == wanted || known == "*");
        let covers = |rule: &&ResourceRule| {
            has(&rule.verbs, "list")
                && has(rule.api_groups.as_deref().unwrap_or_default(), group)
                && has(rule.resources.as_deref().unwrap_or_default(), resource)
        };
        let mut all = BTreeSet::new();
        for rule in rules.resource_rules.iter().filter(covers) {
            match rule.resource_names.as_deref() {
                None | Some([]) => return Self::All,
                Some(names) => all.extend(names.iter().cloned()),
            }
        }
        Self::Named(all)
    }
}

/// Reads what belongs to the tenant; `None` if the user does not own it.
async fn owned(
    client: &Client,
    owner: &Owner,
    rules: &SubjectRulesReviewStatus,
    tenant: Tenant,
) -> Result<Option<OwnedTenant>> {
    let (tenant_name, spec) = (tenant.name_any(), tenant.spec);
    let is_user = |subject: &Subject| subject.contains(&owner.user, &owner.groups);
    let owned_as: Vec<Subject> = spec.owners.into_iter().filter(is_user).collect();
    if owned_as.is_empty() {
        return Ok(None);
    }
    let selected = ListParams::default().labels(&format!("{TENANT_LABEL}={tenant_name}"));
    let listed = read::<Namespace>(client, &Listable::of(rules, "", "namespaces"), &selected).await?;
    let mut namespaces = Vec::new();
    // Permissions of several tenants name the namespaces of all of them.
    for namespace in listed.iter().filter(|found| found.labels().get(TENANT_LABEL) == Some(&tenant_name)) {
        let mut conditions = namespace.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let is_ready = |condition: &NamespaceCondition| {
            (condition.type_.as_str(), condition.status.as_str()) == (BASELINE_READY, "True")
                && condition.message == Some(ready_for(&tenant_name))
        };
        let name = namespace.name_any();
        namespaces.push(OwnedNamespace {
            ready: conditions.any(is_ready),
            terminating: namespace.metadata.deletion_timestamp.is_some(),
            quotas: quotas(client, &name).await?,
            name,
        });
    }
    Ok(Some(OwnedTenant {
        name: tenant_name,
        owned_as,
        enforcement: spec.enforcement,
        contact: spec.contact,
        conditions: tenant.status.map(|status| status.conditions).unwrap_or_default(),
        grants: spec.grants,
        namespace_limit: spec.namespaces.limit,
        namespaces,
    }))
}
