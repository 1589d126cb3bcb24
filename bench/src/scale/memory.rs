//! How much memory this process holds.

use std::fs;

use crate::Result;

/// Bytes resident. `smaps_rollup` counts pages; the counters of `statm` are off by up to a megabyte.
pub(super) fn resident() -> Result<u64> {
    let text = fs::read_to_string("/proc/self/smaps_rollup")?;
    let kib = text.lines().find_map(|line| line.strip_prefix("Rss:")?.trim().strip_suffix(" kB"));
    Ok(kib.ok_or("no Rss in smaps_rollup")?.trim().parse::<u64>()? << 10)
}
