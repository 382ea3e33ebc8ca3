//! Delay until drift is repaired.

use std::time::{Duration, Instant};

use kube::api::DeleteParams;
use kube::{Client, ResourceExt};
use tokio::time::sleep;

use crate::stage::{api, named, tenants, until_ready, written};

/// Deletes two hundred objects, one after another, as Bulkhead's controller, which is allowed to.
pub(crate) async fn measure(admin: &Client, bulkhead: &Client) {
    let names = named("repair", 20);
    tenants(admin, &names).await;
    until_ready(admin, "repair", names.len()).await;
    sleep(Duration::from_secs(5)).await;
    let mut took = Vec::new();
    for name in &names {
        let namespace = format!("tenant-{name}");
        let own: Vec<_> = written(admin, name).await;
        let own = own
            .into_iter()
            .filter(|(kind, object)| object.metadata.namespace.is_some() && !kind.is_partly_managed());
        for (kind, object) in own.take(10) {
            let start = Instant::now();
            let objects = api(bulkhead, kind, Some(&namespace));
            objects.delete(&object.name_any(), &DeleteParams::default()).await.expect("deleted");
            while objects.get_opt(&object.name_any()).await.expect("asked").is_none() {
                assert!(start.elapsed() < Duration::from_secs(15), "{} stays away", object.name_any());
                sleep(Duration::from_millis(5)).await;
            }
            took.push(start.elapsed());
        }
    }
    took.sort_unstable();
    let at = |part: usize| took[(took.len() - 1) * part / 100];
    println!(
        "repair of {} deleted objects: half within {:.0?}, 95 % within {:.0?} (aim: 2 s), all within {:.0?}",
        took.len(),
        at(50),
        at(95),
        at(100)
    );
}
