//! The engine and what it has compiled.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use wasmtime::{Config, Engine, InstancePre, Linker, Module};

use super::host::{self, Host};

/// Compiled modules that are kept; the one unused for longest goes first.
const MAX_CACHED_MODULES: usize = 64;

/// A module ready to start.
pub(super) struct Compiled {
    pub(super) module: Module,
    pub(super) pre: InstancePre<Host>,
}

/// A place in the cache: threads that want the same module wait for one compilation.
type Slot = Arc<OnceLock<Result<Arc<Compiled>, String>>>;

/// One engine with its host functions and compiled modules.
pub(super) struct Engines {
    pub(super) engine: Engine,
    linker: Linker<Host>,
    modules: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    slots: HashMap<[u8; 32], (Slot, u64)>,
    uses: u64,
}

impl Engines {
    pub(super) fn new() -> wasmtime::Result<Self> {
        let mut config = Config::new();
        config.consume_fuel(true).epoch_interruption(true);
        config.cranelift_nan_canonicalization(true).relaxed_simd_deterministic(true);
        let engine = Engine::new(&config)?;
        let mut linker = Linker::new(&engine);
        host::add_to_linker(&mut linker)?;
        Ok(Self { engine, linker, modules: Mutex::default() })
    }

    /// The module of these bytes, compiled now or before.
    pub(super) fn compile(&self, sha256: [u8; 32], bytes: &[u8]) -> Result<Arc<Compiled>, String> {
        let slot = self.modules.lock().unwrap_or_else(PoisonError::into_inner).slot(sha256);
        let compile = || {
            let module = Module::from_binary(&self.engine, bytes).map_err(|error| format!("{error:#}"))?;
            let pre = self.linker.instantiate_pre(&module).map_err(|error| format!("{error:#}"))?;
            Ok(Arc::new(Compiled { module, pre }))
        };
        slot.get_or_init(compile).clone()
    }
}

impl Cache {
    fn slot(&mut self, sha256: [u8; 32]) -> Slot {
        self.uses += 1;
        if !self.slots.contains_key(&sha256) && self.slots.len() >= MAX_CACHED_MODULES {
            let oldest = self.slots.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| *key);
            oldest.map(|key| self.slots.remove(&key));
        }
        let entry = self.slots.entry(sha256).or_default();
        entry.1 = self.uses;
        entry.0.clone()
    }
}

impl fmt::Debug for Engines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engines").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_drops_what_was_unused_for_longest() {
        let mut cache = Cache::default();
        let key = |n: usize| [u8::try_from(n).unwrap_or(0); 32];
        for n in 0..MAX_CACHED_MODULES {
            cache.slot(key(n));
        }
        cache.slot(key(0));
        cache.slot(key(200));
        assert_eq!(cache.slots.len(), MAX_CACHED_MODULES);
        assert!(cache.slots.contains_key(&key(0)) && !cache.slots.contains_key(&key(1)));
    }
}
