use super::issue::{Facts, IssueError, Pair};

/// The authorities and the certificate that they have signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificates {
    /// The authority that signs.
    pub authority: Option<Pair>,
    /// The one that will sign, once the API server trusts it.
    pub next: Option<Pair>,
    /// The certificate of the one that signed before; its key is gone.
    pub previous: Option<String>,
    /// The certificate that the webhook serves.
    pub serving: Option<Pair>,
}

/// The lifetimes of new certificates, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Lifetimes {
    pub authority: i64,
    pub certificate: i64,
}

/// Part of its lifetime for which a new authority is trusted before it signs.
const TRUSTED_BEFORE_SIGNING: i64 = 24;

impl Certificates {
    /// Returns the certificates that the API server must trust, PEM.
    pub fn bundle(&self) -> String {
        let own = [&self.authority, &self.next].into_iter().flatten().map(|pair| pair.certificate.as_str());
        own.chain(self.previous.as_deref()).collect()
    }

    /// Returns what must replace these certificates at the time `now`; equal ones if nothing is due.
    ///
    /// `is_trusted` tells if the API server trusts an authority. A new authority signs only when it does. Each step can be
    /// repeated after a crash at any point.
    pub fn advance(
        &self,
        names: &[String],
        lifetimes: Lifetimes,
        now: i64,
        is_trusted: impl Fn(&str) -> bool,
    ) -> Result<Self, IssueError> {
        let mut new = self.clone();
        let is_expired =
            |certificate: &str| Facts::read(certificate).is_none_or(|facts| facts.has_expired(now));
        new.previous = new.previous.filter(|previous| !is_expired(previous));
        new.next = new.next.filter(|next| next.is_usable() && !is_expired(&next.certificate));
        new.authority =
            new.authority.filter(|authority| authority.is_usable() && !is_expired(&authority.certificate));

        let Some(authority) = new.authority.clone() else {
            // Nothing valid signs, so that there is nothing to wait for.
            let authority = match new.next.take() {
                Some(next) => next,
                None => Pair::authority(names, now, lifetimes.authority)?,
            };
            new.serving = Some(authority.sign(names, now, lifetimes.certificate)?);
            new.authority = Some(authority);
            return Ok(new);
        };
        let may_sign = |next: &Pair| {
            let facts = Facts::read(&next.certificate);
            let age = facts.map_or(0, |facts| now.saturating_sub(facts.issued));
            age >= lifetimes.authority / TRUSTED_BEFORE_SIGNING && is_trusted(&next.certificate)
        };
        match new.next.take() {
            Some(next) if may_sign(&next) => {
                new.previous = Some(authority.certificate);
                new.authority = Some(next);
            }
            Some(next) => new.next = Some(next),
            None if Facts::read(&authority.certificate).is_none_or(|facts| facts.is_old(now)) => {
                new.next = Some(Pair::authority(names, now, lifetimes.authority)?);
            }
            None => {}
        }
        if let Some(authority) = &new.authority
            && !new.serving.as_ref().is_some_and(|serving| serves(serving, authority, names, now))
        {
            new.serving = Some(authority.sign(names, now, lifetimes.certificate)?);
        }
        Ok(new)
    }
}

