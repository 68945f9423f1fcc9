//! An ordered list that can be searched by bounds without looking at every entry.

/// What a group of entries can do at best; bounds of more entries promise at least as much.
pub(super) trait Bounds: Clone {
    /// Widens these bounds so that they cover `other` too.
    fn cover(&mut self, other: &Self);
}

struct Entry<K, B, V> {
    key: K,
    bounds: B,
    value: V,
}

struct Block<K, B, V> {
    bounds: B,
    entries: Vec<Entry<K, B, V>>,
}

/// Entries in the order of their keys, in blocks that know the bounds of what they hold.
///
/// A search reads the bounds of each block and opens only those that may hold an answer: what no entry can give costs about
/// n/64 comparisons of a few numbers, and every other search ends at its first answer. Putting in and taking out touch one
/// block.
pub(super) struct Shelf<K, B, V> {
    blocks: Vec<Block<K, B, V>>,
}

/// A block that grows beyond this is split in two.
const BLOCK: usize = 128;

impl<K: Ord, B: Bounds, V> Shelf<K, B, V> {
    pub(super) fn new() -> Self {
        Self { blocks: Vec::new() }
    }

    /// Bounds of everything; `None` when empty.
    pub(super) fn bounds(&self) -> Option<B> {
        cover(self.blocks.iter().map(|block| &block.bounds))
    }

    /// Puts `value` at `key`, replacing what is there.
    pub(super) fn insert(&mut self, key: K, bounds: B, value: V) {
        let at = self.block_of(&key).min(self.blocks.len().saturating_sub(1));
        let Some(block) = self.blocks.get_mut(at) else {
            let entry = Entry { key, bounds: bounds.clone(), value };
            self.blocks.push(Block { bounds, entries: vec![entry] });
            return;
        };
        match block.entries.binary_search_by(|entry| entry.key.cmp(&key)) {
            Ok(found) => {
                block.entries[found] = Entry { key, bounds, value };
                block.measure();
            }
            Err(place) => {
                block.bounds.cover(&bounds);
                block.entries.insert(place, Entry { key, bounds, value });
            }
        }
        if block.entries.len() > BLOCK {
            let entries = block.entries.split_off(BLOCK / 2);
            block.measure();
            if let Some(bounds) = cover(entries.iter().map(|entry| &entry.bounds)) {
                self.blocks.insert(at + 1, Block { bounds, entries });
            }
        }
    }

    /// Takes out what is at `key`.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let at = self.block_of(key);
        let block = self.blocks.get_mut(at)?;
        let found = block.entries.binary_search_by(|entry| entry.key.cmp(key)).ok()?;
        let entry = block.entries.remove(found);
        if block.entries.is_empty() {
            self.blocks.remove(at);
        } else {
            block.measure();
        }
        Some(entry.value)
    }

    /// The entries whose bounds satisfy `may`, in order.
    pub(super) fn within<'a>(&'a self, may: impl Fn(&B) -> bool + Copy + 'a) -> impl Iterator<Item = (&'a K, &'a V)> {
        let blocks = self.blocks.iter().filter(move |block| may(&block.bounds));
        let entries = blocks.flat_map(|block| &block.entries).filter(move |entry| may(&entry.bounds));
        entries.map(|entry| (&entry.key, &entry.value))
    }

    /// The first block whose last key is not below `key`.
    fn block_of(&self, key: &K) -> usize {
        self.blocks.partition_point(|block| block.entries.last().is_some_and(|entry| entry.key < *key))
    }
}

impl<K, B: Bounds, V> Block<K, B, V> {
    /// Computes the bounds anew.
    fn measure(&mut self) {
        if let Some(bounds) = cover(self.entries.iter().map(|entry| &entry.bounds)) {
            self.bounds = bounds;
        }
    }
}

fn cover<'a, B: Bounds + 'a>(mut all: impl Iterator<Item = &'a B>) -> Option<B> {
    let mut bounds = all.next()?.clone();
    all.for_each(|other| bounds.cover(other));
    Some(bounds)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    impl Bounds for u8 {
        fn cover(&mut self, other: &Self) {
            *self = (*self).max(*other);
        }
    }

    proptest! {
        #[test]
        fn answers_as_a_sorted_map_does(steps in prop::collection::vec((any::<bool>(), 0u16..400, any::<u8>()), 0..1500)) {
            let mut shelf = Shelf::new();
            let mut map = BTreeMap::new();
            for (put, key, bound) in steps {
                if put || map.len() < 200 {
                    shelf.insert(key, bound, bound);
                    map.insert(key, bound);
                } else {
                    prop_assert_eq!(shelf.remove(&key), map.remove(&key));
                }
            }
            for limit in [0, 100, 200, 250, 255] {
                let found: Vec<_> = shelf.within(|bound| *bound >= limit).map(|(key, value)| (*key, *value)).collect();
                let wanted: Vec<_> = map.iter().filter(|(_, b)| **b >= limit).map(|(k, b)| (*k, *b)).collect();
                prop_assert_eq!(found, wanted);
            }
            prop_assert_eq!(shelf.bounds(), map.values().copied().max());
        }
    }
}
