//! The protocol's nouns: records, ids, amounts and time, exactly as the network writes them.
