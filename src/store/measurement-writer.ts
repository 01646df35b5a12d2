import type { Json } from '../core/json.js';
import type { Measurement } from '../core/measurement.js';
import type { MachineReport } from '../process/machine.js';
import type { Containment, ProcessIdentity } from '../process/types.js';
import { piecesFrom, piecesOf } from './pieces.js';
import { StoreReader } from './reader.js';
import type { MeasurementStart } from './steps.js';

/** How a measurement's process was held, and what the machine did meanwhile. */
interface MeasuredProcess {
  readonly containment: Containment;
  readonly swept: number;
  readonly machine: MachineReport;
}

/** The lines by which a built-in judge says what it cost, where it knows, and how often somebody was asked. */
const JUDGE_COST = 'judge_cost_usd';
const JUDGE_CALLS = 'judge_calls';

/** The part of the store that writes measurements and facts. */
export class MeasurementWriter extends StoreReader {
  /** Records that a measurement is about to run, before it runs. Returns its id and log path. */
  beginMeasurement(start: MeasurementStart): { id: number; logPath: string } {
    return this.transaction(() => {
      const id = this.run(
        `INSERT INTO measurements (trial_id, attempt, side, commit_id, state, log_path, mark, started_at)
         VALUES (?, ?, ?, ?, 'running', '', ?, ?)`,
        start.trialId,
        start.attempt,
        start.side,
        start.commit,
        start.mark,
        start.now,
      );
      const logPath = start.logPath(id);
      this.run('UPDATE measurements SET log_path = ? WHERE id = ?', logPath, id);
      return { id, logPath };
    });
  }

  recordMeasurementProcess(measurementId: number, identity: ProcessIdentity): void {
    this.run('UPDATE measurements SET process = ? WHERE id = ?', JSON.stringify(identity), measurementId);
  }

  finishMeasurement(measurement: Measurement, process: MeasuredProcess): void {
    this.run(
      `UPDATE measurements SET state = 'done', outcome = ?, metric = ?, secondary = ?, reason = ?, wall_seconds = ?,
         cpu_seconds = ?, peak_memory_bytes = ?, exit_code = ?, signal = ?, containment = ?, swept = ?,
         load_average = ?, cpu_mhz = ?, other_cores = ?, cost_usd = ? WHERE id = ? AND state = 'running'`,
      measurement.outcome,
      measurement.metric,
      JSON.stringify(measurement.secondary),
      measurement.reason,
      measurement.wallSeconds,
      measurement.cpuSeconds,
      measurement.peakMemoryBytes,
      measurement.exitCode,
      measurement.signal,
      process.containment,
      process.swept,
      process.machine.loadAverage,
      process.machine.cpuMhz,
      process.machine.otherCores,
      judgeCost(measurement),
      measurement.id,
    );
  }

  /** Half measurements of a runner that died, or was told to stop, count for nothing. */
  dropMeasurements(trialId: number): void {
    this.run("UPDATE measurements SET state = 'dropped' WHERE trial_id = ? AND state != 'dropped'", trialId);
  }

  setFact(key: string, value: Json): void {
    const pieces = piecesOf(key, JSON.stringify(value));
    this.transaction(() => {
      for (const piece of pieces) {
        this.run(
          `INSERT INTO facts (key, value) VALUES (?, ?)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value WHERE value != excluded.value`,
          piece.key,
          piece.text,
        );
      }
      this.run('DELETE FROM facts WHERE key >= ? AND key < ?', ...piecesFrom(key, pieces.length));
    });
  }

  protected transaction<T>(work: () => T): T {
    return this.guard(() => this.database.transaction(work).immediate());
  }

  /** Runs one statement that must touch exactly one row (or insert one); returns the inserted row's id. */
  protected run(sql: string, ...parameters: (string | number | null)[]): number {
    return this.guard(() => Number(this.statement(sql).run(...parameters).lastInsertRowid));
  }
}

/** Null where no model was asked; below 0, whatever was printed, where one was and nobody knows what it cost. */
function judgeCost({ secondary }: Measurement): number | null {
  const cost = secondary[JUDGE_COST];
  if (cost !== undefined && cost >= 0) return cost;
  return cost !== undefined || (secondary[JUDGE_CALLS] ?? 0) > 0 ? -1 : null;
}