/// True if the certificate is one of the authority for these names, and not old.
fn serves(serving: &Pair, authority: &Pair, names: &[String], now: i64) -> bool {
    let (Some(facts), Some(authority)) =
        (Facts::read(&serving.certificate), Facts::read(&authority.certificate))
    else {
        return false;
    };
    serving.is_usable() && facts.is_signed_by(&authority) && facts.is_for(names) && !facts.is_old(now)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use std::sync::Arc;
    use std::time::Duration;

    use rustls::RootCertStore;
    use rustls::client::WebPkiServerVerifier;
    use rustls::client::danger::ServerCertVerifier;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

    use super::super::names_of_service;
    use super::*;

    const LIFETIMES: Lifetimes = Lifetimes { authority: 24_000, certificate: 3_000 };
    const START: i64 = 1_800_000_000;

    fn names() -> Vec<String> {
        names_of_service("bulkhead", "bulkhead-system")
    }

    /// Tells if a client that trusts `bundle` accepts the certificate.
    fn accepts(bundle: &str, serving: &Pair, name: &str, now: i64) -> bool {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(bundle.as_bytes()) {
            roots.add(certificate.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
        let certificate = CertificateDer::from_pem_slice(serving.certificate.as_bytes()).unwrap();
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now.unsigned_abs()));
        verifier.verify_server_cert(&certificate, &[], &name, &[], now).is_ok()
    }

    #[test]
    fn first_certificate_is_accepted_under_its_names_alone() {
        let issued = Certificates::default().advance(&names(), LIFETIMES, START, |_| false).unwrap();
        let (bundle, serving) = (issued.bundle(), issued.serving.unwrap());
        for (name, is_accepted) in [
            ("bulkhead.bulkhead-system.svc", true),
            ("bulkhead.bulkhead-system.svc.cluster.local", true),
            ("kubernetes.default.svc", false),
        ] {
            assert_eq!(accepts(&bundle, &serving, name, START), is_accepted, "{name}");
        }
        // The authority cannot vouch for other servers.
        let other = ["kubernetes.default.svc".to_owned()];
        let forged = issued.authority.unwrap().sign(&other, START, 60).unwrap();
        assert!(!accepts(&bundle, &forged, "kubernetes.default.svc", START));
    }

    /// Runs for five lifetimes of an authority. The API server trusts what was registered a while ago, and each third
    /// certificate is lost, as if the controller ended between its two writes.
    #[test]
    fn served_certificate_is_trusted_throughout_rotations() {
        const STEP: i64 = 100;
        let name = names().remove(0);
        let mut stored = Certificates::default().advance(&names(), LIFETIMES, START, |_| false).unwrap();
        let mut bundles = vec![stored.bundle(); 3];
        let (mut authorities, mut certificates, mut losses) = (0, 0, 0);
        for step in 1..5 * LIFETIMES.authority / STEP {
            let now = START + step * STEP;
            let registered = bundles.remove(0);
            let mut due = stored
                .advance(&names(), LIFETIMES, now, |certificate| registered.contains(certificate))
                .unwrap();
            authorities += i32::from(due.authority != stored.authority);
            if due.serving != stored.serving {
                certificates += 1;
                if certificates % 3 == 0 {
                    due.serving = stored.serving.clone();
                    losses += 1;
                }
            }
            stored = due;
            let serving = stored.serving.as_ref().unwrap();
            assert!(accepts(&registered, serving, &name, now), "step {step}");
            bundles.push(stored.bundle());
        }
        assert!(
            authorities >= 5 && certificates >= 50 && losses >= 10,
            "{authorities} {certificates} {losses}"
        );
    }

    #[test]
    fn new_authority_does_not_sign_before_it_is_trusted() {
        let first = Certificates::default().advance(&names(), LIFETIMES, START, |_| true).unwrap();
        let late = START + LIFETIMES.authority - 100;
        let prepared = first.advance(&names(), LIFETIMES, late, |_| true).unwrap();
        assert_eq!(prepared.authority, first.authority);
        assert!(prepared.next.is_some());
        let waits = prepared.advance(&names(), LIFETIMES, late + 50, |_| false).unwrap();
        assert_eq!((&waits.authority, &waits.next), (&first.authority, &prepared.next));
        // After the old one has expired, nothing is left to wait for.
        let replaced = waits.advance(&names(), LIFETIMES, late + 200, |_| false).unwrap();
        assert_eq!(replaced.authority, prepared.next);
    }

    #[test]
    fn broken_or_foreign_pairs_are_replaced() {
        let good = Certificates::default().advance(&names(), LIFETIMES, START, |_| true).unwrap();
        let other = Certificates::default().advance(&names(), LIFETIMES, START + 1, |_| true).unwrap();
        let advance = |stored: &Certificates, names: &[String]| {
            stored.advance(names, LIFETIMES, START + 10, |_| true).unwrap()
        };
        assert_eq!(advance(&good, &names()), good);
        let with_serving = |serving| Certificates { serving, ..good.clone() };
        let mut mixed = good.serving.clone().unwrap();
        mixed.key = other.serving.clone().unwrap().key;
        for serving in [None, other.serving, Some(mixed)] {
            let repaired = advance(&with_serving(serving.clone()), &names());
            assert_eq!(repaired.authority, good.authority);
            assert_ne!(repaired.serving, serving);
            assert!(accepts(&good.bundle(), &repaired.serving.unwrap(), &names().remove(0), START + 10));
        }
        let renamed = names_of_service("webhook", "security");
        assert_ne!(advance(&good, &renamed).serving, good.serving);
    }
}
