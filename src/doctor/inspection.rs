use std::fmt::Debug;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use k8s_openapi::api::authentication::v1::{SelfSubjectReview, UserInfo};
use k8s_openapi::{ClusterResourceScope, NamespaceResourceScope};
use kube::api::{DynamicObject, ListParams, PostParams};
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use super::Unread;
use super::rbac::Rbac;
use crate::kinds::Kind;
use crate::registration::Service;
use crate::settings::Settings;
use crate::snapshot::Snapshot;
use crate::sources::api_resource;

/// One inspection of a cluster: the connection, the settings, and the state that several checks look at.
pub struct Inspection {
    client: Client,
    pub(super) settings: Arc<Settings>,
    /// The address under which the API server calls the webhook.
    pub(super) service: Service,
    /// Unix time in seconds.
    pub(super) time: i64,
    snapshot: Shared<BoxFuture<'static, Result<Arc<Snapshot>, String>>>,
    rbac: OnceCell<Rbac>,
    user: OnceCell<UserInfo>,
}

impl Inspection {
    /// `snapshot` reads the state of the tenants, or returns the error. It runs only if a check needs it.
    pub fn new(
        client: Client,
        settings: Arc<Settings>,
        service: Service,
        snapshot: impl Future<Output = Result<Arc<Snapshot>, String>> + Send + 'static,
        time: i64,
    ) -> Self {
        let snapshot = snapshot.boxed().shared();
        Self { client, settings, service, time, snapshot, rbac: OnceCell::new(), user: OnceCell::new() }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the state of the tenants.
    pub(super) async fn snapshot(&self) -> Result<Arc<Snapshot>, Unread> {
        self.snapshot.clone().await.map_err(|error| {
            Unread::new(
                error,
                "apply the CRDs (`bulkhead manifests crds`), and run the command as an administrator of the cluster",
            )
        })
    }

    /// Returns the permissions that RBAC grants.
    pub(super) async fn rbac(&self) -> Result<&Rbac, Unread> {
        self.rbac.get_or_try_init(|| self.read_rbac()).await
    }

    async fn read_rbac(&self) -> Result<Rbac, Unread> {
        let (cluster_roles, roles) = (self.list().await?, self.list().await?);
        let (cluster_bindings, bindings) = (self.list().await?, self.list().await?);
        Ok(Rbac::new(cluster_roles, roles, cluster_bindings, bindings))
    }

    /// Fails for a member of a break-glass group, whom no rule refuses.
    pub(super) async fn expect_refusals(&self) -> Result<(), Unread> {
        let user = self.user.get_or_try_init(|| async {
            let reviews = Api::<SelfSubjectReview>::all(self.client.clone());
            let review = reviews.create(&PostParams::default(), &SelfSubjectReview::default()).await;
            let review = review.map_err(|error| Unread::request("failed to read the own user", &error))?;
            Ok(review.status.and_then(|status| status.user_info).unwrap_or_default())
        });
        let user = user.await?;
        let groups = user.groups.iter().flatten();
        let known = groups.clone().find(|group| self.settings.break_glass_groups.contains(*group));
        match known {
            Some(group) => Err(Unread::new(
                format!("`{group}` is in `platform.breakGlassGroups`, and no rule refuses its members"),
                "run the command as an administrator who is in no break-glass group",
            )),
            None => Ok(()),
        }
    }

    /// Lists objects of a kind in all namespaces, or without one.
    pub(super) async fn list<K>(&self) -> Result<Vec<K>, Unread>
    where
        K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned,
    {
        let listed = Api::<K>::all(self.client.clone()).list(&ListParams::default()).await;
        let listed =
            listed.map_err(|error| Unread::request(&format!("failed to list {}", K::plural(&())), &error))?;
        Ok(listed.items)
    }

    /// Lists objects of a judged kind, in one namespace or in all.
    pub(super) async fn list_kind(
        &self,
        kind: Kind,
        namespace: Option<&str>,
    ) -> Result<Vec<DynamicObject>, Unread> {
        let resource = api_resource(kind);
        let objects = match namespace {
            Some(namespace) => {
                Api::<DynamicObject>::namespaced_with(self.client.clone(), namespace, &resource)
            }
            None => Api::<DynamicObject>::all_with(self.client.clone(), &resource),
        };
        let listed = objects.list(&ListParams::default()).await;
        let what = || format!("failed to list {}.{}", kind.plural(), kind.group());
        listed.map(|listed| listed.items).map_err(|error| Unread::request(&what(), &error))
    }

    /// Returns the object of a kind without namespaces; `None` if it does not exist.
    pub(super) async fn find<K>(&self, name: &str) -> Result<Option<K>, Unread>
    where
        K: Resource<DynamicType = (), Scope = ClusterResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let found = Api::<K>::all(self.client.clone()).get_opt(name).await;
        found.map_err(|error| Unread::request(&format!("failed to get {} {name}", K::kind(&())), &error))
    }

    /// Returns the object in a namespace; `None` if it does not exist.
    pub(super) async fn find_in<K>(&self, namespace: &str, name: &str) -> Result<Option<K>, Unread>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let found = Api::<K>::namespaced(self.client.clone(), namespace).get_opt(name).await;
        let what = || format!("failed to get {} {namespace}/{name}", K::kind(&()));
        found.map_err(|error| Unread::request(&what(), &error))
    }
}
