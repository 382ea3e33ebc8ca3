//! Callers in AuthorizationPolicies, as the mesh's certificates name them.

use super::{Claim, Owner};
use crate::policy::Request;
use crate::policy::object::{AuthorizationPolicy, Caller, CallerForm, Located};

/// The trust domain that Istio reads as the mesh's own.
const OWN_TRUST_DOMAIN: &str = "cluster.local";

/// Returns the claims that an AuthorizationPolicy makes.
pub(super) fn claims<'o>(
    policy: &'o AuthorizationPolicy<'o>,
) -> impl Iterator<Item = Located<'o, Claim<'o>>> {
    policy.callers().map(|Located { value, path }| Located { value: Claim::Caller(value), path })
}

/// Resolves callers. Those that a policy denies, or excepts, concern no one.
pub(super) fn resolve(request: &Request<'_>, caller: Caller<'_>) -> Owner {
    let Caller { form, text, is_allowed } = caller;
    if form == CallerForm::Principal && text.contains("://") {
        return Owner::Malformed;
    }
    match form {
        _ if !is_allowed => Owner::Own,
        CallerForm::Principal => principal(request, text),
        CallerForm::Namespace if text.contains('*') => pattern(text, request.namespace().0),
        CallerForm::Namespace => account(request, text, None),
        CallerForm::ServiceAccount => match text.split_once('/') {
            Some((namespace, name)) => account(request, namespace, Some(name)),
            None => Owner::Own,
        },
        CallerForm::TrustDomain if is_trust_domain(request, text) => Owner::Anyone,
        CallerForm::TrustDomain => Owner::Foreign,
    }
}

/// Resolves a principal. A `*` stands for any text at its beginning or at its end.
fn principal(request: &Request<'_>, text: &str) -> Owner {
    let parts = text.split_once("/ns/").and_then(|(domain, rest)| {
        let (namespace, account) = rest.split_once('/')?;
        Some((domain, namespace, account))
    });
    let Some((domain, namespace, rest)) = parts else { return open_pattern(request, text) };
    if !is_trust_domain(request, domain) {
        return Owner::Foreign;
    }
    account(request, namespace, rest.strip_prefix("sa/").filter(|name| !name.ends_with('*')))
}

/// Resolves a pattern that leaves the namespace open: it may not name callers of others alone.
fn open_pattern(request: &Request<'_>, text: &str) -> Owner {
    let own = request.namespace().0;
    let matches_own = match (text.strip_prefix('*'), text.strip_suffix('*')) {
        (Some(end), _) => {
            end.split_once("/sa/").is_none_or(|(before, _)| format!("/ns/{own}").ends_with(before))
        }
        (None, Some(start)) => match start.split_once('/') {
            Some((domain, rest)) => {
                is_trust_domain(request, domain) && format!("ns/{own}/sa/").starts_with(rest)
            }
            None => [&*request.snapshot.settings.trust_domain, OWN_TRUST_DOMAIN]
                .iter()
                .any(|own| own.starts_with(start)),
        },
        (None, None) => false,
    };
    if matches_own { Owner::Anyone } else { Owner::Foreign }
}

/// True for the mesh's own trust domain. Of another one the baseline denies every caller.
fn is_trust_domain(request: &Request<'_>, domain: &str) -> bool {
    domain == request.snapshot.settings.trust_domain || domain == OWN_TRUST_DOMAIN || domain.starts_with('*')
}

/// Resolves a pattern with one `*`: it may not name namespaces of others alone.
fn pattern(text: &str, own: &str) -> Owner {
    let (start, end) = text.split_once('*').unwrap_or((text, ""));
    if own.starts_with(start) && own.ends_with(end) { Owner::Anyone } else { Owner::Foreign }
}

/// Resolves an account, or every account of a namespace, by those that the baseline allows to call.
fn account(request: &Request<'_>, namespace: &str, name: Option<&str>) -> Owner {
    if request.owns(namespace) {
        return Owner::Own;
    }
    let Some(tenant) = request.tenant_object() else { return Owner::Foreign };
    let snapshot = request.snapshot;
    let is_named = |home: &str, account: &str| home == namespace && name.is_none_or(|name| name == account);
    let is_granted = snapshot
        .gateways(tenant)
        .any(|gateway| is_named(gateway.namespace(), &gateway.service_account))
        || tenant.grants.callers.iter().any(|caller| is_named(&caller.namespace, &caller.service_account))
        || snapshot
            .services_calling(&tenant.name)
            .any(|service| is_named(&service.namespace, &service.service_account));
    if is_granted { Owner::Granted } else { Owner::Foreign }
}
