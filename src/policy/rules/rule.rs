//! A rule as data. Its file says which check judges what, and how it differs from the defaults; the registry adds the
//! file's manual, from which code, name and family follow.

use super::{Check, Kinds, Request, RuleReport, limits, manual};
use crate::kinds::{Kind, Operation};
use crate::policy::claims::{self, ClaimKind, Owner};
use crate::policy::{Retry, Trust, WaiverReason};
use crate::settings::{RuleMode, Settings};

/// A rule, as data.
#[derive(Debug)]
pub struct Rule {
    code: &'static str,
    name: &'static str,
    family: Family,
    source: &'static str,
    kinds: &'static [Kinds],
    /// True if the rule judges every write that is sent. It adds none itself.
    judges_all: bool,
    operations: &'static [Operation],
    trusted: &'static [Trust],
    scopes: Option<&'static [NamespaceClass]>,
    watched_labels: &'static [&'static str],
    /// True if the rule has a ratchet, whatever its family has.
    ratchet: bool,
    /// True if other rules are sound only with this one.
    is_relied_on: bool,
    retry: Retry,
    check: Option<Check>,
    claims: Option<(ClaimKind, &'static [Owner])>,
    /// Admits what the fields' limits refuse.
    exception: Option<fn(&Request<'_>) -> bool>,
}

/// The subject of a rule: the first digit of its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// BH1xx: namespaces and tenants.
    Namespaces,
    /// BH2xx: the objects of the baseline.
    Baseline,
    /// BH3xx: pods and pod templates.
    Pods,
    /// BH4xx: service accounts, their tokens, the addresses of pods, and the mesh's root certificate.
    Identities,
    /// BH5xx: network policies.
    Network,
    /// BH6xx: routing in the mesh.
    Traffic,
    /// BH7xx: Istio's security and telemetry policies.
    MeshSecurity,
    /// BH8xx: Services and their endpoints.
    Services,
    /// BH9xx: kinds that only the platform may write.
    PlatformKinds,
}

/// A class of namespaces in which a rule applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamespaceClass {
    /// Objects without a namespace, and Namespaces themselves.
    ClusterScoped,
    /// Namespaces of tenants.
    Tenant,
    /// Namespaces of neither a tenant nor the platform.
    Unowned,
    /// Namespaces of shared services.
    SharedService,
    /// The mesh's root namespace, if Bulkhead manages the mesh-wide policies.
    MeshRoot,
    /// Bulkhead's own namespace, and otherwise the mesh's root namespace.
    Foundation,
    /// Other namespaces of the platform with accounts that rules trust by name.
    TrustedAccounts,
}

impl Rule {
    /// A rule with the defaults, for a rule's file.
    pub(super) const fn new(check: Check) -> Self {
        Self { check: Some(check), ..Self::of_kinds(check.kinds()) }
    }

    /// A rule that refuses claims whose owner is one of these.
    pub(super) const fn refusing(kind: ClaimKind, owners: &'static [Owner]) -> Self {
        Self::of_kinds(kinds_with(kind)).refuses(kind, owners)
    }

    /// A rule about the fields of pods that the table limits with its code.
    pub(super) const fn limiting() -> Self {
        Self::of_kinds(&[Kinds::Workloads])
    }

    /// Admits what the limits of fields refuse, where this is true.
    pub(super) const fn except(self, exception: fn(&Request<'_>) -> bool) -> Self {
        Self { exception: Some(exception), ..self }
    }

    const fn of_kinds(kinds: &'static [Kinds]) -> Self {
        Self {
            code: "",
            name: "",
            family: Family::PlatformKinds,
            source: "",
            kinds,
            judges_all: false,
            operations: &[Operation::Create, Operation::Update],
            trusted: &[],
            scopes: None,
            watched_labels: &[],
            ratchet: false,
            is_relied_on: false,
            retry: Retry::Never,
            check: None,
            claims: None,
            exception: None,
        }
    }

    /// Refuses claims whose owner is one of these, after the check.
    pub(super) const fn refuses(self, kind: ClaimKind, owners: &'static [Owner]) -> Self {
        Self { claims: Some((kind, owners)), ..self }
    }

    /// Sets the kinds that the rule judges, if they do not follow from the check.
    pub(super) const fn kinds(self, kinds: &'static [Kinds]) -> Self {
        Self { kinds, ..self }
    }

    /// Judges every kind and operation that is sent for another reason.
    pub(super) const fn all(self) -> Self {
        Self { judges_all: true, ..self }
    }

    /// Sets the operations that the rule judges. The default is all but deletes.
    pub(super) const fn on(self, operations: &'static [Operation]) -> Self {
        Self { operations, ..self }
    }

    /// Sets the users whose writes the rule does not judge.
    pub(super) const fn trusts(self, trusted: &'static [Trust]) -> Self {
        Self { trusted, ..self }
    }

    /// Sets the classes of namespaces in which the rule applies. The default follows from the kinds: no namespace, or
    /// the namespaces of tenants.
    pub(super) const fn in_scopes(self, scopes: &'static [NamespaceClass]) -> Self {
        Self { scopes: Some(scopes), ..self }
    }

    /// Sets the labels of a namespace that the rule reads: a write that changes none of them need not be sent.
    pub(super) const fn watches(self, labels: &'static [&'static str]) -> Self {
        Self { watched_labels: labels, ..self }
    }

