//! The checks of rules, by what they are given of a request.

use serde_json::Value;

use super::{Kinds, Request, RuleReport};
use crate::kinds::Kind;
use crate::policy::object::{
    AuthorizationPolicy, CertificateRequest, Connection, DestinationRule, Gateway, Ingress, MetadataAt,
    Monitor, NamespaceView, NetworkPolicy, Object, PeerAuthentication, Policy, Route, Secret, ServiceEntry,
    Sidecar, Spec, Telemetry, TenantView, TokenRequest, Workload,
};

/// The check of a rule. The engine unpacks the object, so that a check begins with what it judges.
///
/// A check of policies, or of a policy's spec or metadata, is not run for the baseline's own objects.
#[derive(Clone, Copy, Debug)]
pub enum Check {
    /// A Namespace and, on update, its old version.
    Namespace(fn(&Request<'_>, &NamespaceView<'_>, Option<&NamespaceView<'_>>, &mut RuleReport)),
    /// A Tenant and, on update, its old version.
    Tenant(fn(&Request<'_>, &TenantView<'_>, Option<&TenantView<'_>>, &mut RuleReport)),
    /// A pod or a pod template.
    Workload(fn(&Request<'_>, &Workload<'_>, &mut RuleReport)),
    /// The metadata of an object, or of its pod template.
    Metadata(fn(&Request<'_>, MetadataAt<'_>, &mut RuleReport)),
    /// The options of a connection to a pod.
    Connection(fn(&Request<'_>, &Connection<'_>, &mut RuleReport)),
    TokenRequest(fn(&Request<'_>, &TokenRequest<'_>, &mut RuleReport)),
    CertificateRequest(fn(&Request<'_>, &CertificateRequest<'_>, &mut RuleReport)),
    /// A Secret and, on update, its old version.
    Secret(fn(&Request<'_>, &Secret<'_>, Option<&Secret<'_>>, &mut RuleReport)),
    DestinationRule(fn(&Request<'_>, &DestinationRule<'_>, &mut RuleReport)),
    Gateway(fn(&Request<'_>, &Gateway<'_>, &mut RuleReport)),
    Ingress(fn(&Request<'_>, &Ingress, &mut RuleReport)),
    /// A route of the Gateway API.
    Route(fn(&Request<'_>, &Route<'_>, &mut RuleReport)),
    /// A ServiceMonitor or a PodMonitor.
    Monitor(fn(&Request<'_>, &Monitor<'_>, &mut RuleReport)),
    /// An object with the name of a baseline object.
    Baseline(fn(&Request<'_>, &Value, &mut RuleReport)),
    /// A policy of any kind that the baseline has objects of.
    Policy(fn(&Request<'_>, &Policy<'_>, &mut RuleReport)),
    NetworkPolicy(fn(&Request<'_>, &NetworkPolicy<'_>, &mut RuleReport)),
    AuthorizationPolicy(fn(&Request<'_>, &AuthorizationPolicy<'_>, &mut RuleReport)),
    PeerAuthentication(fn(&Request<'_>, &PeerAuthentication<'_>, &mut RuleReport)),
    Sidecar(fn(&Request<'_>, &Sidecar<'_>, &mut RuleReport)),
    ServiceEntry(fn(&Request<'_>, &ServiceEntry<'_>, &mut RuleReport)),
    Telemetry(fn(&Request<'_>, &Telemetry<'_>, &mut RuleReport)),
    /// Any object.
    Object(fn(&Request<'_>, &mut RuleReport)),
}

impl Check {
    /// Returns the kinds that the check can judge, if they follow from it.
    pub(super) const fn kinds(&self) -> &'static [Kinds] {
        match self {
            Self::Namespace(_) => &[Kinds::Only(&[Kind::Namespace])],
            Self::Tenant(_) => &[Kinds::Only(&[Kind::Tenant])],
            Self::Workload(_) => &[Kinds::Workloads],
            Self::Connection(_) => &[Kinds::Only(&[
                Kind::PodExecOptions,
                Kind::PodAttachOptions,
                Kind::PodProxyOptions,
                Kind::ServiceProxyOptions,
            ])],
            Self::TokenRequest(_) => &[Kinds::Only(&[Kind::TokenRequest])],
            Self::CertificateRequest(_) => &[Kinds::Only(&[Kind::CertificateSigningRequest])],
            Self::Secret(_) => &[Kinds::Only(&[Kind::Secret])],
            Self::DestinationRule(_) => &[Kinds::Only(&[Kind::DestinationRule])],
            Self::Gateway(_) => &[Kinds::Only(&[Kind::Gateway])],
            Self::Ingress(_) => &[Kinds::Only(&[Kind::Ingress])],
            Self::Route(_) => &[Kinds::Routes],
            Self::Monitor(_) => &[Kinds::Only(&[Kind::ServiceMonitor, Kind::PodMonitor])],
            Self::Baseline(_) => &[Kinds::Managed],
            Self::NetworkPolicy(_) => &[Kinds::Only(&[Kind::NetworkPolicy])],
            Self::AuthorizationPolicy(_) => &[Kinds::Only(&[Kind::AuthorizationPolicy])],
            Self::PeerAuthentication(_) => &[Kinds::Only(&[Kind::PeerAuthentication])],
            Self::Sidecar(_) => &[Kinds::Only(&[Kind::Sidecar])],
            Self::ServiceEntry(_) => &[Kinds::Only(&[Kind::ServiceEntry])],
            Self::Telemetry(_) => &[Kinds::Only(&[Kind::Telemetry])],
            Self::Metadata(_) | Self::Policy(_) | Self::Object(_) => &[],
        }
    }

    /// Runs the check, if the object is of a kind that it can judge.
    pub(in crate::policy) fn run(self, request: &Request<'_>, report: &mut RuleReport) {
        match (self, request.object) {
            (Self::Object(check), _) => check(request, report),
            (Self::Namespace(check), _) => {
                if let Some((new, old)) = request.written_namespace() {
                    check(request, new, old, report);
                }
            }
            (Self::Tenant(check), Object::Tenant(new)) => {
                let old = match request.old {
                    Some(Object::Tenant(old)) => Some(&**old),
                    _ => None,
                };
                check(request, new, old, report);
            }
            (Self::Secret(check), Object::Secret(new)) => {
                let old = match request.old {
                    Some(Object::Secret(old)) => Some(old),
                    _ => None,
                };
                check(request, new, old, report);
            }
            (Self::Workload(check), Object::Workload(workload)) => check(request, workload, report),
            (Self::DestinationRule(check), Object::DestinationRule(_, rule)) => check(request, rule, report),
            (Self::Gateway(check), Object::Gateway(_, gateway)) => check(request, gateway, report),
            (Self::Ingress(check), Object::Ingress(_, ingress)) => check(request, ingress, report),
            (Self::Route(check), Object::Route(_, route)) => check(request, route, report),
            (Self::Monitor(check), Object::Monitor(_, monitor)) => check(request, monitor, report),
            (Self::Connection(check), Object::Connection(connection)) => check(request, connection, report),
            (Self::TokenRequest(check), Object::TokenRequest(_, token)) => check(request, token, report),
            (Self::CertificateRequest(check), Object::CertificateRequest(certificate)) => {
                check(request, certificate, report);
            }
            (Self::Metadata(check), _) => {
                if let Some(metadata) = request.metadata() {
                    check(request, metadata, report);
                }
            }
            (Self::Baseline(check), object) => {
                if let Some(object) = object.baseline() {
                    check(request, object, report);
                }
            }
            (check, Object::Policy(policy)) if request.is_tenant_policy(policy) => {
                match (check, &policy.spec) {
                    (Self::Policy(check), _) => check(request, policy, report),
                    (Self::NetworkPolicy(check), Spec::NetworkPolicy(spec)) => check(request, spec, report),
                    (Self::AuthorizationPolicy(check), Spec::AuthorizationPolicy(spec)) => {
                        check(request, spec, report);
                    }
                    (Self::PeerAuthentication(check), Spec::PeerAuthentication(spec)) => {
                        check(request, spec, report);
                    }
                    (Self::Sidecar(check), Spec::Sidecar(spec)) => check(request, spec, report),
                    (Self::ServiceEntry(check), Spec::ServiceEntry(spec)) => check(request, spec, report),
                    (Self::Telemetry(check), Spec::Telemetry(spec)) => check(request, spec, report),
                    _ => {}
                }
            }
            _ => {}
        }
    }
}
