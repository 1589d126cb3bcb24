//! The memory of an idle connection: what is allocated for it, with what the allocator adds to each block.

use std::alloc::{GlobalAlloc, Layout, System};
use std::env;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use super::Figure;
use super::house::{House, config};
use crate::Result;

/// What it is called among the workloads.
pub(super) const NAME: &str = "idle";
/// What it is.
pub(super) const WHAT: &str = "16,384 users in rooms of ten, all of them idle";
/// A power of two, so that arrays that double are as large as what is in them. Otherwise one would count what is
/// reserved, and never touched.
const CONNECTIONS: usize = 1 << 14;
const ROOM: usize = 10;

#[global_allocator]
static ALLOCATOR: Counting = Counting;
/// Counting is for the process that is measured: elsewhere threads would share the counters.
static COUNTS: AtomicBool = AtomicBool::new(false);
static BYTES: AtomicUsize = AtomicUsize::new(0);
static BLOCKS: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counting what is allocated.
struct Counting;

// SAFETY: every call is passed on to the system's allocator as it is.
#[allow(unsafe_code, reason = "an allocator is unsafe by nature")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(1, taken(layout.size()));
        // SAFETY: the caller's promise is ours.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        note(-1, -taken(layout.size()));
        // SAFETY: the caller's promise is ours.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(0, taken(size) - taken(layout.size()));
        // SAFETY: the caller's promise is ours.
        unsafe { System.realloc(block, layout, size) }
    }
}

/// What glibc's allocator takes for a block: a word before it, and all of it in units of 16 bytes, two at least.
fn taken(size: usize) -> isize {
    (size + 8).next_multiple_of(16).max(32).cast_signed()
}

fn note(blocks: isize, bytes: isize) {
    if COUNTS.load(Relaxed) {
        BLOCKS.fetch_add(blocks.cast_unsigned(), Relaxed);
        BYTES.fetch_add(bytes.cast_unsigned(), Relaxed);
    }
}

/// Counts, in a process of its own.
pub(super) fn figures() -> Result<Vec<Figure>> {
    let output = Command::new(env::current_exe()?).args(["instructions", "--part", NAME]).output()?;
    if !output.status.success() {
        return Err(format!("{NAME}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let said = String::from_utf8(output.stdout)?;
    let (bytes, blocks) = said.trim().split_once(' ').ok_or("two counts")?;
    let figure = |unit: &str, count: &str| -> Result<Figure> {
        let value = count.parse::<f64>()? / CONNECTIONS as f64;
        Ok(Figure { name: NAME.into(), unit: format!("{unit} per connection"), value })
    };
    Ok(vec![figure("heap bytes", bytes)?, figure("heap blocks", blocks)?])
}

/// The process that is measured: prints bytes and blocks.
pub(super) fn measure() -> Result<()> {
    COUNTS.store(true, Relaxed);
    let mut house = House::new(config());
    let mut conns = Vec::with_capacity(CONNECTIONS);
    let (bytes, blocks) = (BYTES.load(Relaxed), BLOCKS.load(Relaxed));
    while conns.len() < CONNECTIONS {
        let room = conns.len() / ROOM;
        let members = ROOM.min(CONNECTIONS - conns.len());
        conns.extend(house.crowd(members, &format!("user{room}-"), &format!("/join #room{room}\n")));
    }
    println!("{} {}", BYTES.load(Relaxed) - bytes, BLOCKS.load(Relaxed) - blocks);
    Ok(())
}
