//! What a guest can call and what it may use: the store's state and the host functions that are ours.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::files::{self, Listings};
use sha2::{Digest, Sha256};
use wasmtime::{Caller, Engine, Extern, Linker, ResourceLimiter, format_err};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, p1::WasiP1Ctx};

pub(super) const WASI: &str = "wasi_snapshot_preview1";

/// What the wall clock shows at the start of every run: 2024-01-01T00:00:00Z, in seconds.
pub(super) const CLOCK_START_SECONDS: u64 = 1_704_067_200;
/// Nanoseconds that pass when a clock is looked at, so that a loop that waits for time ends.
const CLOCK_STEP_NS: u64 = 1_000;
/// Elements of all tables together.
const MAX_TABLE_ELEMENTS: usize = 1 << 20;
/// Random bytes made between two looks at the stop flag.
const RANDOM_CHUNK: usize = 1 << 20;

// Numbers of WASI preview 1.
pub(super) const SUCCESS: i32 = 0;
pub(super) const FAULT: i32 = 21;
const INVALID: i32 = 28;
const SUBSCRIPTION_BYTES: usize = 48;
const EVENT_BYTES: usize = 32;
const TAG_CLOCK: u8 = 0;
const CLOCK_REALTIME: u32 = 0;
const CLOCK_MONOTONIC: u32 = 1;
const FLAG_ABSOLUTE: u16 = 1;

/// State of one run's store.
pub(super) struct Host {
    pub(super) wasi: WasiP1Ctx,
    pub(super) memory: Memory,
    pub(super) listings: Listings,
    pub(super) stop: Stop,
    clock: Clock,
    random: Random,
}

impl Host {
    /// `sha256` is the module's: it seeds the randomness.
    pub(super) fn new(wasi: WasiP1Ctx, memory: Memory, clock: Clock, sha256: [u8; 32], stop: Stop) -> Self {
        let (listings, random) = (Listings::new(), Random::new(sha256));
        Self { wasi, memory, listings, stop, clock, random }
    }
}

/// WASI preview 1, with sleeping, randomness, listings and file metadata replaced by deterministic ones.
pub(super) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    wasmtime_wasi::p1::add_to_linker_sync(linker, |host: &mut Host| &mut host.wasi)?;
    linker.allow_shadowing(true);
    linker.func_wrap(WASI, "poll_oneoff", poll_oneoff)?;
    linker.func_wrap(WASI, "random_get", random_get)?;
    files::add_to_linker(linker)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Splits the caller's memory from its state.
pub(super) fn memory_of<'a>(caller: &'a mut Caller<'_, Host>) -> wasmtime::Result<(&'a mut [u8], &'a mut Host)> {
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
        return Err(format_err!("the module exports no memory"));
    };
    Ok(memory.data_and_store_mut(caller))
}

/// A guest's pointer and length as a range; wasm32 addresses are unsigned.
pub(super) fn range(at: i32, length: usize) -> std::ops::Range<usize> {
    let start = usize::try_from(at.cast_unsigned()).unwrap_or(usize::MAX);
    start..start.saturating_add(length)
}

