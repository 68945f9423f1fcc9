-- Offers, deals and results as canonical JSON; state and deal are repeated so that compare-and-set needs no parser.
CREATE TABLE job_offers (
    id TEXT NOT NULL PRIMARY KEY,
    state INTEGER NOT NULL,
    deal_id TEXT NOT NULL,
    record TEXT NOT NULL,
    envelope TEXT
) STRICT;

CREATE TABLE resource_offers (
    id TEXT NOT NULL PRIMARY KEY,
    state INTEGER NOT NULL,
    deal_id TEXT NOT NULL,
    record TEXT NOT NULL,
    envelope TEXT
) STRICT;

CREATE TABLE deals (
    id TEXT NOT NULL PRIMARY KEY,
    state INTEGER NOT NULL,
    record TEXT NOT NULL
) STRICT;

CREATE TABLE results (
    deal_id TEXT NOT NULL PRIMARY KEY,
    record TEXT NOT NULL
) STRICT;

-- Journals: `next` is the number of the event to come.
CREATE TABLE streams (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    next INTEGER NOT NULL,
    closed INTEGER NOT NULL
) STRICT;

CREATE TABLE events (
    stream INTEGER NOT NULL REFERENCES streams (id),
    seq INTEGER NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;

-- Effects not yet performed, in the order they arose.
CREATE TABLE effects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    stream INTEGER NOT NULL REFERENCES streams (id),
    key TEXT NOT NULL,
    effect TEXT NOT NULL,
    UNIQUE (stream, key)
) STRICT;

CREATE TABLE items (
    ns TEXT NOT NULL,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (ns, key)
) STRICT, WITHOUT ROWID;
