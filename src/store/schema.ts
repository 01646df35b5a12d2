/**
 * The store's tables. Constraints carry the invariants: only finite metrics, only where something was measured, and
 * no change to a settled trial or a recorded verdict. Each migration runs once, in order, in one transaction.
 */
const FINITE = (column: string) =>
  `(${column} IS NULL OR (typeof(${column}) IN ('real','integer') AND ${column} BETWEEN -1.7976931348623157e308 AND 1.7976931348623157e308))`;

export const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

  CREATE TABLE revisions (
    revision INTEGER PRIMARY KEY,
    hash TEXT NOT NULL,
    metric TEXT NOT NULL,
    direction TEXT NOT NULL CHECK (direction IN ('lower','higher')),
    created_at INTEGER NOT NULL
  );

  CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    started_at INTEGER NOT NULL,
    ended_at INTEGER,
    stop_reason TEXT,
    stop_detail TEXT NOT NULL DEFAULT '',
    crash_streak INTEGER NOT NULL DEFAULT 0,
    idle_streak INTEGER NOT NULL DEFAULT 0,
    trials INTEGER NOT NULL DEFAULT 0,
    active_ms INTEGER NOT NULL DEFAULT 0
  );

  CREATE TABLE trials (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    number INTEGER UNIQUE CHECK (number >= 0),
    kind TEXT NOT NULL CHECK (kind IN ('baseline','trial')),
    phase TEXT NOT NULL CHECK (phase IN ('proposing','committing','measuring','judged','settled')),
    session_id INTEGER NOT NULL REFERENCES sessions(id),
    revision INTEGER NOT NULL REFERENCES revisions(revision),
    proposer TEXT NOT NULL,
    incumbent_commit TEXT NOT NULL,
    candidate_commit TEXT,
    tree TEXT,
    parent_commit TEXT,
    commit_epoch_seconds INTEGER,
    commit_message TEXT,
    ruling TEXT,
    description TEXT NOT NULL DEFAULT '',
    attempt INTEGER NOT NULL DEFAULT 0,
    outcome TEXT,
    verdict TEXT CHECK (verdict IN ('keep','discard','crash')),
    reason TEXT NOT NULL DEFAULT '',
    statistics TEXT NOT NULL DEFAULT 'null',
    metric REAL CHECK ${FINITE('metric')},
    incumbent_metric REAL CHECK ${FINITE('incumbent_metric')},
    insertions INTEGER,
    deletions INTEGER,
    changed_paths TEXT NOT NULL DEFAULT '[]',
    notes TEXT NOT NULL DEFAULT '[]',
    feedback TEXT,
    crash_tail TEXT,
    retry_of INTEGER,
    propose_ms INTEGER,
    mark TEXT NOT NULL,
    process TEXT,
    started_at INTEGER NOT NULL,
    settled_at INTEGER,
    CHECK (metric IS NULL OR outcome = 'measured'),
    CHECK (phase NOT IN ('judged','settled') OR outcome IS NOT NULL)
  );
  CREATE INDEX trials_by_tree ON trials (tree, revision) WHERE tree IS NOT NULL;
  CREATE INDEX trials_by_verdict ON trials (verdict, id, number, kind) WHERE phase = 'settled';
  CREATE INDEX trials_by_session ON trials (session_id, verdict, kind, phase) WHERE number IS NOT NULL;
  CREATE INDEX trials_by_kind ON trials (kind, revision);
  CREATE UNIQUE INDEX one_open_trial ON trials (phase != 'settled') WHERE phase != 'settled';

  CREATE TRIGGER settled_trials_are_final BEFORE UPDATE ON trials WHEN OLD.phase = 'settled'
    BEGIN SELECT RAISE(ABORT, 'a settled trial never changes'); END;
  CREATE TRIGGER verdicts_are_final BEFORE UPDATE ON trials
    WHEN OLD.phase = 'judged' AND (NEW.verdict IS NOT OLD.verdict OR NEW.outcome IS NOT OLD.outcome OR NEW.metric IS NOT OLD.metric)
    BEGIN SELECT RAISE(ABORT, 'a recorded verdict is never rewritten'); END;

  CREATE TABLE measurements (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    trial_id INTEGER NOT NULL REFERENCES trials(id),
    attempt INTEGER NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('candidate','incumbent','sabotage','warmup')),
    commit_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running','done','dropped')),
    outcome TEXT,
    metric REAL CHECK ${FINITE('metric')},
    secondary TEXT NOT NULL DEFAULT '{}',
    reason TEXT NOT NULL DEFAULT '',
    wall_seconds REAL,
    cpu_seconds REAL,
    peak_memory_bytes INTEGER,
    exit_code INTEGER,
    signal TEXT,
    containment TEXT,
    swept INTEGER,
    log_path TEXT NOT NULL,
    mark TEXT NOT NULL,
    process TEXT,
    started_at INTEGER NOT NULL,
    CHECK ((metric IS NOT NULL) = (outcome IS NOT NULL AND outcome = 'measured'))
  );
  CREATE INDEX measurements_by_trial ON measurements (trial_id);
  CREATE INDEX measurements_by_commit ON measurements (commit_id);
  CREATE INDEX running_measurements ON measurements (state) WHERE state = 'running';

  CREATE TABLE imported (position INTEGER PRIMARY KEY, line TEXT NOT NULL);
  `,
  `
  CREATE TABLE trials_new (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    number INTEGER UNIQUE CHECK (number >= 0),
    kind TEXT NOT NULL CHECK (kind IN ('baseline','trial','verification','audit','rehearsal')),
    phase TEXT NOT NULL CHECK (phase IN ('proposing','committing','measuring','judged','settled')),
    session_id INTEGER NOT NULL REFERENCES sessions(id),
    revision INTEGER NOT NULL REFERENCES revisions(revision),
    proposer TEXT NOT NULL,
    incumbent_commit TEXT NOT NULL,
    candidate_commit TEXT,
    tree TEXT,
    parent_commit TEXT,
    commit_epoch_seconds INTEGER,
    commit_message TEXT,
    ruling TEXT,
    description TEXT NOT NULL DEFAULT '',
    attempt INTEGER NOT NULL DEFAULT 0,
    outcome TEXT,
    verdict TEXT CHECK (verdict IN ('keep','discard','crash')),
    reason TEXT NOT NULL DEFAULT '',
    statistics TEXT NOT NULL DEFAULT 'null',
    metric REAL CHECK ${FINITE('metric')},
    incumbent_metric REAL CHECK ${FINITE('incumbent_metric')},
    holdout REAL CHECK ${FINITE('holdout')},
    insertions INTEGER,
    deletions INTEGER,
    changed_paths TEXT NOT NULL DEFAULT '[]',
    notes TEXT NOT NULL DEFAULT '[]',
    feedback TEXT,
    crash_tail TEXT,
    cost_usd REAL CHECK (cost_usd >= 0),
    usage TEXT NOT NULL DEFAULT 'null',
    retry_of INTEGER,
    propose_ms INTEGER,
    mark TEXT NOT NULL,
    process TEXT,
    started_at INTEGER NOT NULL,
    settled_at INTEGER,
    CHECK (metric IS NULL OR outcome = 'measured'),
    CHECK (kind IN ('baseline','trial') OR (number IS NULL AND verdict IS NULL)),
    CHECK (phase NOT IN ('judged','settled') OR outcome IS NOT NULL)
  );
  INSERT INTO trials_new (id, number, kind, phase, session_id, revision, proposer, incumbent_commit, candidate_commit,
      tree, parent_commit, commit_epoch_seconds, commit_message, ruling, description, attempt, outcome, verdict, reason,
      statistics, metric, incumbent_metric, insertions, deletions, changed_paths, notes, feedback, crash_tail, retry_of,
      propose_ms, mark, process, started_at, settled_at)
    SELECT id, number, kind, phase, session_id, revision, proposer, incumbent_commit, candidate_commit,
      tree, parent_commit, commit_epoch_seconds, commit_message, ruling, description, attempt, outcome, verdict, reason,
      statistics, metric, incumbent_metric, insertions, deletions, changed_paths, notes, feedback, crash_tail, retry_of,
      propose_ms, mark, process, started_at, settled_at FROM trials;
  DROP TABLE trials;
  ALTER TABLE trials_new RENAME TO trials;
  CREATE INDEX trials_by_tree ON trials (tree, revision) WHERE tree IS NOT NULL;
  CREATE INDEX trials_by_verdict ON trials (verdict, id, number, kind) WHERE phase = 'settled';
  CREATE INDEX trials_by_session ON trials (session_id, verdict, kind, phase) WHERE number IS NOT NULL;
  CREATE INDEX trials_that_spent ON trials (usage, cost_usd) WHERE usage != 'null';
  CREATE INDEX trials_by_kind ON trials (kind, revision);
  CREATE UNIQUE INDEX one_open_trial ON trials (phase != 'settled') WHERE phase != 'settled';
  CREATE TRIGGER settled_trials_are_final BEFORE UPDATE ON trials WHEN OLD.phase = 'settled'
    BEGIN SELECT RAISE(ABORT, 'a settled trial never changes'); END;
  CREATE TRIGGER verdicts_are_final BEFORE UPDATE ON trials
    WHEN OLD.phase = 'judged' AND (NEW.verdict IS NOT OLD.verdict OR NEW.outcome IS NOT OLD.outcome OR NEW.metric IS NOT OLD.metric)
    BEGIN SELECT RAISE(ABORT, 'a recorded verdict is never rewritten'); END;

  CREATE TABLE measurements_new (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    trial_id INTEGER NOT NULL REFERENCES trials(id),
    attempt INTEGER NOT NULL,
    side TEXT NOT NULL CHECK (side IN ('candidate','incumbent','sabotage','warmup','holdout')),
    commit_id TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('running','done','dropped')),
    outcome TEXT,
    metric REAL CHECK ${FINITE('metric')},
    secondary TEXT NOT NULL DEFAULT '{}',
    reason TEXT NOT NULL DEFAULT '',
    wall_seconds REAL,
    cpu_seconds REAL,
    peak_memory_bytes INTEGER,
    exit_code INTEGER,
    signal TEXT,
    containment TEXT,
    swept INTEGER,
    log_path TEXT NOT NULL,
    mark TEXT NOT NULL,
    process TEXT,
    started_at INTEGER NOT NULL,
    load_average REAL,
    cpu_mhz REAL,
    other_cores REAL,
    cost_usd REAL,
    CHECK ((metric IS NOT NULL) = (outcome IS NOT NULL AND outcome = 'measured'))
  );
  INSERT INTO measurements_new SELECT *, NULL, NULL, NULL, NULL FROM measurements;
  DROP TABLE measurements;
  ALTER TABLE measurements_new RENAME TO measurements;
  CREATE INDEX measurements_by_trial ON measurements (trial_id);
  CREATE INDEX measurements_by_commit ON measurements (commit_id);
  CREATE INDEX measurements_that_cost ON measurements (cost_usd) WHERE cost_usd IS NOT NULL;
  CREATE INDEX running_measurements ON measurements (state) WHERE state = 'running';

  CREATE TABLE epochs (
    id INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL REFERENCES revisions(revision),
    trial_id INTEGER NOT NULL REFERENCES trials(id),
    commit_id TEXT NOT NULL,
    value_before REAL NOT NULL CHECK ${FINITE('value_before')},
    value_after REAL NOT NULL CHECK ${FINITE('value_after')},
    began_at INTEGER NOT NULL
  );
  `,
  `
  CREATE INDEX trials_by_start ON trials (started_at) WHERE number IS NOT NULL AND kind = 'trial';
  CREATE INDEX near_misses ON trials (revision, metric, id)
    WHERE kind = 'trial' AND phase = 'settled' AND outcome = 'measured' AND verdict = 'discard';
  `,
];
