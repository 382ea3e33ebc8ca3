use bulkhead_harness::program::Installation;
use std::path::Path;
#[test]
fn up() {
    let it = Installation::start(Path::new(env!("CARGO_BIN_EXE_bulkhead")), |s| eprintln!("{s}")).unwrap();
    eprintln!("{}", it.cluster.folder.display());
    std::thread::sleep(std::time::Duration::from_secs(
        std::env::var("HOLD").ok().and_then(|s| s.parse().ok()).unwrap_or(0),
    ));
}
