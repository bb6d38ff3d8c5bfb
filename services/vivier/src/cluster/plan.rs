//! Which services a cluster on one machine has, and where each listens.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::config::Config;
use crate::failure::Usage;

/// Distance between the ports of two shards whose addresses are not configured.
const SHARD_PORT_STEP: u16 = 10;

/// Where the services of a cluster listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ports {
    /// Where the configuration says.
    Configured,
    /// On free ports of the loopback interface.
    Free,
}

/// Every service of a cluster on this machine.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// The configuration; the gateway's addresses follow from where the others
    /// listen.
    pub(super) config: Config,
    /// One configuration for each shard of the index.
    pub(super) shards: Vec<vivier_index::Config>,
}

impl Plan {
    /// Plans a cluster.
    ///
    /// `shards` overrides how many shards the configuration names, `data_dir`
    /// where they keep their data: one shard in `data_dir/index`, several in
    /// `data_dir/index/shard-0` and so on, the embedder's cache in
    /// `data_dir/embeddings`. Their snapshots go to one place for each in the same way.
    ///
    /// # Errors
    /// When a shard has no address to listen on.
    pub(crate) fn new(
        mut config: Config,
        shards: Option<u16>,
        data_dir: Option<&Path>,
        ports: Ports,
    ) -> Result<Self, Usage> {
        if let Some(folder) = data_dir {
            config.index.data_dir = folder.join("index");
            config.embedder.cache_dir = folder.join("embeddings");
        }
        if ports == Ports::Free {
            for listen in [
                &mut config.embedder.server.listen,
                &mut config.index.server.listen,
                &mut config.reranker.server.listen,
                &mut config.gateway.server.listen,
            ] {
                *listen = SocketAddr::from(([127, 0, 0, 1], 0));
            }
        }
        let count = shards.map_or(config.gateway.shards.len(), usize::from);
        let mut planned = Vec::with_capacity(count);
        for shard in 0..count {
            let mut index = config.index.clone();
            if count > 1 {
                index.data_dir = index.data_dir.join(format!("shard-{shard}"));
                index.snapshots = index.snapshots.of_shard(shard);
                index.server.listen = shard_address(&config, shard, count)?;
            }
            planned.push(index);
        }
        Ok(Self {
            config,
            shards: planned,
        })
    }

    /// Points the gateway at the addresses where the others listen.
    pub(super) fn connect(
        &mut self,
        embedder: SocketAddr,
        shards: &[SocketAddr],
        reranker: SocketAddr,
    ) {
        let gateway = &mut self.config.gateway;
        gateway.embedder = reachable(embedder);
        gateway.shards = shards.iter().copied().map(reachable).collect();
        gateway.reranker = reachable(reranker);
    }

    /// Returns the longest drain of any service.
    pub(super) fn drain(&self) -> Duration {
        let config = &self.config;
        let servers = [
            &config.embedder.server,
            &config.index.server,
            &config.reranker.server,
            &config.gateway.server,
        ];
        servers
            .iter()
            .map(|server| server.drain_timeout)
            .max()
            .unwrap_or_default()
    }
}

/// The configured address of a shard when there is one for each, else a port at
/// a distance from the first.
fn shard_address(config: &Config, shard: usize, count: usize) -> Result<SocketAddr, Usage> {
    let first = config.index.server.listen;
    if first.port() == 0 {
        return Ok(first);
    }
    if config.gateway.shards.len() == count {
        let address = &config.gateway.shards[shard];
        return address.parse().map_err(|_| {
            Usage(format!(
                "gateway.shards[{shard}] = {address:?} is no address to listen on (IP:PORT)"
            ))
        });
    }
    let step = u16::try_from(shard)
        .ok()
        .and_then(|shard| shard.checked_mul(SHARD_PORT_STEP));
    let port = step.and_then(|step| first.port().checked_add(step));
    let port = port.ok_or_else(|| Usage(format!("no port left for shard {shard} of {count}")))?;
    Ok(SocketAddr::new(first.ip(), port))
}

/// An address that listens everywhere is reached through the loopback.
pub(super) fn reachable(mut listen: SocketAddr) -> String {
    if listen.ip().is_unspecified() {
        let loopback = match listen {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        listen.set_ip(loopback);
    }
    listen.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(plan: &Plan) -> Vec<u16> {
        plan.shards
            .iter()
            .map(|shard| shard.server.listen.port())
            .collect()
    }

    fn plan(config: Config, shards: Option<u16>) -> Plan {
        Plan::new(config, shards, Some(Path::new("d")), Ports::Configured).unwrap()
    }

    #[test]
    fn one_shard_listens_where_the_index_says() {
        let plan = plan(Config::default(), None);
        assert_eq!(ports(&plan), [7402]);
        assert_eq!(plan.shards[0].data_dir, Path::new("d/index"));
        assert_eq!(plan.config.embedder.cache_dir, Path::new("d/embeddings"));
    }

    #[test]
    fn several_shards_have_places_of_their_own() {
        let mut config = Config::default();
        config.index.snapshots.location = "s3://bucket/all/".to_owned();
        let with_steps = plan(config, Some(3));
        let location = &with_steps.shards[2].snapshots.location;
        assert_eq!(location, "s3://bucket/all/shard-2");
        assert_eq!(ports(&with_steps), [7402, 7412, 7422]);
        assert_eq!(with_steps.shards[2].data_dir, Path::new("d/index/shard-2"));
        let mut config = Config::default();
        config.gateway.shards = vec!["127.0.0.1:9001".to_owned(), "127.0.0.1:9002".to_owned()];
        assert_eq!(ports(&plan(config.clone(), None)), [9001, 9002]);
        config.gateway.shards[1] = "elsewhere:1".to_owned();
        let refused = Plan::new(config, None, None, Ports::Configured).unwrap_err();
        assert!(refused.0.contains("gateway.shards[1]"), "{refused}");
    }

    #[test]
    fn free_ports_are_left_to_the_system() {
        let plan = Plan::new(Config::default(), Some(2), None, Ports::Free).unwrap();
        assert_eq!(ports(&plan), [0, 0]);
        assert_eq!(plan.config.gateway.server.listen.port(), 0);
    }

    #[test]
    fn everywhere_is_reached_through_the_loopback() {
        assert_eq!(reachable("0.0.0.0:1".parse().unwrap()), "127.0.0.1:1");
        assert_eq!(reachable("[::]:1".parse().unwrap()), "[::1]:1");
        assert_eq!(reachable("10.0.0.1:1".parse().unwrap()), "10.0.0.1:1");
    }
}
