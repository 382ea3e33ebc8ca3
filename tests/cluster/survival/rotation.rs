use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use bulkhead_harness::program::NAMESPACE;
use support::cluster::jsonpath;

use super::load::Load;
use super::stage::Stage;

/// Lifetimes in seconds, so short that the test sees the next CA signing, and the one before gone.
const CA_LIFETIME: u64 = 48;
const CERTIFICATE_LIFETIME: u64 = 30;

#[test]
fn rotation_of_ca_and_certificate_under_load_fails_no_write() {
    let (ca, certificate) = (CA_LIFETIME.to_string(), CERTIFICATE_LIFETIME.to_string());
    let stage = Stage::start(&["--ca-lifetime", &ca, "--certificate-lifetime", &certificate]);
    let admin = stage.cluster.admin().unwrap();
    let load = Load::start(&stage);
    let (mut authorities, mut certificates) = (BTreeSet::new(), BTreeSet::new());
    while load.elapsed() < Duration::from_secs(CA_LIFETIME) {
        for (seen, secret, key) in [
            (&mut authorities, "bulkhead-webhook-ca", "{.data.ca\\.crt}"),
            (&mut certificates, "bulkhead-webhook-tls", "{.data.tls\\.crt}"),
        ] {
            seen.insert(jsonpath(&admin, &["secret", secret, "-n", NAMESPACE], key));
        }
        sleep(Duration::from_millis(500));
    }
    let writes = load.stop();
    let (authorities, certificates) = (authorities.len() - 1, certificates.len() - 1);
    support::say(&format!("{authorities} new CAs and {certificates} new certificates: {writes}"));
    writes.assert_none_failed();
    assert!(authorities >= 1 && certificates >= 2);
}
