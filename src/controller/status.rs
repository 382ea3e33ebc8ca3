//! What the controller says of each Tenant, SharedService and Exemption, in its status.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::{FutureExt, Stream, StreamExt, stream};
use k8s_openapi::jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client, ResourceExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::time::sleep;
use tracing::warn;

use super::grants::unresolved;
use super::now;
use super::observe::Audits;
use super::places::Place;
use super::troubles::Troubles;
use crate::api::{self, Condition, GRANTS_RESOLVED, READY};
use crate::baseline::refuses_the_proxy;
use crate::policy::{Rule, quote, quote_all};
use crate::sources::Worlds;
use crate::sources::follow::{read_exemption, read_shared_service, read_tenant};
use crate::world::{self, Exemption, Owner, World};

/// A burst of changes is told once.
const BETWEEN: Duration = Duration::from_millis(200);
/// An exemption ends without any.
const AT_LEAST: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Exemption,
    SharedService,
    Tenant,
}

type News = (Kind, Result<watcher::Event<DynamicObject>, watcher::Error>);

/// Says of every object what became of it, from news to news. Never ends.
pub(super) async fn report(client: Client, worlds: &Worlds, audits: &Audits, troubles: &Troubles) {
    let mut objects: BTreeMap<(Kind, String), DynamicObject> = BTreeMap::new();
    let kinds = [Kind::Exemption, Kind::SharedService, Kind::Tenant];
    let mut news = stream::select_all(kinds.map(|kind| follow(&client, kind).boxed()));
    let mut changes = worlds.changes();
    loop {
        let mut next = tokio::select! {
            item = news.next() => item,
            Ok(()) = changes.changed() => None,
            () = audits.changed.notified() => None,
            () = troubles.changed.notified() => None,
            () = sleep(AT_LEAST) => None,
        };
        while let Some((kind, event)) = next {
            match event {
                Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) => {
                    objects.insert((kind, object.name_any()), object);
                }
                Ok(watcher::Event::Delete(object)) => drop(objects.remove(&(kind, object.name_any()))),
                Ok(watcher::Event::Init | watcher::Event::InitDone) => {}
                Err(error) => warn!(?kind, %error, "the watch failed; trying again"),
            }
            next = news.next().now_or_never().flatten();
        }
        let Some(world) = worlds.newest() else { continue };
        for ((kind, name), object) in &mut objects {
            let Some(status) = kind.status(&world, audits, troubles, name, object) else { continue };
            let api = Api::<DynamicObject>::all_with(client.clone(), &kind.resource());
            let patch = Patch::Merge(json!({ "status": status }));
            match api.patch_status(name, &PatchParams::default(), &patch).await {
                Ok(told) => *object = told,
                Err(error) => warn!(?kind, name, %error, "telling its status"),
            }
        }
        sleep(BETWEEN).await;
    }
}

fn follow(client: &Client, kind: Kind) -> impl Stream<Item = News> + use<> {
    let api = Api::<DynamicObject>::all_with(client.clone(), &kind.resource());
    watcher(api, watcher::Config::default()).default_backoff().map(move |event| (kind, event))
}

/// What is to be said of one condition: whether it holds, in one word why, and for people.
struct Said {
    condition: &'static str,
    holds: bool,
    reason: &'static str,
    message: String,
}

impl Kind {
    fn resource(self) -> ApiResource {
        match self {
            Self::Exemption => ApiResource::erase::<api::Exemption>(&()),
            Self::SharedService => ApiResource::erase::<api::SharedService>(&()),
            Self::Tenant => ApiResource::erase::<api::Tenant>(&()),
        }
    }

