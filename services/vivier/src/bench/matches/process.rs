//! Memory and processor time of the services.

use std::collections::BTreeMap;

use crate::cluster::Cluster;

/// Parts of a second in which the system counts processor time (`USER_HZ`, fixed).
const TICKS: f64 = 100.0;

/// Returns the process of the first service whose name begins so.
pub(crate) fn of(cluster: &Cluster, name: &str) -> Option<u32> {
    let mut processes = cluster.processes().iter();
    processes.find_map(|(found, id)| found.starts_with(name).then_some(*id))
}

/// Returns the processor seconds of a process so far, where the system says them.
pub(crate) fn cpu_seconds(process: u32) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, in brackets, may hold spaces.
    let (_, fields) = text.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).map(str::parse::<f64>);
    let (user, system) = (times.next()?.ok()?, times.next()?.ok()?);
    Some((user + system) / TICKS)
}

/// Returns the processor seconds of each service so far, and of this process as
/// "client".
pub(crate) fn cpu(cluster: &Cluster) -> BTreeMap<String, f64> {
    let own = [("client".to_owned(), std::process::id())];
    let processes = cluster.processes().clone().into_iter().chain(own);
    processes
        .filter_map(|(name, id)| Some((name, cpu_seconds(id)?)))
        .collect()
}

/// Returns the resident megabytes of each service: all, and those of its own, which
/// are not pages of files.
pub(crate) fn memory(cluster: &Cluster) -> BTreeMap<String, [f64; 2]> {
    let processes = cluster.processes().iter();
    processes
        .filter_map(|(name, id)| Some((name.clone(), resident(*id)?)))
        .collect()
}

fn resident(process: u32) -> Option<[f64; 2]> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let megabytes = |field: &str| -> Option<f64> {
        let line = text.lines().find_map(|line| line.strip_prefix(field))?;
        let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kilobytes * 1_024.0 / 1e6)
    };
    Some([megabytes("VmRSS:")?, megabytes("RssAnon:")?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_uses_memory_and_time() {
        let [all, own] = resident(std::process::id()).unwrap();
        assert!(all > 1.0 && own > 0.1 && own <= all);
        let before = cpu_seconds(std::process::id()).unwrap();
        let mut sum = 0_u64;
        while cpu_seconds(std::process::id()).unwrap() < before + 0.02 {
            sum = sum.wrapping_mul(31).wrapping_add(1);
        }
        assert_ne!(sum, 1);
    }
}
