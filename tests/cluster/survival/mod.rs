//! Bulkhead while its replicas, its certificates, its leader and the API server come and go, under load.

mod api_server_outage;
mod killed_replica;
mod leadership;
mod lifecycle;
mod load;
mod rolling_restart;
mod rotation;
mod slow_clients;
mod soak;
mod stage;
mod start;
