//! Directed histories: what random ones do too rarely.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::super::object_ref::ObjectRef;
use super::super::step::Action;
use super::super::target::Target;
use super::attempts::CAPACITY;
use super::expected::expected_objects;
use super::history::History;
use super::world::{TENANTS, name_of_namespace};
use crate::api::{Authorization, Enforcement, TenantSpec};
use crate::kinds::Kind;
use crate::settings::DenyAll;

impl History {
    /// A namespace is deleted and created again while the watches of its objects are behind.
    pub(super) fn recreate_namespace(mut self) {
        let name = self.create_tenant();
        self.settle();
        self.recreate(&name);
        self.work_with_new_snapshots();
        assert!(!self.world.namespaces[&name].ready, "its quota is not computed");
        self.settle();
    }

    /// A namespace is deleted and created again after the controller has listed its objects, and before its first snapshot.
    pub(super) fn recreate_namespace_before_the_first_snapshot(mut self) {
        let name = self.create_tenant();
        self.settle();
        self.restart();
        self.recreate(&name);
        self.work_with_new_snapshots();
        assert!(!self.world.namespaces[&name].ready, "its quota is not computed");
        self.settle();
    }

    /// A namespace is deleted and created again while a reconcile of the former one is in flight, and its tenant is observed
    /// from then on.
    pub(super) fn recreate_namespace_during_a_reconcile(mut self) {
        self.is_quiet = true;
        let name = self.create_tenant();
        self.view = self.world.view();
        self.tick();
        self.recreate(&name);
        self.world.put_tenant(
            TENANTS[0],
            TenantSpec { enforcement: Enforcement::Observe, ..TenantSpec::default() },
        );
        self.finish_jobs();
        let written = self.world.objects.keys().filter(|key| key.namespace == *name).count();
        assert!(written > 1, "the reconcile has written to the new namespace");
        self.settle();
    }

    /// The clocks of the API servers differ, so that a namespace is younger than its objects.
    pub(super) fn list_objects_that_are_older_than_their_namespace(mut self) {
        let name = self.create_tenant();
        self.settle();
        self.world.edit_namespace(&name, |namespace| namespace.created += 1_000_000);
        self.restart();
        self.world.delete(&ObjectRef::new(Kind::NetworkPolicy, &name, "allow-mesh"));
        self.settle();
    }

    /// The tenant is observed no longer, while the last object of its former baseline is removed.
    pub(super) fn enforce_tenant_during_a_prune(mut self) {
        self.is_quiet = true;
        let name = self.create_tenant();
        self.settle();
        let spec = |enforcement| TenantSpec { enforcement, ..TenantSpec::default() };
        self.world.put_tenant(TENANTS[0], spec(Enforcement::Observe));
        self.view = self.world.view();
        let deny = Target::Orphan(ObjectRef::new(Kind::NetworkPolicy, &name, "default-deny-all"));
        while self.jobs.iter().all(|job| job.plan.target != deny) {
            self.finish_jobs();
            self.now += Duration::from_millis(100);
            self.tick();
        }
        while let Some(other) = self.jobs.iter().position(|job| job.plan.target != deny) {
            while !self.take_step(other) {}
        }
        self.world.put_tenant(TENANTS[0], spec(Enforcement::Enforce));
        self.view = self.world.view();
        self.tick();
        self.finish_jobs();
        self.settle();
    }

    fn recreate(&mut self, name: &Arc<str>) {
        self.world.delete_namespace(name);
        self.world.create_namespace(TENANTS[0], name);
    }

    /// The watches are behind from the start.
    pub(super) fn write_without_events(mut self) {
        self.is_quiet = true;
        self.create_tenant();
        let actions = self.work_with_new_snapshots();
        let written = actions.iter().filter_map(|action| match action {
            Action::Write(write) => Some(ObjectRef::of_manifest(&write.manifest)),
            _ => None,
        });
        let written: Vec<ObjectRef> = written.collect();
        let objects: BTreeSet<&ObjectRef> = written.iter().collect();
        assert_eq!(objects.len(), written.len(), "an own write is repeated before its event arrives");
        assert_eq!(objects.len(), expected_objects(&self.view.snapshot).len());
    }

