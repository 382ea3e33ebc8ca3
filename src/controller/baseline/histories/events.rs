//! Random events: of users, of Kubernetes, of the watches, of the controller, and the time.

use std::time::Duration;

use kube::runtime::watcher::Error;

use super::super::object_ref::ObjectRef;
use super::super::state::State;
use super::super::target::Target;
use super::attempts::{Attempts, CAPACITY};
use super::checks::has_same_uid;
use super::history::History;
use super::world::{SERVICE_NAMESPACE, TENANTS, name_of_namespace};
use crate::api::{Authorization, Enforcement, Namespaces, TenantSpec};
use crate::kinds::Kind;
use crate::settings::{Dataplane, DenyAll};

impl History {
    /// Creates tenants, namespaces and a shared service, and applies their baselines, as an earlier controller has left
    /// them.
    pub(super) fn begin_with_baselines(&mut self) {
        for tenant in TENANTS {
            let spec = self.random_spec();
            self.world.put_tenant(tenant, spec);
            self.world.create_namespace(tenant, &name_of_namespace(tenant, 1));
        }
        self.world.create_namespace(TENANTS[0], &name_of_namespace(TENANTS[0], 2));
        self.change_service();
        self.world.establish_baseline();
        self.restart();
    }

    pub(super) fn random_event(&mut self) {
        match self.random.below(24) {
            0 => self.change_tenant(),
            1 | 2 => self.change_namespace(),
            3 => {
                let deny_all = *self.random.one_of(&[DenyAll::Disabled, DenyAll::DryRun, DenyAll::Enforce]);
                self.world.set_deny_all(deny_all);
            }
            4 => self.change_service(),
            5 => self.change_object(),
            6 => self.world.count_quotas(),
            7 => self.relist(),
            8 => self.change_failures(),
            9 if self.random.one_in(8) => self.restart(),
            10 => {
                let pause = *self.random.one_of(&[20, 300, 2_500, 20_000, 61_000]);
                self.now += Duration::from_millis(pause);
            }
            11..=13 => self.view = self.world.view(),
            14..=16 => self.deliver_events(),
            _ => self.progress(),
        }
    }

    fn change_tenant(&mut self) {
        let tenant = *self.random.one_of(&TENANTS);
        if self.random.one_in(6) {
            return self.world.delete_tenant(tenant);
        }
        let spec = self.random_spec();
        self.world.put_tenant(tenant, spec);
    }

    fn random_spec(&mut self) -> TenantSpec {
        let pods = *self.random.one_of(&["500", "500", "20"]);
        let is_observed = self.random.one_in(5);
        TenantSpec {
            enforcement: if is_observed { Enforcement::Observe } else { Enforcement::Enforce },
            authorization: *self.random.one_of(&[
                Authorization::Open,
                Authorization::Open,
                Authorization::Explicit,
            ]),
            dataplane: *self.random.one_of(&[None, Some(Dataplane::Sidecar), Some(Dataplane::Ambient)]),
            namespaces: Namespaces { limit: self.random.one_in(8).then_some(1) },
            namespace_quota: [("pods".to_owned(), pods.to_owned())].into(),
            ..TenantSpec::default()
        }
    }

    /// Creates or deletes a namespace, or changes its labels or its status.
    fn change_namespace(&mut self) {
        let tenant = *self.random.one_of(&TENANTS);
        // Fewer namespaces make shorter histories, and two of one tenant are enough for what they share.
        let numbers: &[u8] = if tenant == TENANTS[0] { &[1, 2] } else { &[1] };
        let name = name_of_namespace(tenant, *self.random.one_of(numbers));
        let Some(known) = self.world.namespaces.get(&name) else {
            return self.world.create_namespace(tenant, &name);
        };
        if known.terminating {
            return self.world.delete_namespace(&name);
        }
        match self.random.below(6) {
            0 => self.world.delete_namespace(&name),
            1 => self.world.edit_namespace(&name, |namespace| namespace.terminating = true),
            2 | 3 => self.world.edit_namespace(&name, |namespace| namespace.labels.clear()),
            _ => self.world.edit_namespace(&name, |namespace| namespace.ready = false),
        }
    }

    fn change_service(&mut self) {
        match self.random.below(3) {
            0 => self.world.delete_service(),
            1 => self.world.put_service("some"),
            _ => self.world.put_service("other"),
        }
    }

    /// Deletes or edits an object, or adds one.
    fn change_object(&mut self) {
        let keys: Vec<ObjectRef> = self.world.objects.keys().cloned().collect();
        if keys.is_empty() {
            return;
        }
        let key = self.random.one_of(&keys).clone();
        // Only the controller writes managed objects, so a new namespace has none before the controller knows it.
        if !has_same_uid(&self.world, &self.view.snapshot, &key.namespace) {
            return;
        }
        match self.random.below(4) {
            0 if !key.namespace.is_empty() && key.namespace != SERVICE_NAMESPACE => {
                let leftover = ObjectRef::new(Kind::AuthorizationPolicy, &key.namespace, "bulkhead-leftover");
                self.world.add_leftover(&leftover);
            }
            0 | 1 => self.world.tamper(&key),
            _ => {
                self.world.delete(&key);
                self.world.tampered.insert(key);
            }
        }
    }

    fn change_failures(&mut self) {
        self.has_pods = self.random.one_in(2);
        let targets: Vec<Target> = self.attempts.targets().cloned().collect();
        if self.random.one_in(2) || targets.is_empty() {
            self.failing.clear();
        } else {
            self.failing.insert(self.random.one_of(&targets).clone());
        }
    }

    /// Begins a watch again, once in a while after a list that fails halfway.
    fn relist(&mut self) {
        let kinds: Vec<Kind> = self.kinds.iter().copied().collect();
        let kind = *self.random.one_of(&kinds);
        self.state.on_event((kind, Err(Error::NoResourceVersion)));
        if self.random.one_in(2) {
            let half = self.world.relist(kind);
            let length = half.len() / 2;
            half.into_iter().take(length).for_each(|event| self.state.on_event((kind, Ok(event))));
        }
        self.list(kind);
    }

    /// Lists all objects of a kind.
    pub(super) fn list(&mut self, kind: Kind) {
        self.unlisted.remove(&kind);
        for event in self.world.relist(kind) {
            self.state.on_event((kind, Ok(event)));
        }
    }

    /// Starts another controller. The reconciles of the former one end where they are. Once in a while the first list of
    /// a kind fails; not that of the policies among which deny-all is.
    pub(super) fn restart(&mut self) {
        self.jobs.clear();
        self.attempts = Attempts::default();
        self.state = State::new(self.now, CAPACITY);
        self.view = self.world.view();
        for kind in self.kinds.clone() {
            if kind != Kind::AuthorizationPolicy && self.random.one_in(100) {
                self.state.on_event((kind, Err(Error::NoResourceVersion)));
                self.unlisted.insert(kind);
            } else {
                self.list(kind);
            }
        }
    }

    fn deliver_events(&mut self) {
        for kind in self.kinds_behind() {
            for _ in 0..self.random.below(4) {
                self.deliver_next(kind);
            }
        }
    }

    /// Returns the kinds whose watches are behind.
    pub(super) fn kinds_behind(&self) -> Vec<Kind> {
        let mut kinds = self.world.kinds_behind();
        kinds.retain(|kind| !self.unlisted.contains(kind));
        kinds
    }

    pub(super) fn deliver_next(&mut self, kind: Kind) -> bool {
        if self.unlisted.contains(&kind) {
            return false;
        }
        let Some(event) = self.world.next_event(kind) else { return false };
        self.state.on_event((kind, Ok(event)));
        true
    }
}
