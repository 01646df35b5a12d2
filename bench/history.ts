/**
 * Earlier trials made up by SQL and one `update-ref`: rows, measurements and refs as a long run would have left them,
 * in seconds instead of days. They have the newest revision, so that every comparison has to look past them.
 */
import Database from 'better-sqlite3';
import { NAME, type Sample } from './sample.js';

/** Adds `count` discarded trials after those that are there; the sample must have its baseline. */
export function addHistory(sample: Sample, count: number): void {
  if (count === 0) return;
  const database = new Database(sample.state.store);
  const first = Number(database.prepare('SELECT MAX(number) + 1 FROM trials').pluck().get());
  database.transaction(() => {
    database.prepare(TRIALS).run({ count, first });
    database.prepare(MEASUREMENTS).run({ first });
  })();
  database.pragma('wal_checkpoint(TRUNCATE)');
  database.close();
  createTrialRefs(sample, first, count);
}

const TRIALS = `
  WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < @count),
    base AS (SELECT * FROM trials WHERE kind = 'baseline' ORDER BY id DESC LIMIT 1)
  INSERT INTO trials (number, kind, phase, session_id, revision, proposer, incumbent_commit, candidate_commit, tree,
      parent_commit, commit_epoch_seconds, commit_message, description, attempt, outcome, verdict, reason, metric,
      incumbent_metric, insertions, deletions, changed_paths, mark, started_at, settled_at)
    SELECT @first + i, 'trial', 'settled', session_id, revision, 'search', incumbent_commit,
      printf('%040x', @first + i), printf('%040x', 7000000 + @first + i), incumbent_commit, 1000000 + i,
      'experiment: an earlier trial', 'a 50 -> 51, b 50 -> 49', 1, 'measured', 'discard',
      '301 against the incumbent''s 300 (+0.3 %): not better', 301 + i % 7, metric, 2, 2, '["target.txt"]',
      printf('AUTORESEARCH_MARK_%032x', i), started_at + i, settled_at + i
    FROM n, base`;

const MEASUREMENTS = `
  INSERT INTO measurements (trial_id, attempt, side, commit_id, state, outcome, metric, wall_seconds, exit_code,
      containment, swept, log_path, mark, started_at)
    SELECT id, 1, 'candidate', candidate_commit, 'done', 'measured', metric, 0.01, 0, 'pid_namespace', 0, '', mark,
      started_at
    FROM trials WHERE number >= @first`;

function createTrialRefs({ git }: Sample, first: number, count: number): void {
  const prefix = `refs/autoresearch/${NAME.domain}/${NAME.name}`;
  const commit = git(['rev-parse', `${prefix}/incumbent`]);
  const creations = Array.from({ length: count }, (_, i) => `create ${prefix}/trials/${first + i} ${commit}\n`);
  git(['update-ref', '--stdin'], creations.join(''));
  // As the runner leaves them.
  git(['pack-refs', '--all']);
}
