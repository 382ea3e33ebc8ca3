//! # BH705 `key-source`
//!
//! ## What it refuses
//! Refuses to let istiod fetch keys from hosts that are not granted.
//!
//! The rule judges each `jwksUri` of a RequestAuthentication, and the `issuer` of a rule without `jwksUri` and `jwks`. It
//! must be an `https` URL without user and port, and its host must be a granted one (`reach.hosts`).
//!
//! ## Why
//! Istiod fetches the keys itself, where no network policy of the tenant applies, and gives the answer to the tenant's
//! proxies. A tenant could read addresses that only istiod reaches, such as the metadata of the node. Without keys, istiod
//! asks the issuer for their URL. It follows redirects, so that a host of the tenant itself could lead it anywhere.
//!
//! ## What to write instead
//! Write the public keys into `jwks`.
//!
//! ## How to get it allowed
//! Ask the platform for `Tenant.spec.grants.reach.hosts`. The rule only warns for tenants with `enforcement: Observe`, for
//! objects that already violated it while the fields that it reads stay unchanged, and for break-glass accounts
//! (`platform.breakGlassGroups`).
//!
//! ## Refused
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: security.istio.io/v1
//! kind: RequestAuthentication
//! metadata: { name: web, namespace: tenant-shop }
//! spec:
//!   selector: { matchLabels: { app: web } }
//!   jwtRules:
//!     - issuer: metadata
//!       jwksUri: http://169.254.169.254/latest/meta-data # BH705
//!     - issuer: plain
//!       jwksUri: http://api.example.net/keys # BH705
//!     - issuer: elsewhere
//!       jwksUri: https://api.example.net:10250/keys # BH705
//!     - issuer: user
//!       jwksUri: https://api.example.net@localhost/keys # BH705
//!     - issuer: own
//!       jwksUri: https://keys.tenant-shop.svc.cluster.local/keys # BH705
//!     # It is served by the tenant, and could redirect istiod.
//!     - issuer: served
//!       jwksUri: https://shop.example.com/keys # BH705
//!     # Keys beside the URL do not count in every mode of istiod.
//!     - issuer: both
//!       jwks: '{ "keys": [] }'
//!       jwksUri: https://other.example.com/keys # BH705
//!     - issuer: other-name
//!       jwks_uri: https://other.example.com/keys # BH705
//!     - issuer: https://kubernetes.default.svc # BH705
//!     - issuer: testing@example.com # BH705
//!       jwks: ""
//! ```
//!
//! ## Admitted
//! ```yaml as carol in shop-developers, in snapshot granted-hosts
//! apiVersion: security.istio.io/v1
//! kind: RequestAuthentication
//! metadata: { name: web, namespace: tenant-shop }
//! spec:
//!   selector: { matchLabels: { app: web } }
//!   jwtRules:
//!     - issuer: testing@example.com
//!       jwks: '{ "keys": [] }'
//!       audiences: [shop]
//!       forwardOriginalToken: true
//!       fromHeaders: [{ name: x-jwt-assertion, prefix: "JWT " }]
//!       outputClaimToHeaders: [{ header: x-jwt-claim-foo, claim: foo }]
//!     - issuer: https://accounts.example.com
//!       jwksUri: https://api.example.net/keys
//!     - issuer: https://eu.objects.example.net/realm
//! ```
//!
//! ## Limits
//! A granted host can redirect istiod, and name another URL for the keys of its issuer. Grant no host whose answers tenants
//! choose, or set `BLOCKED_CIDRS_IN_JWKS_URIS` for istiod.

use super::Rule;
use crate::policy::claims::{ClaimKind, Owner};

pub(super) const RULE: Rule = Rule::refusing(ClaimKind::KeySource, &[Owner::Foreign, Owner::Malformed]);