    /// The snapshot is behind while a namespace becomes ready, and while it loses that again.
    pub(super) fn lose_readiness(mut self) {
        let name = self.create_tenant();
        self.settle();
        for _ in 0..2 {
            self.world.edit_namespace(&name, |namespace| namespace.ready = false);
            self.view = self.world.view();
            let actions = self.work();
            let marks = actions.iter().filter(|action| matches!(action, Action::MarkReady { .. })).count();
            assert_eq!(marks, 1, "it becomes ready once: {actions:?}");
            assert!(self.world.namespaces[&name].ready);
        }
        self.settle();
    }

    /// Deny-all is enforced while a reconcile that was planned before removes a policy that allows.
    pub(super) fn enforce_deny_all_during_a_prune(mut self) {
        let name = self.create_tenant();
        self.world.set_deny_all(DenyAll::Enforce);
        self.settle();
        let target = Target::of_namespace(TENANTS[0], &name);
        let allow = ObjectRef::new(Kind::AuthorizationPolicy, &name, "allow-same-tenant");
        let manifests = target.manifests(&self.view.snapshot);
        let allow = manifests.iter().find(|manifest| ObjectRef::of_manifest(manifest) == allow).unwrap();
        self.world.set_deny_all(DenyAll::Disabled);
        self.settle();
        self.world.store(allow);
        while self.deliver_next(allow.kind) {}
        self.tick();
        assert!(matches!(&self.jobs[0].plan.steps[0].action, Action::Prune(_)));
        self.world.set_deny_all(DenyAll::Enforce);
        self.view = self.world.view();
        self.tick();
        self.finish_jobs();
        self.settle();
    }

    /// Deny-all is disabled by a reconcile that takes longer than all others.
    pub(super) fn disable_deny_all_slowly(mut self) {
        self.create_tenant();
        self.world.set_deny_all(DenyAll::Enforce);
        self.settle();
        self.world.set_deny_all(DenyAll::Disabled);
        self.view = self.world.view();
        self.tick();
        self.overtake_cluster();
        self.settle();
    }

    /// Deny-all is disabled again while the reconcile that enforces it is in flight, which takes longer than all others.
    pub(super) fn disable_deny_all_while_it_is_enforced(mut self) {
        self.create_tenant();
        self.settle();
        self.world.set_deny_all(DenyAll::Enforce);
        self.view = self.world.view();
        while self.jobs.iter().all(|job| job.plan.target != Target::Cluster) {
            self.finish_jobs();
            self.now += Duration::from_millis(100);
            self.tick();
        }
        self.world.set_deny_all(DenyAll::Disabled);
        self.view = self.world.view();
        self.overtake_cluster();
        self.settle();
    }

    /// Carries out what can be planned while the target `Cluster` is in flight, which ends last.
    fn overtake_cluster(&mut self) {
        assert_eq!(self.jobs[0].plan.target, Target::Cluster);
        for _ in 0..CAPACITY {
            self.now += Duration::from_millis(100);
            self.tick();
        }
        while let Some(latest) = self.jobs.len().checked_sub(1) {
            while !self.take_step(latest) {}
        }
    }

    /// Creates a tenant with a namespace, and returns the name of the namespace.
    fn create_tenant(&mut self) -> Arc<str> {
        let name = name_of_namespace(TENANTS[0], 1);
        let spec = TenantSpec { authorization: Authorization::Open, ..TenantSpec::default() };
        self.world.put_tenant(TENANTS[0], spec);
        self.world.create_namespace(TENANTS[0], &name);
        name
    }

    /// Works for a while. No watch delivers an event, apart from the snapshot's. Returns all actions.
    fn work_with_new_snapshots(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        for _ in 0..5 {
            self.view = self.world.view();
            actions.extend(self.work());
        }
        actions
    }

    /// Works for a while. No watch delivers an event. Returns all actions.
    fn work(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        for _ in 0..20 {
            self.tick();
            let steps = self.jobs.iter().flat_map(|job| &job.plan.steps);
            actions.extend(steps.map(|step| step.action.clone()));
            self.finish_jobs();
            self.now += Duration::from_millis(100);
        }
        actions
    }
}
