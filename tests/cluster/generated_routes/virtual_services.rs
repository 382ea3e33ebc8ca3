//! Random VirtualServices.

use serde_json::{Value, json};

use super::generator::Generator;

impl Generator {
    pub(super) fn virtual_service(&mut self) -> Value {
        let count = self.one_of(&[1, 1, 2, 3]);
        let hosts: Vec<String> = (0..count).map(|_| self.host()).collect();
        let mut spec = json!({ "hosts": hosts });
        self.exports(&mut spec);
        self.maybe(&mut spec, "gateways", 2, Self::gateways);
        for protocol in
            self.one_of(&[&["http"][..], &["http"], &["http", "tls"], &["tls"], &["tcp"], &["tcp", "tls"]])
        {
            spec[protocol] = match *protocol {
                "http" => self.http_routes(),
                "tls" => self.tls_routes(&hosts),
                _ => self.tcp_routes(),
            };
        }
        spec
    }

    fn http_routes(&mut self) -> Value {
        let mut route = match self
            .one_of(&["route", "route", "route", "split", "redirect", "answer", "delegate"])
        {
            "redirect" => json!({ "redirect": { "authority": self.host(), "uri": "/" } }),
            "answer" => json!({ "directResponse": { "status": 503 } }),
            "delegate" => {
                let namespace = if self.strays(3) { "tenant-acme" } else { "tenant-shop" };
                json!({ "delegate": { "name": "part", "namespace": namespace } })
            }
            "split" => json!({ "route": [
                { "destination": self.destination(), "weight": 60 }, { "destination": self.destination(), "weight": 40 },
            ] }),
            _ => json!({ "route": [{ "destination": self.destination() }] }),
        };
        if route["route"].is_array() {
            self.maybe(&mut route, "mirror", 4, Self::destination);
            self.maybe(&mut route, "mirrors", 6, |it| json!([{ "destination": it.destination() }]));
            self.maybe(&mut route, "rewrite", 4, |it| json!({ "authority": it.destination()["host"] }));
            self.maybe(&mut route, "timeout", 4, |_| json!("2s"));
            self.maybe(&mut route, "retries", 4, |_| json!({ "attempts": 3, "perTryTimeout": "1s" }));
            self.maybe(
                &mut route,
                "fault",
                4,
                |_| json!({ "abort": { "httpStatus": 500, "percentage": { "value": 50 } } }),
            );
            self.maybe(&mut route, "headers", 4, |it| {
                let header = if it.strays(3) { "x-tenant-identity" } else { "x-version" };
                json!({ "request": { "set": { header: "a" } } })
            });
        }
        if self.one_in(2) {
            route["match"] = json!([self.http_match()]);
            return json!([route, { "route": [{ "destination": self.destination() }] }]);
        }
        json!([route])
    }

    fn http_match(&mut self) -> Value {
        let mut condition = json!({});
        self.maybe(&mut condition, "uri", 2, |it| json!({ it.one_of(&["prefix", "exact", "regex"]): "/a" }));
        self.maybe(&mut condition, "authority", 6, |it| json!({ "exact": it.host() }));
        self.maybe(&mut condition, "headers", 6, |_| json!({ "end-user": { "exact": "jason" } }));
        self.maybe(&mut condition, "port", 6, |it| json!(it.one_of(&[80, 8080])));
        self.maybe(&mut condition, "gateways", 6, Self::gateways);
        self.callers(&mut condition);
        condition
    }

    /// Limits a route to some callers.
    fn callers(&mut self, condition: &mut Value) {
        self.maybe(condition, "sourceNamespace", 6, |it| json!(it.one_of(&["tenant-acme", "sandbox"])));
        self.maybe(condition, "sourceLabels", 6, |_| json!({ "app": "asking" }));
    }

    fn tls_routes(&mut self, hosts: &[String]) -> Value {
        let mut condition = self.connection();
        let servers: Vec<String> =
            hosts.iter().filter(|host| host.contains('.')).map(|host| host.replace("*.", "a.")).collect();
        condition["sniHosts"] = match self.one_of(&["own", "own", "own", "none"]) {
            "none" => json!([]),
            _ if servers.is_empty() || self.strays(4) => json!([self.host()]),
            _ => json!(servers),
        };
        json!([{ "match": [condition], "route": [{ "destination": self.destination() }] }])
    }

    fn tcp_routes(&mut self) -> Value {
        let mut route = json!({ "route": [{ "destination": self.destination() }] });
        self.maybe(&mut route, "match", 2, |it| json!([it.connection()]));
        json!([route])
    }

    fn connection(&mut self) -> Value {
        let mut condition = json!({});
        self.maybe(&mut condition, "port", 3, |it| json!(it.one_of(&[443, 3306, 5432, 5672, 9000, 9443])));
        self.maybe(&mut condition, "gateways", 4, Self::gateways);
        self.maybe(&mut condition, "destinationSubnets", 6, |it| {
            let range = if it.strays(2) { "0.0.0.0/0" } else { "203.0.113.0/28" };
            json!([it.one_of(&[range, "203.0.113.7"])])
        });
        self.callers(&mut condition);
        condition
    }

    fn gateways(&mut self) -> Value {
        const OWN: &[&[&str]] = &[
            &["mesh"],
            &["istio-ingress/public"],
            &["istio-ingress/public", "mesh"],
            &["public.istio-ingress.svc.cluster.local"],
            &["edge"],
            &["./edge", "mesh"],
        ];
        const OTHERS: &[&[&str]] = &[
            &["istio-ingress/internal"],
            &["tenant-acme/edge", "mesh"],
            &["internal.istio-ingress"],
            &["edge.tenant-acme.svc"],
            &["*"],
        ];
        let names = if self.strays(3) { OTHERS } else { OWN };
        json!(self.one_of(names))
    }
}