/// Waits by moving the clock: files are always ready, and the earliest timer is due at once.
fn poll_oneoff(
    mut caller: Caller<'_, Host>,
    subscriptions: i32,
    events: i32,
    count: i32,
    out: i32,
) -> wasmtime::Result<i32> {
    let (memory, host) = memory_of(&mut caller)?;
    let Ok(count) = usize::try_from(count.cast_unsigned()) else { return Ok(INVALID) };
    if count == 0 {
        return Ok(INVALID);
    }
    let Some(asked) = memory.get(range(subscriptions, count.saturating_mul(SUBSCRIPTION_BYTES))) else {
        return Ok(FAULT);
    };
    let mut ready = Vec::new();
    let mut due: Option<u64> = None;
    let now = host.clock.nanoseconds();
    // First look: what is ready without waiting, and the earliest timer.
    let mut timers = Vec::new();
    for subscription in asked.chunks_exact(SUBSCRIPTION_BYTES) {
        let user = number(subscription, 0);
        let tag = subscription[8];
        if tag != TAG_CLOCK {
            ready.push((user, tag));
            continue;
        }
        let (clock, timeout) = (half(subscription, 16), number(subscription, 24));
        let is_absolute = quarter(subscription, 40) & FLAG_ABSOLUTE != 0;
        let at = match (clock, is_absolute) {
            (CLOCK_REALTIME | CLOCK_MONOTONIC, false) => now.saturating_add(timeout),
            (CLOCK_MONOTONIC, true) => timeout,
            (CLOCK_REALTIME, true) => timeout.saturating_sub(CLOCK_START_SECONDS * 1_000_000_000),
            _ => return Ok(INVALID),
        };
        due = Some(due.map_or(at, |earliest: u64| earliest.min(at)));
        timers.push((user, at));
    }
    if ready.is_empty()
        && let Some(at) = due
    {
        host.clock.advance_to(at);
    }
    let now = host.clock.nanoseconds();
    ready.extend(timers.into_iter().filter(|(_, at)| *at <= now).map(|(user, _)| (user, TAG_CLOCK)));
    let Some(told) = memory.get_mut(range(events, ready.len() * EVENT_BYTES)) else { return Ok(FAULT) };
    for (event, (user, tag)) in told.chunks_exact_mut(EVENT_BYTES).zip(&ready) {
        event.fill(0);
        event[..8].copy_from_slice(&user.to_le_bytes());
        event[10] = *tag;
        if *tag != TAG_CLOCK {
            event[16] = 1;
        }
    }
    let Some(told) = memory.get_mut(range(out, 4)) else { return Ok(FAULT) };
    told.copy_from_slice(&u32::try_from(ready.len()).unwrap_or(u32::MAX).to_le_bytes());
    Ok(SUCCESS)
}

fn random_get(mut caller: Caller<'_, Host>, at: i32, length: i32) -> wasmtime::Result<i32> {
    let (memory, host) = memory_of(&mut caller)?;
    let Ok(length) = usize::try_from(length.cast_unsigned()) else { return Ok(FAULT) };
    let Some(bytes) = memory.get_mut(range(at, length)) else { return Ok(FAULT) };
    for chunk in bytes.chunks_mut(RANDOM_CHUNK) {
        host.stop.check()?;
        host.random.fill(chunk);
    }
    Ok(SUCCESS)
}

pub(super) fn number(bytes: &[u8], at: usize) -> u64 {
    let mut value = [0; 8];
    value.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(value)
}

fn half(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn quarter(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// The only time a guest sees. It starts the same in every run and moves when it is looked at or slept on.
#[derive(Debug, Clone, Default)]
pub(super) struct Clock(Arc<AtomicU64>);

impl Clock {
    fn nanoseconds(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn advance_to(&self, nanoseconds: u64) {
        self.0.fetch_max(nanoseconds, Ordering::Relaxed);
    }

    fn look(&self) -> u64 {
        self.0.fetch_add(CLOCK_STEP_NS, Ordering::Relaxed).saturating_add(CLOCK_STEP_NS)
    }
}

impl HostWallClock for Clock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(CLOCK_STEP_NS)
    }

    fn now(&self) -> Duration {
        Duration::from_secs(CLOCK_START_SECONDS) + Duration::from_nanos(self.look())
    }
}

impl HostMonotonicClock for Clock {
    fn resolution(&self) -> u64 {
        CLOCK_STEP_NS
    }

    fn now(&self) -> u64 {
        self.look()
    }
}

/// SHA2-256 of seed and counter, byte after byte.
struct Random {
    seed: Sha256,
    block: [u8; 32],
    used: usize,
    counter: u64,
}

impl Random {
    fn new(sha256: [u8; 32]) -> Self {
        let seed = Sha256::new().chain_update(b"lilypad wasm randomness").chain_update(sha256);
        Self { seed, block: [0; 32], used: 32, counter: 0 }
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.used == self.block.len() {
                let hash = self.seed.clone().chain_update(self.counter.to_le_bytes());
                self.block = hash.finalize().into();
                self.counter += 1;
                self.used = 0;
            }
            *byte = self.block[self.used];
            self.used += 1;
        }
    }
}

/// Bounds a guest's memories together; growing past the bound ends the guest.
#[derive(Debug)]
pub(super) struct Memory {
    limit: u64,
    bytes: u64,
    peak: u64,
    table_elements: usize,
    is_exceeded: bool,
}