    /// Gives the rule a ratchet that its family does not have.
    pub(super) const fn with_ratchet(self) -> Self {
        Self { ratchet: true, ..self }
    }

    /// Keeps the settings from putting the rule out of force, because other rules are sound only with it.
    pub(super) const fn relied_on(self) -> Self {
        Self { is_relied_on: true, ..self }
    }

    /// Sets the retry that may admit a refused request: a newer snapshot can differ.
    pub(super) const fn retries(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// Adds what follows from the text of the rule's file.
    pub(super) const fn registered(self, source: &'static str) -> Self {
        let (code, name) = manual::code_and_name(source);
        Self { code, name, family: Family::of(code), source, ..self }
    }
}

impl Rule {
    /// Returns the code, which is never reused for another rule.
    pub const fn code(&self) -> &'static str {
        self.code
    }

    pub const fn name(&self) -> &'static str {
        self.name
    }

    pub const fn family(&self) -> Family {
        self.family
    }

    /// Returns the manual as Markdown.
    pub fn manual(&self) -> String {
        manual::manual(self.source)
    }

    /// Returns the first sentence of the manual, which says what the rule refuses.
    pub fn summary(&self) -> String {
        manual::first_sentence(&self.manual(), "What it refuses")
    }

    /// Returns the first sentence of the manual on what to write instead, as the end of a message.
    pub fn advice(&self) -> String {
        let sentence = manual::first_sentence(&self.manual(), "What to write instead");
        let mut letters = sentence.chars();
        letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
    }

    /// True if writes of `kind` are sent because of the rule.
    pub fn judges(&self, kind: Kind) -> bool {
        self.kinds.iter().any(|kinds| kinds.contain(kind))
    }

    /// True if the rule judges this operation on objects of this kind, in namespaces of this class.
    pub(in crate::policy) fn applies(&self, kind: Kind, operation: Operation, class: NamespaceClass) -> bool {
        let is_judged = || self.judges(kind) && self.operations.contains(&operation);
        (self.judges_all || is_judged()) && self.scopes().contains(&class)
    }

    /// Returns the users whose writes the rule does not judge.
    pub(in crate::policy) fn trusted(&self) -> &'static [Trust] {
        self.trusted
    }

    /// True if the rule judges no object but those with the name of a baseline object.
    pub fn judges_baseline_objects_only(&self) -> bool {
        matches!(self.check, Some(Check::Baseline(_)))
    }

    /// Returns the classes of namespaces in which the rule applies.
    pub fn scopes(&self) -> &'static [NamespaceClass] {
        match (self.scopes, self.kinds) {
            (Some(scopes), _) => scopes,
            (None, [Kinds::Only([kind, ..]), ..]) if kind.is_cluster_scoped() => {
                &[NamespaceClass::ClusterScoped]
            }
            (None, _) => &[NamespaceClass::Tenant],
        }
    }

    /// Returns the labels of a namespace that the rule reads.
    pub fn watched_labels(&self) -> &'static [&'static str] {
        self.watched_labels
    }

    /// True if an existing violation is only a warning while the fields that the rule reads stay unchanged.
    pub fn ratchet(&self) -> bool {
        self.ratchet || self.family.has_ratchet()
    }

    /// Returns the retry that may admit a refused request.
    pub fn retry(&self) -> Retry {
        self.retry
    }

    /// True if the rule only warns for an observed tenant.
    pub fn warns_when_observed(&self) -> bool {
        self.family.warns_when_observed()
    }

    /// True if an Exemption can switch the rule off for its target.
    pub fn can_be_exempted(&self) -> bool {
        self.family.can_be_exempted()
    }

    /// True if the rule judges pods and pod templates.
    pub(in crate::policy) fn is_about_pods(&self) -> bool {
        self.family == Family::Pods
    }

    /// Returns the sort of claims that the rule judges.
    pub fn claims(&self) -> Option<ClaimKind> {
        self.claims.map(|(kind, _)| kind)
    }

    /// Returns the reason to admit violations, if the settings have a mode for the rule in which it does not refuse.
    pub(in crate::policy) fn mode(&self, settings: &Settings) -> Option<WaiverReason> {
        match settings.rule_mode(self.code) {
            RuleMode::Warn if self.has_modes() => Some(WaiverReason::Warned),
            RuleMode::Audit if self.has_modes() => Some(WaiverReason::Audited),
            RuleMode::Enforce | RuleMode::Warn | RuleMode::Audit => None,
        }
    }

    /// True if the settings can keep the rule from refusing.
    pub fn has_modes(&self) -> bool {
        self.family.has_modes() && !self.is_relied_on
    }

    /// Judges the object of a request.
    pub(in crate::policy) fn judge(&self, request: &Request<'_>, report: &mut RuleReport) {
        if let Some(check) = self.check {
            check.run(request, report);
        }
        if let Some((kind, owners)) = self.claims {
            claims::refuse(request, kind, owners, report);
        }
        if !self.exception.is_some_and(|is_excepted| is_excepted(request)) {
            limits::refuse(request, report, || self.advice());
        }
    }
}