    /// What is to be said of the object; `None` as long as the world does not know it as it is now.
    fn said(
        self,
        world: &World,
        troubles: &Troubles,
        name: &str,
        object: &DynamicObject,
    ) -> Result<Option<Vec<Said>>, String> {
        Ok(match self {
            Self::Exemption => {
                let now = read(object, read_exemption)?;
                world.exemption(name).filter(|known| **known == now).map(|known| of_exemption(world, known))
            }
            Self::SharedService => {
                let now = read(object, read_shared_service)?;
                let known = world.shared_service(name).filter(|known| **known == now);
                known.map(|known| of_shared_service(world, troubles, known))
            }
            Self::Tenant => {
                let now = read(object, read_tenant)?;
                let is_known = world.tenant(name).is_none_or(|known| *known == now);
                is_known.then(|| of_tenant(world, troubles, name)).flatten()
            }
        })
    }

    /// The status the object must get, if it does not have it.
    fn status(
        self,
        world: &World,
        audits: &Audits,
        troubles: &Troubles,
        name: &str,
        object: &DynamicObject,
    ) -> Option<Value> {
        let said = match self.said(world, troubles, name, object) {
            Ok(said) => said?,
            Err(error) => vec![Said {
                condition: READY,
                holds: false,
                reason: "Unreadable",
                message: format!("it cannot be read, and what was read of it last stays in force: {error}"),
            }],
        };
        let generation = object.metadata.generation.unwrap_or_default();
        let known = object.data.get("status").cloned().unwrap_or_default();
        let conditions = known.get("conditions").cloned().unwrap_or_default();
        let before: Vec<Condition> = serde_json::from_value(conditions).unwrap_or_default();
        let conditions: Vec<Condition> =
            said.into_iter().map(|said| said.condition(&before, generation)).collect();
        let status = match self {
            Self::Exemption | Self::SharedService => {
                json!({ "observedGeneration": generation, "conditions": conditions })
            }
            Self::Tenant => json!({
                "observedGeneration": generation, "conditions": conditions,
                "namespaces": world.namespaces_of(name).count(), "audit": audits.of(name),
            }),
        };
        let known = match self {
            Self::Tenant => with_audit(known),
            _ => known,
        };
        (status != known).then_some(status)
    }
}

/// The object as the world keeps it.
fn read<K: DeserializeOwned, T>(
    object: &DynamicObject,
    read: impl Fn(K) -> (String, Result<T, String>),
) -> Result<T, String> {
    let object = serde_json::to_value(object).and_then(serde_json::from_value);
    object.map_err(|error| error.to_string()).and_then(|object| read(object).1)
}

/// An audit that is absent is written as `null`, which takes one away.
fn with_audit(mut status: Value) -> Value {
    if let Value::Object(fields) = &mut status {
        fields.entry("audit").or_insert(Value::Null);
    }
    status
}

impl Said {
    /// As it is written; the time stays while the status does.
    fn condition(self, before: &[Condition], generation: i64) -> Condition {
        let status = if self.holds { "True" } else { "False" };
        let since = before.iter().find(|known| known.kind == self.condition && known.status == status);
        Condition {
            kind: self.condition.to_owned(),
            status: status.to_owned(),
            reason: self.reason.to_owned(),
            message: self.message,
            observed_generation: generation,
            last_transition_time: since.map_or_else(now, |known| known.last_transition_time.clone()),
        }
    }
}