impl Memory {
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, bytes: 0, peak: 0, table_elements: 0, is_exceeded: false }
    }

    pub(super) fn peak_bytes(&self) -> u64 {
        self.peak
    }

    pub(super) fn is_exceeded(&self) -> bool {
        self.is_exceeded
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let grown = desired.saturating_sub(current) as u64;
        let total = self.bytes.saturating_add(grown);
        if total > self.limit {
            self.is_exceeded = true;
            return Err(format_err!("out of memory: {total} bytes asked, {} allowed", self.limit));
        }
        // The module's own maximum makes growing fail for the guest, which may handle that.
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.bytes = total;
        self.peak = self.peak.max(total);
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.table_elements.saturating_add(desired.saturating_sub(current));
        if total > MAX_TABLE_ELEMENTS {
            return Ok(false);
        }
        self.table_elements = total;
        Ok(true)
    }

    fn memories(&self) -> usize {
        16
    }

    fn tables(&self) -> usize {
        64
    }
}

/// Ends a guest from another thread: the flag says that it must stop, the engine's epoch makes it look.
#[derive(Clone)]
pub(super) struct Stop {
    engine: Engine,
    flags: Arc<Flags>,
}

#[derive(Default)]
struct Flags {
    stopped: AtomicBool,
    in_guest: AtomicBool,
}

impl Stop {
    pub(super) fn new(engine: Engine) -> Self {
        Self { engine, flags: Arc::default() }
    }

    pub(super) fn stop(&self) {
        self.flags.stopped.store(true, Ordering::SeqCst);
        // Guests of other runs look too, find their own flag unset and go on.
        self.engine.increment_epoch();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.flags.stopped.load(Ordering::SeqCst)
    }

    /// Whether the guest runs, so that it will see a stop soon.
    pub(super) fn is_in_guest(&self) -> bool {
        self.flags.in_guest.load(Ordering::SeqCst)
    }

    pub(super) fn check(&self) -> wasmtime::Result<()> {
        if self.is_stopped() { Err(format_err!("stopped")) } else { Ok(()) }
    }

    /// Runs the guest unless it was stopped before. The store's epoch deadline must be set already.
    pub(super) fn enter_guest<T>(&self, call: impl FnOnce() -> wasmtime::Result<T>) -> wasmtime::Result<T> {
        self.flags.in_guest.store(true, Ordering::SeqCst);
        let result = self.check().and_then(|()| call());
        self.flags.in_guest.store(false, Ordering::SeqCst);
        result
    }

    /// Stops the guest when the value is dropped.
    pub(super) fn on_drop(self) -> StopOnDrop {
        StopOnDrop(self)
    }
}

/// See [`Stop::on_drop`].
pub(super) struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        if self.0.is_in_guest() || !self.0.is_stopped() {
            self.0.stop();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn randomness_depends_on_the_module_and_not_on_the_pieces() {
        let (mut whole, mut pieces) = ([0; 100], [0; 100]);
        Random::new([1; 32]).fill(&mut whole);
        let mut random = Random::new([1; 32]);
        pieces.chunks_mut(7).for_each(|chunk| random.fill(chunk));
        assert_eq!(whole, pieces);
        let mut other = [0; 100];
        Random::new([2; 32]).fill(&mut other);
        assert_ne!(whole, other);
    }

    #[test]
    fn memories_share_one_limit() {
        let mut memory = Memory::new(100);
        assert!(memory.memory_growing(0, 60, None).unwrap());
        assert!(memory.memory_growing(0, 40, None).unwrap());
        assert!(!memory.is_exceeded());
        assert!(memory.memory_growing(40, 41, None).is_err());
        assert!(memory.is_exceeded());
        assert_eq!(memory.peak_bytes(), 100);
    }

    #[test]
    fn time_passes_only_when_somebody_looks() {
        let clock = Clock::default();
        let first = HostMonotonicClock::now(&clock);
        assert_eq!(HostMonotonicClock::now(&clock) - first, CLOCK_STEP_NS);
        clock.advance_to(5_000_000_000);
        assert!(HostWallClock::now(&clock) >= Duration::from_secs(CLOCK_START_SECONDS + 5));
        clock.advance_to(1);
        assert!(HostMonotonicClock::now(&clock) >= 5_000_000_000);
    }
}