impl Family {
    /// Returns the family of a code.
    const fn of(code: &str) -> Self {
        match code.as_bytes() {
            [_, _, b'1', ..] => Self::Namespaces,
            [_, _, b'2', ..] => Self::Baseline,
            [_, _, b'3', ..] => Self::Pods,
            [_, _, b'4', ..] => Self::Identities,
            [_, _, b'5', ..] => Self::Network,
            [_, _, b'6', ..] => Self::Traffic,
            [_, _, b'7', ..] => Self::MeshSecurity,
            [_, _, b'8', ..] => Self::Services,
            digits => {
                assert!(matches!(digits, [_, _, b'9', ..]), "a code without a family");
                Self::PlatformKinds
            }
        }
    }

    /// True if existing violations are only warnings while the object stays as it is. Ownership and the baseline are
    /// never a matter of age.
    const fn has_ratchet(self) -> bool {
        match self {
            Self::Pods | Self::Network | Self::Traffic | Self::MeshSecurity | Self::Services => true,
            Self::Namespaces | Self::Baseline | Self::Identities | Self::PlatformKinds => false,
        }
    }

    /// True if the rules only warn for an observed tenant. Rules about namespaces and identities always refuse.
    const fn warns_when_observed(self) -> bool {
        !matches!(self, Self::Namespaces | Self::Identities)
    }

    /// True if the settings can keep the rules from refusing. Without the others Bulkhead keeps no tenants apart.
    const fn has_modes(self) -> bool {
        !matches!(self, Self::Namespaces | Self::Baseline | Self::Identities)
    }

    /// True if an Exemption can switch the rules off.
    const fn can_be_exempted(self) -> bool {
        matches!(self, Self::Pods)
    }
}

impl NamespaceClass {
    /// The namespaces that have objects of the baseline.
    pub(super) const WITH_BASELINE: &[Self] = &[Self::Tenant, Self::SharedService, Self::MeshRoot];

    /// True if the namespaces have objects of the baseline.
    pub(in crate::policy) fn has_baseline(self) -> bool {
        Self::WITH_BASELINE.contains(&self)
    }

    /// True if only the platform writes in the namespaces, whatever the kind.
    pub(in crate::policy) fn is_protected(self) -> bool {
        matches!(self, Self::SharedService | Self::MeshRoot | Self::Foundation)
    }
}

/// Returns the kinds whose objects make claims of this kind.
const fn kinds_with(kind: ClaimKind) -> &'static [Kinds] {
    match kind {
        ClaimKind::RequestHeader => {
            const KINDS: &[Kind] =
                &[Kind::VirtualService, Kind::HttpRoute, Kind::GrpcRoute, Kind::RequestAuthentication];
            &[Kinds::Only(KINDS)]
        }
        ClaimKind::Gateway => &[Kinds::Only(&[Kind::VirtualService]), Kinds::Routes],
        ClaimKind::Delegate => &[Kinds::Only(&[Kind::VirtualService])],
        ClaimKind::Caller => &[Kinds::Only(&[Kind::AuthorizationPolicy])],
        ClaimKind::KeySource => &[Kinds::Only(&[Kind::RequestAuthentication])],
        ClaimKind::KnownHost => &[Kinds::Only(&[Kind::Sidecar])],
        ClaimKind::ServedHost => {
            const KINDS: &[Kind] =
                &[Kind::VirtualService, Kind::DestinationRule, Kind::ServiceEntry, Kind::Ingress];
            &[Kinds::Only(KINDS), Kinds::Routes]
        }
        ClaimKind::ReachedHost => {
            &[Kinds::Only(&[Kind::VirtualService, Kind::DestinationRule]), Kinds::Routes]
        }
        ClaimKind::Address | ClaimKind::Export => &[Kinds::Only(&[Kind::VirtualService, Kind::ServiceEntry])],
        ClaimKind::Peer => &[Kinds::Only(&[Kind::NetworkPolicy])],
        ClaimKind::Subject => &[Kinds::Only(&[Kind::RoleBinding])],
        ClaimKind::ExternalName => &[Kinds::Only(&[Kind::Service])],
        ClaimKind::EndpointAddress => &[Kinds::Only(&[Kind::Endpoints, Kind::EndpointSlice])],
    }
}