fn of_tenant(world: &World, troubles: &Troubles, name: &str) -> Option<Vec<Said>> {
    let ready = |holds, reason, message| Said { condition: READY, holds, reason, message };
    if let Some(older) = world.overlapped_by(name) {
        let message = format!(
            "it does not count: its namespaces and those of tenant {older}, which is older, could bear the same names"
        );
        return Some(vec![ready(false, "NameOverlaps", message)]);
    }
    let tenant = world.tenant(name)?;
    let waiting =
        |namespace: &&str| world.namespace(namespace).is_some_and(|known| !known.ready && !known.terminating);
    let (beyond, waiting): (Vec<&str>, Vec<&str>) =
        world.namespaces_of(name).filter(waiting).partition(|namespace| world.is_over_limit(namespace));
    let first = if tenant.is_observed() {
        let message =
            "observed: what rules are against is admitted with a warning, and no baseline is put up";
        ready(true, "Observed", message.to_owned())
    } else if refuses_the_proxy(&tenant.limits) {
        let message = "`spec.limits.max` refuses the mesh's own proxy, cpu 2 and memory 1Gi: no pod can run";
        ready(false, "LimitsTooSmall", message.to_owned())
    } else if !beyond.is_empty() {
        let message = format!("beyond `spec.namespaces.limit`, and never made ready: {}", quote_all(&beyond));
        ready(false, "NamespacesOverLimit", message)
    } else if !waiting.is_empty() {
        ready(
            false,
            "NamespacesNotReady",
            format!("the baseline does not stand yet in: {}", explained(troubles, name, &waiting)),
        )
    } else if let Some(trouble) = behind(world, troubles, name) {
        ready(false, "BaselineBehind", format!("what is wanted now could not all be written: {trouble}"))
    } else {
        ready(true, "InForce", "every namespace it has is ready".to_owned())
    };

    let grants = unresolved(world, tenant);
    let holds = grants.is_none();
    let (reason, message) = grants.unwrap_or(("Resolved", "everything it was granted is there".to_owned()));
    Some(vec![first, Said { condition: GRANTS_RESOLVED, holds, reason, message }])
}

/// What keeps the baseline from being brought up to date where it has stood, or beyond the namespaces.
fn behind(world: &World, troubles: &Troubles, tenant: &str) -> Option<String> {
    let place =
        |namespace: &str| Place::Namespace { tenant: tenant.to_owned(), namespace: namespace.to_owned() };
    let own = troubles.lasting(&Place::Tenant(tenant.to_owned()));
    own.or_else(|| {
        let mut namespaces = world.namespaces_of(tenant);
        namespaces.find_map(|name| Some(format!("{} ({})", quote(name), troubles.lasting(&place(name))?)))
    })
}

/// What keeps the baseline from standing in these namespaces.
fn explained(troubles: &Troubles, tenant: &str, namespaces: &[&str]) -> String {
    let place =
        |namespace: &str| Place::Namespace { tenant: tenant.to_owned(), namespace: namespace.to_owned() };
    let said = namespaces.iter().map(|namespace| match troubles.of(&place(namespace)) {
        Some(trouble) => format!("{} ({trouble})", quote(namespace)),
        None => quote(namespace),
    });
    said.collect::<Vec<_>>().join(", ")
}

fn of_exemption(world: &World, exemption: &Exemption) -> Vec<Said> {
    let namespace = &exemption.target.namespace;
    let unknown =
        exemption.rules.iter().find(|code| Rule::find(code).is_none_or(|rule| !rule.can_be_exempted()));
    let (holds, reason, message) = if exemption.expires <= Timestamp::now().as_second() {
        (false, "Expired", "it covers nothing any more".to_owned())
    } else if let Some(code) = unknown {
        (false, "UnknownRule", format!("no rule {} that could be switched off", quote(code)))
    } else if !matches!(world.owner(namespace), Some(Owner::Tenant(_) | Owner::Orphaned(_))) {
        (
            false,
            "NotATenants",
            format!("{} is no tenant's namespace: these rules do not hold there", quote(namespace)),
        )
    } else {
        (true, "InForce", "its target may do what these rules refuse".to_owned())
    };
    vec![Said { condition: READY, holds, reason, message }]
}

fn of_shared_service(world: &World, troubles: &Troubles, service: &world::SharedService) -> Vec<Said> {
    let namespace = &service.namespace;
    let listed = world.settings.shared_namespaces.contains(namespace);
    let trouble = troubles.of(&Place::Service(service.name.clone()));
    let (holds, reason, message) = if !listed {
        let message = format!(
            "`{namespace}` is not in `platform.sharedNamespaces` of the settings: its identity is anybody's"
        );
        (false, "NamespaceNotListed", message)
    } else if let Some(trouble) = trouble {
        (false, "BaselineNotReady", trouble)
    } else {
        (true, "InForce", format!("what is written in `{namespace}` is the platform's"))
    };
    vec![Said { condition: READY, holds, reason, message }]
}
