//! URLs from which istiod fetches keys, from its own place in the network.

use super::{Claim, Owner, host};
use crate::policy::Request;
use crate::policy::object::{Located, RequestAuthentication};
use crate::snapshot::covers_host;

/// Returns the claims that a RequestAuthentication makes.
pub(super) fn claims<'o>(
    policy: &'o RequestAuthentication<'o>,
) -> impl Iterator<Item = Located<'o, Claim<'o>>> {
    policy.key_sources().map(|Located { value, path }| Located { value: Claim::KeySource(value), path })
}

/// Resolves a URL. Hosts that the tenant serves are foreign too: they could answer with a redirect, which istiod follows.
pub(super) fn resolve(request: &Request<'_>, url: &str) -> Owner {
    let Some(host) = host_of(url) else { return Owner::Malformed };
    let tenant = request.tenant_object();
    let mut granted = tenant.into_iter().flat_map(|tenant| &tenant.grants.reach.hosts);
    if granted.any(|granted| covers_host(granted, host)) { Owner::Granted } else { Owner::Foreign }
}

/// Returns the host of a URL, if every program reads it as the same host, over TLS on its usual port.
fn host_of(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let name = authority.strip_suffix(":443").unwrap_or(authority);
    host::is_dns_name(name).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::host_of;

    #[test]
    fn host_is_read_only_from_urls_that_all_programs_read_alike() {
        for (url, expected) in [
            ("https://id.example.net/keys", Some("id.example.net")),
            ("https://id.example.net:443/keys?a=b", Some("id.example.net")),
            ("https://id.example.net", Some("id.example.net")),
            ("https://id.example.net#@other", Some("id.example.net")),
            ("https://localhost/keys", Some("localhost")),
            ("https://id.example.net@127.0.0.1/keys", None),
            ("https://127.0.0.1#@id.example.net/", Some("127.0.0.1")),
            ("https://id.example.net\\@127.0.0.1/keys", None),
            ("https://id.example.net:6443/keys", None),
            ("https://ID.example.net/keys", None),
            ("https://id.example.net./keys", None),
            ("https://*.example.net/keys", None),
            ("https://[::1]/keys", None),
            ("https:///keys", None),
            ("http://id.example.net/keys", None),
            ("HTTPS://id.example.net/keys", None),
            ("testing@secure.istio.io", None),
        ] {
            assert_eq!(host_of(url), expected, "{url}");
        }
    }
}
